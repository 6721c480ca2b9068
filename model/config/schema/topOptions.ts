import * as z from "zod";
import { defaultMajor, type PostgresMajor, postgresMajors } from "../../majors.ts";
import { isClusterName } from "../../names.ts";
import { type TargetName, targets } from "../targets/registry.ts";
import { acceptOptions } from "./acceptOptions.ts";
import { archiveOptions } from "./archiveOptions.ts";
import { awsOptions } from "./awsOptions.ts";
import { drillOptions } from "./drillOptions.ts";
import {
  anything,
  bytes,
  bytesRule,
  duration,
  flag,
  list,
  matching,
  type Option,
  ownRule,
  wholeNumber,
} from "./option.ts";
import { poolerOptions } from "./poolerOptions.ts";
import { restoreOptions } from "./restoreOptions.ts";

/** An option as `Pulumi.yaml` declares it; a default there means "not set" to `parseConfig`. */
export interface TopOption<T = unknown> extends Option<T> {
  readonly pulumi: {
    readonly type?: "string" | "integer" | "boolean" | "object" | "array";
    readonly items?: "string";
    /** The CLI refuses a stack that does not set a key without a default, before this program can say what is wrong. */
    readonly default: unknown;
  };
}

const targetNames = Object.keys(targets) as readonly TargetName[];

