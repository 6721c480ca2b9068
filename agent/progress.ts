/** What a person reads while a step runs: what the agent has begun, out of what it writes into its journal. */
import { type Member, nameOf } from "../model/leadership/index.ts";

type Facts = Readonly<Record<string, unknown>>;

const name = (member: unknown): string => nameOf(member as Member);
const names = (members: unknown): string =>
  Array.isArray(members) && members.length > 0 ? members.map(name).join(", ") : "nobody";

const texts: Readonly<Record<string, (facts: Facts) => string>> = {
  "is armed": () => "is ready to take over",
  "lets go": () => "does not wait to take over any more",
  claims: ({ entry, over }) => `has written change ${entry} into the ledger: it takes over from ${names(over)}`,
  offers: ({ entry, to }) => `has written change ${entry} into the ledger: ${name(to)} is to take over`,
  "is offered": ({ entry, by }) => `waits until ${name(by)} has stopped for change ${entry}`,
  "asked to stand down": ({ peer, said, why }) =>
    said === "done"
      ? `${name(peer)} stands down`
      : `${name(peer)} does not stand down: ${said === "refused" ? why : "it does not answer"}`,
  "stands down": ({ entry, for: author }) => `stands down for change ${entry} of ${name(author)}`,
  checkpoints: () => "is writing a checkpoint, so that the stop is short",
  stops: ({ entry }) => `is stopping PostgreSQL for change ${entry}`,
  "has stopped": () => "has stopped PostgreSQL cleanly",
  "is told that the primary has stopped": () => "the primary has stopped: replays the rest of its WAL",
  takes: ({ entry }) => `takes change ${entry}`,
  "takes without the ledger": () => "takes over without the ledger",
  promotes: () => "is promoting PostgreSQL",
  "starts as the primary": () => "is starting PostgreSQL as the primary",
  "takes writes": ({ timeline }) => `takes writes on timeline ${timeline}`,
  "hears who leads": ({ leader }) => `${name(leader)} leads`,
  compares: ({ leader }) => `is comparing its data with those of ${name(leader)}`,
  rewinds: ({ leader }) => `is rewinding its data to those of ${name(leader)}`,
  "could not rewind": ({ why }) => `could not rewind: ${why}`,
  copies: ({ leader }) => `is copying the data of ${name(leader)}`,
  follows: ({ leader }) => `follows ${name(leader)}`,
  "makes a cluster": () => "is making an empty database cluster (initdb)",
};

/** undefined: it is nothing that somebody who waits wants to read. */
export const progressOf = (event: string, facts: Facts): string | undefined => texts[event]?.(facts);
