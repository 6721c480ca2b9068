import { aws } from "./aws.ts";
import { docker } from "./docker.ts";
import { ssh } from "./ssh.ts";
import type { ConfigTarget } from "./target.ts";

/** Every target: a new one is a row here, and one in `components/targets/machines.ts`. */
export const targets = { docker, ssh, aws } as const satisfies Readonly<Record<string, ConfigTarget>>;

export type TargetName = keyof typeof targets;
