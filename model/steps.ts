/**
 * The runbook: every step that an update is made of, in order. The table and the picture in `docs/architecture.md` are made from it, and tests
 * hold the graph (`components/cluster.ts`) and the locks on the hosts (`scripts/host/lib.sh`) against it.
 */
interface Step {
  /** What its resources were called in stacks of earlier versions; undefined: the same. */
  readonly formerly?: string;
  /** Where it runs: on each node, on the declared primary, or on the operator's machine. */
  readonly on: "every node" | "declared primary" | "operator's machine";
  /** Whether there is one for each node, as there is of a step on every node: its name then ends in that of the node. */
  readonly forEachNode?: true;
  /** With which targets, or under which condition, it is there; undefined: always. */
  readonly only?: string;
  /** What runs at the same time on one host waits for one another by this lock; undefined: the step only reads, or locks nothing. */
  readonly lock?: "roles" | "archive" | "databases" | "pooler";
  /** The steps that have to end before it begins, on all nodes. What comes before those is implied. */
  readonly after: readonly string[];
  /** Whether a change of what is declared about roles runs it again. */
  readonly followsRoles: boolean;
  /** What is true once it has ended. One sentence. */
  readonly makesTrue: string;
}

export const steps = {
  started: {
    on: "operator's machine",
    after: [],
    followsRoles: true,
    makesTrue: "the update has an id; where the one before did not reach its end, every step runs again",
  },
  power: {
    on: "operator's machine",
    forEachNode: true,
    only: "targets docker and aws; with every target, a node that is fenced",
    after: [],
    followsRoles: false,
    makesTrue: "the host runs; a fenced one is off, proven for this change (then it comes after `prepare`)",
  },
  boot: {
    on: "operator's machine",
    forEachNode: true,
    only: "target aws; before those of nodes one for each bastion",
    after: ["power"],
    followsRoles: false,
    makesTrue:
      "the host has its lasting SSH host key and lets the declared operator keys in, and its data volume is mounted and as large as it can be",
  },
  install: {
    on: "every node",
    lock: "roles",
    after: ["power", "boot"],
    followsRoles: false,
    makesTrue: "packages, the host's programs, users, directories and the service are there",
  },
  members: {
    on: "operator's machine",
    after: ["install"],
    followsRoles: true,
    makesTrue: "the stack remembers whom the nodes have to ask who leads, whatever config calls them later",
  },
  encryption: {
    on: "operator's machine",
    after: [],
    followsRoles: false,
    makesTrue: "the stack remembers whether the archive is encrypted, before any host has the key",
  },
  configure: {
    on: "every node",
    lock: "roles",
    after: ["install", "members", "encryption"],
    followsRoles: false,
    makesTrue: "the rendered files are in place, and in force where no start of PostgreSQL is needed for that",
  },
  agent: {
    on: "every node",
    only: "with `agent`",
    lock: "roles",
    after: ["configure"],
    followsRoles: false,
    makesTrue: "the agent of this version runs on the host, knows the others, and reaches the ledger",
  },
  restart: {
    on: "operator's machine",
    lock: "roles",
    only: "for every node that needs it, one after the other",
    after: ["configure", "agent"],
    followsRoles: false,
    makesTrue: "the new settings are in force, or the ones before are back",
  },
  pooler: {
    on: "every node",
    only: "with `pooler.enabled`",
    lock: "pooler",
    after: ["configure"],
    followsRoles: false,
    makesTrue: "two PgBouncers and their router run",
  },
  intent: {
    on: "operator's machine",
    after: [],
    followsRoles: true,
    makesTrue: "what is declared about roles has a fresh id, which every step below takes as an input",
  },
  preflight: {
    on: "operator's machine",
    after: ["configure", "restart", "pooler", "intent"],
    followsRoles: true,
    makesTrue: "nothing stands against what is asked; no role was touched before this line",
  },
  source: {
    on: "operator's machine",
    only: "with `restore`",
    after: ["preflight"],
    followsRoles: true,
    makesTrue: "of a new cluster: it is known from which backup of the other archive the target can be reached",
  },
  announce: {
    formerly: "claim",
    on: "every node",
    lock: "roles",
    after: ["preflight"],
    followsRoles: true,
    makesTrue: "the node knows the intent; steps of older ones refuse",
  },
  prepare: {
    formerly: "arm",
    on: "declared primary",
    lock: "roles",
    after: ["announce"],
    followsRoles: true,
    makesTrue: "it is ready to take over the moment it may: token, slots, and a unit that waits",
  },
  pause: {
    on: "every node",
    only: "with `pooler.enabled`",
    lock: "pooler",
    after: ["prepare"],
    followsRoles: true,
    makesTrue: "clients can be held back, and will be from the primary's stop on, for a bounded time",
  },
  demote: {
    formerly: "yield",
    on: "every node",
    lock: "roles",
    after: ["prepare", "pause"],
    followsRoles: true,
    makesTrue: "this node has stepped down if it was primary and is not declared to be: checkpoint, fast stop",
  },
  restore: {
    on: "declared primary",
    only: "with `restore`",
    lock: "roles",
    after: ["source", "announce"],
    followsRoles: true,
    makesTrue:
      "of a new cluster: its data are restored and recovered beside their place, and nothing in them is the source's",
  },
  promote: {
    formerly: "lead",
    on: "declared primary",
    lock: "roles",
    after: ["demote", "restore"],
    followsRoles: true,
    makesTrue: "this node is the one writable primary, proven, with a slot for each streaming standby",
  },
  resume: {
    on: "every node",
    only: "with `pooler.enabled`",
    lock: "pooler",
    after: ["promote"],
    followsRoles: true,
    makesTrue: "clients go to the primary",
  },
  databases: {
    on: "declared primary",
    lock: "databases",
    after: ["promote"],
    followsRoles: true,
    makesTrue: "users and databases are there as declared",
  },
  slots: {
    on: "declared primary",
    lock: "roles",
    after: ["promote"],
    followsRoles: true,
    makesTrue: "no slot of ours is left over",
  },
  surroundings: {
    on: "operator's machine",
    only: "target aws, with `aws.endpoint` or a fenced node",
    after: ["promote"],
    followsRoles: false,
    makesTrue:
      "the DNS name leads to the primary, and the roles of fenced nodes may do nothing; what fails is a warning, and is tried again by the next update",
  },
  follow: {
    on: "every node",
    lock: "roles",
    after: ["promote"],
    followsRoles: true,
    makesTrue: "a standby receives WAL from the primary: by a base backup, repointed, rewound or copied",
  },
  synchronous: {
    on: "declared primary",
    forEachNode: true,
    only: "for every node that is declared `synchronous`",
    lock: "roles",
    after: ["promote", "follow"],
    followsRoles: true,
    makesTrue: "commits wait for it: once it streams and has caught up, and not before",
  },
  archive: {
    on: "declared primary",
    lock: "archive",
    after: ["slots"],
    followsRoles: true,
    makesTrue: "WAL reaches the bucket without a hole since the last backup, and a backup exists",
  },
  receipt: {
    on: "operator's machine",
    after: ["resume", "databases", "slots", "follow", "synchronous", "archive"],
    followsRoles: true,
    makesTrue:
      "how the primary changed, as the hosts wrote it down, is kept with the data and is the output `handover`",
  },
  finished: {
    on: "operator's machine",
    after: ["receipt"],
    followsRoles: true,
    makesTrue: "the update has reached its end",
  },
} as const satisfies Readonly<Record<string, Step>>;

export type StepName = keyof typeof steps;

/** What the resource of a step was called in stacks of earlier versions; undefined: the same. */
export function formerName(resource: string): string | undefined {
  const [step, ...node] = resource.split("-") as [StepName, ...string[]];
  const row: Step | undefined = steps[step];
  return row?.formerly === undefined ? undefined : [row.formerly, ...node].join("-");
}
