/**
 * The protocol as a state machine around the decisions that ship. A lost question, a cut network, a ledger out of reach and a step that never
 * runs are steps that are not taken: nothing has to happen, ever. An update is no sequence: each step may run on any node at any time, often,
 * late or never; so killed updates, repeated ones and two at once are among the runs. A scenario only bounds what is declared at all.
 */
import type {
  Answer,
  Answers,
  Arming,
  Consent,
  Draft,
  Entries,
  Entry,
  Member,
  Members,
  Reading,
  Running,
  Standing,
  Token,
} from "../../../model/leadership/index.ts";
import { type Decisions, decisionsWithout, type Rule } from "./rules.ts";
import {
  bit,
  byHandRecord,
  commitRecord,
  commitsOf,
  endOf,
  has,
  historyOf,
  indexOf,
  isServing,
  isWritable,
  type Kind,
  ledgerId,
  ledgerIndex,
  mixes,
  NAMES,
  type Node,
  nameAt,
  proofFor,
  rewound,
  type Scenario,
  SHUTDOWN,
  type State,
  type Step,
  timelineRecord,
  type World,
  withProof,
} from "./state.ts";

const SECRET = "now";
const LEDGER = ledgerId(0);
export const lossUnknown: Consent = { lossUnknown: true };
const unreadLedger: Reading = { kind: "unread", why: "" };

const running = (node: Node): Running => (isServing(node) ? "serving" : node.pg === "standby" ? "standby" : "down");
const membersIn = (mask: number): Member[] => NAMES.filter((_, node) => has(mask, node));

/** The same entries are the same object: they are compared and numbered by identity. */
export class Ledgers {
  readonly #byKey = new Map<string, Entries>();
  readonly #ids = new Map<Entries, number>();
  readonly #keys = new Map<Entry, string>();
  readonly #entries = new Map<string, Entry>();
  readonly items: Entries[] = [];

  id(entries: Entries): number {
    return this.#ids.get(entries) as number;
  }

