import type { HostFacts } from "./hostFacts.ts";

/** What a host says about itself, with the name of its node. */
export interface NodeFacts extends HostFacts {
  readonly node: string;
}

/** A node as preflight found it: its facts, or why there are none. */
export type Finding =
  | { readonly node: string; readonly reachable: true; readonly facts: HostFacts }
  | { readonly node: string; readonly reachable: false; readonly reason: string };

export interface Declared {
  readonly primary: string;
  readonly clusterId: string;
  /** Guard of the user's: the number of the last change of primary that the config knows. */
  readonly epoch: number | undefined;
  /** What an earlier preflight of this stack has seen; undefined: it has never seen data. */
  readonly recordedSystemIdentifier: string | undefined;
}

export interface Reason {
  readonly what: string;
  readonly hint: string;
}

export interface Verdict {
  /** What stands against going on. Empty: nothing. */
  readonly reasons: readonly Reason[];
  /** What a person should know, though it stands against nothing. */
  readonly warnings: readonly string[];
  /** No node has data, and none ever had: the declared primary may be made from nothing. */
  readonly fresh: boolean;
  readonly systemIdentifier: string;
  readonly epoch: number;
}

/**
 * Whether the declared world may be made of the real one. Nothing has been changed when this is asked; a reason to refuse is
 * a difference that nobody declared (DESIGN: what must hold, 4 and 5).
 */
export function judge(declared: Declared, findings: readonly Finding[]): Verdict {
  const reasons: Reason[] = [];
  const refuse = (what: string, hint: string) => reasons.push({ what, hint });

  const known = findings.flatMap((finding) => (finding.reachable ? [{ ...finding.facts, node: finding.node }] : []));
  const unreachable = findings.flatMap((finding) => (finding.reachable ? [] : [finding]));
  const withData = known.filter(({ data }) => data.state === "cluster");
  const primary = known.find(({ node }) => node === declared.primary);

  for (const facts of known) {
    if (facts.data.state === "missing-volume") {
      refuse(
        `${facts.node}: its data volume is not mounted`,
        "Mount it; nothing was written into the empty mount point.",
      );
    } else if (facts.clusterId !== declared.clusterId) {
      refuse(
        `${facts.node}: its data volume belongs to another cluster (${facts.clusterId})`,
        "Is the right stack selected (pulumi stack)? Else give the node a volume of its own.",
      );
    }
  }

  if (!primary) {
    const reason =
      unreachable.find(({ node }) => node === declared.primary)?.reason ?? "it is not among the active nodes";
    refuse(
      `${declared.primary}: the declared primary cannot be asked: ${reason}`,
      "Bring its host back, then run 'pulumi up' again.",
    );
  }

  const identifiers = new Map(withData.map((facts) => [facts.data.systemIdentifier, facts.node]));
  if (identifiers.size > 1) {
    refuse(
      `the nodes hold different clusters: ${withData.map(({ node, data }) => `${node} ${data.systemIdentifier}`).join(", ")}`,
      "Find out which one is right; move the data directory of the other aside.",
    );
  }
  const [systemIdentifier] = identifiers.keys();

  refuseOtherPrimary(declared, known, refuse);

  if (primary?.data.state === "empty") {
    const holder = withData[0];
    if (holder) {
      refuse(
        `${declared.primary}: it is declared the primary and has no data, while ${holder.node} has`,
        `Make a node that has data the primary: pulumi config set primary ${holder.node}`,
      );
    } else if (declared.recordedSystemIdentifier !== undefined) {
      refuse(
        `no node has data, but this stack had a cluster (system identifier ${declared.recordedSystemIdentifier})`,
        "Mount the data volumes, or restore from the archive. A new database is never made in place of one that was.",
      );
    } else if (unreachable.length > 0) {
      refuse(
        `no node has data, and ${unreachable.map(({ node }) => node).join(", ")} cannot be asked: ${unreachable[0]?.reason}`,
        "Bring the host back, or take it out of the cluster for now: pulumi config set --path 'nodes.<node>.state' absent",
      );
    }
  }
  if (
    systemIdentifier !== undefined &&
    declared.recordedSystemIdentifier !== undefined &&
    systemIdentifier !== declared.recordedSystemIdentifier
  ) {
    refuse(
      `the nodes hold a cluster (system identifier ${systemIdentifier}) that is not the one of this stack (${declared.recordedSystemIdentifier})`,
      "Is the right stack selected (pulumi stack)? Are the right volumes mounted?",
    );
  }

  const epoch = Math.max(0, ...known.map(({ token }) => token?.epoch ?? 0));
  if (declared.epoch !== undefined && epoch > declared.epoch) {
    refuse(
      `the primary has been changed since this config was written: the cluster is at epoch ${epoch}, the config knows ${declared.epoch}`,
      `Check that 'primary' is what you want, then: pulumi config set epoch ${epoch}`,
    );
  }

  return {
    reasons,
    warnings: unreachable
      .filter(({ node }) => node !== declared.primary)
      .map(({ node, reason }) => `${node} cannot be asked: ${reason}`),
    fresh: withData.length === 0 && declared.recordedSystemIdentifier === undefined,
    systemIdentifier: systemIdentifier ?? "",
    epoch,
  };
}

/** Somebody else who is, or was made, primary; or a declared primary that is a standby. */
function refuseOtherPrimary(
  declared: Declared,
  known: readonly NodeFacts[],
  refuse: (what: string, hint: string) => void,
): void {
  const writers = known.filter(({ postgres }) => postgres.inRecovery === false).map(({ node }) => node);
  const leaders = known
    .filter(({ node, token }) => token?.to === node && token.state === "taken")
    .map(({ node }) => node);
  if (writers.length > 1) {
    refuse(
      `more than one node takes writes: ${writers.join(", ")}`,
      "Stop PostgreSQL on all but the right one (systemctl stop understudy-postgresql), and look at what was written on the others.",
    );
    return;
  }
  const other = [...writers, ...leaders].find((node) => node !== declared.primary);
  if (other !== undefined) {
    refuse(
      `${other} is the primary, ${declared.primary} is declared; changing the primary is not there yet`,
      `Declare what is: pulumi config set primary ${other}`,
    );
    return;
  }
  const primary = known.find(({ node }) => node === declared.primary);
  if (primary?.data.state === "cluster" && !leaders.includes(declared.primary)) {
    refuse(
      `${declared.primary} is declared the primary, but it is a standby, and no reachable node is known to lead`,
      "Declare the node that was the primary before, then run 'pulumi up' again.",
    );
  }
}

/** The message that a person reads. */
export function formatRefusal(reasons: readonly Reason[]): string {
  return [
    "preflight refuses; no role was touched",
    ...reasons.map(({ what, hint }) => `  ${what}\n    HINT: ${hint}`),
  ].join("\n");
}
