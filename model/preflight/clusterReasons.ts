import type { Reason, Scene } from "./scene.ts";
import { factsOf, setState } from "./scene.ts";

/** What must hold of the cluster as a whole, whatever is declared about roles. */
export function clusterReasons(scene: Scene): readonly Reason[] {
  return [volumes, oneCluster, dataOfPrimary, recordedCluster, tokensAgree, guard, sameArchive].flatMap((rule) =>
    rule(scene),
  );
}

function volumes({ known, declared }: Scene): Reason[] {
  return known.flatMap(({ node, data, clusterId }) => {
    if (data.state === "missing-volume") {
      const hint = "Mount it; nothing was written into the empty mount point.";
      return [{ what: `${node}: its data volume is not mounted`, hint }];
    }
    if (clusterId === declared.clusterId) return [];
    const what = `${node}: its data volume belongs to another cluster (${clusterId})`;
    return [{ what, hint: "Is the right stack selected (pulumi stack)? Else give the node a volume of its own." }];
  });
}

function oneCluster({ withData }: Scene): Reason[] {
  if (new Set(withData.map(({ data }) => data.systemIdentifier)).size <= 1) return [];
  const list = withData.map(({ node, data }) => `${node} ${data.systemIdentifier}`).join(", ");
  const hint = "Find out which one is right; move the data directory of the other aside.";
  return [{ what: `the nodes hold different clusters: ${list}`, hint }];
}

function dataOfPrimary(scene: Scene): Reason[] {
  const { declared, withData, unreachable } = scene;
  if (factsOf(scene, declared.primary)?.data.state !== "empty") return [];
  const holder = withData.find(({ node }) => node === scene.leadership.leader) ?? withData[0];
  if (holder) {
    const what = `${declared.primary}: it is declared the primary and has no data, while ${holder.node} has`;
    return [{ what, hint: `Make a node that has data the primary: pulumi config set primary ${holder.node}` }];
  }
  const recorded = declared.recorded?.systemIdentifier;
  if (recorded) {
    const what = `no node has data, but this stack had a cluster (system identifier ${recorded})`;
    const hint =
      "Mount the data volumes, or restore from the archive. A new database is never made in place of one that was.";
    return [{ what, hint }];
  }
  const silent = [
    ...unreachable.map(({ node, reason }) => ({ node, why: `cannot be asked: ${reason}` })),
    ...declared.nodes.filter(({ state }) => state === "fenced").map(({ name }) => ({ node: name, why: "is fenced" })),
  ];
  return silent.map(({ node, why }) => ({
    what: `no node has data, and ${node} ${why}`,
    hint: `Bring the host back, or take it out of the cluster for now: ${setState(node, "absent")}`,
  }));
}

function recordedCluster({ withData, declared }: Scene): Reason[] {
  const recorded = declared.recorded?.systemIdentifier;
  const found = withData[0]?.data.systemIdentifier;
  if (!recorded || found === undefined || found === recorded) return [];
  const what = `the nodes hold a cluster (system identifier ${found}) that is not the one of this stack (${recorded})`;
  return [{ what, hint: "Is the right stack selected (pulumi stack)? Are the right volumes mounted?" }];
}

function tokensAgree({ leadership: { disagreement, epoch } }: Scene): Reason[] {
  if (disagreement.length === 0) return [];
  const what = `the nodes do not agree who leads: ${disagreement.join(" and ")} both do, by the same number (epoch ${epoch})`;
  const hint =
    "This never happens by itself: was a data volume copied or restored? Stop all but the right one, and move the data directories of the others aside.";
  return [{ what, hint }];
}

function guard({ declared, leadership: { epoch, leader } }: Scene): Reason[] {
  if (declared.epoch === undefined || epoch <= declared.epoch) return [];
  const real = leader === undefined ? "" : `, ${leader} leads`;
  return [
    {
      what: `the primary has been changed since this config was written: the cluster is at epoch ${epoch}${real}; the config knows ${declared.epoch}`,
      hint: `Check that 'primary' is what you want, then: pulumi config set epoch ${epoch}`,
    },
  ];
}

/** Who took over is written in the archive, for members that were away. So nobody may be away when it becomes another one. */
function sameArchive({ declared, known, leadership: { leader } }: Scene): Reason[] {
  const before = known.map(({ archiveKnown }) => archiveKnown).filter((id) => id !== "" && id !== declared.archive);
  const [from] = before;
  if (declared.archive === undefined || from === undefined) return [];
  const what = `the archive changes from ${from} to ${declared.archive}`;
  const away = declared.members.filter((name) => !known.some(({ node }) => node === name));
  const reasons = away.map((name) => ({
    what: `${what}, and ${name} does not take part: it could not learn who has taken over since`,
    hint: `Set 'archive' back. Change it while every node is active; who is lost for good is retired first (docs/decisions/members.md).`,
  }));
  if (leader === undefined || leader === declared.primary) return reasons;
  return [
    ...reasons,
    {
      what: `${what}, and the primary from ${leader} to ${declared.primary}, in one update`,
      hint: `Change one after the other: pulumi config set primary ${leader} && pulumi up`,
    },
  ];
}
