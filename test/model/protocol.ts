/**
 * The handover protocol (docs/decisions/handover.md) as a state machine.
 *
 * A lost question or answer, a cut network and an archive out of reach are steps that are not taken: nothing has to happen, ever.
 * An update is no sequence here: each of its steps may run on its host at any time, in any order, often or never, as long as that host has
 * been told of it. So killed and repeated updates, `--target`, `--exclude` and updates at the same time are all among the runs.
 */
import type { Action, Machine } from "./search.ts";

/** Each rule of the protocol, so that a test can drop it and see what happens. */
export const rules = {
  guardNeedsAnAnswer: true,
  guardReadsWitness: true,
  guardHeedsYielding: true,
  guardHeedsEqualEpoch: true,
  takeBackNeedsRevoked: true,
  takeBackAsksOthers: true,
  targetRemembersWhatItTook: true,
  batonNeedsMarker: true,
  markerNamesEpoch: true,
  markerNamesTarget: true,
  batonNeedsShutdown: true,
  batonEndsTheLog: true,
  takenIsDecidedUnderLock: true,
  logIsSyncedBeforeTaken: true,
  yieldIsDurableBeforeStop: true,
  yieldChecksTarget: true,
  yieldChecksIntent: true,
  armWaitsForYielding: true,
  candidateWitness: true,
  armedWitness: true,
  candidateNeedsFence: true,
  fenceIsOfThisEpoch: true,
  candidateAsksOthers: true,
  candidateAsksAfterFence: true,
  candidateReadsArchive: true,
  claimDisarms: true,
  restartEndsArming: true,
  restartEndsCandidacy: true,
  signalIsKept: true,
  signalIsBackAtBoot: true,
  promotionPassesGuard: true,
  membersStay: true,
  silentHasNoWitness: true,
} as const satisfies Record<string, boolean>;
export type Rule = keyof typeof rules;

/** What one `pulumi up` declares. */
export interface Update {
  readonly target: number;
  readonly fenced: readonly number[];
  /** Their hosts are left alone, whatever they are: none of its steps runs there. */
  readonly absent?: readonly number[];
}

export interface Scenario {
  readonly nodes: number;
  readonly updates: readonly Update[];
  readonly commits: number;
  readonly epochs: number;
  /** Power losses, crashes and stops of PostgreSQL, killed units: how many of them all in all. */
  readonly faults: number;
  /** `prepare` reads the archive's epochs some time before it writes its own: others may have gone on in between. */
  readonly staleReads?: boolean;
  readonly dropped?: readonly Rule[];
}

/** `leads` with another node's name: who leads, as this node was told. */
type TokenState = "armed" | "candidate" | "taken" | "leads" | "yielding" | "revoked";
interface Token {
  readonly epoch: number;
  readonly state: TokenState;
  readonly from: number;
  readonly to: number;
}

/** `starting`: started or promoted, may take writes, standby.signal is away. `stopping`: takes none, still sends WAL. */
type Postgres = "down" | "standby" | "starting" | "primary" | "stopping";

interface Node {
  // Survives a power cut
  token: Token;
  took: number;
  /** Whom it counts as a member, as its last `configure` had it: a bit each. */
  members: number;
  intent: number;
  signal: boolean;
  joined: boolean;
  log: string;
  /** How much of the log a standby has fsynced. */
  synced: number;
  // Lost in a power cut
  on: boolean;
  postgres: Postgres;
  /** The unit that waits for the baton; `decided` only where takenIsDecidedUnderLock is dropped. */
  waiting: "no" | "yes" | "decided";
  /** May be promoted: this boot's unit took the baton, or the guard has asked. */
  allowed: boolean;
  /** The guard left it read-only and goes on asking; or a candidate asks. */
  asking: boolean;
  heard: number;
  /** The highest epoch that `prepare` has read of in the archive; others may have gone on since. */
  highest: number;
  giving: Giving | undefined;
}

/** How far the unit of `demote` has come. */
interface Giving {
  readonly step: "checked" | "declared" | "marked" | "stopped";
  readonly epoch: number;
  readonly to: number;
}

export interface State {
  nodes: Node[];
  commits: number;
  /** Acknowledged commits that not every node holds. */
  acknowledged: string;
  faults: number;
  /** In the archive: the highest epoch that each node was candidate for, and armed for. */
  candidateWitness: number[];
  armedWitness: number[];
  /** Which nodes each update has proven to be off. */
  proof: number[];
}

