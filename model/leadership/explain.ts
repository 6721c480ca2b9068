/** What a person reads of a decision: what it is, and what can be declared. */
import { describeChange } from "./change.ts";
import type { Heard, Start, StayReason } from "./guard.ts";
import { entryAt, last, type Own, type Reading } from "./ledger.ts";
import { type Member, type Members, nameOf } from "./member.ts";
import type { Refusal, WalEnd } from "./verdict.ts";

export interface Explanation {
  /** What is so, in lower case, without a full stop. */
  readonly message: string;
  readonly hint: string;
}

/** With its hint on a line of its own, as every error of the program. */
export const formatExplanation = ({ message, hint }: Explanation): string => `${message}\n    HINT: ${hint}`;

const list = (members: Members): string => members.map(nameOf).join(", ");
const nameOr = (of: Member | null): string => (of === null ? "nobody that it knows of" : nameOf(of));

/** PostgreSQL's form: 0/3000060. */
export const formatLsn = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
const formatEnd = ({ timeline, lsn }: WalEnd): string => `${formatLsn(lsn)} on timeline ${timeline}`;

const ledgerProblem = (own: Exclude<Own, { kind: "own" }>): string => {
  switch (own.kind) {
    case "unread":
      return `the ledger in the archive cannot be read: ${own.why}`;
    case "cut":
      return own.end === 0
        ? "the ledger in the archive is empty"
        : `the ledger in the archive ends at entry ${own.end}, below this node's own`;
    case "another":
      return `the archive holds another ledger (${own.ledger})`;
    case "closed": {
      const { number, at, to, replacedBy } = own.entry;
      return `the ledger in the archive was closed by entry ${number} of ${at}: ${nameOf(to)} leads by another one (${replacedBy})`;
    }
    default:
      return own satisfies never;
  }
};

const ledgerHint = (own: Exclude<Own, { kind: "own" }>): string => {
  switch (own.kind) {
    case "unread":
      return "make the archive reachable, and run the update again";
    case "closed":
      return `make ${nameOf(own.entry.to)} reachable, and run an update: this node is told of the ledger that it leads by`;
    case "cut":
    case "another":
      return "bring the archive of this cluster back, or declare that its ledger is replaced";
    default:
      return own satisfies never;
  }
};

/** Which entry names a member, and when that was: "node-b by change 7 of 2026-11-27T05:52:36Z". */
function nameBy(who: Member, reading: Reading): string {
  const entry = reading.kind === "read" ? reading.entries.findLast(({ to }) => to === who) : undefined;
  return entry ? `${nameOf(who)} by change ${entry.number} of ${entry.at}` : nameOf(who);
}

