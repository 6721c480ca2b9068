import { execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "./pulumiStack.ts";

const run = promisify(execFile);

/** Every host that tests make outside Pulumi belongs to a prefix that starts so: what is left over can be swept. */
const testPrefix = "understudy-test-";

export interface TestHost {
  readonly name: string;
  readonly container: string;
  /** Address at which the other hosts of the group reach it. */
  readonly address: string;
  /** Published on 127.0.0.1. */
  readonly sshPort: number;
  readonly postgresPort: number;
  /** Who may log in: root, or an admin who may use sudo. */
  readonly user: "root" | "admin";
  /** OpenSSH format. */
  readonly privateKey: string;
  /** Type and base64. */
  readonly hostKey: string;
  /** Runs a shell command as root, behind sshd's back; gives its standard output. */
  exec(command: string, stdin?: string): Promise<string>;
  restart(): Promise<void>;
  /** Ends it at once, as a power cut would. It stays off. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/** Hosts on a network of their own, made by the scripts that the docker target uses. */
export class TestHosts {
  readonly prefix: string;
  readonly #operator = keyPair();
  readonly #volumes: string[] = [];
  readonly #made: string[] = [];

  private constructor(prefix: string) {
    this.prefix = prefix;
  }

  static async create(): Promise<TestHosts> {
    const hosts = new TestHosts(testPrefix + randomBytes(4).toString("hex"));
    await script("network", ["create", hosts.prefix]);
    return hosts;
  }

  /**
   * Boots a host from `image`: a PostgreSQL major, `bare-<suite>`, or `plain-<suite>`. A plain one is its user's: it makes its own host keys,
   * has no data volume, and an admin logs in.
   */
  async makeHost({ name, image }: { readonly name: string; readonly image: string }): Promise<TestHost> {
    const { prefix } = this;
    const container = `${prefix}-${name}`;
    const plain = image.startsWith("plain-");
    const hostKey = keyPair();
    const authorized = `${this.#operator.publicKey}\n`;
    const files = plain
      ? [["/home/admin/.ssh/authorized_keys", 644, authorized] as const]
      : [
          ["/etc/ssh/ssh_host_ed25519_key", 600, hostKey.privateKey] as const,
          ["/root/.ssh/authorized_keys", 600, authorized] as const,
        ];
    const stdin = files
      .map(([path, mode, content]) => `${path} ${mode} ${Buffer.from(content).toString("base64")}\n`)
      .join("");
    const args = ["--image", image, "--memory", String(1024 ** 3)];
    if (!plain) {
      await script("volume", ["create", prefix, `${name}-data`]);
      this.#volumes.push(`${name}-data`);
      args.push("--volume", `${name}-data`);
    }
    this.#made.push(name);
    const report = JSON.parse(await script("host", ["create", prefix, name, ...args], stdin)) as {
      readonly address: string;
      readonly sshPort: number;
      readonly postgresPort: number;
    };
    const verb = async (...words: string[]) => {
      await script("host", [words[0] as string, prefix, name, ...words.slice(1)]);
    };
    const exec = (command: string, input = "") =>
      piped("docker", ["exec", "-i", container, "sh", "-c", command], input);
    await verb("start");
    const { address, sshPort, postgresPort } = report;
    return {
      ...{ name, container, address, sshPort, postgresPort },
      user: plain ? "admin" : "root",
      privateKey: this.#operator.privateKey,
      hostKey: plain ? (await exec("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")).trim() : hostKey.publicKey,
      exec,
      restart: async () => {
        await run("docker", ["restart", container]);
        await verb("start");
      },
      kill: async () => {
        await run("docker", ["kill", container]);
      },
      start: () => verb("start"),
      stop: () => verb("stop"),
      remove: () => verb("delete", "--kill"),
    };
  }

  /** Removes all of it, volumes too. */
  async remove(): Promise<void> {
    await Promise.all(this.#made.map((name) => script("host", ["delete", this.prefix, name, "--kill"])));
    await Promise.all(this.#volumes.map((volume) => script("volume", ["delete", this.prefix, volume])));
    await script("network", ["delete", this.prefix]);
  }
}

/** Names of the containers, volumes or networks that belong to `prefix`. */
function listed(words: readonly string[], prefix: string): string[] {
  const filter = ["--filter", `label=understudy=${prefix}`];
  return execFileSync("docker", [...words, ...filter], { encoding: "utf8" })
    .split("\n")
    .filter(Boolean);
}
const containersOf = (prefix: string) => listed(["ps", "--all", "--format", "{{.Names}}"], prefix);
const volumesOf = (prefix: string) => listed(["volume", "ls", "--format", "{{.Name}}"], prefix);

/** Names of all containers, volumes and networks that belong to `prefix`. */
export function leftovers(prefix: string): string[] {
  const networks = listed(["network", "ls", "--format", "{{.Name}}"], prefix);
  return [...containersOf(prefix), ...volumesOf(prefix), ...networks];
}

/** Removes what belongs to `prefix`, whatever state it is in. */
export async function removeAll(prefix: string): Promise<void> {
  const containers = containersOf(prefix);
  if (containers.length > 0) await run("docker", ["rm", "--force", ...containers]);
  const volumes = volumesOf(prefix);
  if (volumes.length > 0) await run("docker", ["volume", "rm", ...volumes]);
  await script("network", ["delete", prefix]);
}

/** Runs `scripts/docker/<name>`; gives its standard output. Fails with what it said on standard error. */
export function script(name: string, words: readonly string[], stdin = ""): Promise<string> {
  return piped(join(REPOSITORY, "scripts/docker", name), words, stdin);
}

const keyPair = () => makeSecret<{ readonly privateKey: string; readonly publicKey: string }>("ssh-key", {});

/** Makes what the program's own secrets are made by: `scripts/make-secret.mjs <kind>`. */
export function makeSecret<T>(kind: string, parameters: object): T {
  const options = { cwd: REPOSITORY, input: JSON.stringify(parameters), encoding: "utf8" } as const;
  return JSON.parse(execFileSync(process.execPath, ["scripts/make-secret.mjs", kind], options)) as T;
}

function piped(command: string, words: readonly string[], stdin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${command} ${words.join(" ")} ended with ${code}:\n${stderr}`));
    });
    child.stdin.on("error", () => undefined).end(stdin);
  });
}
