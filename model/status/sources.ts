import { z } from "zod";
import { most, parseJson, text } from "../hostFacts.ts";
import type { Backup, Schedule } from "./observation.ts";

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
  bastionPending: z.array(z.string()).default([]),
  /** The change of primary that a consent in the config is for; null: there is none. */
  accept: z.number().int().nullable().default(null),
  /** How old the last proven restore may be; null: as old as it is. */
  drillMaxAgeSeconds: z.number().nullable().default(null),
  nodes: z.array(
    z.object({
      name: z.string(),
      state: z.enum(["active", "fenced", "absent"]),
      declaredRole: z.enum(["primary", "standby"]),
      source: z.enum(["streaming", "archive"]),
      standby: z.enum(["hot", "warm"]),
      synchronous: z.boolean(),
      slot: z.string(),
      pending: z.array(z.string()).default([]),
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

const backupInfo = z.array(
  z.object({
    name: z.string(),
    backup: z
      .array(
        z.object({
          label: text,
          type: text,
          // Seconds since 1970, before the year 10,000.
          timestamp: z.object({ stop: z.number().min(0).max(253_402_300_799) }),
          error: z.boolean().nullish(),
        }),
      )
      .max(most)
      .default([]),
  }),
);

export const scheduleInfo = z.array(
  z
    .object({ type: text, calendar: text, due: z.number().min(0).max(253_402_300_799).nullable() })
    .transform(({ due, ...rest }): Schedule => ({ ...rest, due: due === null ? null : new Date(due * 1000) })),
);

/** Parses what `understudy backups <node> due` printed. Undefined where it is something else. */
export function parseHeld(
  text: string,
  stanza: string,
): { readonly backups: readonly Backup[]; readonly schedules: readonly Schedule[] } | undefined {
  const held = z.object({ info: z.unknown(), schedules: scheduleInfo }).safeParse(parseJson(text)).data;
  const backups = held && backupsIn(held.info, stanza);
  return backups && { backups, schedules: held.schedules };
}

/** The backups of one stanza in what `pgbackrest info --output=json` says, oldest first. Undefined where it is something else. */
export function backupsIn(info: unknown, stanza: string): Backup[] | undefined {
  return backupInfo
    .safeParse(info)
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
