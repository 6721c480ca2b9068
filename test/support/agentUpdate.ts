/** An update, as `model/steps.ts` orders its steps: what the program will do by Pulumi, for hosts whose agents are asked directly. */
import type { Prepared } from "../../agent/steps.ts";
import type { Consent, Member, Members } from "../../model/leadership/index.ts";

export interface AgentHost {
  readonly name: string;
  readonly member: Member;
  /** Runs a step to its end. Throws what it says. */
  step(name: string, request: object): Promise<unknown>;
  /** Switches the host off, and proves it. */
  fence(): Promise<void>;
}

export interface Declared {
  readonly primary: string;
  readonly fenced?: readonly string[];
  /** Left alone. */
  readonly absent?: readonly string[];
  readonly consent?: Consent;
}

let updates = 0;
export const newIntent = (): string => `${Date.now().toString(16)}-${++updates}`;

/** A new cluster: its first primary, then all others copy it. */
export async function provision(hosts: readonly AgentHost[], primary: string, ledger: string): Promise<void> {
  const intent = newIntent();
  const first = named(hosts, primary);
  const members = membersOf(hosts);
  await first.step("announce", { intent });
  await first.step("initialize", { intent, ledger, members });
}

/** @throws where a step refuses, or cannot be asked */
export async function update(hosts: readonly AgentHost[], declared: Declared): Promise<void> {
  const { primary, fenced = [], absent = [], consent = null } = declared;
  const intent = newIntent();
  const target = named(hosts, primary);
  const off = hosts.filter(({ name }) => fenced.includes(name));
  const active = hosts.filter(({ name }) => !fenced.includes(name) && !absent.includes(name));
  const others = active.filter((host) => host !== target);

  const plans = (await Promise.all(active.map((host) => host.step("announce", { intent })))) as (Prepared | null)[];
  plans.push((await target.step("prepare", { intent, consent, fenced: membersOf(off), off: [] })) as Prepared);
  // A fence proves something only about the claims that were there before it.
  const claims = plans.filter((plan) => plan?.plan === "claim");
  await Promise.all(off.map((host) => host.fence()));
  const proofs = claims.flatMap(({ entry }) => off.map(({ member: node }) => ({ node, entry })));

  for (const host of others) await host.step("demote", { intent, to: target.member, fenced: proofs });
  await target.step("promote", { intent, fenced: proofs });
  const follow = () => Promise.all(others.map((host) => host.step("follow", { intent, leader: target.member })));
  await follow();
  await target.step("members", { intent, list: membersOf(hosts), gone: [] });
  await follow();
}

const membersOf = (hosts: readonly AgentHost[]): Members => hosts.map(({ member }) => member).sort();

function named(hosts: readonly AgentHost[], name: string): AgentHost {
  const found = hosts.find((host) => host.name === name);
  if (!found) throw new Error(`there is no host ${name}`);
  return found;
}