  of(entries: Entries): Entries {
    const known = entries.map((entry) => this.#entry(entry));
    const key = known.map((entry) => this.#keys.get(entry)).join("\n");
    const found = this.#byKey.get(key);
    if (found) return found;
    this.#byKey.set(key, known);
    this.#ids.set(known, this.items.length);
    this.items.push(known);
    return known;
  }

  #entry(entry: Entry): Entry {
    if (this.#keys.has(entry)) return entry;
    const key = JSON.stringify({ ...entry, members: Object.entries(entry.members).sort() });
    const found = this.#entries.get(key);
    if (found) return found;
    this.#entries.set(key, entry);
    this.#keys.set(entry, key);
    return entry;
  }
}

export interface Book {
  readonly index: number;
  readonly entries: Entries;
  readonly end: Entry | undefined;
}

export const ledgersOf = ({ ledger, next }: World): readonly Entries[] =>
  next.length === 0 ? [ledger] : [ledger, ...next];

/** All entries but those that only close a ledger. */
const written = (world: World): number =>
  world.next.length === 0
    ? world.ledger.length
    : ledgersOf(world).reduce((sum, entries) => sum + entries.filter(({ kind }) => kind !== "closed").length, 0);

export class Machine {
  readonly scenario: Scenario;
  readonly dropped: ReadonlySet<Rule>;
  readonly decide: Decisions;
  readonly ledgers: Ledgers;
  readonly initial: State;
  readonly #readings = new Map<Entries, Reading>();
  readonly #answers = new WeakMap<Node, Answer>();

  constructor(scenario: Scenario, without: readonly Rule[] = [], ledgers = new Ledgers()) {
    this.scenario = scenario;
    this.dropped = new Set(without);
    this.decide = decisionsWithout(without);
    this.ledgers = ledgers;
    this.initial = this.#initial();
  }

  #initial(): State {
    const { decide: d, scenario } = this;
    const isNew = scenario.begins !== 0;
    const { members } = this;
    const first: Entry = { ...this.firstEntry(nameAt(0)), taken: true };
    const token: Token = { ...d.noToken, ledger: LEDGER, entry: 1, leader: nameAt(0), members };
    const nodes = Array.from({ length: scenario.nodes }, (_, node): Node => {
      const isMember = has(scenario.members, node) && !isNew;
      const standing: Standing = {
        token: isMember ? token : d.noToken,
        joined: isMember,
        promoted: node === 0 && !isNew ? { entry: 1, overrides: 0 } : null,
        signal: true,
        arming: d.notArmed,
        inquiry: d.noInquiry,
        mayPromote: false,
      };
      return {
        on: true,
        pg: isNew ? "down" : node === 0 ? "primary" : "standby",
        standing,
        asPrimary: node === 0 && !isNew,
        log: "",
        synced: 0,
        giving: null,
        told: null,
        word: 0,
        replaces: 0,
        decided: 0,
        byHand: false,
      };
    });
    const none = nodes.map(() => 0);
    return {
      nodes,
      world: {
        ledger: this.ledgers.of(isNew ? [] : [first]),
        next: Array.from({ length: scenario.replacements }, () => this.ledgers.of([])),
        stopped: none,
        stood: 0,
        acked: 0,
        commits: 0,
        faults: 0,
        ruler: 0,
        keptOff: 0,
        untold: 0,
        open: false,
        yielded: none,
        snapshots: nodes.map(() => null),
        wentBack: 0,
        handed: 0,
        mixed: false,
        clone: null,
      },
    };
  }

  get members(): Member[] {
    return membersIn(this.scenario.members & (bit(this.scenario.nodes) - 1));
  }

  firstEntry(by: Member): Entry {
    const stamp = { ledger: LEDGER, number: 1, epoch: 1, nonce: "", at: "", previous: "" };
    return { ...this.decide.initialEntry(by, this.members, stamp), digest: "", taken: false };
  }

  reading(entries: Entries): Reading {
    let reading = this.#readings.get(entries);
    if (!reading) {
      reading = { kind: "read", entries };
      this.#readings.set(entries, reading);
    }
    return reading;
  }

  answerOf(node: Node): Answer {
    let answer = this.#answers.get(node);
    if (!answer) {
      const { token, joined, arming } = node.standing;
      answer = { token, joined, arming, serving: isServing(node) };
      this.#answers.set(node, answer);
    }
    return answer;
  }

  answersFor(state: State, self: number): Answers {
    const answers = new Map<Member, Answer>();
    for (const [node, each] of state.nodes.entries())
      if (node !== self && each.on) answers.set(nameAt(node), this.answerOf(each));
    return answers;
  }

  /** The ledger that a node with this token heeds. */
  book(world: World, token: Token): Book {
    const index = token.ledger === "" ? 0 : ledgerIndex(this.decide.heeded(token));
    const entries = ledgersOf(world)[index] as Entries;
    return { index, entries, end: entries[entries.length - 1] };
  }

  append(world: World, draft: Draft, index = 0): World {
    const entries = ledgersOf(world)[index] as Entries;
    const end = entries[entries.length - 1] as Entry;
    const entry: Entry = {
      ...this.decide.entryAfter(end, draft, { nonce: "", at: "" }),
      digest: "",
      taken: false,
    };
    return this.withEntries(world, index, [...entries, entry]);
  }

  withEntries(world: World, index: number, entries: Entries): World {
    const known = this.ledgers.of(entries);
    return index === 0 ? { ...world, ledger: known } : { ...world, next: world.next.with(index - 1, known) };
  }

  /** Every step that may be taken, in an order that depends on the state only. */
  steps(state: State): Step[] {
    return new Steps(this, state).all();
  }

  powerOff(node: Node): Node {
    const { decide: d } = this;
    const standing = d.restarted(node.standing);
    return { ...node, on: false, pg: "down", standing, decided: 0, giving: null, byHand: false };
  }

  violation({ nodes, world }: State): string | undefined {
    let writer: Node | undefined;
    for (const node of nodes) {
      if (!isWritable(node) || node.byHand) continue;
      if (writer) return "two primaries";
      writer = node;
    }
    if (world.clone?.writes && writer) return "two primaries";
    if (writer && (world.acked & ~commitsOf(writer.log)) !== 0) return "an acknowledged commit is lost";
    if (world.mixed && world.wentBack === 0) return "a standby goes on with other WAL";
    // A disk that went back within one change: the end of its WAL is compared before it starts (lostWal), which is not modelled.
    if (world.wentBack === 0)
      for (const { on, pg, standing, log } of nodes) {
        if (!on || pg !== "standby" || standing.token.leader === null) continue;
        const source = nodes[indexOf(standing.token.leader)];
        if (source?.on && isServing(source) && mixes(log, source.log)) return "a standby goes on with other WAL";
      }
    if (this.scenario.strict && world.wentBack === 0 && (this.scenario.unlisted | this.scenario.replacers) === 0)
      for (let x = 1; x < nodes.length; x++) {
        const { entry, leader } = (nodes[x] as Node).standing.token;
        for (let y = 0; y < x; y++) {
          const other = (nodes[y] as Node).standing.token;
          if (entry > 0 && entry === other.entry && leader !== other.leader) return "two leaders by one number";
        }
      }
    return undefined;
  }
}

class Steps {
  readonly machine: Machine;
  readonly d: Decisions;
  readonly scenario: Scenario;
  readonly state: State;
  readonly world: World;
  readonly ledger: Entries;
  readonly ledgers: readonly Entries[];
  readonly end: Entry;
  readonly hasRoom: boolean;
  readonly found: Step[] = [];

  constructor(machine: Machine, state: State) {
    this.machine = machine;
    this.d = machine.decide;
    this.scenario = machine.scenario;
    this.state = state;
    this.world = state.world;
    this.ledger = state.world.ledger;
    this.end = this.ledger[this.ledger.length - 1] as Entry;
    this.ledgers = ledgersOf(state.world);
    this.hasRoom = written(state.world) < this.scenario.entries;
  }

  without(rule: Rule): boolean {
    return this.machine.dropped.has(rule);
  }

  /** A step that changes one node, and the world perhaps. */
  one(kind: Kind, x: number, changed: Partial<Node>, world: World = this.world, other = -1): void {
    const nodes = this.state.nodes.slice();
    nodes[x] = { ...(nodes[x] as Node), ...changed };
    this.found.push({ kind, node: x, other, next: { nodes, world } });
  }

