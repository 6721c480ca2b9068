import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import pg from "pg";
import { connectionUri, jdbcUrl } from "../../../model/connectionUri.ts";
import { scramVerifier } from "../../../model/scram.ts";

const caFile = fileURLToPath(new URL("../../../package.json", import.meta.url));

const saltOf = (role: string, password: string, saltKey: string) =>
  /:(.+)\$/.exec(scramVerifier(role, password, saltKey))?.[1] ?? "";

describe("scramVerifier", () => {
  it("is what RFC 5802 asks for, by its own salt", () => {
    const verifier = scramVerifier("app", "pencil-sharp", "key");
    const [, iterations, salt, stored, server] = /^SCRAM-SHA-256\$(\d+):(.+)\$(.+):(.+)$/.exec(verifier) ?? [];
    const salted = pbkdf2Sync("pencil-sharp", Buffer.from(salt ?? "", "base64"), Number(iterations), 32, "sha256");
    const hmac = (label: string) => createHmac("sha256", salted).update(label).digest();
    assert.equal(iterations, "4096");
    assert.equal(stored, createHash("sha256").update(hmac("Client Key")).digest("base64"));
    assert.equal(server, hmac("Server Key").toString("base64"));
  });

  it("is the same on every run, and another for another role or password", () => {
    assert.equal(scramVerifier("a", "password", "key"), scramVerifier("a", "password", "key"));
    assert.notEqual(saltOf("a", "password", "key"), saltOf("b", "password", "key"));
    assert.notEqual(saltOf("a", "password", "key"), saltOf("a", "passwore", "key"));
  });

  it("has a salt that role and password do not tell", () => {
    const salts = ["one key", "another key"].map((key) => saltOf("a", "password", key));
    assert.equal(new Set(salts).size, 2);
    assert.ok(salts.every((salt) => Buffer.from(salt, "base64").length === 16));
  });
});

describe("connectionUri", () => {
  const hosts = [
    { host: "db1.example.com", port: 5432 },
    { host: "fd00::2", port: 5433 },
  ];
  const input = {
    user: "app",
    password: "secret",
    database: "app",
    hosts,
    caFile: "understudy-dev-ca.crt",
    mode: "read-write",
  } as const;

  it("names every host, the CA and which server will do, and nothing else", () => {
    assert.equal(
      connectionUri(input),
      "postgresql://app:secret@db1.example.com:5432,[fd00::2]:5433/app" +
        "?sslmode=verify-full&sslrootcert=understudy-dev-ca.crt&target_session_attrs=read-write",
    );
    assert.match(connectionUri({ ...input, mode: "read-only" }), /&target_session_attrs=prefer-standby$/);
    assert.equal(
      connectionUri({ ...input, hosts: hosts.slice(0, 1), caFile: undefined, mode: "any" }),
      "postgresql://app:secret@db1.example.com:5432/app?sslmode=verify-full",
    );
    assert.equal(
      jdbcUrl({ ...input, password: "p&+ ", caFile: "/etc/ssl/ca 1.crt" }),
      "jdbc:postgresql://db1.example.com:5432,[fd00::2]:5433/app?user=app&password=p%26%2B%20" +
        "&sslmode=verify-full&sslrootcert=/etc/ssl/ca%201.crt&targetServerType=primary",
    );
    assert.match(jdbcUrl({ ...input, mode: "read-only" }), /&targetServerType=preferSecondary$/);
  });

  it("with one host, is read by pg as it was meant, whatever the password and the file's name", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{8,40}$/), fc.constantFrom(...hosts), (password, host) => {
        const one = { ...input, password, hosts: [host], mode: "any" } as const;
        const client = new pg.Client({ connectionString: connectionUri({ ...one, caFile }) });
        assert.deepEqual(
          [client.user, client.password, client.host, client.port, client.database],
          ["app", password, host.host, host.port, "app"],
        );
        assert.deepEqual((client as unknown as { ssl: unknown }).ssl, { ca: readFileSync(caFile, "utf8") });
      }),
    );
  });
});
