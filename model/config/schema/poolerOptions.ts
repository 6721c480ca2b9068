import { parseDuration } from "../units.ts";
import { duration, flag, type Option, oneOf, ownRule, wholeNumber } from "./option.ts";

const newSettings = "reload of the poolers: clients stay connected";
const newPorts = "the poolers restart, their clients reconnect; target `docker`: the hosts are made anew, data stays";

export const poolerOptions = {
  enabled: {
    schema: flag(),
    description: "Whether every node has a PgBouncer that leads to the primary, and one that leads to the standbys.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false; the stack `dev` has it on",
    effect: "poolers are installed and started, or stopped; PostgreSQL goes on",
  },
  port: {
    schema: wholeNumber(1, 65_535),
    description: "Port of the pooler that leads to the primary, whichever node it is on.",
    rule: "must be a port number",
    hint: "set a port number, such as 6432",
    default: "6432",
    effect: newPorts,
  },
  readOnlyPort: {
    schema: wholeNumber(1, 65_535),
    description: "Port of the pooler that leads to the hot standbys; to the primary where none answers.",
    rule: "must be a port number",
    hint: "set a port number, such as 6433",
    default: "6433",
    effect: newPorts,
  },
  poolMode: {
    schema: oneOf("transaction", "session"),
    description:
      "PgBouncer's `pool_mode`. With `session`, a change of primary cuts sessions as it does without a pooler: it is not paused for.",
    rule: "must be one of transaction, session",
    hint: "use transaction, unless programs need what lives as long as a session (LISTEN, advisory locks, temporary tables)",
    default: "`transaction`",
    effect: newSettings,
  },
  poolSize: {
    schema: wholeNumber(1, 10_000),
    description:
      "PgBouncer's `default_pool_size`: connections to PostgreSQL at most, for each pair of user and database, from each node.",
    rule: "must be a whole number from 1 to 10000",
    hint: "set a number of connections; over all nodes they have to fit into max_connections",
    default: "20",
    effect: newSettings,
  },
  maxClients: {
    schema: wholeNumber(1, 50_000),
    description: "PgBouncer's `max_client_conn`: connections of clients to each of a node's poolers at most.",
    rule: "must be a whole number from 1 to 50000",
    hint: "set a number of connections, such as 1000",
    default: "1000",
    effect: newSettings,
  },
  pauseTimeout: {
    schema: duration().refine((value) => (parseDuration(value) ?? 0) >= 100 && (parseDuration(value) ?? 0) <= 20_000, {
      message: ownRule,
    }),
    description:
      "How long a change of primary waits for open transactions before it is given up, with nothing changed.",
    rule: "must be a duration from 100ms to 20s",
    hint: "set a duration such as 5s",
    default: "5s",
    effect: "none until the primary changes",
  },
} as const satisfies Record<string, Option>;
