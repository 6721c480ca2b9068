import type { Consent } from "../config/clusterConfig.ts";
import type { Kind, Scene } from "./scene.ts";

/** What the operator accepts for a change of primary from who leads now; undefined: nothing, or it is for another change. */
export function consentOf({ declared: { accept }, leaderSince }: Scene): Consent | undefined {
  return accept?.change === leaderSince ? accept : undefined;
}

/** Why there is no consent. */
export function withoutConsent({ declared: { accept }, leadership: { leader }, leaderSince }: Scene): string {
  if (accept === null) return "nothing is accepted";
  const last =
    leader === undefined ? "no change is known any more (0)" : `${leader} led last, by change ${leaderSince}`;
  return `accept is for change ${accept.change}, and ${last}`;
}

/** The command that gives consent to this change, and keeps what is accepted of it already. */
export function acceptCommand(scene: Scene, what: Partial<Omit<Consent, "change">>): string {
  const { change: _, ...given } = consentOf(scene) ?? { change: 0 };
  const kept = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== false && value !== 0));
  return `pulumi config set accept '${JSON.stringify({ change: scene.leaderSince, ...kept, ...what })}'`;
}

/** A consent that this update does not use. */
export function unusedConsent(scene: Scene, kind: Kind): readonly string[] {
  const { accept } = scene.declared;
  const isUsed = ["failover", "adopt", "return"].includes(kind) && consentOf(scene) !== undefined;
  if (accept === null || isUsed) return [];
  const spent = accept.change < scene.leaderSince ? "is spent" : "is not used by this update";
  return [`accept, for change ${accept.change}, ${spent}: remove it (pulumi config rm accept)`];
}
