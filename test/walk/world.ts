import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DockerCluster } from "../support/dockerCluster.ts";
import { addressOf, archiveHost } from "../support/faults.ts";
import { until } from "../support/until.ts";
import type { Node, victims } from "./plan.ts";
import { nodes } from "./plan.ts";

/** No command on a host takes longer, but where it is told so: a host may hang. */
const longestCommandMs = 30_000;

/** How the processes are found on a host; all are killed by SIGKILL. The names are those that PostgreSQL and systemd give them. */
const killing: Readonly<Record<(typeof victims)[number], string>> = {
  postmaster: "kill -9 $(head -n 1 /var/lib/understudy/*/data/postmaster.pid)",
  backend: "kill -9 $(pgrep -o -f 'postgres: .*[a]pp app')",
  "WAL receiver": "pkill -9 -f 'postgres: .*[w]alreceiver'",
  checkpointer: "pkill -9 -f 'postgres: .*[c]heckpointer'",
  // Whatever runs for the program itself, and is no server.
  "host programs": `pkill -9 -f '/usr/local/lib/[u]nderstudy/'; for unit in $(systemctl list-units --state=active,activating --plain --no-legend 'understudy-*.service' | cut -d' ' -f1); do
      case $unit in understudy-postgresql* | understudy-pooler.service | understudy-pooler-ro.service) ;; *) systemctl kill --signal=KILL "$unit" ;; esac
    done`,
  pooler: "pkill -9 '[p]gbouncer'",
};

type Cut = Node | "the archive" | "the operator";

/** The hosts of a walk, and what can befall them. What is asked for twice is no error. */
export class World {
  readonly cluster: DockerCluster;
  readonly #cuts = new Map<Node, Set<Cut>>(nodes.map((node) => [node, new Set()]));
  readonly #addresses: Readonly<Record<string, string>>;
  readonly #followers = new Map<Node, ChildProcess>();
  readonly #hanging = new Map<string, NodeJS.Timeout | undefined>();
  readonly #snapshots = new Set<Node>();
  #isOver = false;

  /** @param directory gets what the hosts write */
  constructor(cluster: DockerCluster, directory: string) {
    this.cluster = cluster;
    this.#addresses = Object.fromEntries([...nodes, archiveHost].map((host) => [host, addressOf(cluster, host)]));
    for (const node of nodes) {
      const log = createWriteStream(join(directory, `${node}.log`));
      this.#followJournal(node, log);
    }
  }

