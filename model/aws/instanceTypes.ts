export const architectures = ["arm64", "x86_64"] as const;
export type Architecture = (typeof architectures)[number];

const size = /^(?:nano|micro|small|medium|large|xlarge|[1-9]\d{0,2}xlarge|metal(?:-[1-9]\d{0,2}xl)?)$/;
/** Family, generation, attributes, suffix: `m` `7` `gd`; `m` `7` `i` `flex`. The first ones of large memory are named otherwise: `u-6tb1`. */
const series = /^(?:([a-z]+)(\d+)([a-z]*)(?:-([a-z0-9]+))?|u-\d+tb\d)$/;

/** Not on the Nitro system: their disks have other names, and no instance of them is what one would start with today. */
const old = new Set(
  [
    "t1",
    "t2",
    "m1",
    "m2",
    "m3",
    "m4",
    "c1",
    "c3",
    "c4",
    "cc2",
    "cr1",
    "r3",
    "r4",
    "x1",
    "x1e",
    "i2",
    "i3",
    "d2",
    "h1",
  ].concat(["hs1", "p2", "p3", "g2", "g3", "g3s", "f1"]),
);

/** What is wrong with the name of an instance type, or undefined. Whether a region has it, only AWS knows. */
export function instanceTypeProblem(type: string): string | undefined {
  const [head = "", tail = "", ...rest] = type.split(".");
  if (rest.length > 0 || !size.test(tail) || !series.test(head)) return `'${type}' is no EC2 instance type`;
  if (head.startsWith("mac")) return `'${type}' runs macOS only`;
  if (old.has(head)) return `'${type}' is of a generation before the Nitro system`;
  return undefined;
}

/** The processor of an instance type: Graviton where the attributes after the generation have a `g`, as in `m7gd`; Grace in `p6e-gb200`. */
export function architectureOf(type: string): Architecture {
  const [, family = "", generation = "", attributes = "", suffix = ""] = series.exec(type.split(".")[0] ?? "") ?? [];
  const arm = attributes.includes("g") || suffix.startsWith("gb") || `${family}${generation}` === "a1";
  return arm ? "arm64" : "x86_64";
}