  two(kind: Kind, x: number, y: number, ofX: Partial<Node>, ofY: Partial<Node>, world: World = this.world): void {
    const nodes = this.state.nodes.slice();
    nodes[x] = { ...(nodes[x] as Node), ...ofX };
    nodes[y] = { ...(nodes[y] as Node), ...ofY };
    this.found.push({ kind, node: x, other: y, next: { nodes, world } });
  }

  all(): Step[] {
    const { nodes } = this.state;
    for (let x = 0; x < nodes.length; x++) {
      const node = nodes[x] as Node;
      if (!node.on) {
        this.whileOff(x, node);
        continue;
      }
      this.disk(x, node);
      this.faults(x, node);
      this.postgres(x, node);
      if (node.pg === "down" && node.standing.token.leader === nameAt(x)) this.guard(x, node);
      if (has(this.scenario.begins, x)) this.begins(x, node);
      this.target(x, node);
      this.promises(x, node);
      if (node.pg === "primary" && node.standing.token.leader === nameAt(x)) this.primary(x, node);
      if (this.without("listIsOfTheLedger")) this.forget(x, node);
      this.tell(x, node);
      this.inTheWay(x, node);
    }
    if ((this.scenario.unlisted | this.scenario.replacers) !== 0) this.overrides();
    if (this.scenario.replacements !== 0) this.replacements();
    if (this.scenario.clones !== 0) this.clones();
    return this.found;
  }

  // --- a clone, which has a node's name, key, token and data

  clones(): void {
    const { d, world, machine } = this;
    const { nodes } = this.state;
    const { clone } = world;
    if (!clone) {
      for (const [x, { standing }] of nodes.entries())
        if (has(this.scenario.clones, x))
          this.one("Clone", x, {}, { ...world, clone: { of: x, standing: d.booted(standing), writes: false } });
      return;
    }
    if (clone.writes || !d.isOfMachine("original", "clone")) return;
    const { of: x, standing } = clone;
    const me = nameAt(x);
    const inquiry = d.ledgerRead(standing.token, standing.inquiry, machine.reading(this.ledger));
    if (d.mayStart(me, standing.token, standing.arming, inquiry).kind === "lead")
      this.one("CloneLeads", x, {}, { ...world, clone: { ...clone, writes: true } });
    for (const entry of this.ledger)
      if (this.isPending(entry, x) && d.mayStandDown(me, standing.token, false, entry.base).may)
        this.one(
          "CloneStandsDown",
          x,
          {},
          { ...world, stopped: world.stopped.with(x, entry.number), stood: world.stood | bit(x) },
          indexOf(entry.to),
        );
  }

  // --- the world

  whileOff(x: number, node: Node): void {
    const { world } = this;
    const isKeptOff =
      (has(world.keptOff, x) && !this.without("keptOffUntilWritten")) ||
      (has(world.untold, x) && !this.without("keptOffUntilTold"));
    if (!isKeptOff) this.one("PowerOn", x, { on: true, standing: this.d.booted(node.standing) });
    const snapshot = world.snapshots[x];
    if (snapshot && world.wentBack < this.scenario.restores && !this.isHalfReplaced()) {
      const lost = commitsOf(node.log) & ~commitsOf(snapshot.log);
      this.one(
        "Restore",
        x,
        { ...snapshot, synced: snapshot.log.length },
        {
          ...world,
          wentBack: world.wentBack + 1,
          snapshots: world.snapshots.map((each, at) => (at === x ? null : each)),
          acked: world.ruler === x ? world.acked & ~lost : world.acked,
        },
      );
    }
    if (has(this.scenario.fence, x) && (this.isInTheWay(x) || this.fenceIsEarly(x)))
      this.one("Fence", x, {}, this.fenced(x));
  }

  /** A disk that goes back while the old ledger could still be read, and is not closed, knows of no other: that is not held against anybody. */
  isHalfReplaced(): boolean {
    return (
      this.scenario.replacements !== 0 &&
      this.end.kind !== "closed" &&
      !this.without("oldIsClosed") &&
      this.state.nodes.some(({ standing: { token } }) => token.ledger !== "" && this.d.heeded(token) !== LEDGER)
    );
  }

  disk(x: number, node: Node): void {
    const { world, scenario } = this;
    if (
      has(scenario.snapshot, x) &&
      !world.snapshots[x] &&
      world.wentBack < scenario.restores &&
      this.snapshotsLeft()
    ) {
      const log = node.pg === "standby" && scenario.unsynced ? node.log.slice(0, node.synced) : node.log;
      const standing = this.d.restarted(node.standing);
      const snapshots = world.snapshots.map((each, at) =>
        at === x ? { standing, asPrimary: node.asPrimary, log, replaces: node.replaces } : each,
      );
      this.one("Snapshot", x, {}, { ...world, snapshots });
    }
  }

  snapshotsLeft(): boolean {
    return this.world.snapshots.filter((each) => each).length + this.world.wentBack < this.scenario.restores;
  }

