import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { makeSecret, script, type TestHosts } from "./hosts.ts";

const name = "s3";
const alias = "s3.understudy.test";
/** Leads to it, too; its certificate does not say so. */
const otherAlias = "elsewhere.understudy.test";

interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** An S3 server on a host of the tests' own, over HTTPS with a CA of its own: the endpoint of a user's. */
export class S3Server {
  readonly #hosts: TestHosts;
  readonly bucket: string;
  readonly accessKey = randomBytes(12).toString("hex");
  readonly secretKey = randomBytes(20).toString("hex");
  /** PEM. */
  readonly caCertificate: string;
  /** As the hosts of the group reach it. */
  readonly endpoint = `https://${alias}:443`;
  /** The same, by a name that its certificate does not have. */
  readonly endpointByOtherName = `https://${otherAlias}:443`;

  private constructor(hosts: TestHosts, bucket: string, caCertificate: string) {
    this.#hosts = hosts;
    this.bucket = bucket;
    this.caCertificate = caCertificate;
  }

  static async start(hosts: TestHosts, bucket: string): Promise<S3Server> {
    const ca = makeSecret<Pair>("ca", { commonName: "tests", days: 2 });
    const tls = makeSecret<Pair>("certificate", { ca, commonName: alias, dnsNames: [alias], ipAddresses: [], days: 1 });
    const ssh = makeSecret<{ privateKey: string }>("ssh-key", {});
    const server = new S3Server(hosts, bucket, ca.certificate);
    const { accessKey: access, secretKey: secret } = server;
    const account = { access, secret, role: "admin", userID: 0, groupID: 0, projectID: 0 };
    const files = {
      "/etc/ssh/ssh_host_ed25519_key": ssh.privateKey,
      "/etc/understudy/s3/server.crt": tls.certificate,
      "/etc/understudy/s3/server.key": tls.privateKey,
      "/etc/understudy/s3/users.json": JSON.stringify({ accessAccounts: { [access]: account } }),
      "/etc/understudy/s3/buckets": `${bucket}\n`,
    };
    const stdin = Object.entries(files)
      .map(([path, content]) => `${path} 600 ${Buffer.from(content).toString("base64")}\n`)
      .join("");
    const { prefix } = hosts;
    await script("volume", ["create", prefix, `${name}-data`]);
    const image = ["--image", "s3", "--volume", `${name}-data`, "--ports", "22,443"];
    const aliases = ["--alias", alias, "--alias", otherAlias];
    await script("host", ["create", prefix, name, ...image, ...aliases, "--restart-unit", "understudy-s3"], stdin);
    await script("host", ["start", prefix, name, "--unit", "understudy-s3"]);
    return server;
  }

  /** What the key `archive` of a stack says, without `caFile`. */
  get config() {
    const { bucket, endpoint, accessKey, secretKey } = this;
    return { bucket, endpoint, accessKey, secretKey, uriStyle: "path" } as const;
  }

  /** Names of the objects in the bucket. */
  objects(): string[] {
    const root = `/var/lib/understudy/buckets/${this.bucket}/`;
    const find = ["exec", `${this.#hosts.prefix}-${name}`, "find", root, "-type", "f"];
    return execFileSync("docker", find, { encoding: "utf8" })
      .split("\n")
      .filter(Boolean)
      .map((path) => path.replace(root, ""));
  }

  /** Off: as a power cut would. On: it serves when this resolves. */
  async power(to: "on" | "off"): Promise<void> {
    const { prefix } = this.#hosts;
    if (to === "off") execFileSync("docker", ["kill", `${prefix}-${name}`], { stdio: "ignore" });
    else await script("host", ["start", prefix, name, "--unit", "understudy-s3"]);
  }

  async remove(): Promise<void> {
    await script("host", ["delete", this.#hosts.prefix, name, "--kill"]);
    await script("volume", ["delete", this.#hosts.prefix, `${name}-data`]);
  }
}
