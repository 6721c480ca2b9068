import type { Finding, NodeRule } from "./finding.ts";
import type { Observation } from "./observation.ts";

/*
 * Hosts are what is declared: image, instance type, user data. What is not is no more than a notice: hosts stay as they are on purpose until somebody
 * names them, and a distribution publishes a new image every few weeks.
 */

export const hostAsDeclared: NodeRule = ({ observed: { declared } }) => {
  const { name, role, pending } = declared;
  if (pending.length === 0) return [];
  return [
    {
      level: "notice",
      what: `its host lacks what is declared: ${pending.join(", ")}`,
      hint:
        role === "primary"
          ? `it leads: first move the primary, in an update of its own (pulumi config set primary <node> && pulumi up); then ${maintain(name)}`
          : `when it may be away for some minutes: ${maintain(name)}`,
    },
  ];
};

export const bastionAsDeclared = ({ bastionPending }: Observation): readonly Finding[] =>
  bastionPending.length === 0
    ? []
    : [
        {
          level: "notice",
          what: `the bastion lacks what is declared: ${bastionPending.join(", ")}`,
          hint: `when nobody needs it for some minutes: ${maintain("bastion")}`,
        },
      ];

function maintain(host: string): string {
  return `pulumi config set --path aws.maintain ${host} && pulumi up; then pulumi config rm --path aws.maintain`;
}