  faults(x: number, node: Node): void {
    const { world, scenario, d } = this;
    if (node.pg === "standby" && world.handed < scenario.byHand && node.standing.token.leader !== nameAt(x))
      this.one(
        "ByHand",
        x,
        { pg: "primary", byHand: true, asPrimary: true, log: node.log + byHandRecord(x), synced: node.log.length + 1 },
        { ...world, handed: world.handed + 1 },
      );
    if (world.faults >= scenario.faults) return;
    const faulty = { ...world, faults: world.faults + 1 };
    this.one("PowerOff", x, this.machine.powerOff(node), faulty);
    if (scenario.unsynced && node.pg === "standby" && node.synced < node.log.length)
      this.one("PowerOffUnsynced", x, { ...this.machine.powerOff(node), log: node.log.slice(0, node.synced) }, faulty);
    if (node.pg !== "down")
      this.one("Crash", x, { pg: "down", giving: null, byHand: false, standing: d.stopped(node.standing) }, faulty);
    if (node.pg === "primary") this.one("Stop", x, { log: node.log + SHUTDOWN, pg: "stopping", giving: null }, faulty);
    if (node.giving) this.one("KillStep", x, { giving: null }, faulty);
  }

  postgres(x: number, node: Node): void {
    const { world, scenario, d } = this;
    const { standing, pg, log } = node;
    const leads = standing.token.leader === nameAt(x);
    if (pg === "stopping") this.one("Stopped", x, { pg: "down", byHand: false });
    if (pg === "starting") this.one("Ready", x, { pg: "primary", standing: d.takesWrites(standing) });
    if (isWritable(node) && !node.byHand && world.commits < scenario.commits) {
      const commits = world.commits + 1;
      this.one(
        "Commit",
        x,
        { log: log + commitRecord(commits), synced: log.length + 1 },
        { ...world, commits, acked: world.acked | (1 << world.commits) },
      );
    }
    if (pg === "down" && scenario.signal) {
      if (standing.signal) this.one("PgCtl", x, { pg: "standby", asPrimary: false, giving: null });
      else this.one("PgCtl", x, this.asPrimary(x, node, d.startsWriting(standing)), { ...world, ruler: x });
    }
    // Of a new cluster, who has neither begun it nor followed has no data.
    const hasData = scenario.begins === 0 || standing.token.leader !== null;
    if (pg === "down" && !leads && hasData)
      this.one("StartStandby", x, { pg: "standby", asPrimary: false, standing: { ...standing, signal: true } });
    if (pg === "standby" && leads && !standing.mayPromote) this.one("Restart", x, { pg: "down" });
    if (pg === "standby" && leads && standing.mayPromote)
      this.one("Promote", x, this.asPrimary(x, node, d.startsWriting(standing)), { ...world, ruler: x });
    if (pg === "standby" && !leads && standing.token.leader !== null) {
      const source = this.state.nodes[indexOf(standing.token.leader)];
      if (source?.on && isServing(source) && source.log.length > log.length && source.log.startsWith(log))
        this.one("Receive", x, { log: source.log.slice(0, log.length + 1) }, world, indexOf(standing.token.leader));
    }
  }

  /** Starts or promotes, whichever its last run wants. */
  asPrimary(x: number, node: Node, standing: Standing): Partial<Node> {
    const how = this.d.startBy(node.standing, { asPrimary: node.asPrimary, hasBackupLabel: false });
    const record = how === "promotion" ? timelineRecord(standing.token.entry, x) : SHUTDOWN;
    const log = node.log.endsWith(record) ? node.log : node.log + record;
    return {
      pg: this.scenario.signal ? "starting" : "primary",
      standing: this.scenario.signal ? standing : this.d.takesWrites(standing),
      asPrimary: true,
      log,
      synced: log.length,
      giving: null,
    };
  }

  // --- the guard

  guard(x: number, node: Node): void {
    const { d, machine, world } = this;
    const { standing } = node;
    const { token, inquiry } = standing;
    const me = nameAt(x);
    const { entries: ledger } = machine.book(world, token);
    if (
      ledger.length === 0
        ? !standing.signal
        : inquiry.reading.kind === "unread" || inquiry.reading.entries !== ledger || !inquiry.isFresh
    ) {
      const read = d.ledgerRead(token, inquiry, machine.reading(ledger));
      // Of a closed ledger there is nothing to learn.
      const isNews = read.isFresh !== inquiry.isFresh || read.reading !== inquiry.reading || !standing.signal;
      if (isNews) this.one("Read", x, { standing: { ...standing, inquiry: read, signal: true } });
    }
    for (const peer of d.whomToAsk(me, token, inquiry)) {
      const y = indexOf(peer);
      const other = this.state.nodes[y];
      if (!other?.on) continue;
      const heard = d.hear(me, token, machine.answerOf(other), d.floorOf(peer, token, inquiry));
      switch (heard.kind) {
        case "wentBack":
          break;
        case "adopt":
          this.one("Adopt", x, { standing: d.adopted(standing, heard.token), giving: null }, world, y);
          break;
        case "nothing": {
          const next = d.heardNothing(me, token, inquiry, peer);
          const questioned = d.questioned(other.standing);
          const isArmed = other.standing.arming.kind !== "none";
          if (isArmed && !this.disarms(node, x).includes(peer)) break;
          const letsGo = isArmed && questioned.arming.kind === "none";
          if (next.heard === inquiry.heard && next.again === inquiry.again && !letsGo) break;
          this.two(
            letsGo ? "AskLetGo" : "Ask",
            x,
            y,
            { standing: { ...standing, inquiry: next, signal: true } },
            letsGo ? { standing: questioned } : {},
          );
          break;
        }
        default:
          heard satisfies never;
      }
    }
    // With the ledger in reach, and without.
    for (const asked of inquiry.isFresh ? [inquiry, d.withoutLedger(inquiry)] : [inquiry]) {
      const start = d.mayStart(me, token, standing.arming, asked);
      if (start.kind !== "lead") continue;
      this.one("Lead", x, this.asPrimary(x, node, d.led(standing)), { ...world, ruler: x });
      return;
    }
  }

