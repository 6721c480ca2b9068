import type { AwsHost, VolumeOrigin } from "../../aws/config.ts";
import { architectureOf, instanceTypeProblem } from "../../aws/instanceTypes.ts";
import { zonesOf } from "../../aws/regions.ts";
import { type VolumeConfig, volumeProblems } from "../../aws/volume.ts";
import type { Problem } from "../problems.ts";
import { nodeVolumeOptions, volumeOptions } from "../schema/awsStorageOptions.ts";
import { awsNodeOptions } from "../schema/nodeOptions.ts";
import { asObject, type OptionValues, readOptions } from "../schema/option.ts";
import type { CommonNode } from "../targets/target.ts";
import { parseSize, sizeUnits } from "../units.ts";
import type { AwsDefaults } from "./aws.ts";
import { readFence } from "./fence.ts";

/** What a node has on the target aws, with the defaults that `aws` gives. */
export function readAwsHost(
  values: OptionValues<typeof awsNodeOptions>,
  { region, instanceType, volume }: AwsDefaults,
  { state }: Pick<CommonNode, "state">,
  path: string,
  problems: Problem[],
): AwsHost {
  if (region && values.zone !== undefined && !zonesOf(region).includes(values.zone)) {
    const rule = `'${values.zone}' is no availability zone of ${region}`;
    problems.push({ key: `${path}.zone`, rule, hint: `use one of ${zonesOf(region).join(", ")}` });
  }
  return {
    target: "aws",
    zone: values.zone ?? "",
    instanceType: values.instanceType ?? instanceType,
    otherInstanceTypes: readTypes(values, instanceType, `${path}.otherInstanceTypes`, problems),
    capacityReservation: values.capacityReservation,
    volume: readVolume(values.volume, volume, `${path}.volume`, problems),
    volumeFrom: readOrigin(values.volume, `${path}.volume`, problems),
    stop: values.stop ?? "force",
    fence: readFence(values.fence, { state, required: false }, `${path}.fence`, problems),
  };
}

/** Types that the host can be instead: of its own processor, since it keeps its disk. */
function readTypes(
  { instanceType, otherInstanceTypes = [] }: OptionValues<typeof awsNodeOptions>,
  byDefault: string,
  key: string,
  problems: Problem[],
): readonly string[] {
  const own = instanceType ?? byDefault;
  const { hint } = awsNodeOptions.otherInstanceTypes;
  for (const type of otherInstanceTypes) {
    const problem = instanceTypeProblem(type);
    if (problem !== undefined) problems.push({ key, rule: problem, hint });
    else if (architectureOf(type) !== architectureOf(own)) {
      const rule = `has '${type}', which is ${architectureOf(type)}, and '${own}' is ${architectureOf(own)}`;
      problems.push({ key, rule, hint });
    }
  }
  return otherInstanceTypes;
}

function readOrigin(raw: unknown, path: string, problems: Problem[]): VolumeOrigin | undefined {
  // Other broken rules are told where the rest of the volume is read.
  const { adopt, snapshot } = readOptions(nodeVolumeOptions, raw, path, []);
  if (adopt !== undefined && snapshot !== undefined) {
    const rule = "is given beside adopt: a volume that is there is made of nothing";
    problems.push({ key: `${path}.snapshot`, rule, hint: "remove one of them" });
  }
  if (adopt !== undefined) return { kind: "volume", id: adopt };
  return snapshot === undefined ? undefined : { kind: "snapshot", id: snapshot };
}

/** The node's own keys, and where it has none those of `aws.volume`; what AWS would refuse is told by the key that says it. */
function readVolume(raw: unknown, defaults: AwsDefaults["volume"], path: string, problems: Problem[]): VolumeConfig {
  const { adopt: _, snapshot: __, ...own } = readOptions(nodeVolumeOptions, raw, path, problems);
  // Broken rules of the defaults are told once, where they stand.
  const common = readOptions(volumeOptions, defaults, "aws.volume", []);
  const type = own.type ?? common.type ?? "gp3";
  const inherited = type === (common.type ?? "gp3") ? common.throughput : undefined;
  const size = own.size ?? common.size ?? volumeOptions.size.default;
  const volume = {
    type,
    sizeGb: (parseSize(size) as number) / sizeUnits.GB,
    iops: own.iops ?? common.iops ?? Number(volumeOptions.iops.default),
    throughput: own.throughput ?? inherited ?? (type === "gp3" ? 125 : undefined),
  };
  const given = asObject(raw) ?? {};
  for (const { key, rule, hint } of volumeProblems(volume)) {
    const where = key in given || !(key in defaults) ? path : "aws.volume";
    const problem = { key: `${where}.${key}`, rule, hint };
    if (!problems.some((known) => known.key === problem.key && known.rule === rule)) problems.push(problem);
  }
  return volume;
}
