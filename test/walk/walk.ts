import { appendFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "../../model/status/report.ts";
import { Audit, finish, tableOn } from "../support/audit.ts";
import { type Ack, lossOf, now } from "../support/auditLogic.ts";
import { type Moment, patternOf } from "../support/faults.ts";
import { HandoverCluster } from "../support/handover.ts";
import { keepLogs } from "../support/hostLogs.ts";
import type { ConfigValue, PulumiStack, RunningUpdate, RunResult } from "../support/pulumiStack.ts";
import { runLine } from "../support/runbook.ts";
import { until } from "../support/until.ts";
import { asksForPatience, isRefusal, messagesIn, type Remedy, remediesFor } from "./hints.ts";
import {
  type Action,
  type Declarable,
  type Ending,
  type Node,
  nodes,
  roundsOf,
  type Step,
  showStep,
  type Whom,
} from "./plan.ts";
import { type Announced, announcedIn, type Consent, showPeriods, verdict } from "./verdict.ts";
import { World } from "./world.ts";

export interface WalkOptions {
  readonly seed: number;
  /** A round begins as long as one is expected to fit. One that has begun is ended, which takes a few minutes at most. */
  readonly minutes: number;
  /** Gets the log, a line at a time. */
  readonly say: (line: string) => void;
  /** Whether the disk may go back of a node that led last. @default false: the program can't notice it within one change yet */
  readonly isLeadersDiskPut?: boolean;
}

/** An update that meets a fault may wait for it: people end it then. */
const longestUpdateMs = 90_000;
/** Where nothing fails, no command takes longer, on however busy a machine. */
const longestOfAllMs = 300_000;
/** So long the last fault of a round lasts at least. */
const lastFaultMs = 4000;
/** So long a moment of an update is waited for. */
const longestWaitMs = 60_000;
/** What the hosts have begun ends by itself within this time. */
const patienceSeconds = 150;
/** How often a message is read and heeded before one gives up. */
const mostLooks = 10;
/** As the protocol promises. */
const mostUpdates = 2;
/** So often an update may refuse what its preview allowed. */
const mostRefusals = 2;
/** A round takes about so long, and the end of it. */
const roundMs = 90_000;
const endingMs = 60_000;

interface Declared {
  primary: string;
  states: Record<string, Declarable>;
  accept: Consent | null;
  epoch: number | null;
  reconcile: string;
}

interface StartedUpdate {
  readonly running: RunningUpdate;
  readonly ended: Promise<void>;
}

/** Something is seen that must never be. */
class Failure extends Error {}

/** Walks at random on a cluster of its own, which is removed afterwards. @throws where something is seen that must never be */
export async function walk(options: WalkOptions): Promise<void> {
  const { seed, minutes, say } = options;
  say(`seed ${seed}, ${minutes} min: npm run walk -- --seed ${seed} --minutes ${minutes}`);
  const directory = mkdtempSync(join(tmpdir(), `understudy-walk-${seed}-`));
  const host = await HandoverCluster.create({ pooler: { enabled: true } });
  const walker = new Walker(host, directory, options);
  try {
    await walker.run();
  } catch (error) {
    await walker.explain(error);
    const message = error instanceof Error ? error.message : error;
    throw new Error(`seed ${seed}: ${message}\nthe log and the hosts' own are in ${directory}`, { cause: error });
  } finally {
    await walker.end();
    await host.dispose();
  }
}

class Walker {
  readonly #host: HandoverCluster;
  readonly #world: World;
  readonly #directory: string;
  readonly #options: WalkOptions;
  readonly #began = now();
  readonly #declared: Declared;
  #audit: Audit | undefined;
  /** Who took writes last. */
  #leader: Node = "node-a";
  /** The last change of primary that was heard of. */
  #epoch = 1;
  /** Up to when a node was known to have everything that was acknowledged. */
  readonly #wholeUntil = new Map<string, number>();
  #wholeInSnapshot = 0;
  readonly #announced: Announced[] = [];
  /** Rows that were found to be lost, and may be. */
  #lost = 0;
  /** Those that run, or did when last looked; the one of our own checkout apart. */
  #own: StartedUpdate | undefined;
  #others: StartedUpdate[] = [];
  #reconciled = 0;
  #rounds = 0;
  #updates = 0;

  constructor(host: HandoverCluster, directory: string, options: WalkOptions) {
    this.#host = host;
    this.#directory = directory;
    this.#options = options;
    this.#world = new World(host.cluster, directory);
    this.#declared = {
      primary: "node-a",
      states: Object.fromEntries(nodes.map((node) => [node, "active"])),
      accept: null,
      epoch: null,
      reconcile: "",
    };
  }

  get #stack(): PulumiStack {
    return this.#host.cluster.stack;
  }

  #say(line: string): void {
    const at = ((now() - this.#began) / 1000).toFixed(1).padStart(7);
    const text = `${at} ${new Date().toISOString().slice(11, 23)} ${line}`;
    appendFileSync(join(this.#directory, "walk.log"), `${text}\n`);
    this.#options.say(text);
  }

  async run(): Promise<void> {
    const { seed, minutes } = this.#options;
    this.#audit = await Audit.start(await this.#host.cluster.outputs(), { writers: 2, paceMs: 20 });
    for (const node of nodes) this.#wholeUntil.set(node, now());
    const end = this.#began + minutes * 60_000;
    for (const { steps, ending } of roundsOf(seed)) {
      if (now() + roundMs > end) break;
      this.#say(`round ${++this.#rounds}`);
      for (const step of steps) {
        if (now() + endingMs > end) {
          this.#say("time is up: no more of this round");
          break;
        }
        await this.#until(step);
        await this.#do(step);
        await this.#look();
      }
      await sleep(lastFaultMs);
      await this.#endOfUpdates(Math.max(10_000, end - endingMs - now()));
      await this.#putRight(ending);
    }
    if (this.#rounds === 0) throw new Error(`no round fits into ${minutes} min`);
    const { primary } = this.#declared;
    const { unexplained = [] } = (await finish(this.#audit, this.#host.cluster, primary, []))[primary] ?? {};
    if (unexplained.length > 0)
      throw new Failure(`${unexplained.length} rows are there that were refused, or that nobody wrote`);
    const { acks } = this.#audit;
    this.#say(
      `well: ${this.#rounds} rounds, ${this.#updates} updates, ${acks.length} rows acknowledged, ${this.#lost} of them lost by consent, change ${this.#epoch}`,
    );
  }

  /** What is seen at any time, however the cluster is: never do two take writes. */
  async #look(): Promise<void> {
    const audit = this.#audit as Audit;
    await audit.look();
    const last = [...audit.periods].sort((a, b) => b.last.received - a.last.received)[0];
    if (last && last.node !== this.#leader) {
      this.#say(`  ${last.node} takes writes`);
      this.#leader = last.node as Node;
    }
    this.#judge([]);
  }

  #judge(lost: readonly Ack[]): void {
    const { violations, periods } = this.#audit as Audit;
    const found = verdict({ violations, lost, announced: this.#announced, periods });
    if (found.length > 0) throw new Failure(found.join("\n"));
  }

  #node(whom: Whom): Node {
    const others = nodes.filter((node) => node !== this.#leader);
    if (whom === "the leader") return this.#leader;
    if (whom === "a standby") return others[0] as Node;
    if (whom === "another standby") return others[1] as Node;
    return whom;
  }

  /** Waits for when the step is to be done; not for a moment that the update that runs has passed, or never gets to. */
  async #until({ afterMs, moment }: Step): Promise<void> {
    if (moment !== null && this.#own) {
      const { running, ended } = this.#own;
      const comes = running.waitFor(this.#patternOf(moment)).catch(() => undefined);
      await Promise.race([comes, ended, sleep(longestWaitMs)]);
    } else {
      await sleep(afterMs);
    }
  }

  #patternOf({ step, when }: Moment): RegExp {
    return patternOf({ step: step.replace("<old>", this.#leader).replace("<new>", this.#declared.primary), when });
  }

  /** The step as it stands in the log, with who plays its roles now. */
  #show(step: Step): string {
    const roles = [...new Set(showStep(step).match(/the leader|another standby|a standby/g) ?? [])];
    const who = roles.map((role) => `${role}: ${this.#node(role as Whom)}`).join(", ");
    return `${showStep(step)}${who && ` (${who})`}`;
  }

  async #do(step: Step): Promise<void> {
    this.#say(this.#show(step));
    try {
      await this.#carryOut(step.action);
    } catch (error) {
      if (error instanceof Failure) throw error;
      // On a host that is off, or hangs, nothing can be done.
      const message = error instanceof Error ? error.message : String(error);
      this.#say(`  not done: ${message.split("\n")[0]?.slice(0, 160)}`);
    }
  }

  async #carryOut(action: Action): Promise<void> {
    const world = this.#world;
    const declared = this.#declared;
    switch (action.kind) {
      case "declare primary":
        declared.primary = this.#node(action.whom);
        return;
      case "declare state":
        declared.states[this.#node(action.whom)] = action.state;
        return;
      case "accept":
        declared.accept = {
          change: Math.max(0, this.#epoch + action.off),
          lossBytes: "64MB",
          lossUnknown: true,
          ...(action.behind ? { behind: true } : {}),
        };
        return;
      case "withdraw consent":
        declared.accept = null;
        return;
      case "guard epoch":
        declared.epoch = action.off === null ? null : Math.max(0, this.#epoch + action.off);
        return;
      case "reconcile":
        this.#reconcile();
        return;
      case "update":
        await this.#startUpdate(action);
        return;
      case "kill":
        await world.kill(this.#node(action.whom), action.what);
        return;
      case "power off":
        await world.powerOff(this.#node(action.whom));
        return;
      case "power on":
        await world.powerOn(this.#node(action.whom));
        return;
      case "reboot":
        await world.reboot(this.#node(action.whom));
        return;
      case "hang":
        await world.hang(this.#node(action.whom), action.forMs);
        return;
      case "cut": {
        const { one, other } = action;
        await world.cut(
          this.#node(one),
          other === "the archive" || other === "the operator" ? other : this.#node(other),
        );
        return;
      }
      case "mend networks":
        await world.mendNetworks();
        return;
      case "archive":
        await world.archive(action.state);
        return;
      case "snapshot":
        await world.snapshot(action.whom);
        this.#wholeInSnapshot = this.#wholeUntil.get(action.whom) ?? 0;
        return;
      case "disk goes back":
        if (action.whom === this.#leader && !this.#options.isLeadersDiskPut) {
          this.#say(`  left out: ${action.whom} led last, and nobody could notice`);
          return;
        }
        this.#wholeUntil.set(action.whom, this.#wholeInSnapshot);
        await world.diskGoesBack(action.whom);
        return;
      default:
        return action satisfies never;
    }
  }

  #reconcile(): void {
    this.#declared.reconcile = `walk ${++this.#reconciled}`;
  }

  // --- updates -------------------------------------------------------------------------------------------------------

  #declare(stack = this.#stack): Promise<void> {
    const { primary, states, accept, epoch, reconcile } = this.#declared;
    const config: Record<string, ConfigValue> = {
      primary,
      nodes: Object.fromEntries(nodes.map((node) => [node, { state: states[node] ?? "active" }])),
      accept: (accept ?? {}) as ConfigValue,
      epoch: epoch ?? "",
      reconcile,
    };
    return this.#host.declare(config, stack);
  }

  /** Nobody runs two updates from one checkout: the second would wait for the lock of the first. */
  async #startUpdate(action: Extract<Action, { kind: "update" }>): Promise<void> {
    const { checkout, args, interrupted, isAwaited } = action;
    const stack = checkout === "other" ? await this.#stack.copy() : this.#stack;
    if (checkout === "own") await this.#endOfOwnUpdate();
    await this.#declare(stack);
    const at = now();
    const consent = this.#declared.accept;
    const running = stack.spawnUp({ args, killAfterMs: longestUpdateMs });
    const how = interrupted?.how === "Ctrl-C" ? "SIGINT" : "SIGKILL";
    if (interrupted) {
      const comes = running.waitFor(this.#patternOf(interrupted.moment));
      comes.then(() => running.signal(how)).catch(() => undefined);
    }
    const end = async () => {
      const result = await running.result;
      this.#hear(result, at, consent, checkout === "other" ? "  the other update" : "  the update");
      if (checkout === "other") await stack.dispose();
      else if (result.exitCode !== 0) await stack.cancel();
    };
    const ended = end().catch((error) => this.#say(`  not done: ${error}`));
    if (checkout === "own") this.#own = { running, ended };
    else this.#others.push({ running, ended });
    if (isAwaited) await ended;
  }

  async #endOfOwnUpdate(): Promise<void> {
    await this.#own?.ended;
    this.#own = undefined;
  }

  /** Those that go on for longer are killed. */
  async #endOfUpdates(withinMs: number): Promise<void> {
    const all = [...this.#others, ...(this.#own ? [this.#own] : [])];
    const timer = setTimeout(() => {
      for (const { running } of all) running.signal("SIGKILL");
    }, withinMs);
    await Promise.all(all.map(({ ended }) => ended));
    clearTimeout(timer);
    this.#own = undefined;
    this.#others = [];
  }

  /** What a command said of a change of primary counts as shown, whatever became of it. */
  #hear({ exitCode, output, durationMs }: RunResult, at: number, consent: Consent | null, what: string): void {
    this.#updates++;
    for (const announced of announcedIn(output)) {
      this.#announced.push({ ...announced, at, consent, wholeUntil: this.#wholeUntil.get(announced.to) ?? 0 });
    }
    const [summary, epoch] = /preflight: (?:failover|adopt|return|switchover) .*, epoch (\d+),.*/.exec(output) ?? [];
    if (exitCode === 0 && epoch !== undefined) this.#epoch = Number(epoch);
    const ended = exitCode === 0 ? "is well" : `ended with ${exitCode}`;
    this.#say(`${what} ${ended} after ${(durationMs / 1000).toFixed(1)} s${summary ? `, ${summary}` : ""}`);
    if (exitCode !== 0) this.#tellMessages(output, "");
    appendFileSync(join(this.#directory, `update-${String(this.#updates).padStart(3, "0")}.log`), output);
  }

  #tellMessages(output: string, how: string): void {
    const messages = messagesIn(output);
    for (const { what, hint } of messages) {
      this.#say(`    ${how}${what.slice(-300)}`);
      this.#say(`      HINT: ${hint.slice(0, 300)}`);
    }
    const errors = new Set([...output.matchAll(/^ +error: (.*)$/gm)].map(([, error = ""]) => error));
    for (const error of messages.length > 0 ? [] : errors) this.#say(`    ${how}${error.slice(0, 300)}`);
  }

  // --- when nothing fails any more -----------------------------------------------------------------------------------

  async #putRight({ off, primary, reconciles }: Ending): Promise<void> {
    const declared = this.#declared;
    const lost = off ? [this.#node(off.whom)] : [];
    this.#say(`nothing fails any more${off ? `, but ${lost[0]} stays off, declared ${off.state}` : ""}`);
    await this.#world.mend(lost);
    for (const node of nodes) declared.states[node] = lost.includes(node) ? (off?.state ?? "fenced") : "active";
    const running = nodes.filter((node) => !lost.includes(node));
    if (primary === "real") declared.primary = this.#leader;
    if (!running.includes(declared.primary as Node)) declared.primary = running[0] as Node;
    this.#say(`declare ${declared.primary} the primary, ${running.join(" and ")} active`);
    if (reconciles) this.#reconcile();

    const standbys = () => running.filter((node) => node !== declared.primary);
    let refusals = 0;
    for (let update = 1; ; update++) {
      await this.#previewUntilAllowed(lost);
      const result = await this.#up();
      if (result.exitCode === 0) {
        try {
          await this.#host.settled(declared.primary, standbys(), update === mostUpdates ? 90 : 45);
          break;
        } catch (error) {
          if (update === mostUpdates) throw new Failure(`after ${update} updates: ${(error as Error).message}`);
          this.#say(`  not settled: ${(error as Error).message.split("\n")[0]}; set reconcile`);
          this.#reconcile();
          continue;
        }
      }
      // What was read in the preview has changed meanwhile: a message, and no update.
      if (isRefusal(result.output) && ++refusals <= mostRefusals) update--;
      if (update === mostUpdates)
        throw new Failure(`${update} updates did not end as declared:\n${result.output.slice(-4000)}`);
      this.#heed(result.output, lost);
    }
    await this.#compare(standbys());
    await this.#askStatus();
    // Kept, it would refuse nearly all that the next rounds do.
    declared.epoch = null;
  }

  /** Reads what stands against what is declared, and does what an honest operator does, until nothing does. */
  async #previewUntilAllowed(lost: readonly Node[]): Promise<void> {
    const end = now() + patienceSeconds * 1000;
    for (let looks = 1; ; ) {
      await this.#declare();
      const at = now();
      const consent = this.#declared.accept;
      const { exitCode, output } = await this.#stack.preview({ killAfterMs: longestOfAllMs });
      await this.#look();
      for (const announced of announcedIn(output)) {
        this.#announced.push({ ...announced, at, consent, wholeUntil: this.#wholeUntil.get(announced.to) ?? 0 });
      }
      if (exitCode === 0) return;
      this.#tellMessages(output, "read: ");
      const remedies = this.#heed(output, lost);
      if (remedies === 0) {
        if (!messagesIn(output).some(asksForPatience) || now() > end)
          throw new Failure(`the message asks for nothing that can be declared:\n${output.slice(-4000)}`);
        await sleep(5000);
      } else if (++looks > mostLooks) {
        throw new Failure(`what the messages ask for was declared ${mostLooks} times in vain:\n${output.slice(-4000)}`);
      }
    }
  }

  /** Does what the messages of an update, or a preview, ask for; gives how many things that were. */
  #heed(output: string, off: readonly Node[]): number {
    const done = new Set<string>();
    for (const message of messagesIn(output)) {
      for (const remedy of remediesFor(message, { off, states: this.#declared.states })) {
        const key = JSON.stringify(remedy);
        if (done.has(key)) continue;
        done.add(key);
        this.#apply(remedy);
      }
    }
    return done.size;
  }

  #apply(remedy: Remedy): void {
    const declared = this.#declared;
    this.#say(`  declare: ${JSON.stringify(remedy)}`);
    switch (remedy.kind) {
      case "state":
        declared.states[remedy.node] = remedy.state;
        return;
      case "primary":
        declared.primary = remedy.node;
        return;
      case "accept":
        declared.accept = remedy.consent;
        return;
      case "withdraw consent":
        declared.accept = null;
        return;
      case "epoch":
        declared.epoch = remedy.epoch;
        return;
      case "reconcile":
        this.#reconcile();
        return;
      case "service":
        void this.#world.exec(remedy.node, ["systemctl", remedy.verb, "understudy-postgresql"]).catch(() => undefined);
        return;
      default:
        remedy satisfies never;
    }
  }

  async #up(): Promise<RunResult> {
    await this.#declare();
    const at = now();
    const result = await this.#stack.up({ killAfterMs: longestOfAllMs });
    this.#hear(result, at, this.#declared.accept, "  pulumi up");
    if (result.exitCode !== 0) await this.#stack.cancel();
    await this.#look();
    return result;
  }

  /** What was acknowledged before is on every node that takes part, but for what may be lost. */
  async #compare(standbys: readonly string[]): Promise<void> {
    const audit = this.#audit as Audit;
    const since = now();
    await until("clients to be served", 60, async () => {
      await audit.look();
      return (audit.acks.at(-1)?.at ?? 0) > since;
    });
    const at = now();
    const acks = [...audit.acks];
    const { primary } = this.#declared;
    let lost: readonly Ack[] = [];
    for (const node of [primary, ...standbys]) {
      const table = await tableOn(this.#host.cluster, node, primary);
      const missing = new Set(lossOf(acks, [], table).lost.map(({ writer, number }) => `${writer} ${number}`));
      lost = acks.filter(({ writer, number }) => missing.has(`${writer} ${number}`));
      this.#judge(lost);
      this.#wholeUntil.set(node, at);
    }
    if (lost.length !== this.#lost) this.#say(`  ${lost.length} acknowledged rows are lost, by consent`);
    this.#lost = lost.length;
  }

  async #askStatus(): Promise<void> {
    const { output, exitCode } = await runLine(this.#stack, "npm run status -- --json");
    const report = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as StatusReport;
    this.#epoch = report.primary.leads?.epoch ?? this.#epoch;
    const findings = report.findings
      .filter(({ level }) => level !== "notice")
      .map(({ level, node, what }) => `${level}: ${node ?? ""} ${what}`);
    this.#say(
      `  ${report.primary.real.join(" and ")} leads by change ${this.#epoch}; status: ${report.level}${findings.map((each) => `\n      ${each}`).join("")}`,
    );
    if (report.level === "critical")
      throw new Failure(`status is critical (${exitCode}) after an update that succeeded:\n${findings.join("\n")}`);
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  async explain(error: unknown): Promise<void> {
    this.#say(`FAILED: ${error instanceof Error ? error.message : error}`);
    await this.#audit?.look().catch(() => undefined);
    for (const line of showPeriods(this.#audit?.periods ?? [], this.#began)) this.#say(`  ${line}`);
    for (const node of nodes) this.#say(`  ${node} keeps of who leads:\n${await this.#world.whoLeads(node)}`);
    this.#say(`  more of what the hosts wrote is in ${keepLogs(this.#host.cluster, nodes, "walk")}`);
  }

  async end(): Promise<void> {
    await this.#endOfUpdates(0).catch(() => undefined);
    await this.#audit?.stop().catch(() => undefined);
    await this.#world.end();
  }
}
