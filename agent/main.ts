/**
 * The agent of one host (docs/decisions/agent.md). `agent/real/agent.ts` runs it on a host, and `test/simulation/` in one process.
 */
import { type Identity, type Log, makeNode, type Node, recall } from "./node.ts";
import { reply } from "./replies.ts";
import { type Report, report } from "./report.ts";
import * as steps from "./steps.ts";
import { look, settle } from "./supervisor.ts";
import type { Surroundings } from "./surroundings.ts";
import { times } from "./times.ts";

export interface Agent {
  readonly announce: (request: unknown) => Promise<steps.Prepared | null>;
  readonly initialize: (request: unknown) => Promise<void>;
  readonly prepare: (request: unknown) => Promise<steps.Prepared>;
  readonly demote: (request: unknown) => ReturnType<typeof steps.demote>;
  readonly promote: (request: unknown) => Promise<steps.Promoted>;
  readonly follow: (request: unknown) => ReturnType<typeof steps.followLeader>;
  readonly members: (request: unknown) => Promise<void>;
  readonly override: (request: unknown) => Promise<steps.Promoted>;
  readonly replace: (request: unknown) => Promise<steps.Promoted>;
  readonly tell: (request: unknown) => Promise<void>;
  readonly adopt: (request: unknown) => Promise<void>;
  readonly restart: (request: unknown) => Promise<void>;
  readonly status: () => ReturnType<typeof steps.status>;
  /** The same and more. Unless it is `local`, peers are asked, and the ledger is read. */
  readonly report: (local?: boolean) => Promise<Report>;
  /** Rejects when the agent has to end; it is then started anew. Never resolves. */
  readonly ended: Promise<never>;
}

/** An agent that is starting. */
export interface Starting {
  /** Resolves when this node knows what it stands for, and answers. Rejects: it is to be started anew. */
  readonly started: Promise<Agent>;
  /** What it can tell meanwhile. */
  readonly report: () => Promise<Report>;
}

export function beginAgent(identity: Identity, world: Surroundings, log: Log): Starting {
  const node = makeNode(identity, world, log);
  return { started: start(node, world), report: () => report(node, false) };
}

export const startAgent = (identity: Identity, world: Surroundings, log: Log): Promise<Agent> =>
  beginAgent(identity, world, log).started;

async function start(node: Node, world: Surroundings): Promise<Agent> {
  await recall(node);
  // What runs, and since when it was told to promote, is not known: nobody gets an answer before that is settled.
  await node.turn(() => settle(node));
  const pause = makePause(node);
  world.peers.serve((from, request) => reply(node, pause.wake, from, request));
  return {
    announce: (request) => steps.announce(node, request),
    initialize: (request) => steps.initialize(node, request),
    prepare: (request) => steps.prepare(node, request),
    demote: (request) => steps.demote(node, request),
    promote: (request) => steps.promote(node, request),
    follow: (request) => steps.followLeader(node, request),
    members: (request) => steps.setMembers(node, request),
    override: (request) => steps.override(node, request),
    replace: (request) => steps.replace(node, request),
    tell: (request) => steps.tell(node, request),
    adopt: (request) => steps.adopt(node, request),
    status: () => steps.status(node),
    restart: (request) => steps.restart(node, request),
    report: (local = false) => report(node, true, local),
    ended: lookOn(node, pause.take),
  };
}

async function lookOn(node: Node, pause: () => Promise<void>): Promise<never> {
  const { clock } = node.world;
  let looked = clock.now() - times.ledgerLook;
  while (true) {
    const isTime = clock.now() - looked >= times.ledgerLook;
    if (isTime) looked = clock.now();
    await look(node, isTime);
    if (node.memory.failed) throw node.memory.failed;
    await pause();
  }
}

/** A pause that can be ended early. */
function makePause({ world }: Node): { take: () => Promise<void>; wake: () => void } {
  let ends = new AbortController();
  return {
    take: async () => {
      await world.clock.sleep(times.look, ends.signal);
      ends = new AbortController();
    },
    wake: () => {
      ends.abort();
    },
  };
}
