/** A node's report as a person reads it. */
import { describeChange, type Member, nameOf } from "../model/leadership/index.ts";
import { printable } from "../model/text.ts";
import type { Report } from "./report.ts";

/** Where the text of a line begins. */
const indent = 11;

export function formatReport(report: Report): string {
  const { node, members, promises } = report;
  const lines: (readonly [string, readonly string[]])[] = [
    ["Leads", leads(report)],
    ["Start", start(report)],
    ["Members", [members.length === 0 ? "none that it knows of" : list(members, node)]],
    ...(promises.length === 0
      ? []
      : [["Promised", [`${list(promises, node)} may take over without the ledger`]] as const]),
    ["Waits", [`to take over: ${report.arming}`]],
    ["Ledger", ledger(report)],
    ["Peers", report.peers.map((peer) => describePeer(peer, report.peers))],
    ...(report.trouble === null ? [] : [["Trouble", [report.trouble]] as const]),
  ];
  const body = lines.flatMap(([title, texts]) =>
    texts.map((text, at) => `${(at === 0 ? title : "").padEnd(indent)}${printable(text)}\n`),
  );
  return `${heading(report)}\n\n${body.join("")}`;
}

/** Change, leader, what PostgreSQL does, and whether the data is the leader's: `scripts/host/lib-agent.sh` reads it. */
export function formatWords({ taken, leader, phase, joined }: Report): string {
  const words = [taken?.change.entry ?? 0, leader === null ? "-" : nameOf(leader), phase, joined ? "yes" : "no"];
  return `${words.join(" ")}\n`;
}

const list = (members: readonly Member[], me: Member): string =>
  members.map((each) => (each === me ? `${nameOf(each)} (this node)` : nameOf(each))).join(", ");

const whenOf = (at: string): string => at.replace("T", " ").replace("Z", " UTC");

function heading({ node, at, phase, isReady, control, source, timeline }: Report): string {
  const on = timeline === null ? "" : `, timeline ${timeline}`;
  const is = {
    down: control === null ? "has no data" : `PostgreSQL is down (pg_control: ${control}${on})`,
    standby: source === null ? `is a standby that receives from nobody${on}` : `is a standby of ${nameOf(source)}${on}`,
    starting: "PostgreSQL is starting as the primary, or being promoted",
    serving: `is the primary and takes writes${on}`,
    stopping: "PostgreSQL is stopping, to hand over",
    byHand: "TAKES WRITES, AND DOES NOT LEAD: somebody started or promoted PostgreSQL by hand",
    unclear: "processes of PostgreSQL are left of which nobody knows what they do",
  }[phase];
  const state = isReady
    ? is
    : `its agent is starting, and answers nobody yet${control === null ? "" : ` (pg_control: ${control}${on})`}`;
  return `${nameOf(node)}  ${state}  ${whenOf(at)}`;
}

function leads({ leader, node, taken, joined }: Report): readonly string[] {
  if (leader === null || taken === null) return ["nobody that this node knows of"];
  const { kind, at, by, consent } = taken;
  const what = {
    initial: "the first primary",
    planned: "a planned change",
    claim: "a claim",
    closed: "a closed ledger",
  };
  const entry =
    kind === null || at === null ? "" : ` of ${whenOf(at)} (${what[kind]}${by === null ? "" : ` by ${nameOf(by)}`})`;
  return [
    `${nameOf(leader)}${leader === node ? " (this node)" : ""} by ${describeChange(taken.change)}${entry}`,
    ...(consent === null ? [] : [`with the operator's consent to lose ${describeConsent(consent)}`]),
    ...(leader === node || joined ? [] : ["this node has heard of it, and does not have its data yet"]),
  ];
}

const describeConsent = ({ lossBytes, lossUnknown }: NonNullable<NonNullable<Report["taken"]>["consent"]>): string =>
  [lossBytes === undefined ? [] : [`${lossBytes} bytes of WAL`], lossUnknown ? ["an amount that nobody knows"] : []]
    .flat()
    .join(", or ");

function start({ start: { message, hint }, isReady }: Report): readonly string[] {
  return isReady ? [message, `HINT: ${hint}`] : ["not known before the agent has started"];
}

const ledger = ({ ledger: { isInReach, end }, isReady }: Report): readonly string[] =>
  isReady ? [isInReach ? `in reach; its last entry is ${end}` : end] : ["not asked yet"];

function describePeer({ member, answer }: Report["peers"][number], all: Report["peers"]): string {
  const width = Math.max(...all.map((each) => nameOf(each.member).length));
  const name = nameOf(member).padEnd(width);
  if (answer === null) return `${name}  does not answer`;
  const { leader, change, joined, serving, isArmed } = answer;
  const role = serving
    ? "takes writes, or may at any moment"
    : joined
      ? "standby"
      : "read-only, without the leader's data";
  const knows = leader === null ? "knows of nobody who leads" : `${nameOf(leader)} leads by ${describeChange(change)}`;
  return `${name}  ${role}; ${knows}${isArmed ? "; waits to take over" : ""}`;
}