export const topOptions = {
  target: {
    schema: z.custom<TargetName>().superRefine(targetProblem),
    description:
      "Where hosts come from: `docker` makes containers, `ssh` uses hosts that exist already, `aws` makes EC2 instances.",
    rule: `must be one of ${targetNames.join(", ")}`,
    hint: "set it with: pulumi config set target docker",
    required: true,
    effect: "every host is another",
    pulumi: { type: "string", default: "" },
  },
  primary: {
    schema: z.string(),
    description:
      "Name of the node that is to be the primary. A change of it moves the primary: a switchover, or a failover where the one that leads is `fenced`.",
    rule: "must be the name of a node",
    hint: "name one of the nodes: pulumi config set primary <node>",
    required: true,
    effect: "the primary changes",
    pulumi: { type: "string", default: "" },
  },
  nodes: {
    schema: anything(),
    description: "The nodes, by name. A name is a host name and, with `understudy_` in front, a replication slot.",
    rule: "must be an object: node name to options",
    hint: "add one with: pulumi config set --path nodes.node-a.state active",
    required: true,
    effect: "nodes are added and removed; the others stay",
    pulumi: { type: "object", default: {} },
  },
  postgresVersion: {
    type: postgresMajors.join(" | "),
    schema: wholeNumber(0, 1000).refine((major) => postgresMajors.includes(major as PostgresMajor), {
      message: ownRule,
    }) as unknown as z.ZodType<PostgresMajor>,
    description: "Major version of PostgreSQL.",
    rule: `must be one of ${postgresMajors.join(", ")}`,
    hint: `set a major version: ${postgresMajors.join(", ")}`,
    default: String(defaultMajor),
    effect: "refused where there is data: an upgrade is a cluster of its own",
    pulumi: { type: "integer", default: defaultMajor },
  },
  clusterName: {
    schema: matching(isClusterName),
    description: "Name of the cluster, of its pgBackRest stanza and of what a target makes.",
    rule: "must be 1 to 40 lower-case letters, digits and inner hyphens",
    hint: "set one with: pulumi config set clusterName <name>",
    default: "the stack's name",
    effect: "refused where there is data: it names the backups",
    pulumi: { type: "string", default: "" },
  },
  reconcile: {
    schema: z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]),
    description: "Any text. A change of it runs every step again, for when hosts were repaired by hand.",
    rule: "must be text",
    hint: 'set any text, such as: pulumi config set reconcile "$(date)"',
    default: "none",
    effect: "every step runs again and changes what is wrong only",
    pulumi: { default: "" },
  },
  agent: {
    schema: flag(),
    description:
      "Whether agents on the hosts decide who leads, and not the host scripts. Unfinished: for new clusters, to try it. It is to become the only way.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "refused where there is data",
    pulumi: { type: "boolean", default: false },
  },
  epoch: {
    schema: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    description:
      "Guard: the number of the last change of primary that this config knows. If reality is past it, the update is refused.",
    rule: "must be a whole number",
    hint: "set it to the epoch of the stack output handover, or remove it",
    default: "no guard",
    effect: "none on the cluster",
    pulumi: { default: "" },
  },
  accept: {
    schema: anything(),
    description:
      "What a failover may lose, and whatever else one change of primary needs consent to. Where it is proven that nothing is lost, none is needed.",
    rule: "must be an object",
    hint: `set it such as: pulumi config set accept '{"change":1,"lossUnknown":true}'`,
    default: "nothing",
    effect: "none on the cluster",
    options: acceptOptions,
    // An object, or its JSON: one command gives a consent, whatever was set before.
    pulumi: { default: "" },
  },
  maxLagBytes: {
    schema: bytes(),
    description:
      "How far behind the target of a planned change of primary may be when it begins: WAL that it has not replayed.",
    rule: bytesRule,
    hint: "write it such as 16MB; units heed case",
    default: "16MB",
    effect: "none on the cluster",
    pulumi: { default: "" },
  },
  maxTransactionAge: {
    schema: duration(),
    description:
      "A transaction that is open on the primary for longer than this refuses a planned change: it would be broken off.",
    rule: "must be a duration: a number and one of us, ms, s, min, h, d",
    hint: "write it such as 1min or 30s; units heed case",
    default: "1min",
    effect: "none on the cluster",
    pulumi: { default: "" },
  },
  settings: {
    type: "Readonly<Record<string, string | number | boolean>>",
    schema: anything(),
    description:
      "Further `postgresql.conf` settings, by name; checked against the major. They win over what follows from the host's size.",
    rule: "must be an object: setting to value",
    hint: "add one with: pulumi config set --path settings.work_mem 16MB",
    default: "none",
    effect: "reload of every node, or restart where PostgreSQL asks for it",
    pulumi: { type: "object", default: {} },
  },
  archive: {
    schema: anything(),
    description: "The bucket that WAL and backups go to.",
    rule: "must be an object",
    hint: "set endpoint, bucket, accessKey and secretKey under it",
    default: "`docker`: an S3 server of the stack's own; `aws`: a bucket of the stack's own",
    effect: "see its keys",
    options: archiveOptions,
    pulumi: { type: "object", default: {} },
  },
  restore: {
    schema: anything(),
    description:
      "What a new cluster is made from: another one's archive, up to a moment. Used once, by the update that makes the cluster.",
    rule: "must be an object",
    hint: "set from under it",
    default: "none: an empty cluster is made",
    effect: "refused on a cluster that exists; taken off, it changes nothing",
    options: restoreOptions,
    pulumi: { type: "object", default: {} },
  },
  drill: {
    schema: anything(),
    description:
      "Drills: the last backup and all WAL after it are restored beside, checked, and thrown away. `npm run drill` makes one at any time.",
    rule: "must be an object",
    hint: "set schedule, maxAge or query under it",
    default: "none by themselves",
    effect: "see its keys",
    options: drillOptions,
    pulumi: { type: "object", default: {} },
  },
  aws: {
    schema: anything(),
    description: "What the target `aws` makes, and where.",
    rule: "must be an object",
    hint: "set account, region and operatorNetworks under it",
    default: "none; required with the target `aws`",
    effect: "see its keys",
    options: awsOptions,
    pulumi: { type: "object", default: {} },
  },
  databases: {
    type: "Readonly<Record<string, DatabaseArgs>>",
    schema: anything(),
    description:
      "Databases to make, by name. The stack's connection URIs are for the first of them by name, as its owner.",
    rule: "must be an object: database name to options",
    hint: "add one with: pulumi config set --path databases.app.owner app",
    default: "`app`, owned by `app`",
    effect: "databases are made; one that is taken off the list is left alone",
    pulumi: { type: "object", default: {} },
  },
  users: {
    type: "Readonly<Record<string, UserArgs>>",
    schema: anything(),
    description: "Users to make, by name, beside the owners of the databases.",
    rule: "must be an object: user name to options",
    hint: "add one with: pulumi config set --path 'users.report.memberOf[0]' pg_monitor",
    default: "the owners of the databases",
    effect: "users are made and changed; one that is taken off the list is left alone",
    pulumi: { type: "object", default: {} },
  },
  pooler: {
    schema: anything(),
    description: "PgBouncer on every node: clients of any node are led to the primary, or to the standbys.",
    rule: "must be an object",
    hint: "set enabled under it",
    default: "none",
    effect: "see its keys",
    options: poolerOptions,
    pulumi: { type: "object", default: {} },
  },
  deletionProtection: {
    schema: flag(),
    description: "Whether the data volumes and the bucket survive `pulumi destroy`.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "true",
    effect: "none on the cluster",
    pulumi: { type: "boolean", default: true },
  },
  clientNetworks: {
    schema: list(),
    description: "Networks, in CIDR notation, that clients may come from (over TLS, with SCRAM).",
    rule: "must be a list of networks in CIDR notation",
    hint: "add one with: pulumi config set --path 'clientNetworks[0]' 10.0.0.0/8",
    default: Object.entries(targets)
      .map(([name, { clientNetworksInWords }]) => `\`${name}\`: ${clientNetworksInWords}`)
      .join("; "),
    effect: "reload of every node",
    pulumi: { type: "array", items: "string", default: [] },
  },
  clientCaFile: {
    schema: matching((path) => /^[^\p{Cc}]{1,1000}$/u.test(path) && !path.startsWith("~")),
    description:
      "Where clients keep the CA certificate: the connection strings name this file. A relative path starts in the client's working directory.",
    rule: "must be a path, without control characters and without a ~ at its start",
    hint: "set it such as: pulumi config set clientCaFile /etc/ssl/certs/understudy-ca.crt",
    default: "`understudy-<clusterName>-ca.crt`",
    effect: "none on the cluster: the connection strings change",
    pulumi: { type: "string", default: "" },
  },
} as const satisfies Record<string, TopOption>;

function targetProblem(value: unknown, context: z.RefinementCtx): void {
  if ((targetNames as readonly string[]).includes(String(value))) return;
  const message = `is the unknown target '${String(value)}'`;
  const hint = `use one of ${targetNames.join(", ")}`;
  context.addIssue({ code: "custom", message, params: { hint } });
}

/** Keys of earlier versions, and what to do about them. */
export const formerKeys: Readonly<Record<string, string>> = {
  maxLossBytes: "accept.lossBytes and accept.lossUnknown",
  acceptBehind: "accept.behind",
};
