import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DockerCluster } from "./dockerCluster.ts";
import { powerOn } from "./faults.ts";

const state = "/var/lib/understudy/state";

/** What each host knows of who leads, and what it wrote, in a new folder, a file a host. Hosts that are off are powered on for it. Gives the folder. */
export function keepLogs(cluster: DockerCluster, nodes: readonly string[], title: string): string {
  const directory = mkdtempSync(join(tmpdir(), `understudy-failed-${title.replace(/\W+/g, "-").slice(0, 60)}-`));
  const script = `cat ${state}/token ${state}/journal; understudy-agent status; tail -n 300 /var/log/understudy/*.log; journalctl --no-pager -q -n 3000`;
  for (const node of nodes) {
    try {
      powerOn(cluster, node);
      writeFileSync(join(directory, node), cluster.exec(node, "sh", "-c", `${script} 2>&1 || true`));
    } catch (error) {
      writeFileSync(join(directory, node), String(error));
    }
  }
  return directory;
}