const SHUTDOWN = "S";
const commit = (number: number) => String.fromCharCode(97 + number);
const isCommit = (record: string) => record >= "a" && record <= "z";
const marker = (epoch: number, to: number) => String.fromCharCode(160 + epoch * 4 + to);
const isMarker = (record: string) => record >= "\u00a0" && record < "\u00d0";
const switchOfTimeline = (epoch: number, to: number) => String.fromCharCode(208 + epoch * 4 + to);
const ARCHIVE = 16;
export const nameOf = (node: number) => "ABC"[node] ?? "?";

const leadsByToken = ({ token }: Node, self: number) =>
  token.to === self && (token.state === "taken" || token.state === "leads");
export const isWritable = (node: Node) => node.postgres === "primary" || node.postgres === "starting";
const mayTake = ({ token }: Node) => token.state === "armed" || token.state === "candidate";

/** Whether somebody leads, or may take the role back. */
export const hasGiver = ({ nodes }: State) =>
  nodes.some((node, self) => leadsByToken(node, self) || node.token.state === "yielding");

function initial({ nodes, updates }: Scenario): State {
  return {
    nodes: Array.from({ length: nodes }, (_, self) => ({
      token: { epoch: 1, state: "leads", from: 0, to: 0 },
      took: self === 0 ? 1 : 0,
      members: (1 << nodes) - 1,
      intent: 0,
      signal: true,
      joined: true,
      log: "",
      synced: 0,
      on: true,
      postgres: self === 0 ? "primary" : "standby",
      waiting: "no",
      allowed: false,
      asking: false,
      heard: 0,
      highest: 0,
      giving: undefined,
    })),
    commits: 0,
    acknowledged: "",
    faults: 0,
    candidateWitness: Array<number>(nodes).fill(0),
    armedWitness: Array<number>(nodes).fill(0),
    proof: Array<number>(updates.length).fill(0),
  };
}

function takingPart({ fenced, absent = [] }: Update): number {
  return [0, 1, 2]
    .filter((node) => !fenced.includes(node) && !absent.includes(node))
    .reduce((mask, node) => mask | (1 << node), 0);
}

function copy(state: State): State {
  return {
    ...state,
    nodes: state.nodes.map((node) => ({ ...node })),
    candidateWitness: [...state.candidateWitness],
    armedWitness: [...state.armedWitness],
    proof: [...state.proof],
  };
}

/** Drops what can't matter any more, so that states with the same future look alike. */
function canonical(state: State): State {
  const { nodes } = state;
  for (const node of nodes) {
    if (node.postgres !== "standby") node.synced = node.log.length;
    if (node.giving?.step !== "checked" && !(node.postgres === "primary") && node.giving?.step !== "stopped") {
      node.giving = undefined;
    }
    if (!node.asking) node.heard = 0;
  }
  const shared = sharedLog(nodes);
  if (shared > 0) {
    for (let index = 0; index < shared; index++) {
      const record = (nodes[0] as Node).log[index] as string;
      if (isCommit(record)) state.acknowledged = state.acknowledged.replace(record, "");
    }
    for (const node of nodes) {
      node.log = node.log.slice(shared);
      node.synced = Math.max(0, node.synced - shared);
    }
  }
  return state;
}

/** How much all logs have in common, up to the last marker in it: what stands behind that still makes the baton, or not. */
function sharedLog(nodes: readonly Node[]): number {
  const { log } = nodes[0] as Node;
  let lastMarker = -1;
  for (let index = 0; ; index++) {
    const record = log[index];
    if (record === undefined || nodes.some((node) => node.log[index] !== record)) {
      return lastMarker < 0 ? index : lastMarker;
    }
    if (isMarker(record)) lastMarker = index;
  }
}

const POSTGRES_CODE = { down: 0, standby: 1, starting: 2, primary: 3, stopping: 4 } as const;

