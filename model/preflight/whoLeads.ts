import type { HostFacts, Token } from "../hostFacts.ts";

interface Holder extends HostFacts {
  readonly node: string;
}

/** Who leads, as the tokens of all nodes that answered say. */
export interface Leadership {
  /** The highest number of a change of primary that any of them knows; 0: none. */
  readonly epoch: number;
  /** Who leads, or led last. */
  readonly leader: string | undefined;
  /** Number of the change that made it so, as far as that is known. */
  readonly leaderEpoch: number;
  /** A token of that very change is left: those of tries to take over from the leader know only that it led before them. */
  readonly isExact: boolean;
  /** Whom it took over from by that change; "": nobody, or not known. */
  readonly leaderFrom: string;
  /** The leader has given its role up to a node that can't be asked whether it took it. */
  readonly unanswered: Token | undefined;
  /** Two that lead by the same number: this never happens by the protocol. */
  readonly disagreement: readonly string[];
}

/**
 * A node that leads by its token, or that is known to, counts by its epoch. Who has given its role up, or is named by a target as
 * the one to take over from, led below that epoch: it counts where nobody is known to lead at or above it.
 */
export function leadershipOf(known: readonly Holder[]): Leadership {
  const tokens = known.flatMap(({ node, token }) => (token ? [{ ...token, node }] : []));
  const leading = tokens.filter(({ state }) => state === "taken" || state === "leads");
  const claims = [
    ...leading.map(({ epoch, to }) => ({ epoch, leader: to, order: epoch })),
    ...tokens
      .filter(({ state }) => state === "yielding")
      .map(({ epoch, from }) => ({ epoch: epoch - 1, leader: from, order: epoch - 0.5 })),
    ...tokens
      .filter(({ state, from }) => ["armed", "candidate", "revoked"].includes(state) && from !== "")
      .map(({ epoch, from }) => ({ epoch: epoch - 1, leader: from, order: epoch - 0.75 })),
  ].sort((a, b) => b.order - a.order);
  const [best] = claims;
  const yielding = tokens.find(
    ({ state, node, epoch }) => state === "yielding" && node === best?.leader && epoch > best.epoch,
  );
  const top = leading.filter(({ epoch }) => epoch === best?.order).map(({ to }) => to);
  return {
    epoch: Math.max(0, ...tokens.map(({ epoch }) => epoch)),
    leader: best?.leader,
    leaderEpoch: best?.epoch ?? 0,
    isExact: best === undefined || best.order === best.epoch,
    leaderFrom: leading.find(({ epoch }) => epoch === best?.order)?.from ?? "",
    unanswered: yielding && !known.some(({ node }) => node === yielding.to) ? tokenOf(yielding) : undefined,
    disagreement: [...new Set(top)].length > 1 ? [...new Set(top)].sort() : [],
  };
}

/** Somebody who was about to take over, as the archive has it. */
export interface Witness {
  readonly epoch: number;
  /** armed: by a planned change. candidate: without the consent of who led. */
  readonly kind: string;
  readonly node: string;
  /** Seconds since 1970, by the archive's clock. */
  readonly time: number;
}

/** What an earlier preflight found of who leads, and what was to be done about it. */
interface RecordedLead {
  readonly kind?: string | undefined;
  readonly epoch: number;
  readonly from?: string | undefined;
  readonly leaderEpoch?: number | undefined;
  readonly leaderSince?: number | undefined;
  readonly to?: string | undefined;
}

/**
 * The change by which the leader leads, however often others have tried to take over from it since; where that is not known, a later number, which
 * no consent of before was given for.
 */
export function leaderSince(
  { leader, leaderEpoch, isExact }: Leadership,
  asked: readonly Holder[],
  recorded: RecordedLead | undefined,
): number {
  const since = recorded?.from === leader ? (recorded?.leaderSince ?? recorded?.leaderEpoch) : undefined;
  if (isExact || since === undefined) return leaderEpoch;
  // What a node has joined was taken, be it by another checkout.
  return Math.max(...[since, ...asked.map(({ joined }) => joined)].filter((epoch) => epoch <= leaderEpoch));
}

/** A number that is this much above what the nodes know is none: anybody with the archive's keys can write there. */
const farAhead = 1_000_000;

/**
 * Somebody who can't be asked, and took over after who leads by the tokens of those who can, or may have: also that very node, by a later change
 * than those who answer know of.
 */
interface LaterLeader {
  readonly node: string;
  readonly epoch: number;
}

/**
 * Only the node itself may know that it took over. Where it can't be asked, the stack's own record says so, or the witness that whoever takes
 * over leaves in the archive before. Who answers says itself what became of it.
 */
export function laterLeader(
  asked: readonly Holder[],
  { leader, leaderEpoch, epoch, unanswered }: Leadership,
  recorded: RecordedLead | undefined,
  witnesses: readonly Witness[],
): LaterLeader | undefined {
  const facts = asked.find(({ node }) => node === leader);
  const leads = facts?.token?.to === leader && ["taken", "leads"].includes(facts?.token?.state ?? "");
  // Who takes over by a planned change does so when the one before has given its role up; else when that one is off, and it asks before it serves again.
  const comesToNothing = (kind: string) => leads && (kind === "armed" || facts?.postgres.inRecovery === false);
  const begun = [...changesOf(recorded), ...witnesses].filter(({ kind }) => !comesToNothing(kind));
  const led = recorded?.kind === "none" ? [{ node: recorded.from ?? "", epoch: recorded.leaderEpoch ?? 0 }] : [];
  const [last] = [...begun, ...led]
    .filter(({ node, epoch }) => node !== "" && node !== unanswered?.to && epoch > leaderEpoch)
    .filter(({ epoch: number }) => number <= epoch + farAhead)
    .filter(({ node }) => !asked.some((holder) => holder.node === node && holder.token !== null))
    .sort((a, b) => b.epoch - a.epoch);
  return last;
}

/** The change of primary that an update has begun, whatever became of it. */
function changesOf(recorded: RecordedLead | undefined) {
  const { kind = "none", to = "", epoch = 0 } = recorded ?? {};
  return kind === "none" ? [] : [{ node: to, kind: kind === "switchover" ? "armed" : "candidate", epoch: epoch + 1 }];
}

function tokenOf({ epoch, from, to, state }: Token): Token {
  return { epoch, from, to, state };
}

/**
 * What a handover that is under way on the hosts is about; undefined: none is, or none that would end by itself. Nothing can be
 * judged before it has ended. A target that only waits, for a node that does not hand over, is disarmed by `claim`.
 */
export function underWay(known: readonly Holder[]): string | undefined {
  const isBusy = ({ handover }: Holder) => ["active", "activating"].includes(handover);
  for (const holder of known) {
    const { node, token, postgres } = holder;
    if (!token || !isBusy(holder)) continue;
    const { state, from, to, epoch } = token;
    const giver = known.find((other) => other.node === from);
    const isGiven = state === "armed" && (giver === undefined || isBusy(giver) || giver.token?.state === "yielding");
    const promotes = state === "taken" && to === node && postgres.inRecovery !== false;
    // Who has given its role up to a node that can't be asked stays down for good.
    const waits = state === "yielding" && known.some((other) => other.node === to);
    if (isGiven || promotes || waits) return `${from} hands over to ${to} (epoch ${epoch})`;
  }
  return undefined;
}
