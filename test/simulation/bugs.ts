/**
 * Bugs that real systems had, or that a reader might bring in, put back one by one into a copy of the agent: the simulation has to find each.
 *
 *     npm run simulate -- --bug NAME        (or --bug all)
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { StartAgent } from "./hosts.ts";
import type { SceneName } from "./scenes.ts";

interface Bug {
  readonly file: string;
  /** Text that is in the file once. */
  readonly from: string;
  readonly to: string;
  /** A second place in the same file, and what is put at its end. */
  readonly and?: { readonly from: string; readonly to: string };
  readonly atItsEnd?: string;
  /** The same in another file. */
  readonly elsewhere?: { readonly file: string; readonly from: string; readonly to: string };
  /** Alone it does no harm, since another one is missing: it is put back with that one (`together`). */
  readonly isSecondLine?: true;
  /** The scene that leads to where it shows, and the only one that is played for it. Left out: all scenes and walks. */
  readonly scene?: SceneName;
}

export const bugs = {
  "the token is written after the promotion": {
    file: "agent/node.ts",
    from: "await store.write(STANDING, JSON.stringify(encodeKept(kept)));",
    to: "void store.write(STANDING, JSON.stringify(encodeKept(kept))).catch(() => undefined);",
    scene: "crashInAChange",
  },
  "an arming survives a restart": {
    file: "agent/node.ts",
    from: "      memory.my = next;",
    to: "      memory.my = next;\n      survived.set(me, { arming: next.arming, claim: memory.claim });",
    and: {
      from: "  memory.my = { ...memory.my, token, joined, promoted };",
      to: "  memory.my = { ...memory.my, token, joined, promoted, arming: survived.get(me)?.arming ?? notArmed };\n  memory.claim = survived.get(me)?.claim ?? null;",
    },
    atItsEnd: "const survived = new Map();\n",
  },
  "answers of an earlier inquiry count": {
    file: "agent/guard.ts",
    from: "if (memory.my.inquiry !== asked || !leads(node)) return;",
    to: "if (!leads(node)) return;",
    scene: "lateGuard",
  },
  "a reading of an earlier inquiry counts": {
    file: "agent/guard.ts",
    from: "if (memory.my.inquiry === asked)\n      await",
    to: "await",
    scene: "lateGuard",
  },
  "the signal is removed before the verdict": {
    file: "agent/guard.ts",
    from: "    const start = mayStart(node.me,",
    to: "    await node.world.postgres.removeSignal();\n    const start = mayStart(node.me,",
  },
  "an error of the store ends the ledger": {
    file: "agent/ledger.ts",
    from: "    const bytes = await storage.get(keyOf(number));\n    if (bytes === undefined) return undefined;\n    const entry",
    to: "    const bytes = await storage.get(keyOf(number)).catch(() => undefined);\n    if (bytes === undefined) return undefined;\n    const entry",
    scene: "formerLeader",
  },
  "a create that timed out has made it": {
    file: "agent/ledger.ts",
    from: 'if (bytes === undefined) return { kind: "unknown", why: said };',
    to: 'if (bytes === undefined) return { kind: "made", entry: verify(secret, entry.number, written) };',
    scene: "cutOff",
  },
  "an entry that exists is this node's own": {
    file: "agent/ledger.ts",
    from: 'return { kind: found.nonce === entry.nonce ? "made" : "other", entry: found };',
    to: 'return { kind: "made", entry: found };',
    scene: "claimBesideAnOffer",
  },
  "absent members are not asked": {
    file: "model/leadership/guard.ts",
    from: "for (const each of my.members) needed = including(needed, each);",
    to: "",
  },
  "a fence from before the entry counts": {
    file: "agent/failover.ts",
    from: "memory.claim?.stopped.set(node, Math.max(entry, memory.claim.stopped.get(node) ?? 0));",
    to: "memory.claim?.stopped.set(node, memory.claim.entry.number);",
    scene: "comesBackArmed",
  },
  "a node stands down without asking PostgreSQL": {
    file: "agent/failover.ts",
    from: "    const seen = await world.postgres.running();\n    // Somebody",
    to: '    const seen = "nothing" as string;\n    // Somebody',
    scene: "byHand",
  },
  "it stands down while it promotes": {
    file: "agent/promotion.ts",
    from: '    memory.phase = "starting";\n    return true;',
    to: "    return true;",
  },
  "it serves only once PostgreSQL says so": {
    file: "agent/guard.ts",
    from: '    memory.phase = "starting";\n    await change',
    to: "    await change",
    scene: "startedByHand",
  },
  "a killed postmaster does not serve": {
    file: "agent/supervisor.ts",
    from: "      await postgres.putSignal();\n      await postgres.stopAtOnce();\n      return isDown(node);\n    case",
    to: "      return isDown(node);\n    case",
    scene: "byHand",
  },
  "a promotion is forgotten by a restart": {
    file: "agent/supervisor.ts",
    from: 'if (leads(node) || memory.phase === "starting" || memory.phase === "serving") {',
    to: "if (false) {",
    scene: "crashInAChange",
  },
  "an agent answers before it has looked": {
    file: "agent/main.ts",
    from: "  await node.turn(() => settle(node));\n",
    to: '  node.memory.phase = "down";\n',
  },
  "the target takes what it has replayed at least": {
    file: "model/leadership/offer.ts",
    from: "if (replayed.timeline !== end.timeline || !isWhole)",
    to: "if (replayed.lsn > end.lsn)",
  },
  "WAL is not synced before the token": {
    file: "agent/switchover.ts",
    from: "    await world.postgres.syncWal();\n",
    to: "",
    scene: "crashInAChange",
  },
  "the target is told before the primary has stopped": {
    file: "agent/switchover.ts",
    from: "  await postgres.stopCleanly();\n",
    to: "  void postgres.stopCleanly().catch(() => undefined);\n",
  },
  "a stop that was not clean is a proof": {
    file: "agent/switchover.ts",
    from: '  await postgres.stopCleanly();\n  const control = await postgres.control();\n  if (control?.state !== "shut down")',
    to: "  await postgres.stopCleanly().catch(() => undefined);\n  const control = await postgres.control();\n  if (control === undefined)",
  },
  "the message of a stop is for any arming": {
    file: "model/leadership/offer.ts",
    from: "if (stopped.secret !== secret || stopped.entry !== entry) return refuse",
    to: "if (stopped.entry > 1e9) return refuse",
    scene: "lateStop",
  },
  "promoted is written before the promotion": {
    file: "model/leadership/standing.ts",
    from: "  signal: false,\n  inquiry: newInquiry(),\n  mayPromote: false,\n});",
    to: "  signal: false,\n  inquiry: newInquiry(),\n  mayPromote: false,\n  promoted: changeOf(my.token),\n});",
    isSecondLine: true,
    scene: "crashInAChange",
  },
  "pg_control is not asked how it ran last": {
    file: "model/leadership/standing.ts",
    from: "  asPrimary && !hasBackupLabel && promoted",
    to: "  (asPrimary || !hasBackupLabel) && promoted",
    isSecondLine: true,
  },
  "a second promotion for one change has no origin": {
    file: "agent/promotion.ts",
    from: "await change(takesWrites(my), owned(me, my.token, goesOn ? origins : origins.filter(isBefore(history)), history));",
    to: "await change(takesWrites(my), goesOn ? origins : owned(me, my.token, origins.filter(isBefore(history)), history));",
    scene: "startedByHand",
  },
  "a promotion keeps the leader's origin of that number": {
    file: "agent/promotion.ts",
    from: "goesOn ? origins : origins.filter(isBefore(history))",
    to: "origins",
    scene: "sameNumber",
  },
  "a timeline of which nothing is known stays without an origin": {
    file: "agent/promotion.ts",
    from: "  return found.length === origins.length &&",
    to: "  found = found.filter((each, at) => origins.includes(each) || at === history.length - 1);\n  return found.length === origins.length &&",
    and: { from: "  const found = history.map(", to: "  let found = history.map(" },
  },
  "a promotion by hand keeps the leader's origin": {
    file: "agent/supervisor.ts",
    from: "if (asPrimary(control.state)) await disown(node);",
    to: "",
    and: { from: '    memory.phase = "byHand";\n    await disown(node);', to: '    memory.phase = "byHand";' },
    scene: "sameNumber",
  },
  "what was promised to the dead binds for good": {
    file: "agent/steps.ts",
    from: "    await releaseFromOff(node, off);\n",
    to: "",
    scene: "comesToNothing",
  },
  "who has lost WAL ends armings": {
    file: "agent/guard.ts",
    from: "  if (lostBy(await howToStart(node), await findMore(node))) return;\n",
    to: "",
    scene: "goesBack",
  },
  "a prefix is told by the timeline's number": {
    file: "model/leadership/follow.ts",
    from: "return a !== undefined && b !== undefined && compare(a.change, b.change) === 0 && a.by === b.by;",
    to: "return a !== null && b !== null;",
    scene: "sameNumber",
  },
  "who hears of a leader has its data": {
    file: "model/leadership/standing.ts",
    from: "  joined: my.joined && compare(my.token, theirs) === 0 && my.token.leader === theirs.leader,",
    to: "  joined: my.joined || compare(my.token, theirs) === 0,",
    isSecondLine: true,
    scene: "sameNumber",
  },
  "a slot is for a timeline's number": {
    file: "agent/promotion.ts",
    from: ".keepSlots(begun, followers)",
    to: ".keepSlots({ ...begun, change: { entry: 0, overrides: 0 }, by: me }, followers)",
    elsewhere: {
      file: "agent/follow.ts",
      from: "startStandby(leader && begun ? { leader, begun } : null)",
      to: "startStandby(leader && begun ? { leader, begun: { ...begun, change: { entry: 0, overrides: 0 }, by: leader } } : null)",
    },
    isSecondLine: true,
  },
  "a claim is over the leader only": {
    file: "model/leadership/claim.ts",
    from: "const named = leads ? above(entries, my.entry).map(({ to }) => to) : end.named;",
    to: "const named = leads ? above(entries, my.entry).map(({ to }) => to) : my.leader ? [my.leader] : [];",
    scene: "overlapping",
  },
  "who knows better stands down": {
    file: "model/leadership/claim.ts",
    from: "if (isLater(my, base)) return refuse",
    to: "if (isLater(base, { entry: 1e9, overrides: 0 })) return refuse",
    scene: "claimBesideAnOffer",
  },
  "a primary offers over what is open": {
    file: "model/leadership/offer.ts",
    from: "if (my.entry !== end.number)",
    to: "if (my.entry > end.number)",
    scene: "claimBesideAnOffer",
  },
  "a target asks only whom it knows who leads": {
    file: "agent/steps.ts",
    from: "askAll(node, sorted([...members, ...(end ? membersOf(end) : [])]))",
    to: "askAll(node, members)",
    scene: "madeAnew",
  },
  "the verdict is not one hold": {
    file: "agent/promotion.ts",
    from: 'if (!memory.my.mayPromote || !leads(node) || memory.phase !== "standby") return false;',
    to: 'if (!leads(node) || memory.phase !== "standby") return false;',
    isSecondLine: true,
    scene: "overlapping",
  },
} as const satisfies Record<string, Bug>;

