import { networkProblem } from "../network.ts";
import type { Problem } from "../problems.ts";

/** `clientNetworks` of a target without rules of its own: networks in CIDR notation. */
export function checkNetworks(networks: readonly string[], problems: Problem[]): void {
  for (const network of networks) {
    const rule = networkProblem(network);
    if (rule) problems.push({ key: "clientNetworks", rule, hint: "write it such as 10.0.0.0/8 or fd00::/8" });
  }
}