  /** Who is asked to end its arming, by the answers of all that are in reach. */
  disarms({ standing: { token, inquiry } }: Node, x: number): Members {
    const armed = new Map<Member, Arming>();
    let asked = inquiry;
    for (const [y, { on, standing }] of this.state.nodes.entries()) {
      if (y === x || !on) continue;
      if (standing.arming.kind === "none") asked = { ...asked, heard: this.d.including(asked.heard, nameAt(y)) };
      else armed.set(nameAt(y), standing.arming);
    }
    return this.d.whomToDisarm(nameAt(x), token, asked, armed);
  }

  // --- the first primary

  /** The entry is written once; who is cut off from taking it finds its own. */
  begins(x: number, { pg, standing }: Node): void {
    const { d, machine, world } = this;
    const me = nameAt(x);
    const decided = d.mayBegin(me, standing.token, machine.reading(this.ledger));
    if (!decided.may) return;
    if (this.ledger.length === 0)
      this.one("BeginFirst", x, {}, machine.withEntries(world, 0, [machine.firstEntry(me)]));
    else if (decided.found && pg === "down")
      this.one("TakeFirst", x, { standing: d.tookOver(standing, me, decided.found, "serving"), asPrimary: true });
  }

  // --- the target

  target(x: number, node: Node): void {
    const { d, scenario, machine, world } = this;
    const { standing, pg } = node;
    const { token, arming } = standing;
    const me = nameAt(x);
    const { index, entries: ledger, end: last } = machine.book(world, token);
    const makesSure = pg === "primary" && !node.byHand && last !== undefined && d.hasToClaim(standing, last);
    if (arming.kind !== "none") this.one("LetGo", x, { standing: d.letGo(standing) });
    else if (
      has(scenario.targets, x) &&
      this.hasRoom &&
      token.members.includes(me) &&
      (!isServing(node) ||
        makesSure ||
        (pg === "primary" && !node.byHand && (scenario.addable | scenario.retirable) !== 0))
    )
      this.one("Arm", x, { standing: d.armed(standing, SECRET) });

    if ((pg === "standby" || pg === "down") && node.told && arming.kind === "entry") {
      const { entry: number, end } = node.told;
      const told = { entry: number, end, secret: number === arming.entry ? arming.secret : "of another arming" };
      const may = d.mayTakeOffer(me, token, arming, told, endOf(node.log));
      if (may.may && !this.without("takeUnderLock"))
        this.one("Take", x, this.takes(node, d.tookOffer(standing, me, may.entry, "", running(node))), {
          ...world,
          ruler: x,
        });
      else if (may.may && node.decided === 0) this.one("Decide", x, { decided: may.entry });
    }
    if (node.decided !== 0 && (pg === "standby" || pg === "down"))
      this.one("Take", x, this.takes(node, d.tookOffer(standing, me, node.decided, "", running(node))), {
        ...world,
        ruler: x,
      });

    if (node.word !== 0 && arming.kind === "open" && token.leader !== null) {
      const said = { secret: "of another arming", entry: node.word, base: d.changeOf(token) };
      if (d.mayBeOffered(me, standing, token.leader, said).may)
        this.one("OfferAgain", x, { standing: d.armedFor(standing, node.word), word: 0 });
    }

    const consent = has(scenario.consent, x) ? lossUnknown : null;
    if (arming.kind === "open" && (!isServing(node) || makesSure) && this.hasRoom) {
      const answers = machine.answersFor(this.state, x);
      const decided = d.claim({
        me,
        my: token,
        serving: isServing(node),
        reading: machine.reading(ledger),
        answers,
        consent,
      });
      if (decided.may && last)
        this.one(
          "Claim",
          x,
          {
            standing: this.without("armedBeforeEntry") ? d.letGo(standing) : d.armedFor(standing, last.number + 1),
          },
          machine.append(world, decided.draft, index),
        );
    }
    if (
      this.without("entryOnce") &&
      index === 0 &&
      arming.kind === "open" &&
      !isServing(node) &&
      this.end.kind !== "initial"
    ) {
      const before = machine.ledgers.of(ledger.slice(0, -1));
      const answers = machine.answersFor(this.state, x);
      const decided = d.claim({ me, my: token, serving: false, reading: machine.reading(before), answers, consent });
      if (decided.may)
        this.one(
          "Overwrite",
          x,
          { standing: d.armedFor(standing, this.end.number) },
          machine.append({ ...world, ledger: before }, decided.draft),
        );
    }
    if (this.without("armedBeforeEntry") && arming.kind === "none" && !isServing(node))
      for (const { kind, to, number } of ledger)
        if (kind === "claim" && to === me && token.entry < number)
          this.one("ArmLate", x, { standing: d.armedFor(d.armed(standing, SECRET), number) });

    if (arming.kind === "entry") {
      const stopped = new Map(world.stopped.map((proofs, at) => [nameAt(at), proofFor(proofs, index)]));
      const decided = d.mayTakeOver(me, token, pg === "primary", arming, ledger, stopped);
      if (decided.may) {
        // What is lost with the consent that was asked for before the claim: what a leader has that the claim knew of, or that is declared
        // to be fenced. Nobody consents to lose what another one took in the meantime.
        const ruler = this.state.nodes[world.ruler] as Node;
        const isUnknown = has(world.stood, world.ruler) && d.isLater(ruler.standing.token, decided.entry.base);
        const isConsented = consent !== null && (world.ruler === x || !isUnknown);
        const acked = isConsented ? world.acked & commitsOf(node.log) : world.acked;
        const taken = d.tookOver(standing, me, decided.entry, running(node));
        this.one("TakeOver", x, this.takes(node, taken), { ...world, acked, ruler: x, keptOff: 0, open: false });
      }
    }
  }

