import { z } from "zod";
import type { Backup, HostFacts } from "./observation.ts";

const endpoint = z.object({ host: z.string(), port: z.number().int() });

const sshEndpoint = z.object({
  host: z.string(),
  port: z.number().optional(),
  user: z.string().optional(),
  privateKey: z.string().optional(),
  privateKeyPassword: z.string().optional(),
  password: z.string().optional(),
  agentSocketPath: z.string().optional(),
  hostKey: z.string().optional(),
  perDialTimeout: z.number().optional(),
});

const monitoring = z.object({
  clusterName: z.string(),
  user: z.string(),
  password: z.string(),
  ca: z.string(),
  postgresVersion: z.number().int(),
  primary: z.string(),
  nodes: z.array(
    z.object({
      name: z.string(),
      state: z.enum(["active", "fenced", "absent"]),
      declaredRole: z.enum(["primary", "standby"]),
      source: z.enum(["streaming", "archive"]),
      standby: z.enum(["hot", "warm"]),
      synchronous: z.boolean(),
      slot: z.string(),
      endpoint: endpoint.nullish(),
      connection: sshEndpoint
        .extend({ proxy: sshEndpoint.nullish().transform((value) => value ?? undefined) })
        .nullish(),
    }),
  ),
});

/** The secret stack output `monitoring`: what is declared, and how `status` reaches it. */
export type Monitoring = z.infer<typeof monitoring>;
export type MonitoredNode = Monitoring["nodes"][number];

/** Parses the stack output; undefined where it is not what this version writes. */
export function parseMonitoring(value: unknown): Monitoring | undefined {
  return monitoring.safeParse(value).data;
}

const hostFacts = z.object({
  clusterId: z.string(),
  data: z.object({
    state: z.string(),
    systemIdentifier: z.string(),
    timeline: z.number(),
    controlState: z.string(),
  }),
  postgres: z.object({ unit: z.string(), inRecovery: z.boolean().nullable() }),
  token: z.object({ epoch: z.number(), from: z.string(), to: z.string(), state: z.string() }).nullable(),
  disk: z.object({ totalBytes: z.number(), freeBytes: z.number() }),
  archive: z.object({ ready: z.number() }),
});

/** Parses what `understudy facts` printed; undefined where it is something else. */
export function parseHostFacts(text: string): HostFacts | undefined {
  return hostFacts.safeParse(parseJson(text)).data;
}

const backupInfo = z.array(
  z.object({
    name: z.string(),
    backup: z
      .array(
        z.object({
          label: z.string(),
          type: z.string(),
          timestamp: z.object({ stop: z.number() }),
          error: z.boolean().nullish(),
        }),
      )
      .default([]),
  }),
);

/** Parses `pgbackrest info --output=json`: the backups of one stanza, oldest first. Undefined where it is something else. */
export function parseBackups(text: string, stanza: string): Backup[] | undefined {
  return backupInfo
    .safeParse(parseJson(text))
    .data?.filter(({ name }) => name === stanza)
    .flatMap(({ backup }) => backup)
    .map(({ label, type, timestamp, error }) => ({
      label,
      type,
      finishedAt: new Date(timestamp.stop * 1000),
      error: error ?? false,
    }))
    .sort((a, b) => a.finishedAt.getTime() - b.finishedAt.getTime());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
