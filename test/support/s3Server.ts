import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { renderS3Policy, renderS3Users } from "../../model/render/s3Accounts.ts";
import { makeSecret, script, type TestHosts } from "./hosts.ts";

const name = "s3";
const alias = "s3.understudy.test";
/** Leads to it, too; its certificate does not say so. */
const otherAlias = "elsewhere.understudy.test";

interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A value of a config. */
type Account = { readonly accessKey: string; readonly secretKey: string };

const newAccount = (): Account => ({
  accessKey: randomBytes(12).toString("hex"),
  secretKey: randomBytes(20).toString("hex"),
});

/** An S3 server on a host of the tests' own, over HTTPS with a CA of its own: the endpoint of a user's. */
export class S3Server {
  readonly #hosts: TestHosts;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** A bucket of its own, and an account that may not delete there; undefined: there is none. */
  readonly ledger: (Account & { readonly bucket: string }) | undefined;
  /** PEM. */
  readonly caCertificate: string;
  /** As the hosts of the group reach it. */
  readonly endpoint = `https://${alias}:443`;
  /** The same, by a name that its certificate does not have. */
  readonly endpointByOtherName = `https://${otherAlias}:443`;

  private constructor(hosts: TestHosts, bucket: string, hasLedger: boolean, caCertificate: string) {
    this.#hosts = hosts;
    this.bucket = bucket;
    ({ accessKey: this.accessKey, secretKey: this.secretKey } = newAccount());
    this.ledger = hasLedger ? { bucket: `${bucket}-ledger`, ...newAccount() } : undefined;
    this.caCertificate = caCertificate;
  }

  static async start(hosts: TestHosts, bucket: string, hasLedger = false): Promise<S3Server> {
    const ca = makeSecret<Pair>("ca", { commonName: "tests", days: 2 });
    const tls = makeSecret<Pair>("certificate", { ca, commonName: alias, dnsNames: [alias], ipAddresses: [], days: 1 });
    const ssh = makeSecret<{ privateKey: string }>("ssh-key", {});
    const server = new S3Server(hosts, bucket, hasLedger, ca.certificate);
    const { ledger } = server;
    const accounts = { archive: server, ledger };
    const files = {
      "/etc/ssh/ssh_host_ed25519_key": ssh.privateKey,
      "/etc/understudy/s3/server.crt": tls.certificate,
      "/etc/understudy/s3/server.key": tls.privateKey,
      "/etc/understudy/s3/users.json": renderS3Users(accounts),
      ...(ledger ? { "/etc/understudy/s3/policy": renderS3Policy(accounts, bucket) } : {}),
      "/etc/understudy/s3/buckets": [bucket, ...(ledger ? [ledger.bucket] : [])].map((each) => `${each}\n`).join(""),
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
    const { bucket, endpoint, accessKey, secretKey, ledger } = this;
    return { bucket, endpoint, accessKey, secretKey, uriStyle: "path", ...(ledger ? { ledger } : {}) } as const;
  }

  /** Names of the objects in the bucket, by default the archive's. */
  objects(bucket = this.bucket): string[] {
    const root = `/var/lib/understudy/buckets/${bucket}/`;
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
