import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { script } from "../../support/hosts.ts";

/** Debian's packages of the tools that the benchmark compares with, all in one image; each host runs one of them. */
const packages = [
  ...["patroni", "python3-etcd", "etcd-server"],
  ...["repmgr", "postgresql-17-repmgr"],
  ...["pg-auto-failover-cli", "postgresql-17-auto-failover"],
] as const;

/** Builds the image if it is not there; gives its tag. It is the host image of PostgreSQL 17 with the packages on top. */
export async function peerImage(): Promise<string> {
  const base = (await script("image", ["17"])).trim();
  const recipe = `FROM ${base}
RUN apt-get update \\
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages.join(" ")} \\
  && systemctl disable etcd.service patroni.service \\
  && rm -rf /var/lib/apt/lists/*
LABEL understudy.image="bench-handover"
CMD ["/sbin/init"]
`;
  const tag = `understudy/bench-handover:${createHash("sha256").update(recipe).digest("hex").slice(0, 12)}`;
  if (spawnSync("docker", ["image", "inspect", tag], { stdio: "ignore" }).status === 0) return tag;
  const build = spawnSync("docker", ["build", "--force-rm", "--tag", tag, "-"], { input: recipe, encoding: "utf8" });
  if (build.status !== 0) throw new Error(`the image of the peers could not be built:\n${build.stdout}${build.stderr}`);
  return tag;
}