  takes(node: Node, standing: Standing): Partial<Node> {
    return { standing, told: null, decided: 0, synced: this.without("syncBeforeTake") ? node.synced : node.log.length };
  }

  // --- the primary

  primary(x: number, node: Node): void {
    const { d, machine, world, scenario } = this;
    const { standing } = node;
    const { token } = standing;
    const me = nameAt(x);
    const { index, entries: ledger, end: last } = machine.book(world, token);
    const reading = machine.reading(ledger);
    if (this.hasRoom && !node.giving)
      for (let y = 0; y < this.state.nodes.length; y++) {
        const other = this.state.nodes[y] as Node;
        if (y === x || !other.on || other.standing.arming.kind !== "open") continue;
        const decided = d.offer(me, token, true, reading, nameAt(y), machine.answerOf(other));
        if (!decided.may || !last) continue;
        const number = last.number + 1;
        const said = { secret: other.standing.arming.secret, entry: number, base: d.changeOf(token) };
        if (!d.mayBeOffered(nameAt(y), other.standing, me, said).may) continue;
        const after = machine.append(world, decided.draft, index);
        const isWritten = !this.without("entryBeforeStop");
        const word = this.without("offerIsForThisArming") ? number : 0;
        const told = { standing: d.armedFor(other.standing, number), word };
        this.two(
          "Offer",
          x,
          y,
          {
            giving: { step: "offered", entry: number, to: y },
            standing: d.offered(standing, isWritten ? machine.reading(ledgersOf(after)[index] as Entries) : reading),
          },
          told,
          isWritten ? after : world,
        );
        // The entry is there, and its author does not know.
        if (world.faults < scenario.faults && isWritten)
          this.one("OfferFails", y, told, { ...after, faults: world.faults + 1 }, x);
      }
    if (node.giving?.step === "offered")
      this.one("Give", x, {
        log: node.log + SHUTDOWN,
        synced: node.log.length + 1,
        pg: "stopping",
        giving: { ...node.giving, step: "stopping" },
      });
    const own = d.entryAt(ledger, token.entry);
    if (scenario.snapshot !== 0 && own && token.overrides === 0 && own.to === me && !own.taken)
      this.one(
        "Note",
        x,
        {},
        machine.withEntries(
          world,
          index,
          ledger.map((entry) => (entry === own ? { ...entry, taken: true } : entry)),
        ),
      );
    const { nodes } = this.state;
    for (let y = 0; y < nodes.length; y++) if (y !== x) this.follow(y, nodes[y] as Node, x, node);
    if (this.hasRoom && standing.arming.kind === "open") this.members(x, node);
  }

  follow(x: number, node: Node, l: number, leader: Node): void {
    const { d, machine } = this;
    if (!node.on) return;
    const { standing } = node;
    if (
      !d.mayFollow(nameAt(x), standing.token, standing.arming, isServing(node), nameAt(l), machine.answerOf(leader)).may
    )
      return;
    const theirs = leader.standing.token;
    const { token } = standing;
    const after = d.followed(standing, theirs);
    const isSame =
      d.compare(token, theirs) === 0 &&
      token.leader === theirs.leader &&
      String(token.members) === String(theirs.members) &&
      token.promises.length === after.token.promises.length &&
      d.heeded(token) === d.heeded(after.token);
    if (isSame && standing.joined && node.pg === "standby" && leader.log.startsWith(node.log)) return;
    const log = this.madeLike(node.log, leader.log);
    this.one(
      "Follow",
      x,
      { standing: after, log: leader.log, synced: leader.log.length, pg: "standby", asPrimary: false },
      log === leader.log ? this.world : { ...this.world, mixed: true },
      l,
    );
  }

  /** What a follower has in the end: its own data and what it receives, or what pg_rewind leaves, or a copy. */
  madeLike(log: string, leaders: string): string {
    const { d } = this;
    const mine = historyOf(log);
    const theirs = historyOf(leaders);
    if (d.isPrefix(mine, theirs)) return log + leaders.slice(log.length);
    return d.mayRewind(mine, theirs) ? rewound(log, leaders) : leaders;
  }

