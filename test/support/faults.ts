import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import type { DockerCluster } from "./dockerCluster.ts";
import type { PulumiStack, RunResult } from "./pulumiStack.ts";

/** What can happen to hosts of the docker target. Each function gives the one that undoes it. */
type Undo = () => void;

/** Host of the stack's own S3 server. */
export const archiveHost = "archive_s3";

/** The address by which the other hosts of the stack reach a host; it has it while it is off, too. */
export function addressOf(cluster: DockerCluster, host: string): string {
  const format = "{{range .NetworkSettings.Networks}}{{.IPAMConfig.IPv4Address}}{{end}}";
  return docker("inspect", "--format", format, cluster.container(host)).trim();
}

/** Cuts the network between a host and others, in both directions. Clients still reach them all. */
export function cutNetwork(cluster: DockerCluster, host: string, others: readonly string[]): Undo {
  const addresses = others.map((other) => addressOf(cluster, other)).join(", ");
  const rules = `table inet test_cut {
    chain in { type filter hook input priority -300; ip saddr { ${addresses} } drop; }
    chain out { type filter hook output priority -300; ip daddr { ${addresses} } drop; }
  }`;
  cluster.exec(host, "nft", rules);
  return () => {
    cluster.exec(host, "nft", "delete table inet test_cut");
  };
}

/** Stops all processes of PostgreSQL on a host without their knowing (SIGSTOP). */
export function freezePostgres(cluster: DockerCluster, node: string): Undo {
  const signal = (name: string) => cluster.exec(node, "systemctl", "kill", `--signal=${name}`, "understudy-postgresql");
  signal("SIGSTOP");
  return () => {
    signal("SIGCONT");
  };
}

/** Stops a whole host without its knowing: it is there, and answers nobody. */
export function freezeHost(cluster: DockerCluster, host: string): Undo {
  // The kernel gives up on it where one of the processes does not stop in time.
  for (let attempt = 1; ; attempt++) {
    try {
      docker("pause", cluster.container(host));
      break;
    } catch (error) {
      if (attempt >= 5 || !String(error).includes("unable to freeze")) throw error;
    }
  }
  return () => {
    docker("unpause", cluster.container(host));
  };
}

/** Ends a host at once, as a power cut would. It stays off until it is powered on. */
export function cutPower(cluster: DockerCluster, host: string): Undo {
  docker("kill", cluster.container(host));
  return () => powerOn(cluster, host);
}

/** Does nothing where it runs. */
export function powerOn(cluster: DockerCluster, host: string): void {
  docker("start", cluster.container(host));
}

/** The archive's server is off; its address does not answer. */
export function stopArchive(cluster: DockerCluster): Undo {
  const start = cutPower(cluster, archiveHost);
  return () => {
    start();
    const answers =
      "for i in $(seq 600); do systemctl is-active --quiet understudy-s3 && exit; sleep 0.1; done; exit 1";
    cluster.exec(archiveHost, "sh", "-c", answers);
  };
}

/** The archive's server hangs: it takes connections, and answers none. */
export function hangArchive(cluster: DockerCluster): Undo {
  return freezeHost(cluster, archiveHost);
}

/**
 * Puts the data of a node, whose PostgreSQL is restarted for that, on a file system that has `freeMegabytes` left and keeps them
 * until they are filled. It is in memory: a node must not be powered off meanwhile.
 */
export class SmallDisk {
  readonly #cluster: DockerCluster;
  readonly #node: string;
  readonly #root = "/var/lib/understudy";

  constructor(cluster: DockerCluster, node: string, freeMegabytes: number) {
    this.#cluster = cluster;
    this.#node = node;
    this.#shell(`
      systemctl stop understudy-postgresql
      size=$(($(du -sm ${this.#root} | cut -f1) + ${freeMegabytes}))
      mkdir -p /mnt/small
      mount -t tmpfs -o size=\${size}m,mode=755 small /mnt/small
      cp -a ${this.#root}/. /mnt/small/
      mount --bind /mnt/small ${this.#root}
      umount /mnt/small
      systemctl start understudy-postgresql`);
  }

  fill(): void {
    this.#shell(`
      fallocate -l $(($(df --output=avail -B1 ${this.#root} | tail -n 1) - 65536)) ${this.#root}/filler || true
      dd if=/dev/zero of=${this.#root}/filler.more bs=4k 2>/dev/null || true`);
  }

  free(): void {
    this.#shell(`rm -f ${this.#root}/filler ${this.#root}/filler.more`);
  }

  /** The node's data is back on its own volume. */
  remove(): void {
    this.free();
    this.#shell(`
      systemctl stop understudy-postgresql
      mkdir -p /mnt/small
      mount --bind ${this.#root} /mnt/small
      umount ${this.#root}
      find ${this.#root} -mindepth 1 -delete
      cp -a /mnt/small/. ${this.#root}/
      umount /mnt/small
      systemctl start understudy-postgresql`);
  }

  #shell(script: string): void {
    this.#cluster.exec(this.#node, "bash", "-ec", script);
  }
}

/** How an update ends before its time. */
export type Interruption = "SIGKILL" | "Ctrl-C" | "Ctrl-C twice";

/** A moment of an update, by what the engine prints then. */
export interface Moment {
  /** Name of the resource, such as `promote`. */
  readonly step: string;
  readonly when: "starts" | "ends";
}

export const showMoment = ({ step, when }: Moment): string => `${step} ${when}`;

export function patternOf({ step, when }: Moment): RegExp {
  const verbs = when === "starts" ? "updating|creating" : "updated|created";
  return new RegExp(`:Command ${step} (?:${verbs})`);
}

/**
 * Starts `pulumi up` and interrupts it at the moment; gives how it ended. Pulumi's lock is taken away.
 *
 * @throws if the update ends without that moment
 */
export async function interruptedUp(stack: PulumiStack, moment: Moment, how: Interruption): Promise<RunResult> {
  const update = stack.spawnUp({ killAfterMs: 180_000 });
  await update.waitFor(patternOf(moment));
  update.signal(how === "SIGKILL" ? "SIGKILL" : "SIGINT");
  if (how === "Ctrl-C twice") {
    await update.waitFor(/press \^C again/);
    update.signal("SIGINT");
  }
  const result = await update.result;
  await stack.cancel();
  return result;
}

function docker(...words: string[]): string {
  return execFileSync("docker", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Undoes a fault. */
export type Mend = () => Promise<void> | void;

/** The process of a step on a host is killed as soon as it is there. */
export function killStep(cluster: DockerCluster, node: string, step: string): Mend {
  const script = `until pkill -9 -f '[u]nderstudy ${step} '; do sleep 0.005; done`;
  const watch = spawn("docker", ["exec", cluster.container(node), "bash", "-c", script], { stdio: "ignore" });
  return async () => {
    const gone = once(watch, "exit");
    if (watch.exitCode === null) {
      watch.kill();
      await gone;
    }
  };
}
