/**
 * A cluster of the version before the ledger is taken along: its first entry, and each node's token, are made from what the tokens of the shell
 * protocol, the witnesses in the archive and the list of members say (docs/decisions/handover.md, members.md), where they agree. Where they do not, it
 * says what was found. Nothing is changed by asking.
 */
import type { HostFacts } from "../hostFacts.ts";
import { laterLeader, leadershipOf, underWay, type Witness } from "../preflight/whoLeads.ts";
import type { Change } from "./change.ts";
import type { Explanation } from "./explain.ts";
import { type Entry, initialEntry } from "./ledger.ts";
import { type Member, type Members, nameOf, sorted } from "./member.ts";
import { noToken, type Token } from "./token.ts";

/** What a host of that version says, as far as it counts here. */
export type ShellFacts = Pick<HostFacts, "token" | "joined" | "handover"> & {
  readonly postgres: Pick<HostFacts["postgres"], "inRecovery">;
  readonly data: Pick<HostFacts["data"], "state" | "systemIdentifier">;
};

export interface Found {
  /** Every node that counts, with the key that its agent has. */
  readonly members: Members;
  /** Names that were retired with proof. */
  readonly retired: readonly string[];
  /** Of the nodes that answered, by their names. */
  readonly facts: Readonly<Record<string, ShellFacts>>;
  /** Null: the archive was not read. */
  readonly witnesses: readonly Witness[] | null;
}

/** What the first entry says, and who gets which token. */
export interface Plan {
  readonly leader: Member;
  readonly members: Members;
  /** Who may have led, and could not be asked: a claim has to have them stopped, as whoever the ledger names. */
  readonly silent: Members;
  /** The highest change that anybody knows: changes are counted on from there. */
  readonly number: number;
  /** Who has the leader's data. */
  readonly joined: Members;
  /** Who answered, has data of this cluster, and is told who leads. */
  readonly told: Members;
}

export type TakenAlong =
  | { readonly may: true; readonly plan: Plan }
  | { readonly may: false; readonly why: readonly Explanation[] };

const FIRST_FINISH = "run an update with the version that is installed until it ends without an error, then this one";

