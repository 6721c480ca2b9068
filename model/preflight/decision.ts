import type { Joining, Kind, NodeFacts, Reason, Scene } from "./scene.ts";
import { declaredNode, declareFailover, factsOf, ofWhen, receivedBytes, setState } from "./scene.ts";

/** What is to be done about the primary, and what of reality stands against it. */
export interface Decision {
  readonly kind: Kind;
  /** Who leads, or led last; "": nobody is known to. */
  readonly from: string;
  /** What the declared primary has to join before it can take over; null: nothing. */
  readonly join: Joining | null;
  readonly reasons: readonly Reason[];
  /** Whether the rules about the two sides of the change make sense: false where the change itself can't be. */
  readonly applies: boolean;
}

/** Compares who leads with who is declared to. Nothing is guessed: what nobody declared is refused, with what is real. */
export function decide(scene: Scene): Decision {
  const { declared, leadership, fresh } = scene;
  const from = leadership.leader ?? "";
  if (fresh) return { kind: "none", from: "", join: null, reasons: [], applies: true };
  const strangers = otherWriters(scene);
  const refused = (...reasons: Reason[]): Decision => ({
    kind: "none",
    from,
    join: null,
    reasons: [...strangers, ...reasons],
    applies: false,
  });
  const allowed = (kind: Kind, join: Joining | null = null): Decision => ({
    kind,
    from,
    join,
    reasons: strangers,
    applies: strangers.length === 0,
  });

  const target = factsOf(scene, declared.primary);
  if (!target) return refused(...unreachablePrimary(scene), ...unanswered(scene));
  // Said by the rules on volumes and data.
  if (target.data.state !== "cluster" || leadership.disagreement.length > 0) return refused();
  if (leadership.leader === undefined) return withoutTokens(scene, target, refused, allowed);

  const leader = leadership.leader;
  if (leader === declared.primary) {
    if (leadership.unanswered) {
      return declaredNode(scene, leadership.unanswered.to)?.state === "fenced"
        ? allowed("return")
        : refused(...unanswered(scene));
    }
    if (target.token?.to === leader || target.token?.state === "yielding") return allowed("none");
    return refused({
      what: `${leader} led last (epoch ${leadership.leaderEpoch}), but its own data knows nothing of it`,
      hint: "Was its data volume restored or replaced? Mount the right one, or declare a node that has the data.",
    });
  }

  if (leadership.unanswered) return refused(...unanswered(scene));
  const join = joinsFirst(scene, target);
  const state = declaredNode(scene, leader)?.state;
  const rejoins = join === null && state !== "fenced";
  const stale = [...(rejoins ? formerPrimary(scene, target) : []), ...changedElsewhere(scene)];
  if (stale.length > 0 || strangers.length > 0) return refused(...stale);

  const writes = target.postgres.inRecovery === false;
  const since = `change ${leadership.leaderEpoch}${ofWhen(scene, leader, leadership.leaderEpoch)}`;
  switch (state) {
    case "fenced":
      if (writes && target.token?.to === target.node) {
        return refused({
          what: `${target.node} takes writes, although ${leader} led last, by ${since}`,
          hint: `Look at what was written on both; to stop ${target.node}: systemctl stop understudy-postgresql.`,
        });
      }
      return allowed(writes ? "adopt" : "failover");
    case "active":
      return fromActive(scene, leader, target, join, refused, allowed);
    case "absent":
    case undefined: {
      const how = state === "absent" ? "is declared absent" : "is not declared any more";
      const real = factsOf(scene, leader) === undefined ? "led last, by" : "leads since";
      return refused({
        what: `${leader} ${real} ${since}, and ${how}: nothing proves that it is off`,
        hint: `Declare it fenced, which proves it: ${setState(leader, "fenced")}; or let it take part: ${setState(leader, "active")}`,
      });
    }
  }
}

type Refused = (...reasons: Reason[]) => Decision;
type Allowed = (kind: Kind, join?: Joining | null) => Decision;

