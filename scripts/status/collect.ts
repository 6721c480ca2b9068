import type { Host } from "../../model/host.ts";
import { type HostFacts, parseHostFacts } from "../../model/hostFacts.ts";
import type { Backup, DeclaredNode, Observation, Reading, Schedule, SqlFacts } from "../../model/status/observation.ts";
import { type MonitoredNode, type Monitoring, parseHeld } from "../../model/status/sources.ts";
import type { RunResult } from "../ssh/runResult.ts";
import { runOnHost } from "../ssh/ssh.ts";
import { readServer } from "./sql.ts";

/**
 * Seconds that any one answer may take: a node that hangs costs no more than this. A node that is fenced or absent may be silent; it is
 * asked all the same, for as long, since one that leads is a disaster.
 */
const NODE_SECONDS = 5;
/** `pgbackrest info` asks the bucket; a second node is asked only if the first one failed early enough. */
const BACKUPS_SECONDS = 8;

const COMMAND = "/usr/local/sbin/understudy";

/** Looks at every node at once, by SQL and by SSH, and never fails: what could not be read says why. */
export async function observe(monitoring: Monitoring): Promise<Observation> {
  const at = new Date();
  const [nodes, held] = await Promise.all([
    Promise.all(
      monitoring.nodes.map(async (node) => {
        const [sql, host] = await Promise.all([readSql(node, monitoring), readHost(node)]);
        return { declared: declaredOf(node), sql, host };
      }),
    ),
    readHeld(monitoring),
  ]);
  const backups: Observation["backups"] = held.kind === "read" ? { kind: "read", value: held.value.backups } : held;
  const schedules = held.kind === "read" ? held.value.schedules : [];
  const { clusterName, postgresVersion, primary, bastionPending, accept, drillMaxAgeSeconds } = monitoring;
  const declared = { clusterName, postgresVersion, primary, bastionPending, accept, drillMaxAgeSeconds };
  return { ...declared, at, nodes, backups, schedules };
}

function declaredOf(node: MonitoredNode): DeclaredNode {
  const { name, state, declaredRole, source, standby, synchronous, slot, pending } = node;
  return { name, state, role: declaredRole, source, standby, synchronous, slot, pending };
}

async function readSql(node: MonitoredNode, monitoring: Monitoring): Promise<Reading<SqlFacts>> {
  if (node.endpoint == null) return { kind: "skipped" };
  return readServer(node.endpoint, monitoring, NODE_SECONDS);
}

async function readHost(node: MonitoredNode): Promise<Reading<HostFacts>> {
  const host = hostOf(node);
  if (host === undefined) return { kind: "skipped" };
  const result = await runOnHost(host, `${COMMAND} facts ${node.name}`, { timeoutSeconds: NODE_SECONDS });
  return readingOf(result, parseHostFacts, node.name, `understudy facts on ${node.name}`);
}

interface Held {
  readonly backups: readonly Backup[];
  readonly schedules: readonly Schedule[];
}

async function readHeld(monitoring: Monitoring): Promise<Reading<Held>> {
  const deadline = Date.now() + BACKUPS_SECONDS * 1000;
  const hosts = monitoring.nodes
    .filter(({ state }) => state === "active")
    .sort((a, b) => Number(b.name === monitoring.primary) - Number(a.name === monitoring.primary))
    .flatMap((node) => hostOf(node) ?? []);
  let first: Reading<Held> | undefined;
  for (const host of hosts) {
    const left = (deadline - Date.now()) / 1000;
    if (left < 1) break;
    const result = await runOnHost(host, `${COMMAND} backups ${host.name} due`, {
      timeoutSeconds: Math.min(NODE_SECONDS, left),
    });
    const parse = (text: string) => parseHeld(text, monitoring.clusterName);
    const reading = readingOf(result, parse, host.name, `pgbackrest info on ${host.name}`);
    if (reading.kind === "read") return reading;
    first ??= reading;
  }
  return first ?? { kind: "skipped" };
}

function hostOf({ name, connection }: MonitoredNode): Host | undefined {
  return connection == null ? undefined : { name, connection };
}

function readingOf<T>(
  result: RunResult,
  parse: (text: string) => T | undefined,
  node: string,
  source: string,
): Reading<T> {
  if (!result.ok) {
    const [what = "", hint = ""] = result.message.split("\nHINT: ");
    // Whoever shows it says which node it is about.
    return { kind: "failed", what: what.replace(`, ${node} (`, " ("), hint };
  }
  const value = parse(result.stdout);
  if (value !== undefined) return { kind: "read", value };
  return {
    kind: "failed",
    what: `${source} answered what this version does not understand`,
    hint: "run pulumi up, so that the host has the scripts of this version",
  };
}
