import type { NodeRule } from "./finding.ts";

/** The node's poolers run, are not paused, and lead to the primary. */
export const poolers: NodeRule = ({ observed: { host }, primary }) => {
  const pooler = host.kind === "read" ? host.value.pooler : undefined;
  if (!pooler) return [];
  const down = Object.entries(pooler.units).flatMap(([unit, state]) =>
    state === "active" ? [] : [`${unit} (${state})`],
  );
  if (down.length > 0) {
    return [
      {
        level: "warning",
        what: `a part of its pooler does not run: ${down.join(", ")}`,
        hint: "look at its log (journalctl -u <unit>) on the host, then run systemctl restart <unit>",
      },
    ];
  }
  if (pooler.paused) {
    return [
      {
        level: "warning",
        what: "its pooler is paused for a change of primary: clients wait",
        hint: "it goes on by itself within half a minute; journalctl -u understudy-pooler-route on the host says for whom it waits",
      },
    ];
  }
  if (primary === undefined || pooler.route === primary.name) return [];
  return [
    {
      level: "warning",
      what: `its pooler leads to ${pooler.route === "" ? "nobody" : pooler.route}, but ${primary.name} is the primary`,
      hint: "see on the host whom it can't reach: journalctl -u understudy-pooler-route",
    },
  ];
};