/** The one that leads is declared to take part. */
function fromActive(
  scene: Scene,
  leader: string,
  target: NodeFacts,
  join: Joining | null,
  refused: Refused,
  allowed: Allowed,
): Decision {
  const { declared, unreachable, leadership } = scene;
  const facts = factsOf(scene, leader);
  const writes = target.postgres.inRecovery === false;
  if (!facts) {
    const reason = unreachable.find(({ node }) => node === leader)?.reason ?? "it was not asked";
    return refused({
      what: `${leader} leads (epoch ${leadership.leaderEpoch}), cannot be asked, and is not declared fenced: ${reason}`,
      hint: `Bring its host back. If it is lost, declare a failover: ${declareFailover(leader, declared.primary)}`,
    });
  }
  if (facts.postgres.inRecovery === false) return allowed("switchover", join);
  if (writes) {
    if (isProvenIdle(facts)) return allowed("adopt");
    return refused({
      what: `${declared.primary} was promoted by hand, and it is not proven that ${leader}, which leads by the tokens, takes no writes (unit ${facts.postgres.unit})`,
      hint: `Stop PostgreSQL on ${leader} (systemctl stop understudy-postgresql), or declare it fenced: ${setState(leader, "fenced")}`,
    });
  }
  return refused({
    what: `${leader} leads (epoch ${leadership.leaderEpoch}) and takes no writes now (unit ${facts.postgres.unit}): it has nothing to hand over`,
    hint: `Bring it back first: pulumi config set primary ${leader} && pulumi up. If it is lost: ${declareFailover(leader, declared.primary)}`,
  });
}

/** A server that is stopped, or that recovers. */
function isProvenIdle({ postgres, warm, data }: NodeFacts): boolean {
  if (postgres.inRecovery === true) return true;
  if (["inactive", "failed"].includes(postgres.unit)) return true;
  return warm !== null && data.controlState === "in archive recovery";
}

/** No node that answered knows of anybody who leads. */
function withoutTokens(scene: Scene, target: NodeFacts, refused: Refused, allowed: Allowed): Decision {
  const { declared, known } = scene;
  const others = declared.nodes.filter(({ name }) => name !== declared.primary);
  const accounted = others.every(({ name, state }) => {
    const facts = factsOf(scene, name);
    return state === "fenced" || (facts !== undefined && (facts.data.state !== "cluster" || isProvenIdle(facts)));
  });
  const fenced = others.filter(({ state }) => state === "fenced");
  if (accounted && target.postgres.inRecovery === false) return allowed("adopt");
  if (accounted && fenced.length > 0)
    return { ...allowed("failover"), from: fenced.length === 1 ? (fenced[0]?.name ?? "") : "" };
  const idle = target.postgres.inRecovery === false ? "it takes writes" : "it is a standby";
  const silent = others.filter(({ name }) => !known.some(({ node }) => node === name)).map(({ name }) => name);
  return refused({
    what: `${declared.primary} is declared the primary, but ${idle}, and no reachable node is known to lead`,
    hint:
      silent.length === 0
        ? "Declare the node that was the primary before, then run 'pulumi up' again."
        : `Declare the node that was the primary before; if that is one of ${silent.join(", ")}, bring it back, or declare it fenced: ${setState(silent[0] as string, "fenced")}`,
  });
}

/** Nodes that take writes although nobody made them lead. */
function otherWriters({ writers, declared, leadership }: Scene): Reason[] {
  const leader = leadership.leader;
  if (writers.length > 1) {
    const real = leader === undefined ? "" : ` (by the tokens ${leader} leads, epoch ${leadership.leaderEpoch})`;
    return [
      {
        what: `more than one node takes writes: ${writers.join(", ")}${real}`,
        hint: "Stop PostgreSQL on all but the right one (systemctl stop understudy-postgresql), and look at what was written on the others.",
      },
    ];
  }
  const [writer] = writers;
  if (writer === undefined || writer === leader || writer === declared.primary) return [];
  const other = leader ?? declared.primary;
  return [
    {
      what: `${writer} takes writes, but ${leader === undefined ? "no token says that it leads" : `by the tokens ${leader} leads (epoch ${leadership.leaderEpoch})`}: it was promoted by hand`,
      hint: `To adopt that: pulumi config set primary ${writer}; if ${other} is not proven to be stopped, fence it as well: ${setState(other, "fenced")}. To undo it: stop PostgreSQL on ${writer}, and move its data directory aside.`,
    },
  ];
}