export function planTakingAlong({ members, retired, facts, witnesses }: Found): TakenAlong {
  const asked = Object.entries(facts)
    .map(([node, each]) => ({ node, ...each }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
  const names = members.map(nameOf);
  const why: Explanation[] = [];
  const say = (message: string, hint: string): void => {
    why.push({ message, hint });
  };

  if (witnesses === null)
    say(
      "the archive cannot be read, in which changes of primary have left their witnesses",
      "make the archive reachable, and run the update again",
    );
  for (const { node } of asked)
    if (!names.includes(node))
      say(
        retired.includes(node)
          ? `${node} answers, and was retired with proof that it cannot come back`
          : `${node} answers, and is no member of the cluster`,
        `declare ${node} again, or stop it for good`,
      );

  // The rules of the version before judge whole facts; these are what they look at.
  const holders = asked as unknown as Parameters<typeof leadershipOf>[0];
  const known = leadershipOf(holders);
  const leads = asked.find(({ node }) => node === known.leader);
  const { leader, leaderEpoch } = known;
  const isLeading = leads?.token?.to === leader && (leads?.token?.state === "taken" || leads?.token?.state === "leads");
  const under = underWay(holders);
  if (known.disagreement.length > 0)
    say(
      `${known.disagreement.join(" and ")} both lead by change ${leaderEpoch}`,
      "stop all but the one whose data counts, and make the others anew from it",
    );
  else if (under !== undefined) say(`a change of primary is under way: ${under}`, FIRST_FINISH);
  else if (leader === undefined)
    say("no node knows who leads", "a cluster that was never provisioned begins a ledger of its own: run an update");
  else if (!leads)
    say(
      `${leader} leads by change ${leaderEpoch}, as the others know, and could not be asked`,
      `make ${leader} active; or, with the version that is installed, declare it fenced and another node the primary`,
    );
  else if (!isLeading)
    say(
      `${leader} led by change ${leaderEpoch}, and has given its role up (${describe(leads.token)}); nobody is known to have taken it`,
      FIRST_FINISH,
    );
  else if ((leads.token?.epoch ?? 0) < leaderEpoch)
    say(
      `${leader} says "${describe(leads.token)}", and others know that it leads by change ${leaderEpoch}: its disk has gone back`,
      "with the version that is installed, declare it fenced and another node the primary",
    );
  else if (leads.postgres.inRecovery !== false)
    say(
      `${leader} leads by change ${leaderEpoch}, and does not take writes`,
      `start it; or, with the version that is installed, declare it fenced and another node the primary`,
    );

  for (const { node, token, postgres, data } of asked) {
    if (node === leader) continue;
    if (postgres.inRecovery === false)
      say(
        `${node} takes writes, and ${leader ?? "another node"} leads: it was promoted or started by hand`,
        `stop PostgreSQL on ${node}; it follows again by an update, with its data set aside`,
      );
    if (token && isAbove(token, leader, leaderEpoch))
      say(
        `${node} says "${describe(token)}", and ${leader} leads by change ${leaderEpoch}`,
        `${FIRST_FINISH}; if ${node} was restored from a snapshot, or is a clone, make it anew`,
      );
    if (leads && data.state === "cluster" && data.systemIdentifier !== leads.data.systemIdentifier)
      say(
        `the data on ${node} are those of another cluster (system identifier ${data.systemIdentifier}; ${leader} has ${leads.data.systemIdentifier})`,
        `find out where the volume of ${node} comes from; make the node anew`,
      );
  }

  const later = laterLeader(holders, known, undefined, witnesses ?? []);
  if (later && isLeading)
    say(
      `${later.node} may have taken over by change ${later.epoch}, as the archive says, and could not be asked`,
      `make ${later.node} active, or, with the version that is installed, declare it fenced`,
    );

  const self = members.find((each) => nameOf(each) === leader);
  if (leader !== undefined && !self && !why.some(({ message }) => message.startsWith(`${leader} answers`)))
    say(`${leader} leads, and is no member of the cluster`, `declare ${leader} again`);
  if (why.length > 0 || !self || !leads) return { may: false, why };

  const silent = members.filter((each) => !(nameOf(each) in facts) && mayHaveLed(nameOf(each), asked, witnesses ?? []));
  const has = (test: (each: (typeof asked)[number]) => boolean): Members =>
    members.filter((member) => asked.some((each) => each.node === nameOf(member) && test(each)));
  return {
    may: true,
    plan: {
      leader: self,
      members: sorted(members),
      silent,
      number: Math.max(
        known.epoch,
        ...(witnesses ?? []).map(({ epoch }) => epoch).filter((each) => isNear(each, known.epoch)),
      ),
      joined: has(({ node, joined }) => node === leader || joined === leaderEpoch),
      told: has(({ data }) => data.state === "cluster"),
    },
  };
}

/** A number that is this much above what the nodes know is none: anybody with the archive's keys can write there. */
const FAR_AHEAD = 1_000_000;
const isNear = (epoch: number, known: number): boolean => epoch <= known + FAR_AHEAD;

/** Whether a token speaks of a change that the leader does not know, and that may have happened. What was called off has not. */
function isAbove(token: NonNullable<ShellFacts["token"]>, leader: string | undefined, leaderEpoch: number): boolean {
  switch (token.state) {
    case "taken":
    case "leads":
    case "yielding":
      return token.to === leader ? token.epoch > leaderEpoch : token.epoch >= leaderEpoch;
    default:
      // Armed, a candidate, or revoked: while the leader serves by its token, nobody takes anything over.
      return false;
  }
}

const mayHaveLed = (
  name: string,
  asked: readonly ({ readonly node: string } & ShellFacts)[],
  witnesses: readonly Witness[],
): boolean =>
  witnesses.some(({ node }) => node === name) ||
  asked.some(({ token }) => token !== null && (token.from === name || token.to === name));

const describe = (token: ShellFacts["token"]): string =>
  token === null ? "no token" : `${token.epoch} ${token.from || "-"} ${token.to} ${token.state}`;

/** The ledger's first entry. It is taken as it is made: its leader serves. */
export function firstEntryOf(
  { leader, members, silent, number }: Plan,
  { ledger, nonce, at }: Pick<Entry, "ledger" | "nonce" | "at">,
): Omit<Entry, "digest" | "taken"> {
  const entry = initialEntry(leader, members, { ledger, number, epoch: number, nonce, at, previous: "" });
  return { ...entry, named: sorted([leader, ...silent]) };
}

/** What a node keeps from then on. */
export interface Begun {
  readonly token: Token;
  readonly joined: boolean;
  readonly promoted: Change | null;
}

/** Of a node that was not asked, or has no data of this cluster: nothing. It is told when it follows. */
export function tokenFor(node: Member, plan: Plan, ledger: string, digest: string): Begun {
  const { leader, members, number, joined, told } = plan;
  if (!told.includes(node)) return { token: noToken, joined: false, promoted: null };
  return {
    token: { ledger, digest, entry: number, overrides: 0, leader, members, promises: [] },
    joined: joined.includes(node),
    promoted: node === leader ? { entry: number, overrides: 0 } : null,
  };
}