export function key(state: State): string {
  let key = `${state.commits}${state.acknowledged}.${state.faults}`;
  for (const node of state.nodes) {
    const { token, giving } = node;
    const flags =
      (node.on ? 1 : 0) +
      (node.signal ? 2 : 0) +
      (node.joined ? 4 : 0) +
      (node.allowed ? 8 : 0) +
      (node.asking ? 16 : 0) +
      (node.waiting === "no" ? 0 : node.waiting === "yes" ? 32 : 64);
    key += `|${token.epoch}${token.state[0]}${token.state[1]}${token.from}${token.to}${node.took}${node.members}${node.intent}${node.log}/${node.synced}`;
    key += `${POSTGRES_CODE[node.postgres]}${String.fromCharCode(32 + flags)}${node.heard}${node.highest}`;
    if (giving) key += `${giving.step[0]}${giving.step[1]}${giving.epoch}${giving.to}`;
  }
  return `${key}|${state.candidateWitness.join("")}${state.armedWitness.join("")}${state.proof.join(",")}`;
}

export function handover(scenario: Scenario): Handover {
  const rule = { ...rules, ...Object.fromEntries((scenario.dropped ?? []).map((name) => [name, false])) };
  const planned = scenario.updates.every(({ fenced }) => fenced.length === 0);
  return {
    initial: initial(scenario),
    actions: (state) => actions(scenario, rule, state),
    key,
    violation: (before, after) => violation(planned, before, after),
  };
}

/** What happens by itself (the first four), what only an unfriendly world does, and what an update does. */
export type Kind =
  | "host"
  | "stopped"
  | "archive"
  | "deadline"
  | "world"
  | `${"claim" | "arm" | "yield" | "lead" | "follow"} ${number}`;
export interface Step extends Action<State> {
  readonly kind: Kind;
}
export interface Handover extends Machine<State> {
  actions(state: State): readonly Step[];
}