export function explain(why: Refusal, reading: Reading): Explanation {
  switch (why.kind) {
    case "ledger":
      return {
        message: `${ledgerProblem(why.own)}; no change of primary can be written down`,
        hint: ledgerHint(why.own),
      };
    case "ledgerEndsBelow":
      return {
        message: `somebody knows ${describeChange(why.known)}, and the ledger in the archive ends at entry ${why.end}`,
        hint: "bring the archive of this cluster back, or declare that its ledger is replaced",
      };
    case "notAMember":
      return {
        message: `${nameOf(why.node)} is no member of the cluster by entry ${why.entry} of the ledger`,
        hint: `run an update with another primary, so that ${nameOf(why.node)} is made a member and follows`,
      };
    case "notFollowed":
      return {
        message: `${nameOf(why.node)} is a member since change ${why.listed}, and has followed no primary since (it knows ${describeChange(why.token)})`,
        hint: `let ${nameOf(why.node)} follow first: run an update with the present primary`,
      };
    case "needsConsent": {
      const { by, known, node } = why;
      const taken = reading.kind === "read" ? (entryAt(reading.entries, known.entry) ?? by) : by;
      return {
        message: `${nameOf(taken.to)} leads by ${describeChange(known)} since ${taken.at}; what it acknowledged may not be on ${nameOf(node)}, and how much is not known`,
        hint: `make ${nameOf(taken.to)} active and let it hand over, or declare it fenced and accept the loss (accept.lossUnknown, or accept.lossBytes)`,
      };
    }
    case "notTheLeader":
      return {
        message: why.serving
          ? `${nameOf(why.node)} takes writes, and does not lead by its token (${nameOr(why.leader)} does)`
          : `${nameOf(why.node)} does not take writes as the leader (by its token ${nameOr(why.leader)} leads)`,
        hint: why.serving
          ? `stop PostgreSQL on ${nameOf(why.node)}: it was promoted or started by hand`
          : "run npm run status to see who leads",
      };
    case "entriesAreOpen": {
      const named = why.open.map(({ to }) => nameOf(to)).join(", ");
      return {
        message: `entries above ${describeChange(why.token)} are open: they name ${named}`,
        hint: `run the update again: the primary claims once ${named} has stood down or is declared fenced`,
      };
    }
    case "overrideIsUnwritten":
      return {
        message: `${describeChange(why.token)} is not written into the ledger yet`,
        hint: "make the archive reachable: the primary writes it down by itself",
      };
    case "listLacksItsAuthor":
      return {
        message: `${nameOf(why.node)} is the primary, and would not be a member`,
        hint: "change the primary first",
      };
    case "notArmed":
      return {
        message: `${nameOf(why.node)} does not wait to take over: it was let go, or its agent has restarted`,
        hint: "run the update again",
      };
    case "otherToken":
      return {
        message: `${nameOf(why.node)} knows ${describeChange(why.token)} of ${nameOr(why.leader)}, and not the present one`,
        hint: `let ${nameOf(why.node)} follow first: run an update with the present primary`,
      };
    case "notJoined":
      return {
        message: `${nameOf(why.node)} has heard that ${nameOr(why.leader)} leads, and does not have its data yet`,
        hint: `let ${nameOf(why.node)} follow first: run an update with the present primary`,
      };
    case "hasPromised":
      return {
        message: `${nameOf(why.node)} has promised ${list(why.to)} that it may take over without the ledger`,
        hint: `make ${list(why.to)} reachable, or declare it fenced, and run the update again`,
      };
    case "serves":
      return {
        message: `${nameBy(why.node, reading)} takes writes`,
        hint: `make ${nameOf(why.node)} active and let it hand over, or declare it fenced`,
      };
    case "knowsBetter":
      return {
        message: `${nameOf(why.node)} knows ${describeChange(why.token)}, which is later than the ${describeChange(why.base)} that the claim knew of`,
        hint: "run the update again: it asks for consent to what it has found out",
      };
    case "notItsClaim":
      return {
        message: `entry ${why.entry} of the ledger is not the claim of ${nameOf(why.node)}: somebody else wrote it first`,
        hint: "run the update again",
      };
    case "isTaken":
      return { message: `${describeChange(why.token)} is taken already`, hint: "run npm run status to see who leads" };
    case "notStopped":
      return {
        message: `these may lead, and are not proven to be stopped after entry ${why.entry}: ${why.nodes.map((each) => nameBy(each, reading)).join("; ")}`,
        hint: `make ${list(why.nodes)} active, declare it fenced, or retire it`,
      };
    case "notTold":
      return {
        message: `the primary has not said yet that it stopped for change ${why.entry}`,
        hint: "look at the primary: its stop hangs, or it cannot reach this node",
      };
    case "otherArming":
      return {
        message: `the primary's message is not for this try of change ${why.entry}`,
        hint: "run the update again",
      };
    case "otherEnd":
      return {
        message: `replay ends at ${formatEnd(why.replayed)}, and the primary stopped at ${formatEnd(why.stopped)}`,
        hint: "wait for the rest of the WAL; if replay is further, this node has WAL that the primary never wrote: make it follow anew",
      };
    case "otherLedger":
      return {
        message: `${nameOf(why.node)} has agreed to another ledger (${why.ledger}), and somebody may lead by that one`,
        hint: "declare that the ledger is replaced: an override for the old one could make two primaries",
      };
    case "replacementNeedsConsent":
      return {
        message: `${nameOf(why.node)} is not the primary; what was acknowledged since ${describeChange(why.known)} may not be on it, and how much is not known`,
        hint: "declare as the primary the node that serves, or accept the loss (accept.lossUnknown, or accept.lossBytes)",
      };
    case "begunByAnother":
      return {
        message: `where the new ledger is to begin lies entry ${why.entry.number} of ${why.entry.at} by ${nameOf(why.entry.by)}`,
        hint: "name an empty place for the new ledger; if two updates have replaced it, let the one that is there go on",
      };
    case "notGone":
      return why.answer
        ? {
            message: `${list(why.nodes)} would be a member no more, and answers`,
            hint: `destroy its host or wipe its disk, then run the update again; to leave a host alone, declare it absent`,
          }
        : {
            message: `${list(why.nodes)} would be a member no more, and nothing proves that it cannot come back as what it was`,
            hint: "let the update destroy its host, wipe its disk, or state that it is gone",
          };
    case "isArmed":
      return {
        message: `${nameOf(why.node)} waits to take over`,
        hint: "wait for its deadline, or run the update again",
      };
    case "olderLeader":
      return {
        message: `this node knows ${describeChange(why.token)}, and ${nameOf(why.leader)} leads by ${describeChange(why.theirs)}, which is earlier`,
        hint: "run npm run status to see who leads; declare as the primary the leader of the later change, or accept its loss",
      };
    default:
      return why satisfies never;
  }
}

