import type { NodeRule } from "./finding.ts";

/**
 * The host is what is declared: image, instance type, user data. No more than a notice: hosts stay behind on purpose until somebody names them,
 * and a distribution publishes a new image every few weeks.
 */
export const hostAsDeclared: NodeRule = ({ observed: { declared } }) => {
  const { name, role, behind } = declared;
  if (behind.length === 0) return [];
  const maintain = `pulumi config set --path aws.maintain ${name} && pulumi up; then pulumi config rm --path aws.maintain`;
  return [
    {
      level: "notice",
      what: `its host is behind what is declared: ${behind.join(", ")}`,
      hint:
        role === "primary"
          ? `it leads: first move the primary, in an update of its own (pulumi config set primary <node> && pulumi up); then ${maintain}`
          : `when it may be away for some minutes: ${maintain}`,
    },
  ];
};
