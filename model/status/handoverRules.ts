import type { Leadership } from "../preflight/whoLeads.ts";
import type { NodeContext, NodeFinding, NodeRule } from "./finding.ts";
import { formatBytes } from "./format.ts";
import { readValue } from "./observation.ts";
import type { Activity } from "./summary.ts";

/** What a node's own view of who leads has against it, and what changes of primary have left on it. */

/** It may have to lead, and started read-only because nobody could tell. */
const waits: NodeRule = ({ observed: { host }, row }) => {
  const facts = readValue(host);
  if (facts?.verdict !== "wait" || row.role === "primary" || facts.postgres.unit !== "active") return [];
  const { token } = facts;
  const undecided = token?.state === "yielding" || (token?.to === row.declared.name && token.state !== "revoked");
  if (!undecided) return [];
  return [
    {
      level: "warning",
      what: "waits read-only: it may have to lead, and nobody who would know better could be asked",
      hint: "it goes on asking, and leads as soon as it may: bring the other nodes or the archive back, and the network between them. What it waits for: journalctl -u understudy-postgresql -u understudy-settle",
    },
  ];
};

const hasYielded: NodeRule = ({ observed: { host }, leadership }) => {
  const token = readValue(host)?.token;
  if (token?.state !== "yielding" || isPast(token.epoch, leadership)) return [];
  return [
    {
      level: "warning",
      what: `has handed over to ${token.to} (change ${token.epoch}) and has not heard whether it took over: it serves nobody`,
      hint: `bring ${token.to} back; if it is lost: pulumi config set --path 'nodes.${token.to}.state' fenced && pulumi config set primary ${token.from} && pulumi up`,
    },
  ];
};

const receives: readonly Activity[] = ["streaming", "catching up", "from archive", "paused"];

const hasNotJoined: NodeRule = ({ observed: { host }, row, leadership: { leader, leaderEpoch } }) => {
  const facts = readValue(host);
  if (facts?.data.state !== "cluster" || leader === undefined || leader === row.declared.name) return [];
  if (facts.joined >= leaderEpoch || facts.token?.state === "yielding" || receives.includes(row.activity)) return [];
  return [
    {
      level: "warning",
      what: `has not joined ${leader}, which leads since change ${leaderEpoch}: it does not start as anything but its standby`,
      hint: 'run pulumi up; if that has nothing to do: pulumi config set reconcile "$(date)" && pulumi up',
    },
  ];
};

const leadsUnasked: NodeRule = ({ row, leadership: { leader, leaderEpoch } }) =>
  row.role === "primary" && leader !== undefined && leader !== row.declared.name
    ? [
        {
          level: "critical",
          what: `takes writes, although ${leader} leads since change ${leaderEpoch}: it was promoted by hand`,
          hint: `to adopt that: pulumi config set primary ${row.declared.name}, and pulumi preview says what else has to be declared; to undo it: stop PostgreSQL on ${row.declared.name}`,
        },
      ]
    : [];

const leftBehind: NodeRule = ({ observed: { host } }: NodeContext): NodeFinding[] => {
  const kept = readValue(host)?.kept ?? [];
  return kept.map(({ path, bytes }) => ({
    level: "warning",
    what: `${path} was kept by a change of primary${bytes === null ? "" : ` (${formatBytes(bytes)})`}`,
    hint: path.includes(".aside-")
      ? "a data directory that could not be rewound: look whether something in it is needed, then remove it on the host"
      : "WAL that the archive does not have: what a former primary had written and nobody else got. Remove it on the host when it is not needed",
  }));
};

function isPast(epoch: number, { leader, leaderEpoch }: Leadership): boolean {
  return leader !== undefined && leaderEpoch >= epoch;
}

export const handoverRules: readonly NodeRule[] = [waits, hasYielded, hasNotJoined, leadsUnasked, leftBehind];