const stayReason = (why: StayReason): Explanation => {
  switch (why.kind) {
    case "notTheLeader":
      return {
        message: `${nameOr(why.leader)} leads by ${describeChange(why.token)}, the last that this node knows`,
        hint: "it follows as a standby",
      };
    case "isArmed":
      return { message: "this node waits to take over", hint: "wait for the deadline, or run the update again" };
    case "isTaken":
      return {
        message: `${nameOf(why.entry.to)} took change ${why.entry.number} of ${why.entry.at}`,
        hint: `make ${nameOf(why.entry.to)} reachable, or declare it fenced and name a primary`,
      };
    case "otherMachine":
      return {
        message: `the data was last used on another machine (${why.written}; this is ${why.machine}): this is a clone, or the disk was moved`,
        hint: "stop the other machine for good, and run an update that adopts this one",
      };
    case "lostWal":
      return {
        message: `this node's WAL ends at ${formatEnd(why.mine)}, and ${why.at === "archive" ? "the archive" : nameOf(why.at)} has it up to ${formatEnd(why.found)}: this disk has gone back`,
        hint: "declare as the primary a node that has all of it, or accept the loss",
      };
    default:
      return why satisfies never;
  }
};

/** Whether, and by what, a node may take writes: the first thing that an engineer on call asks. */
export function explainStart(start: Start, reading: Reading): Explanation {
  switch (start.kind) {
    case "stay":
      return stayReason(start.why);
    case "lead": {
      const { basis, token, heard } = start;
      const asked = heard.length === 0 ? "" : `, and ${list(heard)} ${heard.length === 1 ? "knows" : "know"} of none`;
      const by =
        basis.kind === "ledger"
          ? `the ledger has no later change that anybody took${asked}`
          : `${ledgerProblem(basis.ledger)}${heard.length === 0 ? "; there is no other member" : `; all members know of no later change: ${list(heard)}`}`;
      return { message: `it may take writes by ${describeChange(token)}: ${by}`, hint: "nothing has to be done" };
    }
    case "ask": {
      const { basis, silent } = start;
      const by =
        basis.kind === "ledger"
          ? `entries above its own name ${silent.map((each) => nameBy(each, reading)).join("; ")}`
          : `${ledgerProblem(basis.ledger)}, so every member has to answer`;
      return {
        message: `it stays read-only and asks on: ${by}; silent: ${list(silent)}`,
        hint: `make ${list(silent)} reachable${basis.kind === "members" ? ", or the archive" : ""}; or declare a primary, and ${list(silent)} fenced`,
      };
    }
    default:
      return start satisfies never;
  }
}

export function explainHeard(from: Member, heard: Heard): string {
  switch (heard.kind) {
    case "adopt":
      return `${nameOf(from)}: ${nameOr(heard.token.leader)} leads by ${describeChange(heard.token)}`;
    case "nothing":
      return `${nameOf(from)} knows of no later change`;
    case "wentBack":
      switch (heard.why) {
        case "namesThisNode":
          return `${nameOf(from)} knows a later change of this very node: a disk has gone back`;
        case "sameChange":
          return `${nameOf(from)} knows another leader by the same change: a disk has gone back, or one is a clone`;
        case "serves":
          return `${nameOf(from)} takes writes without a later change`;
        case "isOlder":
          return `${nameOf(from)} knows less than when it was named in the ledger: its disk has gone back`;
        default:
          return heard.why satisfies never;
      }
    default:
      return heard satisfies never;
  }
}

/** The last entry, for status: "change 7 (claim) of 2026-…: node-b". */
export function describeEnd(reading: Reading): string {
  if (reading.kind === "unread") return `not read: ${reading.why}`;
  const end = last(reading.entries);
  return end ? `change ${end.number} (${end.kind}) of ${end.at}: ${nameOf(end.to)}` : "empty";
}

/** What has to be so before a new ledger is begun, for the preview of an update that replaces one. */
export function explainReplacement(agreed: Members, keptOff: Members, missing: Members): Explanation {
  const off = keptOff.length === 0 ? "" : `; kept off: ${list(keptOff)}`;
  if (missing.length === 0)
    return {
      message: `the ledger is replaced: ${agreed.length === 0 ? "there is nobody else" : `agreed: ${list(agreed)}`}${off}`,
      hint:
        keptOff.length === 0
          ? "nothing has to be done"
          : `keep ${list(keptOff)} off until an update has told it of the new ledger, or make it anew: the old archive could let it lead`,
    };
  return {
    message: `the ledger cannot be replaced yet: ${list(missing)} has not agreed to the new one, and is not proven to be off${off}`,
    hint: `make ${list(missing)} reachable as a standby, or declare it fenced and keep it off until it was told of the new ledger`,
  };
}
