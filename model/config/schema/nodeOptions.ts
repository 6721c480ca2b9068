import { isHost } from "../network.ts";
import { instanceTypeOption } from "./awsOptions.ts";
import { nodeVolumeOptions } from "./awsStorageOptions.ts";
import { anything, duration, flag, list, matching, type Option, oneOf, size } from "./option.ts";
import { loginOptions, portOption } from "./sshOptions.ts";

/** Of every node, whatever the target. */
export const commonNodeOptions = {
  state: {
    schema: oneOf("active", "fenced", "absent"),
    description:
      "`active`: takes part. `fenced`: kept out, and proven to be off. `absent`: its host is left alone and its steps are not run.",
    rule: "must be one of active, fenced, absent",
    hint: "use active, fenced or absent",
    default: "active",
    effect: "the node joins or leaves; the others stay",
  },
  source: {
    schema: oneOf("streaming", "archive"),
    description:
      "Where the node gets WAL from while it is a standby: the primary, or the archive alone (log shipping).",
    rule: "must be one of streaming, archive",
    hint: "use streaming or archive",
    default: "streaming",
    effect: "reload of that node",
  },
  standby: {
    schema: oneOf("hot", "warm"),
    description: "Whether it answers read-only queries while it is a standby.",
    rule: "must be one of hot, warm",
    hint: "use hot or warm",
    default: "hot",
    effect: "restart of that node",
  },
  synchronous: {
    schema: flag(),
    description:
      "Whether a commit waits for this node while it is a standby that has caught up. Where several nodes say so, a commit waits for any one of them.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "reload of the primary",
  },
  delay: {
    schema: duration(),
    description: "How far it stays behind on purpose while it is a standby.",
    rule: "must be a duration: a number and one of us, ms, s, min, h, d",
    hint: "write it such as 15min or 1h; units heed case",
    default: "none",
    effect: "reload of that node",
  },
} as const satisfies Record<string, Option>;

export const dockerNodeOptions = {
  memory: {
    schema: size(),
    description: "Memory of the container, by which PostgreSQL is sized too.",
    rule: "must be a size: a number and one of B, kB, MB, GB, TB",
    hint: "write it such as 512MB or 2GB; units heed case",
    default: "1GB",
    effect: "restart of that node's PostgreSQL",
  },
} as const satisfies Record<string, Option>;

export const leastMemory = "256MB";

/** One line of text that can be shown anywhere. */
const line = (value: string) => /^[^\p{Cc}]{3,500}$/u.test(value);

/** How it is proven that a host of the user's is off: one of the two. */
export const fenceOptions = {
  command: {
    schema: matching(line),
    description:
      "Command that switches the host off and looks that it is off; run on the operator's machine. Exit code 0 is the proof. It is shown by previews: no secret in it.",
    rule: "must be one line of 3 to 500 characters",
    hint: "give a command that ends with 0 only once the host is off, such as: ipmitool … chassis power off",
    default: "none",
    effect: "of a fenced node: it is fenced again",
  },
  statement: {
    schema: matching(line),
    description:
      "The operator's word that the host is off: who says so, and how it was seen. Only while the node is `fenced`; the receipt repeats it.",
    rule: "must be one line of 3 to 500 characters",
    hint: "write who has seen what and when, such as: 'M. Example, 03:12, power cut at the PDU, LEDs dark'",
    default: "none",
    effect: "of a fenced node: it is fenced again",
  },
} as const satisfies Record<string, Option>;