  members(x: number, { standing }: Node): void {
    const { d, machine, scenario, world } = this;
    const me = nameAt(x);
    const { index, entries, end } = machine.book(world, standing.token);
    for (let y = 0; y < scenario.nodes; y++) {
      if (y === x || !end) continue;
      const present = d.membersOf(end);
      const isMember = present.includes(nameAt(y));
      if (!has(isMember ? scenario.retirable : scenario.addable, y)) continue;
      const list = isMember ? d.excluding(present, nameAt(y)) : d.including(present, nameAt(y));
      // The operator states that it is gone, and may be wrong; the question whether it answers may get lost.
      const retired = d.retiredBy(end, list);
      if (!d.mayRetire(retired, retired, new Map()).may) continue;
      const answers = machine.answersFor(this.state, x);
      const decided = d.claim({
        me,
        my: standing.token,
        serving: true,
        reading: machine.reading(entries),
        answers,
        consent: null,
        list,
      });
      if (decided.may)
        this.one(
          isMember ? "Retire" : "Add",
          x,
          { standing: d.armedFor(standing, end.number + 1) },
          machine.append(world, decided.draft, index),
          y,
        );
    }
  }

  forget(x: number, { standing }: Node): void {
    for (const each of standing.token.members)
      if (each !== nameAt(x))
        this.one(
          "Forget",
          x,
          {
            standing: {
              ...standing,
              token: { ...standing.token, members: this.d.excluding(standing.token.members, each) },
            },
          },
          this.world,
          indexOf(each),
        );
  }

  /** It has stopped for good, and says so to the arming that it stopped for. */
  tell(x: number, { giving, pg, log }: Node): void {
    if (!giving || !((giving.step === "stopping" && pg === "down") || this.without("toldWhenStopped"))) return;
    const target = this.state.nodes[giving.to] as Node;
    const { arming } = target.standing;
    const isMeant =
      (arming.kind === "entry" && arming.entry === giving.entry) ||
      (this.without("messageIsOfThisArming") && arming.kind !== "none");
    if (!target.on || !isMeant || target.told?.end.lsn === BigInt(log.length)) return;
    this.one("Tell", giving.to, { told: { entry: giving.entry, end: endOf(log) } }, this.world, x);
  }

  // --- who is in the way of a claim

  isPending({ kind, over, number, to }: Entry, x: number, index = 0): boolean {
    if (kind !== "claim" || !over.includes(nameAt(x)) || proofFor(this.world.stopped[x] as number, index) >= number)
      return false;
    const { arming, token } = (this.state.nodes[indexOf(to)] as Node).standing;
    if (this.without("armedBeforeEntry")) return true;
    return arming.kind === "entry" && arming.entry === number && this.machine.book(this.world, token).index === index;
  }

  isInTheWay(x: number): boolean {
    return this.ledgers.some((entries, index) => entries.some((entry) => this.isPending(entry, x, index)));
  }

  fenceIsEarly(x: number): boolean {
    return this.without("entryBeforeProof") && proofFor(this.world.stopped[x] as number, 0) < this.end.number;
  }

  fenced(x: number): World {
    const { world } = this;
    let proofs = 0;
    for (const [index, entries] of this.ledgers.entries())
      proofs = withProof(proofs, index, entries[entries.length - 1]?.number ?? 0);
    return { ...world, stopped: world.stopped.with(x, proofs), stood: world.stood & ~bit(x) };
  }

  inTheWay(x: number, node: Node): void {
    const { d, world, scenario } = this;
    const me = nameAt(x);
    if (!this.isInTheWay(x) && !this.fenceIsEarly(x)) return;
    for (const [index, entries] of this.ledgers.entries())
      for (const entry of entries) {
        if (!this.isPending(entry, x, index)) continue;
        const author = indexOf(entry.to);
        if (
          (this.state.nodes[author] as Node).on &&
          author !== x &&
          d.mayStandDown(me, node.standing.token, isServing(node), entry.base).may
        ) {
          const stopped = world.stopped.with(x, withProof(world.stopped[x] as number, index, entry.number));
          this.one(
            "StandDown",
            x,
            { standing: d.stoodDown(node.standing) },
            { ...world, stopped, stood: world.stood | bit(x) },
            author,
          );
        }
      }
    if (has(scenario.fence, x)) this.one("Fence", x, this.machine.powerOff(node), this.fenced(x));
  }

  // --- without the ledger

  promises(x: number, { standing }: Node): void {
    const { d, machine, scenario } = this;
    const { token } = standing;
    for (const to of token.promises) {
      const y = indexOf(to);
      const peer = this.state.nodes[y] as Node;
      const leader = token.leader === null ? undefined : this.state.nodes[indexOf(token.leader)];
      const isOff = !peer.on && has(scenario.fence, y) && leader !== undefined && isWritable(leader);
      if (!d.promiseIsVoid(nameAt(x), token, peer.on ? machine.answerOf(peer) : null, isOff)) continue;
      this.two("Release", x, y, { standing: d.released(standing, to) }, { standing: d.letGo(peer.standing) });
    }
  }