function unreachablePrimary(scene: Scene): Reason[] {
  const { declared, unreachable, leadership } = scene;
  const reason =
    unreachable.find(({ node }) => node === declared.primary)?.reason ?? "it is not among the active nodes";
  const what = `${declared.primary}: the declared primary cannot be asked: ${reason}`;
  const { leader } = leadership;
  if (leader !== undefined && leader !== declared.primary) {
    const hint = `Bring its host back, then run 'pulumi up' again; or declare what is: pulumi config set primary ${leader}`;
    return [{ what: `${what}; ${leader} leads (epoch ${leadership.leaderEpoch})`, hint }];
  }
  const heir = furthestAhead(scene.withData.filter(({ postgres }) => postgres.unit === "active"));
  const failover = heir ? ` If it is lost, declare a failover: ${declareFailover(declared.primary, heir.node)}` : "";
  return [{ what, hint: `Bring its host back, then run 'pulumi up' again.${failover}` }];
}

export function furthestAhead(nodes: readonly NodeFacts[]): NodeFacts | undefined {
  return [...nodes].sort((a, b) => b.wal.timeline - a.wal.timeline || receivedBytes(b) - receivedBytes(a))[0];
}

/** The old primary has given its role up, and nobody can say whether the target has taken it. */
function unanswered(scene: Scene): Reason[] {
  const token = scene.leadership.unanswered;
  if (!token) return [];
  return [
    {
      what: `${token.from} has handed over to ${token.to} (epoch ${token.epoch}), which cannot be asked whether it took over: ${token.from} stays down on purpose`,
      hint: `Bring ${token.to} back. If it is lost: ${declareFailover(token.to, token.from)}`,
    },
  ];
}

/**
 * The change by which somebody else leads was this stack's own, in an update that was cut off before the declared primary had joined
 * it: that is made up for.
 */
function joinsFirst(scene: Scene, target: NodeFacts): Joining | null {
  const { declared, leadership } = scene;
  const { recorded } = declared;
  if (recorded === undefined || target.joined >= leadership.leaderEpoch || target.postgres.inRecovery === false) {
    return null;
  }
  const expected = leaderIsOurs(scene) ? leadership.leaderEpoch : recorded.epoch + 1;
  const carriedOut = recorded.join?.epoch ?? (recorded.kind === "none" ? undefined : expected);
  return carriedOut === leadership.leaderEpoch ? { epoch: carriedOut, from: leadership.leaderFrom } : null;
}

/** The declared primary led once, was replaced, and has not come back as a standby since. */
function formerPrimary({ leadership, declared }: Scene, { token, postgres }: NodeFacts): Reason[] {
  const led = token?.to === declared.primary && ["taken", "leads"].includes(token.state);
  if (!led || token.epoch >= leadership.leaderEpoch || postgres.inRecovery === false) return [];
  return [
    {
      what: `${leadership.leader} leads since epoch ${leadership.leaderEpoch}; ${declared.primary}, which led at epoch ${token.epoch}, has not joined it since`,
      hint: `Declare what is: pulumi config set primary ${leadership.leader} && pulumi up. Then ${declared.primary} joins, and can be made the primary.`,
    },
  ];
}

/** The last update of this stack that asked made the leader what it is, whatever number it got for that beside other updates. */
function leaderIsOurs(scene: Scene): boolean {
  const intent = scene.declared.recorded?.intent ?? "";
  return intent !== "" && factsOf(scene, scene.leadership.leader)?.changedBy === intent;
}

/**
 * Each change of primary that this stack carries out is recorded before it begins: a number above that says that another checkout,
 * or somebody with another state, has changed it.
 */
function changedElsewhere(scene: Scene): Reason[] {
  const { declared, leadership } = scene;
  const { recorded } = declared;
  if (recorded === undefined || leaderIsOurs(scene) || declared.epoch === leadership.epoch) return [];
  // It still leads by the change that this stack knows of: what counted up were tries to take over from it.
  const isTheSame = recorded.kind !== "none" && recorded.from === leadership.leader;
  if (isTheSame && scene.leaderSince <= (recorded.leaderSince ?? 0)) return [];
  const expected = recorded.epoch + (recorded.kind === "none" && recorded.epoch > 0 ? 0 : 1);
  if (leadership.epoch <= expected) return [];
  return [
    {
      what: `${leadership.leader} leads (epoch ${leadership.epoch}): the primary was changed by somebody else since this stack's last update (epoch ${recorded.epoch})`,
      hint: `Declare what is: pulumi config set primary ${leadership.leader} && pulumi up. Then change it, if that is still wanted.`,
    },
  ];
}
