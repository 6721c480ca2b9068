import * as z from "zod";
import { parseJson } from "./hostFacts.ts";
import { parseOutcome } from "./outcome.ts";
import type { Witness } from "./preflight/index.ts";

const member = z.object({
  name: z.string(),
  address: z.string(),
  sshPort: z.number(),
  /** Type and base64; "": not known, so that the node cannot be asked. */
  hostKey: z.string(),
  /** By which agents know it; not there: it has no agent. */
  agent: z.string().optional(),
});

/** What the step `members` reports. */
export const membersOutcome = z.object({
  members: z.array(member),
  retired: z.array(z.string()),
  /** By which agents know those that are retired; not there: there are none. */
  retiredAgents: z.array(z.string()).optional(),
});

/** Where the other nodes find a member, to ask it who leads. */
export type Member = z.infer<typeof member>;

/** Who counts for the question who leads: whoever was ever declared, until it is retired with proof (docs/decisions/members.md). */
export type Members = z.infer<typeof membersOutcome>;

export interface MembersInput {
  /** What config declares, and how it is reached as far as that is known. */
  readonly declared: readonly (Partial<Member> & Pick<Member, "name">)[];
  /** Of the update before. */
  readonly remembered: Members;
  /** Nodes that an earlier update has proven to be off, or whose hosts it has destroyed. */
  readonly off: readonly string[];
}

/** `absent` and `fenced` say how an update treats a host, never whether it counts. */
export function membersOf({ declared, remembered, off }: MembersInput): Members {
  const known = new Map(remembered.members.map((each) => [each.name, each]));
  const names = new Set(declared.map(({ name }) => name));
  const removed = remembered.members.filter(({ name }) => !names.has(name));
  const goes = removed.filter(({ name }) => off.includes(name));
  const retired = goes.map(({ name }) => name);
  // Also one that comes back under its old name, with another key.
  const before = remembered.members.flatMap(({ name, agent }) => {
    const now = declared.find((node) => node.name === name)?.agent;
    return agent !== undefined && now !== undefined && now !== agent ? [agent] : [];
  });
  const agents = [
    ...new Set([...(remembered.retiredAgents ?? []), ...before, ...goes.flatMap(({ agent }) => agent ?? [])]),
  ].sort();
  // Of one that was never reached nothing is known, so that it never answers.
  const listed = declared.map((node): Member => ({ ...unknown, ...known.get(node.name), ...node }));
  return {
    members: [...listed, ...removed.filter(({ name }) => !retired.includes(name))].sort(byName),
    retired: [...new Set([...remembered.retired.filter((name) => !names.has(name)), ...retired])].sort(),
    ...(agents.length === 0 ? {} : { retiredAgents: agents }),
  };
}

const unknown = { address: "-", sshPort: 22, hostKey: "" };

function byName(a: Member, b: Member): number {
  return a.name < b.name ? -1 : 1;
}

/** Reads what the step `members` has kept; text undefined: there is nothing yet. Undefined where it is something else. */
export function keptMembers(text: string | undefined): Members | undefined {
  return text === undefined ? { members: [], retired: [] } : parseOutcome(membersOutcome, text);
}

const listing = z.record(z.string(), z.object({ time: z.number().min(0).max(1e10).default(0) }));

/** Parses what `understudy witnesses` printed: files as pgBackRest lists them, a JSON object a line. */
export function parseWitnesses(text: string): Witness[] {
  const files = text.split("\n").filter((line) => line.trim() !== "");
  return files.flatMap((line) =>
    Object.entries(listing.safeParse(parseJson(line)).data ?? {}).flatMap(([file, { time }]) => {
      const [, epoch = "", kind = "", node = ""] =
        /^understudy-(\d{1,9})-(armed|candidate)-([a-z0-9][a-z0-9.-]{0,61})$/.exec(file) ?? [];
      return node === "" ? [] : [{ epoch: Number(epoch), kind, node, time }];
    }),
  );
}