  overrides(): void {
    const { d, machine, scenario, world } = this;
    const { nodes } = this.state;
    const everybody = membersIn(bit(scenario.nodes) - 1);
    for (const [x, node] of nodes.entries()) {
      if (!node.on) continue;
      const me = nameAt(x);
      const { standing } = node;
      const { token, arming } = standing;
      if (arming.kind === "none" && !isServing(node) && has(scenario.unlisted & scenario.consent, x)) {
        const answers = machine.answersFor(this.state, x);
        const change = d.overrideAbove(token, answers);
        if (change.overrides <= scenario.overrides && d.mayOverride(me, token, answers).may)
          this.one("ArmOverride", x, { standing: d.armedForOverride(standing, change, SECRET) }, this.yielded(x, 0));
      }
      if (arming.kind !== "override") continue;
      const ledger = arming.ledger;
      const yielded = world.yielded[x] as number;
      for (const [y, peer] of nodes.entries()) {
        if (y === x || has(yielded, y)) continue;
        if (has(scenario.fence, y)) {
          const after = this.yielded(x, yielded | bit(y));
          this.one("FenceForOverride", y, machine.powerOff(peer), { ...after, keptOff: world.keptOff | bit(y) }, x);
        }
        if (peer.on && d.mayPromise(nameAt(y), peer.standing.token, isServing(peer), arming.change).may)
          this.one(
            "Promise",
            y,
            {
              standing: ledger === undefined ? d.promised(peer.standing, me) : d.agreed(peer.standing, me, ledger),
            },
            this.yielded(x, yielded | bit(y)),
            x,
          );
      }
      const whom = d.concerned(me, token, new Map(), everybody);
      const decided = d.mayTakeOverride(me, token, arming, whom, membersIn(yielded));
      if (decided.may) {
        const keptOff = membersIn(world.keptOff);
        const taken =
          ledger === undefined
            ? d.tokenOfOverride(me, token, decided.change, keptOff)
            : d.tokenOfReplacement(me, token, decided.change, keptOff, ledger);
        const replaces = ledger === undefined ? 0 : ledgerIndex(ledger);
        this.one(
          "TakeOverride",
          x,
          { ...this.takes(node, d.tookOverride(standing, taken, running(node))), replaces },
          {
            ...world,
            ruler: x,
            open: true,
            untold: ledger === undefined ? world.untold : world.untold | world.keptOff,
            acked: has(scenario.consent, x) ? world.acked & commitsOf(node.log) : world.acked,
          },
        );
      }
    }
    if (world.keptOff !== 0 && !world.open && !nodes.some(({ standing }) => standing.arming.kind === "override"))
      this.found.push({
        kind: "Abandon",
        node: -1,
        other: -1,
        next: { ...this.state, world: { ...world, keptOff: 0 } },
      });
  }

  // --- a new ledger in the place of one that is lost

  replacements(): void {
    const { d, machine, scenario, world } = this;
    const { nodes } = this.state;
    for (const [x, node] of nodes.entries()) {
      const { standing } = node;
      const { token, arming } = standing;
      const me = nameAt(x);
      if (has(world.untold, x) && !node.on)
        for (const [l, leader] of nodes.entries()) {
          const theirs = leader.standing.token;
          if (leader.on && leader.pg === "primary" && theirs.leader === nameAt(l) && theirs.overrides === 0)
            this.one(
              "ToldLate",
              x,
              { standing: d.told(standing, theirs) },
              { ...world, untold: world.untold & ~bit(x) },
              l,
            );
        }
      if (!node.on || token.ledger === "" || node.byHand) continue;
      const consent = has(scenario.consent, x) ? lossUnknown : null;
      if (
        arming.kind === "none" &&
        has(scenario.replacers, x) &&
        d.mayReplace(me, token, isServing(node), consent).may
      ) {
        // The old ledger is not read: the change is above what the nodes know, and no more.
        const change = d.replacementAbove(token, machine.answersFor(this.state, x), unreadLedger);
        for (let index = scenario.replacements; index >= Math.max(1, ledgerIndex(d.heeded(token))); index--)
          if (change.overrides <= scenario.overrides)
            this.one(
              "ArmToReplace",
              x,
              { standing: d.armedToReplace(standing, change, ledgerId(index), SECRET) },
              this.yielded(x, 0),
            );
      }
      const { index, entries } = machine.book(world, token);
      if (index === 0) continue;
      const isOwn = node.replaces === index && node.pg === "primary";
      const mayBegin = isOwn && d.mayBeginAnew(me, token, machine.reading(entries)).may;
      if (this.hasRoom && mayBegin && entries.length === 0) {
        const others = membersIn(world.untold & scenario.members);
        const first = d.entryInPlaceOf(LEDGER, me, token, others, { epoch: 1, nonce: "", at: "" });
        this.one("Begin", x, {}, machine.withEntries(world, index, [{ ...first, digest: "", taken: false }]));
      }
      const [first] = entries;
      if (first && node.pg === "primary") {
        const closed = d.closing(me, token, first, machine.reading(this.ledger));
        if (closed.may) this.one("Close", x, {}, machine.append(world, closed.draft));
      }
    }
  }

  yielded(x: number, mask: number): World {
    return { ...this.world, yielded: this.world.yielded.map((each, at) => (at === x ? mask : each)) };
  }
}
