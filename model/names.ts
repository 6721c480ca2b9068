/** Names that more than one part of the program, or of PostgreSQL, has to agree on. */

/** Everything of ours in PostgreSQL starts with this; what does not is never touched. */
export const ownPrefix = "understudy_";

export const replicationRole = "understudy_replication";
export const monitorRole = "understudy_monitor";
/** Poolers look verifiers up as this role, and routers ask with it who leads. */
export const poolerRole = "understudy_pooler";
export const superuser = "postgres";

/** Longest identifier of PostgreSQL in bytes (NAMEDATALEN - 1). */
export const maxIdentifierLength = 63;
/** So that the slot's name, prefix included, is a legal identifier. */
export const maxNodeNameLength = maxIdentifierLength - ownPrefix.length;

/** The physical replication slot that a node streams over, on whichever node is primary. */
export function slotName(node: string): string {
  return ownPrefix + node.replace(/[-.]/g, "_");
}

/** How the names of an agent's slots for a node begin: 20 hexadecimal digits follow, which tell one timeline from another of the same number. */
export const agentSlotStem = (node: string): string => `${slotName(node).slice(0, ownPrefix.length + 30)}_`;

/** Whether this slot is the node's, whoever has made it. */
export function isSlotOf(node: string, slot: string): boolean {
  const stem = agentSlotStem(node);
  return slot === slotName(node) || (slot.startsWith(stem) && /^[0-9a-f]{20}$/.test(slot.slice(stem.length)));
}

const hostLabel = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Whether `name` is a lower-case host name: labels of letters, digits and inner hyphens, separated by dots. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => label.length <= 63 && hostLabel.test(label));
}

/** Whether `name` serves as a host name and, with our prefix, as the name of a replication slot. */
export function isNodeName(name: string): boolean {
  return name.length <= maxNodeNameLength && isHostName(name);
}

/** Whether `name` serves as the name of a cluster: of the pgBackRest stanza, of files and containers. */
export function isClusterName(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(name);
}

/** Whether `name` is an identifier that needs no quoting anywhere (SQL, pg_hba.conf, connection strings). */
export function isPlainIdentifier(name: string): boolean {
  return /^[a-z_][a-z0-9_]*$/.test(name) && name.length <= maxIdentifierLength;
}

/** Why `name` can't be given to a database or role of the user's, or undefined where it can. */
export function reservedReason(name: string): string | undefined {
  if (name === superuser) return "is PostgreSQL's own";
  if (name === "template0" || name === "template1") return "is a template database of PostgreSQL";
  if (name.startsWith("__")) return "starts with two underscores";
  if (name.startsWith("pg_")) return "starts with pg_, which PostgreSQL keeps for itself";
  if (name.startsWith(ownPrefix)) return `starts with ${ownPrefix}, which this program keeps for itself`;
  // Words that pg_hba.conf or SQL would take for something else.
  if (
    ["all", "public", "none", "replication", "sameuser", "samerole", "user", "current_user", "session_user"].includes(
      name,
    )
  ) {
    return "is a key word of PostgreSQL";
  }
  return undefined;
}
