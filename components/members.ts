import { all, type CustomResourceOptions, type Output, output } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { type Member, type Members, membersOf, parseMembers } from "../model/members.ts";
import { LocalStep } from "./localStep.ts";
import type { ClusterNode } from "./node.ts";
import { storedSteps } from "./stackState.ts";
import type { Machine } from "./targets/machine.ts";
import type { Update } from "./update.ts";

/** The members of the cluster: the stack's state remembers them, whatever config calls them later, or does not name any more. */
export function clusterMembers(
  config: ClusterConfig,
  nodes: readonly ClusterNode[],
  absent: readonly Machine[],
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
      stdin: all([output(remembered(config)), all(active), all(absent.map(place))]).apply(
        ([known, reached, unreached]) => {
          const places = [...reached, ...unreached] as readonly (Partial<Member> & Pick<Member, "name">)[];
          const declared = nodesOf(config).map(({ name }) => places.find((at) => at.name === name) ?? { name });
          return JSON.stringify(membersOf({ declared, destroys: config.target !== "ssh", ...known }));
        },
      ),
      after: [],
    },
    opts,
  );
  return step.outcome.apply(parseMembers);
}

function place({ node, address, sshPort }: Machine): Output<Omit<Member, "hostKey">> {
  return address.apply((known) => ({ name: node, address: known, sshPort }));
}

/** What the update before has left, and which of the nodes that are removed now it had proven to be off. */
async function remembered(config: ClusterConfig): Promise<{ readonly remembered: Members; readonly off: string[] }> {
  const step = await storedSteps();
  const known = parseMembers(step("members")?.stdout);
  const removed = known.members.map(({ name }) => name).filter((name) => config.nodes[name] === undefined);
  return { remembered: known, off: removed.filter((name) => step(`power-${name}`) !== undefined) };
}
