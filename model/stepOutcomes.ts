/** What host scripts report, where later steps read it. `stepInputs.ts` has what the steps on the operator's machine are given. */
import * as z from "zod";
import { epoch, text } from "./hostFacts.ts";

/** What `prepare.sh` reports. */
export interface PrepareOutcome {
  /** candidate: nobody hands over; it takes over once who led is proven to be off. */
  readonly armed: "no" | "armed" | "candidate";
  /** Number of the change that it is armed for; where it is not, of the last one. */
  readonly epoch: number;
  readonly from: string;
}

/** What `promote.sh` reports. */
export interface PromoteOutcome {
  readonly primary: string;
  /** Who led before; "": nobody. */
  readonly from: string;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Number of the change of primary that made it so; 1 is its making. */
  readonly epoch: number;
  /** What the cluster was made from, as `restoreId` names it; "": from nothing. */
  readonly restored: string;
}

/** What `restore.sh` reports. */
export interface RestoreOutcome {
  /** no: nothing had to be. */
  readonly restored: "yes" | "no";
  readonly backup: string;
  /** Where the recovery ended. */
  readonly lsn: string;
  /** When the last transaction was that it has, as PostgreSQL writes it; "": there was none. */
  readonly at: string;
}

/** What `configure.sh` reports: the digest of the postgresql.conf that waits for a restart; "" or nothing: none does. */
export const configureOutcome = z.object({ waiting: text.optional() });

export const prepareOutcome: z.ZodType<PrepareOutcome> = z.object({
  armed: z.enum(["no", "armed", "candidate"]),
  epoch,
  from: text,
});

export const promoteOutcome: z.ZodType<PromoteOutcome> = z.object({
  primary: text,
  from: text,
  systemIdentifier: z.string().regex(/^\d{1,20}$/),
  timeline: z.int().positive(),
  epoch: epoch.min(1),
  // Earlier versions restored nothing.
  restored: text.default(""),
});

export const restoreOutcome: z.ZodType<RestoreOutcome> = z.object({
  restored: z.enum(["yes", "no"]),
  backup: text,
  lsn: text,
  at: text,
});
