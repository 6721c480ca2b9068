import { isCalendar } from "./archiveOptions.ts";
import { anything, duration, matching, type Option } from "./option.ts";

export const drillOptions = {
  schedule: {
    schema: matching((value) => value === "off" || isCalendar(value)),
    description:
      "When a drill is made: a systemd OnCalendar expression, or `off`. The first active node by name that does not lead makes it. It reads the whole last backup from the archive.",
    rule: "must be a systemd OnCalendar expression or off",
    hint: "write it such as 'Sat *-*-* 05:00' or 'monthly'; 'systemd-analyze calendar' checks it",
    default: '"off"',
    effect: "reload of the timers",
  },
  maxAge: {
    schema: duration(),
    description: "How old the last restore that was proven may be: `npm run status` warns of an older one.",
    rule: "must be a duration: a number and one of us, ms, s, min, h, d",
    hint: "write it such as 8d or 36h; units heed case",
    default: "`35d` with a `schedule`; else none",
    effect: "none on the cluster",
  },
  query: {
    schema: anything(),
    type: "Readonly<Record<string, string>>",
    description:
      "What has to be true of the restored data: database name to a query whose one answer has to be `true`. It runs as the owner of the database.",
    rule: "must be an object: database name to a query",
    hint: "set it such as: pulumi config set --path drill.query.app \"select max(at) > now() - interval '1 day' from orders\"",
    default: "none",
    effect: "counts from the next drill on",
  },
} as const satisfies Record<string, Option>;
