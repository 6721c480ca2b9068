export const volumeTypes = ["gp3", "io2"] as const;
export type VolumeType = (typeof volumeTypes)[number];

export interface VolumeConfig {
  readonly type: VolumeType;
  readonly sizeGb: number;
  readonly iops: number;
  /** MiB/s; undefined where the type has no such setting. */
  readonly throughput: number | undefined;
}

/** What EBS allows. Sizes in GiB, throughput in MiB/s. */
export const volumeLimits = {
  gp3: { size: [1, 65_536], iops: [3000, 80_000], iopsPerGb: 500, throughput: [125, 2000], throughputPerIops: 0.25 },
  io2: { size: [4, 65_536], iops: [100, 256_000], iopsPerGb: 1000 },
} as const;

/** Less than this is no place for a PostgreSQL and its WAL. */
export const leastVolumeGb = 10;

export interface VolumeProblem {
  readonly key: "size" | "iops" | "throughput";
  readonly rule: string;
  readonly hint: string;
}

/** What EBS would refuse of a volume. */
export function volumeProblems({ type, sizeGb, iops, throughput }: VolumeConfig): readonly VolumeProblem[] {
  const limits = volumeLimits[type];
  const problems: VolumeProblem[] = [];
  const [, mostGb] = limits.size;
  if (sizeGb < leastVolumeGb || sizeGb > mostGb || !Number.isInteger(sizeGb)) {
    const rule = `must be a whole number of gigabytes from ${leastVolumeGb}GB to ${mostGb}GB`;
    problems.push({ key: "size", rule, hint: "write it such as 100GB" });
    return problems;
  }
  const [leastIops, mostIops] = limits.iops;
  // The IOPS that every gp3 volume has need no size.
  const bySize = Math.max(Math.min(mostIops, limits.iopsPerGb * sizeGb), type === "gp3" ? leastIops : 0);
  if (iops < leastIops || iops > bySize) {
    const because = bySize < mostIops ? ` (${limits.iopsPerGb} for each of its ${sizeGb} GB)` : "";
    const rule = `must be from ${leastIops} to ${bySize} for a volume of ${type}${because}, not ${iops}`;
    problems.push({ key: "iops", rule, hint: "set another number, or a larger volume" });
  }
  if (type === "io2") {
    if (throughput !== undefined) {
      const rule = "can't be set for io2, which has what its IOPS give";
      problems.push({ key: "throughput", rule, hint: "remove it, or set the type to gp3" });
    }
    return problems;
  }
  const { throughput: range, throughputPerIops } = volumeLimits.gp3;
  const byIops = Math.min(range[1], Math.floor(throughputPerIops * iops));
  if (throughput !== undefined && (throughput < range[0] || throughput > byIops)) {
    const because = byIops < range[1] ? ` (a quarter of its ${iops} IOPS)` : "";
    const rule = `must be from ${range[0]} to ${byIops} MiB/s${because}, not ${throughput}`;
    problems.push({ key: "throughput", rule, hint: "set another number, or more IOPS" });
  }
  return problems;
}

/** Why a volume of `before` can't become one of `after`, both in GiB; undefined: it can. */
export function shrinkProblem(before: number | undefined, after: number | undefined): string | undefined {
  return before !== undefined && after !== undefined && after < before
    ? `the data volume has ${before} GB and can't become smaller: ${after} GB are declared`
    : undefined;
}

/** Why a node whose volume is in `real` can't be in `declared`; undefined: it is. A volume is in one zone for good. */
export function zoneProblem(node: string, real: string, declared: string): string | undefined {
  if (real === declared) return undefined;
  return [
    `nodes.${node}.zone is ${declared}, and its data volume is in ${real}: volumes do not move`,
    `HINT: set it back. For a node in ${declared}, add one of another name, and remove this one.`,
  ].join("\n");
}