  /** What the host's own services write, from each of its boots on: its journal does not outlive a power cut. */
  #followJournal(node: Node, log: WriteStream): void {
    if (this.#isOver) {
      log.end();
      return;
    }
    const journal = ["journalctl", "-f", "-n", "all", "-o", "short-precise", "--no-hostname", "-u", "understudy-*"];
    const child = spawn("docker", ["exec", this.cluster.container(node), ...journal], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#followers.set(node, child);
    child.stdout.pipe(log, { end: false });
    child.on("error", () => undefined).once("close", () => setTimeout(() => this.#followJournal(node, log), 1000));
  }

  /** Ends what runs for this walk, and removes what it has made. The hosts stay. */
  async end(): Promise<void> {
    this.#isOver = true;
    for (const follower of this.#followers.values()) follower.kill();
    for (const timer of this.#hanging.values()) clearTimeout(timer);
    for (const node of this.#snapshots) await this.#docker(["volume", "rm", "--force", this.#snapshotOf(node)]);
  }

  async isOn(host: string): Promise<boolean> {
    const state = await this.#docker(["inspect", "--format", "{{.State.Running}}", this.cluster.container(host)]);
    return state.trim() === "true";
  }

  async powerOff(host: string): Promise<void> {
    await this.goesOn(host);
    if (await this.isOn(host)) await this.#docker(["kill", this.cluster.container(host)]);
  }

  async powerOn(host: string): Promise<void> {
    await this.#docker(["start", this.cluster.container(host)]);
    if (isNode(host)) await this.#applyCuts(host);
  }

  async reboot(host: Node): Promise<void> {
    await this.goesOn(host);
    // One that is off stays off.
    if (!(await this.isOn(host))) return;
    await this.#docker(["restart", "--time", "20", this.cluster.container(host)], { timeoutMs: 60_000 });
    await this.#applyCuts(host);
  }

  /** Stops a host without its knowing; it goes on by itself after a while, or when it is told to. */
  async hang(host: string, forMs?: number): Promise<void> {
    if (this.#hanging.has(host) || !(await this.isOn(host))) return;
    // The kernel gives up where one of the processes does not stop in time.
    await until(`${host} to hang`, 20, () => this.#docker(["pause", this.cluster.container(host)]).then(() => true));
    this.#hanging.set(host, forMs === undefined ? undefined : setTimeout(() => void this.goesOn(host), forMs));
  }

  async goesOn(host: string): Promise<void> {
    if (!this.#hanging.has(host)) return;
    clearTimeout(this.#hanging.get(host));
    this.#hanging.delete(host);
    // It may have been fenced meanwhile.
    await this.#docker(["unpause", this.cluster.container(host)]).catch(() => undefined);
  }

  async kill(node: Node, what: (typeof victims)[number]): Promise<void> {
    await this.exec(node, ["bash", "-c", `${killing[what]} || true`]);
  }

  async archive(state: "on" | "off" | "hangs"): Promise<void> {
    if (state === "off") return this.powerOff(archiveHost);
    if (state === "hangs") return this.hang(archiveHost);
    await this.goesOn(archiveHost);
    await this.powerOn(archiveHost);
  }

  async cut(one: Node, other: Cut): Promise<void> {
    this.#cuts.get(one)?.add(other);
    if (isNode(other)) this.#cuts.get(other)?.add(one);
    await Promise.all([one, other].filter(isNode).map((node) => this.#applyCuts(node)));
  }

  async mendNetworks(): Promise<void> {
    for (const cuts of this.#cuts.values()) cuts.clear();
    await Promise.all(nodes.map((node) => this.#applyCuts(node)));
  }

  /** A host that has just booted has none of its rules. */
  async #applyCuts(node: Node): Promise<void> {
    const cuts = [...(this.#cuts.get(node) ?? [])];
    const addresses = cuts.flatMap((cut) => this.#addresses[cut === "the archive" ? archiveHost : cut] ?? []);
    const hosts = addresses.join(", ");
    const rules = `table inet walk {
      chain in { type filter hook input priority -300;
        ${hosts && `ip saddr { ${hosts} } drop;`}
        ${cuts.includes("the operator") ? `tcp dport 22 ip saddr != { ${Object.values(this.#addresses).join(", ")} } drop;` : ""}
      }
      chain out { type filter hook output priority -300; ${hosts && `ip daddr { ${hosts} } drop;`} }
    }`;
    // Who is off or hangs has none, and gets them when it is back.
    await this.exec(node, ["nft", `table inet walk {}\ndelete table inet walk\n${rules}`]).catch(() => undefined);
  }

  #snapshotOf(node: Node): string {
    return `${this.cluster.container(node)}-snapshot`;
  }

  /** The disk as it is at one instant, as a storage system would copy it. */
  async snapshot(node: Node): Promise<void> {
    const isHeld = this.#hanging.has(node);
    if (!isHeld) await this.hang(node);
    this.#snapshots.add(node);
    await this.#copy(node, "/disk", "/snapshot");
    if (!isHeld) await this.goesOn(node);
  }

  /** The host loses its power, and comes back with the disk of the snapshot. */
  async diskGoesBack(node: Node): Promise<void> {
    if (!this.#snapshots.has(node)) return;
    await this.powerOff(node);
    await this.#copy(node, "/snapshot", "/disk");
    await this.powerOn(node);
  }

  async #copy(node: Node, from: string, to: string): Promise<void> {
    const container = this.cluster.container(node);
    const image = (await this.#docker(["inspect", "--format", "{{.Image}}", container])).trim();
    const script = `find ${to} -mindepth 1 -delete && cp -a ${from}/. ${to}/ && sync`;
    const volumes = ["--volume", `${container}-data:/disk`, "--volume", `${this.#snapshotOf(node)}:/snapshot`];
    const command = ["run", "--rm", "--network", "none", ...volumes, "--entrypoint", "sh", image, "-c", script];
    await this.#docker(command, { timeoutMs: 120_000 });
  }

  /** Everything is mended, and every host but those of `off` runs and has booted. */
  async mend(off: readonly Node[]): Promise<void> {
    for (const host of [...this.#hanging.keys()]) await this.goesOn(host);
    await this.archive("on");
    for (const node of nodes) await (off.includes(node) ? this.powerOff(node) : this.powerOn(node));
    await this.mendNetworks();
    const services = [...nodes.filter((node) => !off.includes(node)), archiveHost];
    await Promise.all(
      services.map((host) =>
        until(`the SSH server of ${host}`, 120, async () => {
          const state = await this.exec(host, ["sh", "-c", "systemctl is-active ssh || true"]);
          return state.trim() === "active";
        }),
      ),
    );
    await this.exec(archiveHost, [
      ...["sh", "-c"],
      "for i in $(seq 250); do systemctl is-active --quiet understudy-s3 && exit; sleep 0.1; done; exit 1",
    ]);
    await this.mendNetworks();
  }

  /** Runs a command on a host, as root; gives what it printed. */
  exec(host: string, command: readonly string[], timeoutMs = longestCommandMs): Promise<string> {
    return this.#docker(["exec", this.cluster.container(host), ...command], { timeoutMs });
  }

  #docker(words: readonly string[], { timeoutMs = longestCommandMs } = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 1 << 26 } as const;
      execFile("docker", words, options, (error, stdout, stderr) => {
        if (error) reject(new Error(stderr.trim() || error.message));
        else resolve(stdout);
      });
    });
  }

  /** The last lines of what a host's services wrote, and what it keeps about who leads. */
  async whoLeads(node: Node): Promise<string> {
    await this.powerOn(node).catch(() => undefined);
    await sleep(2000);
    const script =
      "cd /var/lib/understudy/state && head -c 300 token joined 2>/dev/null; tail -n 15 journal | cut -c1-240";
    return this.exec(node, ["sh", "-c", script]).catch(String);
  }
}

export function isNode(host: string): host is Node {
  return (nodes as readonly string[]).includes(host);
}