/** Each is in the other one's way. */
const together = {
  "promoted is written before the promotion, and pg_control is not asked": [
    "promoted is written before the promotion",
    "pg_control is not asked how it ran last",
  ],
  "who hears of a leader has its data, and a slot is for a number": [
    "who hears of a leader has its data",
    "a slot is for a timeline's number",
  ],
  "the verdict is not one hold, and who knows better stands down": [
    "the verdict is not one hold",
    "who knows better stands down",
  ],
} as const satisfies Record<string, readonly (keyof typeof bugs)[]>;

export type BugName = keyof typeof bugs | keyof typeof together;
export const bugNames = [...Object.keys(bugs), ...Object.keys(together)] as readonly BugName[];
export const bugsToFind = bugNames.filter((name) => !(name in bugs) || !partsOf(name).some(isSecondLine));

function partsOf(name: BugName): readonly Bug[] {
  return (name in together ? together[name as keyof typeof together] : [name as keyof typeof bugs]).map(
    (each) => bugs[each],
  );
}

/** The first of a pair says it. */
export const sceneOf = (name: BugName): SceneName | undefined => partsOf(name)[0]?.scene;

function isSecondLine(bug: Bug): boolean {
  return bug.isSecondLine ?? false;
}

/** The agent with this bug, from a copy of its files that is there while `work` runs. */
export async function withBug<T>(name: BugName, work: (start: StartAgent) => Promise<T>): Promise<T> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const copy = mkdtempSync(join(tmpdir(), "understudy-bug."));
  try {
    for (const room of ["agent", "model"]) cpSync(join(root, room), join(copy, room), { recursive: true });
    cpSync(join(root, "package.json"), join(copy, "package.json"));
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (const bug of partsOf(name)) put(copy, bug);
    const { startAgent } = await import(pathToFileURL(join(copy, "agent/main.ts")).href);
    return await work(startAgent);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function put(copy: string, { file, from, to, and, elsewhere, atItsEnd = "" }: Bug): void {
  const edits = [{ file, from, to }, ...(and ? [{ file, ...and }] : []), ...(elsewhere ? [elsewhere] : [])];
  for (const edit of edits) {
    const text = readFileSync(join(copy, edit.file), "utf8");
    if (text.split(edit.from).length !== 2) throw new Error(`'${edit.from}' is not in ${edit.file} once`);
    writeFileSync(
      join(copy, edit.file),
      text.replace(edit.from, () => edit.to),
    );
  }
  writeFileSync(join(copy, file), readFileSync(join(copy, file), "utf8") + atItsEnd);
}
