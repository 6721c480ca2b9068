import { type ClusterConfig, ConfigError, type Problem, parseConfig } from "../../../model/config/config.ts";
import type { Known } from "../../../model/config/later.ts";
import { assertGolden as assertGoldenFile } from "../../support/golden.ts";

const files: Readonly<Record<string, string>> = {
  "key.pem": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n",
  "locked.pem": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4=\n-----END ENCRYPTED PRIVATE KEY-----\n",
  "key.pub": "ssh-ed25519 AAAA someone",
  "ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
};

export function readFile(path: string): string {
  const content = files[path];
  if (content === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
  return content;
}

export type Raw = Readonly<Record<string, unknown>>;

export function parse(raw: Raw, stack = "dev"): Known<ClusterConfig> {
  return parseConfig(raw, { name: stack, readFile }) as Known<ClusterConfig>;
}

/** The problems of `raw`; none where it parses. */
export function problemsOf(raw: Raw, stack?: string): readonly Problem[] {
  try {
    parse(raw, stack);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The dev stack, two nodes in containers. */
export const docker: Raw = { target: "docker", primary: "node-a", nodes: { "node-a": {}, "node-b": {} } };

/** Two hosts of the user's. */
export const ssh: Raw = {
  target: "ssh",
  primary: "db1",
  nodes: {
    db1: { host: "192.0.2.1", privateKeyFile: "key.pem" },
    db2: { host: "192.0.2.2", privateKeyFile: "key.pem" },
  },
  archive: { endpoint: "s3.example.com", bucket: "wal-of-db", accessKey: "AK", secretKey: "SK" },
};

/** Compares with test/golden/model/<name>; `UPDATE_GOLDEN=1` writes it. */
export function assertGolden(name: string, actual: string): void {
  assertGoldenFile(`model/${name}`, actual);
}