function actions(scenario: Scenario, rule: Readonly<Record<Rule, boolean>>, state: State): Step[] {
  const { updates } = scenario;
  const found: Step[] = [];
  const everybody = state.nodes.map((_, self) => self);

  const act = (kind: Kind, label: string, change: (next: State) => void) => {
    const next = copy(state);
    change(next);
    found.push({ kind, label, next: canonical(next) });
  };
  const at = (next: State, self: number) => next.nodes[self] as Node;

  const revoke = (node: Node) => {
    node.token = { ...node.token, state: "revoked", from: node.token.to };
    if (node.waiting !== "decided") node.waiting = "no";
    node.asking = false;
  };
  const adopt = (node: Node, epoch: number, leader: number) => {
    node.token = { epoch, state: "leads", from: leader, to: leader };
    node.joined = false;
    node.asking = false;
    node.allowed = false;
    node.postgres = "down";
  };
  const take = (node: Node) => {
    node.token = { ...node.token, state: "taken", from: node.token.to };
    node.took = node.token.epoch;
    if (rule.logIsSyncedBeforeTaken) node.synced = node.log.length;
    node.waiting = "no";
    node.asking = false;
    node.allowed = true;
  };
  const highestEpoch = Math.max(1, ...state.candidateWitness, ...state.armedWitness);
  const witnessOfOthers = (self: number, ...kinds: readonly number[][]) =>
    Math.max(0, ...kinds.flatMap((epochs) => epochs.filter((_, other) => other !== self)));

  for (const self of everybody) {
    const node = at(state, self);
    const { token } = node;
    const me = nameOf(self);
    const others = everybody.filter((other) => other !== self);

    host(self, node, me);
    if (!node.on) continue;
    guard(self, node, me, others);
    unitOfTheTarget(self, node, me);
    unitOfYield(self, node, me);
    if (isWritable(node) && state.commits < scenario.commits) {
      act("world", `${me}: a client commits`, (next) => {
        at(next, self).log += commit(next.commits);
        next.acknowledged += commit(next.commits);
        next.commits++;
      });
    }
    if (node.postgres === "standby" && !node.asking && !leadsByToken(node, self)) {
      for (const other of others) {
        const source = at(state, other);
        if (!isWritable(source) && source.postgres !== "stopping") continue;
        if (source.log.length > node.log.length && source.log.startsWith(node.log)) {
          act("host", `${me}: receives WAL from ${nameOf(other)}`, (next) => {
            at(next, self).log += source.log[node.log.length] as string;
          });
        }
      }
    }
    updates.forEach((update, index) => {
      const intent = index + 1;
      if (update.absent?.includes(self)) return;
      if (node.intent !== intent) {
        act(`claim ${intent}`, `${me}: claim of update ${intent}`, (next) => {
          const changed = at(next, self);
          changed.intent = intent;
          if (!rule.membersStay) changed.members = takingPart(update);
          changed.highest = 0;
          if (rule.claimDisarms && mayTake(changed)) revoke(changed);
          if (rule.yieldChecksIntent && changed.giving?.step === "checked") changed.giving = undefined;
        });
        return;
      }
      if (update.target === self) {
        arm(update, intent, self, node, me, others);
        if (token.state === "candidate") leadOfACandidate(update, intent, self, node, me, others);
      } else {
        yieldStep(update, intent, self, node, me);
        follow(update, intent, self, node, me);
      }
    });
  }
  return found;

  function host(self: number, node: Node, me: string): void {
    if (!node.on) {
      act("host", `${me}: power on`, (next) => {
        const changed = at(next, self);
        changed.on = true;
        if (rule.signalIsBackAtBoot) changed.signal = true;
      });
      return;
    }
    if (node.postgres === "stopping")
      act("stopped", `${me}: PostgreSQL has stopped`, (next) => {
        at(next, self).postgres = "down";
      });
    if (node.postgres === "starting") {
      act("host", `${me}: PostgreSQL is ready`, (next) => {
        const changed = at(next, self);
        changed.postgres = "primary";
        changed.signal = rule.signalIsKept;
        changed.token = { ...changed.token, state: "leads" };
        changed.allowed = false;
      });
    }
    if (node.postgres === "down") {
      act("world", `${me}: pg_ctl start`, (next) => {
        const changed = at(next, self);
        if (changed.signal) changed.postgres = "standby";
        else startAsPrimary(changed);
      });
    }
    if (!rule.candidateWitness && node.postgres === "primary" && (state.candidateWitness[self] as number) < node.took) {
      act("host", `${me}: the archive gets the history of its timeline`, (next) => {
        next.candidateWitness[self] = node.took;
      });
    }
    if (state.faults >= scenario.faults) return;
    act("world", `${me}: power loss`, (next) => {
      next.faults++;
      powerOff(at(next, self));
    });
    if (node.synced < node.log.length) {
      act("world", `${me}: power loss, what was not fsynced is gone`, (next) => {
        next.faults++;
        const changed = at(next, self);
        changed.log = changed.log.slice(0, changed.synced);
        powerOff(changed);
      });
    }
    if (node.postgres !== "down") {
      act("world", `${me}: PostgreSQL crashes`, (next) => {
        next.faults++;
        at(next, self).postgres = "down";
        at(next, self).allowed = false;
        at(next, self).asking = false;
      });
    }
    if (node.postgres === "primary") {
      act("world", `${me}: systemctl stop`, (next) => {
        next.faults++;
        at(next, self).log += SHUTDOWN;
        at(next, self).postgres = "stopping";
      });
    }
    if (node.waiting !== "no" || node.giving) {
      act("world", `${me}: its unit is killed`, (next) => {
        next.faults++;
        at(next, self).waiting = "no";
        at(next, self).giving = undefined;
      });
    }
  }

  function powerOff(node: Node): void {
    node.on = false;
    node.postgres = "down";
    node.waiting = "no";
    node.allowed = false;
    node.asking = false;
    node.giving = undefined;
    node.highest = 0;
  }

  function startAsPrimary(node: Node): void {
    node.postgres = "starting";
    node.signal = false;
    node.asking = false;
    if (!node.log.endsWith(SHUTDOWN)) node.log += SHUTDOWN;
  }

  function guard(self: number, node: Node, me: string, others: readonly number[]): void {
    const { token } = node;
    const asks = leadsByToken(node, self) || token.state === "yielding";
    const pastTheGuard = node.postgres === "standby" && asks && !node.asking && !node.allowed;
    if (
      (node.postgres === "down" && (asks || node.joined || token.state === "revoked" || mayTake(node))) ||
      pastTheGuard
    ) {
      act("host", `${me}: the guard starts PostgreSQL read-only`, (next) => {
        const changed = at(next, self);
        changed.signal = true;
        if (token.state === "armed" && rule.restartEndsArming) revoke(changed);
        if (token.state === "candidate" && rule.restartEndsCandidacy) revoke(changed);
        changed.asking = asks;
        changed.postgres = "standby";
      });
    }
    if (token.state === "yielding" && node.giving?.step !== "declared" && node.giving?.step !== "marked")
      askTarget(self, node, me);
    if (!node.asking || !leadsByToken(node, self)) return;

    for (const other of others) {
      const peer = at(state, other);
      if (!peer.on || ((node.heard | ~node.members) & (1 << other)) !== 0) continue;
      const above = peer.token.epoch > token.epoch || (rule.guardHeedsEqualEpoch && peer.token.epoch === token.epoch);
      const elsewhere = peer.token.to !== self && (peer.token.state === "taken" || peer.token.state === "leads");
      if (above && elsewhere) {
        act("host", `${me}: the guard hears from ${nameOf(other)} who leads`, (next) =>
          adopt(at(next, self), peer.token.epoch, peer.token.to),
        );
      } else if (peer.token.epoch > token.epoch && peer.token.state === "yielding" && rule.guardHeedsYielding) {
      } else if (above && mayTake(peer)) {
        act("host", `${me}: the guard has ${nameOf(other)} revoke`, (next) => {
          revoke(at(next, other));
          at(next, self).heard |= 1 << other;
        });
      } else {
        act("host", `${me}: the guard hears nothing against it from ${nameOf(other)}`, (next) => {
          at(next, self).heard |= 1 << other;
        });
      }
    }
    const unheard = others.filter((other) => (node.heard & (1 << other)) === 0);
    if (
      (node.heard & ARCHIVE) === 0 &&
      (!rule.guardReadsWitness || unheard.every((other) => (state.candidateWitness[other] as number) < token.epoch))
    ) {
      act("archive", `${me}: the guard finds nothing against it in the archive`, (next) => {
        at(next, self).heard |= ARCHIVE;
      });
    }
    const all = others.reduce((mask, other) => mask | (1 << other), 0) & node.members;
    if (!rule.guardNeedsAnAnswer || (node.heard & ARCHIVE) !== 0 || (node.heard & all) === all) {
      act(
        "host",
        `${me}: the guard lets PostgreSQL start as ${token.state === "taken" ? "one to be promoted" : "the primary"}`,
        (next) => {
          const changed = at(next, self);
          changed.asking = false;
          if (token.state === "taken") changed.allowed = true;
          else startAsPrimary(changed);
        },
      );
    }
  }

  /** What became of the epoch that this node yielded. */
  function askTarget(self: number, node: Node, me: string): void {
    const { epoch, to } = node.token;
    const target = at(state, to);
    const takeBack = (next: State) => {
      const changed = at(next, self);
      changed.token = { epoch, state: "leads", from: self, to: self };
      changed.giving = undefined;
      changed.heard = 0;
      if (!rule.takeBackAsksOthers && changed.asking) startAsPrimary(changed);
    };
    if (!rule.takeBackNeedsRevoked) act("world", `${me}: takes its role back`, takeBack);
    if (!target.on) return;
    const { token, took } = target;
    const ofThisEpoch = token.epoch === epoch && token.to === to;
    if (ofThisEpoch && mayTake(target)) {
      act("world", `${me}: has ${nameOf(to)} revoke, the answer is lost`, (next) => revoke(at(next, to)));
      act("deadline", `${me}: has ${nameOf(to)} revoke and takes its role back`, (next) => {
        revoke(at(next, to));
        takeBack(next);
      });
    } else if (ofThisEpoch ? leadsByToken(target, to) : token.epoch >= epoch && took >= epoch) {
      act("host", `${me}: hears from ${nameOf(to)} that it has taken`, (next) => adopt(at(next, self), took, to));
    } else if (ofThisEpoch || (token.epoch >= epoch && rule.targetRemembersWhatItTook)) {
      act("host", `${me}: hears from ${nameOf(to)} that it has revoked and takes its role back`, takeBack);
    }
  }

  function unitOfTheTarget(self: number, node: Node, me: string): void {
    const { token } = node;
    if (node.waiting !== "no" && token.state === "armed") {
      act("deadline", `${me}: the deadline passes, revoked`, (next) => revoke(at(next, self)));
    }
    if (
      node.waiting === "yes" &&
      token.state === "armed" &&
      node.postgres === "standby" &&
      holdsBaton(node.log, token)
    ) {
      if (rule.takenIsDecidedUnderLock) act("host", `${me}: holds the baton, taken`, (next) => take(at(next, self)));
      else
        act("host", `${me}: has seen the baton`, (next) => {
          at(next, self).waiting = "decided";
        });
    }
    if (node.waiting === "decided") act("host", `${me}: taken`, (next) => take(at(next, self)));
    if (
      token.state === "taken" &&
      token.to === self &&
      node.postgres === "standby" &&
      (node.allowed || !rule.promotionPassesGuard)
    ) {
      act("host", `${me}: promotes`, (next) => {
        const changed = at(next, self);
        changed.postgres = "starting";
        changed.signal = false;
        changed.asking = false;
        const record = switchOfTimeline(token.epoch, self);
        if (!changed.log.endsWith(record)) changed.log += record;
      });
    }
  }

  function holdsBaton(log: string, { epoch, to }: Token): boolean {
    let start = -1;
    for (let index = 0; index < log.length; index++) {
      const record = log[index] as string;
      if (!isMarker(record)) continue;
      const code = record.charCodeAt(0) - 160;
      const epochFits = !rule.markerNamesEpoch || code >> 2 === epoch;
      const targetFits = !rule.markerNamesTarget || (code & 3) === to;
      if (epochFits && targetFits) start = index;
    }
    if (!rule.batonNeedsMarker) return log.endsWith(SHUTDOWN);
    if (start < 0) return false;
    if (!rule.batonNeedsShutdown) return true;
    const behind = log.slice(start + 1);
    const first = behind.indexOf(SHUTDOWN);
    return rule.batonEndsTheLog ? first >= 0 && first === behind.length - 1 : first >= 0;
  }

  function yieldStep({ target }: Update, intent: number, self: number, node: Node, me: string): void {
    const { token } = at(state, target);
    const answers =
      at(state, target).on && token.state === "armed" && token.from === self && token.epoch > node.token.epoch;
    if (node.giving || node.postgres !== "primary" || !leadsByToken(node, self)) return;
    if (!answers && rule.yieldChecksTarget) return;
    const epoch = answers ? token.epoch : node.token.epoch + 1;
    if (epoch > scenario.epochs) return;
    act(`yield ${intent}`, `${me}: yield of update ${intent}: ${nameOf(target)} is armed for ${epoch}`, (next) => {
      at(next, self).giving = { step: "checked", epoch, to: target };
    });
  }

  function unitOfYield(self: number, node: Node, me: string): void {
    const { giving, token } = node;
    if (!giving) return;
    const { epoch, to } = giving;
    const declare = (changed: Node) => {
      changed.token = { epoch, state: "yielding", from: self, to };
    };
    if (giving.step === "stopped") {
      act("host", `${me}: yielding ${epoch} to ${nameOf(to)} (only now)`, (next) => {
        declare(at(next, self));
        at(next, self).giving = undefined;
      });
    }
    if (node.postgres !== "primary") return;
    if (giving.step === "checked" && leadsByToken(node, self) && token.epoch < epoch) {
      act("host", `${me}: yielding ${epoch} to ${nameOf(to)}`, (next) => {
        if (rule.yieldIsDurableBeforeStop) declare(at(next, self));
        at(next, self).giving = { ...giving, step: "declared" };
      });
    }
    if (giving.step === "declared") {
      act("host", `${me}: writes the marker ${epoch}:${nameOf(to)}`, (next) => {
        at(next, self).log += marker(epoch, to);
        at(next, self).giving = { ...giving, step: "marked" };
      });
    }
    if (giving.step === "marked") {
      act("host", `${me}: fast stop`, (next) => {
        const changed = at(next, self);
        changed.log += SHUTDOWN;
        changed.postgres = "stopping";
        changed.giving = rule.yieldIsDurableBeforeStop ? undefined : { ...giving, step: "stopped" };
      });
    }
  }

  function arm(update: Update, intent: number, self: number, node: Node, me: string, others: readonly number[]): void {
    const { token } = node;
    const failover = update.fenced.length > 0;
    if (!failover) {
      for (const other of others) {
        if (node.joined && at(state, other).log.startsWith(node.log)) continue;
        join(`arm ${intent}`, `${me}: arm of update ${intent}: joins ${nameOf(other)} first`, self, node, other);
      }
      if (!node.joined) return;
    }
    if (node.postgres !== "standby" || mayTake(node) || node.allowed) return;
    const holdsARole = leadsByToken(node, self) || token.state === "yielding";
    const nobodyLeads = state.nodes.every(
      (peer, other) => peer.on && !leadsByToken(peer, other) && peer.token.state !== "yielding" && !mayTake(peer),
    );
    if (scenario.staleReads && node.highest < highestEpoch) {
      act(`arm ${intent}`, `${me}: arm of update ${intent}: ${highestEpoch} is the highest epoch`, (next) => {
        at(next, self).highest = highestEpoch;
      });
    }
    if (scenario.staleReads && node.highest === 0) return;
    const epoch = 1 + Math.max(token.epoch, scenario.staleReads ? node.highest : highestEpoch);

    // A leader with nothing against it in the archive needs no candidacy: the guard lets it start.
    const leadsUncontested = leadsByToken(node, self) && witnessOfOthers(self, state.candidateWitness) < token.epoch;

    if (failover ? !holdsARole || (node.asking && !leadsUncontested) : nobodyLeads) {
      if (epoch > scenario.epochs) return;
      act(`arm ${intent}`, `${me}: arm of update ${intent}: candidate for ${epoch}`, (next) => {
        const changed = at(next, self);
        changed.token = { epoch, state: "candidate", from: self, to: self };
        changed.asking = true;
        changed.heard = 0;
        changed.highest = 0;
        if (rule.candidateWitness) next.candidateWitness[self] = epoch;
        if (rule.fenceIsOfThisEpoch) next.proof[intent - 1] = 0;
      });
      return;
    }
    if (failover || leadsByToken(node, self) || (token.state === "yielding" && rule.armWaitsForYielding)) return;
    for (const from of others) {
      const giver = at(state, from);
      if (!leadsByToken(giver, from)) continue;
      if (epoch > scenario.epochs || epoch <= giver.token.epoch) continue;
      act(`arm ${intent}`, `${me}: arm of update ${intent}: armed for ${epoch} by ${nameOf(from)}`, (next) => {
        const changed = at(next, self);
        changed.token = { epoch, state: "armed", from, to: self };
        changed.waiting = "yes";
        changed.highest = 0;
        if (rule.armedWitness) next.armedWitness[self] = epoch;
      });
    }
  }

  function leadOfACandidate(
    { fenced }: Update,
    intent: number,
    self: number,
    node: Node,
    me: string,
    others: readonly number[],
  ): void {
    const { epoch } = node.token;
    const proof = state.proof[intent - 1] as number;
    for (const other of fenced) {
      if ((proof & (1 << other)) !== 0) continue;
      act(`lead ${intent}`, `${nameOf(other)}: fence of update ${intent}: is off`, (next) => {
        powerOff(at(next, other));
        next.proof[intent - 1] = proof | (1 << other);
      });
    }
    const allFenced = fenced.every((other) => (proof & (1 << other)) !== 0);
    const toAsk = others.filter((other) => !fenced.includes(other) && (node.members & (1 << other)) !== 0);
    // Who was never to take over does not lead; the first primary was.
    const mayLead = (other: number) =>
      rule.silentHasNoWitness &&
      (other === 0 || state.armedWitness[other] !== 0 || state.candidateWitness[other] !== 0);
    if (allFenced || !rule.candidateAsksAfterFence) {
      for (const other of toAsk) {
        const peer = at(state, other);
        if (!peer.on || (node.heard & (1 << other)) !== 0) continue;
        if (leadsByToken(peer, other) || peer.token.state === "yielding" || peer.token.epoch >= epoch) continue;
        act(`lead ${intent}`, `${me}: as a candidate hears nothing against it from ${nameOf(other)}`, (next) => {
          if (mayTake(peer)) revoke(at(next, other));
          at(next, self).heard |= 1 << other;
        });
      }
    }
    if (rule.candidateNeedsFence && !allFenced) return;
    if (rule.candidateAsksOthers && !toAsk.every((other) => (node.heard & (1 << other)) !== 0 || !mayLead(other)))
      return;
    if (rule.candidateReadsArchive && witnessOfOthers(self, state.candidateWitness, state.armedWitness) >= epoch)
      return;
    act(`lead ${intent}`, `${me}: lead of update ${intent}: taken as a candidate`, (next) => take(at(next, self)));
  }

  function follow({ target }: Update, intent: number, self: number, node: Node, me: string): void {
    join(`follow ${intent}`, `${me}: follow of update ${intent}`, self, node, target);
  }

  /** Rewound where it must be, it follows the leader. */
  function join(kind: Kind, label: string, self: number, node: Node, to: number): void {
    const leader = at(state, to);
    if (!leader.on || leader.postgres !== "primary" || leader.token.state !== "leads" || leader.token.to !== to) return;
    if (node.postgres !== "standby" && node.postgres !== "down") return;
    const { token } = node;
    const ahead = token.epoch > leader.token.epoch || (token.epoch === leader.token.epoch && leadsByToken(node, self));
    if (mayTake(node) || (ahead && token.state !== "revoked")) return;
    const told = token.state === "leads" && token.to === to && token.epoch === leader.token.epoch;
    const runs = node.postgres === "standby" && node.joined && leader.log.startsWith(node.log);
    if ((told || ahead) && runs) return;
    act(kind, label, (next) => {
      const changed = at(next, self);
      let same = 0;
      while (same < changed.log.length && changed.log[same] === leader.log[same]) same++;
      changed.log = changed.log.slice(0, same);
      changed.synced = same;
      if (!ahead) changed.token = { epoch: leader.token.epoch, state: "leads", from: to, to };
      changed.joined = true;
      changed.signal = true;
      changed.asking = false;
      changed.allowed = false;
      changed.giving = undefined;
      changed.postgres = "standby";
    });
  }
}

