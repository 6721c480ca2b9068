import { z } from "zod";

/** What a host says about itself: the outcome of `scripts/host/facts.sh`, for preflight and status. */
export interface HostFacts {
  /** Id of the cluster that the data volume belongs to; "" where the volume carries no mark. */
  readonly clusterId: string;
  readonly data: {
    /** `cluster`, `empty` or `missing-volume`. */
    readonly state: string;
    readonly systemIdentifier: string;
    /** Timeline of the latest checkpoint; 0 without data. */
    readonly timeline: number;
    readonly controlState: string;
  };
  readonly postgres: {
    /** State of the systemd unit: `active`, `inactive`, `failed`, `activating`, … */
    readonly unit: string;
    /** null: PostgreSQL does not run, or takes no SQL (warm standby). */
    readonly inRecovery: boolean | null;
  };
  readonly token: Token | null;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number };
  /** Segments that wait to be archived. */
  readonly archive: { readonly ready: number };
}

/** Who leads, or is about to, as far as the host knows: see docs/decisions/boot-guard.md. */
export interface Token {
  readonly epoch: number;
  readonly from: string;
  readonly to: string;
  readonly state: string;
}

const schema = z.object({
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
  return schema.safeParse(parseJson(text)).data;
}

/** undefined: no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
