/** What makes a standby receive from its upstream: its settings, and the slot that it asks for. */
import { createHash } from "node:crypto";
import type { Member } from "../../model/leadership/index.ts";
import { nameOf } from "../../model/leadership/index.ts";
import { agentSlotStem } from "../../model/names.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";
import type { Upstream } from "../surroundings.ts";

/**
 * The slot of a follower on a primary whose timeline has begun so. Another timeline of the same number has another slot, which a standby of this one
 * does not find. 63 bytes at most.
 */
export function slotOf({ timeline, change, by }: Upstream["begun"], follower: Member): string {
  const begun = [timeline, change.entry, change.overrides, by, follower].join(" ");
  const digest = createHash("sha256").update(begun).digest("hex").slice(0, 20);
  return `${agentSlotStem(nameOf(follower))}${digest}`;
}

const quoted = (value: string): string => {
  if (/[\0\r\n]/.test(value)) throw new Error("a setting of the standby has more than one line");
  return `'${value.replace(/'/g, "''").replace(/\\/g, "\\\\")}'`;
};

/** Lines of `name = 'value'`. */
export const renderSettings = (settings: Readonly<Record<string, string>>): string =>
  Object.keys(settings)
    .sort()
    .map((name) => `${name} = ${quoted(settings[name] as string)}\n`)
    .join("");

/** To 11 they stand in the signal itself, with what makes it one. */
export function signalText(major: ServerMajorName, settings: Readonly<Record<string, string>>): string {
  return serverMajors[major].signal === "recovery.conf" ? renderSettings({ ...settings, standby_mode: "on" }) : "";
}
