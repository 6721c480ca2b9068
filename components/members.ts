import { all, type CustomResourceOptions, type Output, output, RunError } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { targets } from "../model/config/targets/registry.ts";
import { keptMembers, type Member, type Members, membersOf, membersOutcome } from "../model/members.ts";
import { LocalStep } from "./localStep.ts";
import type { ClusterNode } from "./node.ts";
import { reported } from "./outcome.ts";
import type { StoredStep } from "./stackState.ts";
import type { Machine } from "./targets/machine.ts";
import type { Update } from "./update.ts";

/** The members of the cluster: the stack's state remembers them, whatever config calls them later, or does not name any more. */
export function clusterMembers(
  config: ClusterConfig,
  nodes: readonly ClusterNode[],
  absent: readonly Machine[],
  agents: Output<Readonly<Record<string, string>>>,
  update: Update,
  opts: CustomResourceOptions,
): Output<Members> {
  const active = nodes.map(({ machine, found }) =>
    all([place(machine), found]).apply(([known, { sshHostKey }]) => ({ ...known, hostKey: sshHostKey })),
  );
  const step = new LocalStep(
    "members",
    {
      update,
      command: "cat",
      stdin: all([output(remembered(config, update)), all(active), all(absent.map(place)), agents]).apply(
        ([known, reached, unreached, keys]) => {
          const places = [...reached, ...unreached] as readonly (Partial<Member> & Pick<Member, "name">)[];
          const declared = nodesOf(config).map(({ name }) => ({
            ...(places.find((at) => at.name === name) ?? { name }),
            ...(keys[name] === undefined ? {} : { agent: keys[name] }),
          }));
          return JSON.stringify(membersOf({ declared, ...known }));
        },
      ),
      after: [],
    },
    opts,
  );
  return reported("members", step.outcome, membersOutcome);
}

function place({ node, address, sshPort }: Machine): Output<Omit<Member, "hostKey">> {
  return all([address, sshPort]).apply(([known, port]) => ({ name: node, address: known, sshPort: port }));
}

/** What the update before has left, and which of the nodes that config does not name any more are proven to be off by then. */
async function remembered(
  config: ClusterConfig,
  update: Update,
): Promise<{ readonly remembered: Members; readonly off: string[] }> {
  const step = await update.stored;
  const known = keptMembers(step("members")?.stdout);
  // To take one that can't be read for none would leave out nodes that may lead.
  if (known === undefined) {
    throw new RunError(`members: the list of the cluster's nodes in the stack's state cannot be read
HINT: take an earlier state ('pulumi stack history', 'pulumi stack import'), then run 'pulumi up' again. No host was touched.`);
  }
  const removed = known.members.map(({ name }) => name).filter((name) => config.nodes[name] === undefined);
  // What an update that did not reach its end has left proves nothing.
  const whole = step("finished")?.stdout?.trim() === step("started")?.stdout?.trim();
  const { makesHosts } = targets[config.target];
  return { remembered: known, off: whole ? removed.filter((name) => isOff(name, step, makesHosts)) : [] };
}

/** Its fence was proven for the last intent; or its host, which the program has made, went with the update that removed it. */
function isOff(name: string, step: (name: string) => StoredStep | undefined, makesHosts: boolean): boolean {
  const power = step(`power-${name}`);
  const intent = step("intent")?.stdout?.trim();
  if (intent && power?.environment?.CHANGE?.startsWith(`${intent}:`)) return true;
  return makesHosts && power === undefined && step(`install-${name}`) === undefined;
}
