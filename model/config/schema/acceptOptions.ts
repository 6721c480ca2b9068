import { bytes, bytesRule, flag, type Option, wholeNumber } from "./option.ts";

export const acceptOptions = {
  change: {
    schema: wholeNumber(0, 999_999_999),
    description:
      "Number of the change by which the old primary, whose writes may be lost, became the primary. Preflight names it when it refuses. Once another node has taken over, this consent is spent: no later change uses it.",
    rule: "must be the number of a change of primary",
    hint: "set the number that preflight names, such as 1",
    required: true,
    effect: "none on the cluster",
  },
  lossBytes: {
    schema: bytes(),
    description: "How much WAL may be lost, as far as that can be known.",
    rule: bytesRule,
    hint: "set what may be lost, such as 16MB",
    default: "0",
    effect: "none on the cluster",
  },
  lossUnknown: {
    schema: flag(),
    description:
      "Whether more than that may be lost: where the former primary can't be asked, nobody knows what it acknowledged last.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "none on the cluster",
  },
  behind: {
    schema: flag(),
    description: "Whether a node may take over that is not the furthest ahead of those in reach.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "none on the cluster",
  },
} as const satisfies Record<string, Option>;
