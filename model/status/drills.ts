import type { Drill } from "../hostFacts.ts";
import type { Finding } from "./finding.ts";
import { formatSeconds } from "./format.ts";
import { type Observation, readValue } from "./observation.ts";

/** A drill, and the node that made it. */
export interface DrillOn extends Drill {
  readonly node: string;
}

/** Of the nodes that answer: the last drill that proved a restore, and those that failed since, the newest first. */
export function drillsOf({ nodes }: Pick<Observation, "nodes">): {
  readonly proven: DrillOn | undefined;
  readonly failed: readonly DrillOn[];
} {
  const known = (which: "last" | "proven") =>
    nodes
      .flatMap(({ declared, host }): DrillOn[] => {
        const drill = readValue(host)?.drills[which];
        return drill ? [{ ...drill, node: declared.name }] : [];
      })
      .sort((a, b) => b.endedAt - a.endedAt);
  const [proven] = known("proven");
  return { proven, failed: known("last").filter(({ ok, endedAt }) => !ok && endedAt > (proven?.endedAt ?? 0)) };
}

export const failedDrills = (observation: Observation): readonly Finding[] =>
  drillsOf(observation).failed.map(({ node, why }) => ({
    node,
    level: "warning",
    what: `the last restore drill failed: ${why}`,
    hint: `the archive may not be what you could restore from: /var/log/understudy/drill.log on ${node} has more. Mend that, take a full backup where one is damaged, then npm run drill`,
  }));

export const provenRestore = (observation: Observation): readonly Finding[] => {
  const { nodes, at, drillMaxAgeSeconds: most } = observation;
  // Whoever does not answer may have made the last one.
  if (most === null || nodes.some(({ declared, host }) => declared.state === "active" && host.kind !== "read"))
    return [];
  const { proven } = drillsOf(observation);
  const age = proven && at.getTime() / 1000 - proven.endedAt;
  if (age !== undefined && age <= most) return [];
  return [
    {
      level: "warning",
      what:
        age === undefined
          ? "no restore was ever proven"
          : `the last proven restore is ${formatSeconds(age)} old (drill.maxAge: ${formatSeconds(most)})`,
      hint: "make a drill: npm run drill; by themselves they are made by drill.schedule (systemctl list-timers 'understudy*' on a node)",
    },
  ];
};