export const sshNodeOptions = {
  ...loginOptions,
  address: {
    schema: matching(isHost),
    description: "IP address, or name that resolves on every node, by which the other nodes reach this one.",
    rule: "must be a host name or an IP address",
    hint: "set the address in the network that the nodes share",
    default: "`host`",
    later: true,
    effect: "reload of every node",
  },
  postgresPort: portOption("Port that PostgreSQL listens on.", "5432", "restart of that node, reload of the others"),
  dataDirectory: {
    schema: matching(isDataDirectory),
    description: "Directory on the host for the data, WAL and journal of the node; best a file system of its own.",
    rule: "must be an absolute path of letters, digits, '.', '_' and '-', below a directory of its own",
    hint: "use a directory such as /var/lib/understudy",
    default: "/var/lib/understudy",
    effect: "refused where the node has data: move the data by hand first",
  },
  proxy: {
    schema: anything(),
    description: "SSH server to go through (a bastion).",
    rule: "must be an object",
    hint: "set host and privateKeyFile under it",
    default: "none",
    effect: "the steps run again",
    options: loginOptions,
  },
  fence: {
    schema: anything(),
    description: "How it is proven that the host is off while the node is `fenced`: `command` or `statement`.",
    rule: "must be an object",
    hint: "set command or statement under it",
    default: "none; required while the node is `fenced`",
    effect: "of a fenced node: it is fenced again",
    options: fenceOptions,
  },
} as const satisfies Record<string, Option>;

export const awsNodeOptions = {
  zone: {
    schema: matching((value) => value.length > 0),
    description: "Availability zone of the node's volume, and so of the node.",
    rule: "must be a zone of aws.region",
    hint: "set it such as: pulumi config set --path nodes.node-a.zone eu-central-1a",
    required: true,
    effect: "refused on a node that exists: a volume does not move",
  },
  instanceType: instanceTypeOption(
    "`aws.instanceType`",
    "that host is stopped and started, while `aws.maintain` names it",
  ),
  otherInstanceTypes: {
    schema: list(),
    description:
      "Types that the instance becomes, in this order, where AWS has no room for its own when it is started. It keeps the one that it has got, until `aws.maintain` names the node after a refresh.",
    rule: "must be a list of EC2 instance types of the Nitro system, with the same processor",
    hint: "set it such as: pulumi config set --path 'nodes.node-b.otherInstanceTypes[0]' m6g.large",
    default: "none: the update fails where there is no room",
    effect: "none on a host that runs",
  },
  capacityReservation: {
    schema: matching((value) => /^cr-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(value)),
    description:
      "On-demand capacity reservation that the instance is in, so that AWS has room for it whenever it is started. You make the reservation, for its type and zone.",
    rule: "must be the id of a capacity reservation",
    hint: "set it such as cr-0123456789abcdef0",
    default: "none: an open reservation that fits is used",
    effect: "the host is stopped and started, while `aws.maintain` names it",
  },
  volume: {
    schema: anything(),
    description: "The node's data volume.",
    rule: "must be an object",
    hint: "set size under it",
    default: "`aws.volume`, key by key",
    effect: "see its keys",
    options: nodeVolumeOptions,
  },
  stop: {
    schema: oneOf("clean", "force"),
    description:
      "How the instance of a fenced node is stopped. `force`: EC2 does not wait for it, since a host that is fenced is not trusted to stop itself. `clean`: it may shut down for two minutes first.",
    rule: "must be one of clean, force",
    hint: "use force, or clean for a host that you trust to shut down",
    default: "force",
    effect: "of a fenced node: it is fenced again",
  },
  fence: {
    schema: anything(),
    description:
      "What proves that the host is off where EC2 can't tell, because it says `stopping` for hours (in a lost zone): `command` or `statement`. What EC2 itself proves needs neither.",
    rule: "must be an object",
    hint: "set command or statement under it",
    default: "none: EC2 has to say that the instance is stopped, or terminated",
    effect: "of a fenced node: it is fenced again",
    options: fenceOptions,
  },
} as const satisfies Record<string, Option>;

const systemDirectories = [
  "bin",
  "boot",
  "dev",
  "etc",
  "lib",
  "lib64",
  "proc",
  "root",
  "run",
  "sbin",
  "sys",
  "tmp",
  "usr",
];

function isDataDirectory(path: string): boolean {
  const parts = path.split("/").slice(1);
  return (
    path.startsWith("/") &&
    path.length <= 90 &&
    parts.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== "." && part !== "..") &&
    !systemDirectories.includes(parts[0] as string) &&
    !["/home", "/opt", "/srv", "/mnt", "/media", "/var", "/var/lib", "/var/log", "/var/tmp"].includes(path)
  );
}