/** The steps of a node's token that the document draws, beside those to a higher epoch. */
const DRAWN: Readonly<Record<TokenState, readonly TokenState[]>> = {
  armed: ["taken", "revoked"],
  candidate: ["taken", "revoked"],
  taken: ["leads"],
  leads: [],
  yielding: ["leads"],
  revoked: ["leads"],
};
const DRAWN_UP: Readonly<Record<TokenState, readonly TokenState[]>> = {
  armed: [],
  candidate: [],
  taken: ["candidate", "leads"],
  leads: ["armed", "candidate", "yielding", "leads"],
  yielding: ["candidate", "leads"],
  revoked: ["armed", "candidate", "leads"],
};

function violation(planned: boolean, before: State, after: State): string | undefined {
  const older = after.nodes.findIndex((node, self) => isWritable(node) && !isWritable(before.nodes[self] as Node));
  const led = Math.max(...after.nodes.map(({ took }) => took));
  if (older >= 0 && (after.nodes[older] as Node).token.epoch < led) {
    return `${nameOf(older)} takes writes by ${after.nodes[older]?.token.epoch}, although change ${led} was taken`;
  }
  const primary = after.nodes.findIndex(isWritable);
  const second = after.nodes.findLastIndex(isWritable);
  if (primary !== second) return `${nameOf(primary)} and ${nameOf(second)} are writable at once`;
  if (planned) {
    const log = after.nodes[primary]?.log;
    if (log !== undefined && [...after.acknowledged].some((record) => !log.includes(record))) {
      return `an acknowledged commit is missing on ${nameOf(primary)}`;
    }
    if (!hasGiver(after)) {
      return "nobody leads and nobody may take the role back";
    }
  }
  for (const [self, { token }] of after.nodes.entries()) {
    const old = (before.nodes[self] as Node).token;
    if (old === token) continue;
    const drawn = token.epoch === old.epoch ? DRAWN : DRAWN_UP;
    const same = token.epoch === old.epoch && token.state === old.state && token.to === old.to;
    if (token.epoch < old.epoch || (!same && !drawn[old.state].includes(token.state))) {
      return `${nameOf(self)}: ${old.epoch} ${old.state} → ${token.epoch} ${token.state} is not drawn`;
    }
    if (old.state === "yielding" && token.state === "leads" && token.to === self) {
      const taker = after.nodes.findIndex(({ took }, other) => other !== self && took === token.epoch);
      if (taker >= 0) return `${nameOf(self)} takes back ${token.epoch}, which ${nameOf(taker)} has taken`;
    }
  }
  return undefined;
}
