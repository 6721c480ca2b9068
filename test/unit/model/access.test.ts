import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import pg from "pg";
import { connectionUri } from "../../../model/connectionUri.ts";
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
    caFile: "/k/ca.crt",
    mode: "read-write",
  } as const;

  it("names every host for libpq and the first one for pg", () => {
    assert.equal(
      connectionUri(input),
      "postgresql://app:secret@db1.example.com:5432/app?sslmode=verify-full&sslrootcert=/k/ca.crt" +
        "&fallback_application_name=understudy#" +
        "&host=db1.example.com,fd00%3A%3A2&port=5432,5433&target_session_attrs=read-write",
    );
    assert.match(connectionUri({ ...input, mode: "read-only" }), /target_session_attrs=prefer-standby$/);
  });

  it("is read by pg as it was meant", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{8,40}$/), fc.boolean(), (password, swap) => {
        const ordered = swap ? [...hosts].reverse() : hosts;
        const client = new pg.Client({
          connectionString: connectionUri({ ...input, password, hosts: ordered, caFile }),
        });
        assert.deepEqual(
          [client.user, client.password, client.host, client.port, client.database],
          ["app", password, ordered[0]?.host, ordered[0]?.port, "app"],
        );
        assert.deepEqual((client as unknown as { ssl: unknown }).ssl, { ca: readFileSync(caFile, "utf8") });
      }),
    );
  });
});
