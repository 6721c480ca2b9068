import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeConfig, PostgresMajor } from "../../model/config/config.ts";
import { connectionUri } from "../../model/connectionUri.ts";
import { replicationRole, slotName } from "../../model/names.ts";
import { hostFiles, pgdata } from "../../model/paths.ts";
import { renderHba } from "../../model/render/hba.ts";
import { renderPgbackrestConf } from "../../model/render/pgbackrest.ts";
import { renderPgpass } from "../../model/render/pgpass.ts";
import { renderPostgresqlConf } from "../../model/render/postgresqlConf.ts";
import { renderStandbyConf } from "../../model/render/standby.ts";
import { scramVerifier } from "../../model/scram.ts";
import { parse, ssh } from "../unit/model/support.ts";
import { hostImage, imageMajors, markOfImage, shellWord } from "./image.ts";

const password = "p@ss:/?#[]%&= '\\x\"$";
const replicationPassword = "repl:with\\both";

/** Two servers from rendered files alone, a primary and its standby, each in a container on this machine's own network. */
class Pair {
  readonly directory = mkdtempSync(join(tmpdir(), "understudy-pair-"));
  readonly major: PostgresMajor;
  readonly ports: readonly [number, number];
  readonly containers: readonly [string, string];

  constructor(major: PostgresMajor, ports: readonly [number, number]) {
    this.major = major;
    this.ports = ports;
    const id = randomBytes(4).toString("hex");
    this.containers = [`understudy-pair-${id}-1`, `understudy-pair-${id}-2`];
    const mount = `${this.directory}:${this.directory}`;
    for (const name of this.containers) {
      const options = ["-d", "--rm", "--network", "host", "-v", mount, "--entrypoint", "sleep", "--name", name];
      execFileSync("docker", ["run", ...options, hostImage(major), "600"], { stdio: "ignore" });
    }
  }

  run(node: 0 | 1, script: string): string {
    const command = ["exec", "-i", this.containers[node], "bash", "-seuo", "pipefail"];
    return execFileSync("docker", command, { input: script, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  }

  end(): void {
    for (const name of this.containers) execFileSync("docker", ["rm", "-f", name], { stdio: "ignore" });
    rmSync(this.directory, { recursive: true, force: true });
  }

  start(): void {
    // libpq before 15 knows no addresses in certificates: it compares their text with DNS names.
    this.run(
      0,
      `cd ${this.directory}
      openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 2
      openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server
      openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \\
        -extfile <(echo subjectAltName=IP:127.0.0.1,DNS:127.0.0.1)
      chmod 644 server.key ca.crt; chmod 755 .`,
    );
    const bin = `runuser -u postgres -- /usr/lib/postgresql/${this.major}/bin`;
    const serve = `${bin}/pg_ctl -w -D ${hostFiles.postgresqlConf.replace(/\/[^/]*$/, "")} -l /tmp/log start >&2 || { cat /tmp/log >&2; exit 1; }`;
    this.#configure(0, "");
    this.run(0, `${bin}/initdb -D ${this.#data} -k -A trust -U postgres; ${serve}`);
    this.sql(
      0,
      `create role app login password '${scramVerifier("app", password, "key")}';
      create role ${replicationRole} login replication password '${scramVerifier(replicationRole, replicationPassword, "key")}';
      select pg_create_physical_replication_slot('${slotName("db2")}');`,
    );
    this.#configure(1, this.#standby());
    const source = `host=127.0.0.1 port=${this.ports[0]} user=${replicationRole} passfile=${hostFiles.pgpass} sslmode=verify-full sslrootcert=${hostFiles.caCertificate}`;
    this.run(
      1,
      `${bin}/pg_basebackup -X stream -D ${this.#data} -d ${shellWord(source)}; ${bin}/initdb --version >&2
      touch ${this.#data}/standby.signal; ${serve}`,
    );
  }

  sql(node: 0 | 1, statement: string): string {
    return this.run(node, `runuser -u postgres -- psql -p ${this.ports[node]} -XAtq <<'SQL'\n${statement}\nSQL`).trim();
  }

  /** What psql, in a container, makes of a connection string. */
  psql(uri: string): string {
    return this.run(
      0,
      `psql ${shellWord(uri)} -XAtc 'select current_user, inet_server_port(), pg_is_in_recovery()'`,
    ).trim();
  }

  uri(order: readonly number[], mode: "read-write" | "read-only"): string {
    const hosts = order.map((port) => ({ host: "127.0.0.1", port }));
    return connectionUri({ user: "app", password, database: "postgres", hosts, caFile: this.caFile, mode });
  }

  get caFile(): string {
    return `${this.directory}/ca.crt`;
  }

  get #config() {
    const node = (index: 0 | 1, host: string) => ({ host, privateKeyFile: "key.pem", postgresPort: this.ports[index] });
    return parse({ ...ssh, postgresVersion: this.major, nodes: { db1: node(0, "h1"), db2: node(1, "h2") } });
  }

  get #data(): string {
    return pgdata("/var/lib/understudy", this.major);
  }

  #standby(): string {
    const config = this.#config;
    const primary = { address: "127.0.0.1", port: this.ports[0] };
    return renderStandbyConf({
      major: this.major,
      node: config.nodes.db2 as NodeConfig,
      stanza: config.clusterName,
      primary,
    });
  }

  #configure(index: 0 | 1, standby: string): void {
    const config = this.#config;
    const node = config.nodes[index === 0 ? "db1" : "db2"] as NodeConfig;
    const host = { memoryBytes: 2 ** 28, cpus: 2, dataDiskBytes: 2 ** 32 };
    const access = {
      endpoint: { host: "127.0.0.1", port: 1 },
      accessKey: "AK",
      secretKey: "SK",
      uriStyle: "path",
      caFile: hostFiles.caCertificate,
      verifyTls: true,
    } as const;
    const archive = {
      ...{ stanza: config.clusterName, major: this.major, node, archive: config.archive, access, cpus: 2 },
      key: "k3y",
      version: this.major === 13 ? "2.33" : "2.45",
    };
    const files: Readonly<Record<string, string>> = {
      [hostFiles.postgresqlConf]: renderPostgresqlConf({ config, node, host }),
      [hostFiles.hba]: renderHba({ nodeAddresses: ["127.0.0.1"], clientNetworks: ["127.0.0.0/8"] }),
      [hostFiles.ident]: "",
      [hostFiles.standbyConf]: standby,
      [hostFiles.pgpass]: renderPgpass({ replicationPassword }),
      [hostFiles.pgbackrestConf]: renderPgbackrestConf(archive),
    };
    const writes = Object.entries(files).map(([path, text]) => `printf %s ${shellWord(text)} >${path}`);
    this.run(
      index,
      `install -d -m 700 -o postgres /etc/understudy /etc/understudy/tls ${this.#data} /var/lib/understudy/spool
      install -d -m 775 -o postgres /run/postgresql /var/log/pgbackrest
      chown postgres /var/lib/understudy /var/lib/understudy/*
      ${writes.join("\n")}
      cp ${this.directory}/{ca.crt,server.crt,server.key} /etc/understudy/tls
      chmod 600 /etc/understudy/* /etc/understudy/tls/*; chmod 700 /etc/understudy/tls; chown -R postgres /etc/understudy`,
    );
  }
}

/** A port that is free, out of the range that the kernel gives to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

for (const major of imageMajors) {
  describe(`servers from rendered files, PostgreSQL ${major}${markOfImage(major)}`, () => {
    let pair: Pair;
    let primary: number;
    let standby: number;
    before(async () => {
      pair = new Pair(major, [await freePort(), await freePort()]);
      [primary, standby] = pair.ports;
      pair.start();
    });
    after(() => pair?.end());

    it("the standby streams over TLS, by its slot", async () => {
      const query = `select application_name, state, ssl, (select active from pg_replication_slots where slot_name = '${slotName("db2")}')
        from pg_stat_replication join pg_stat_ssl using (pid)`;
      for (let attempt = 0; attempt < 100 && !pair.sql(0, query).includes("streaming"); attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.equal(pair.sql(0, query), "db2|streaming|t|t");
    });

    it("PostgreSQL finds nothing wrong with pg_hba.conf and postgresql.conf", () => {
      assert.equal(pair.sql(0, "select line_number, error from pg_hba_file_rules where error is not null"), "");
      assert.equal(pair.sql(1, "select name, error from pg_file_settings where error is not null"), "");
    });

    it("connectionUri leads psql to the primary, whichever host it names first", () => {
      assert.equal(pair.psql(pair.uri([primary, standby], "read-write")), `app|${primary}|f`);
      assert.equal(pair.psql(pair.uri([standby, primary], "read-write")), `app|${primary}|f`);
    });

    it("readOnlyUri leads it to a standby, or else to the primary", () => {
      // libpq knows prefer-standby from 14 on.
      if (major < 14) return;
      assert.equal(pair.psql(pair.uri([standby, primary], "read-only")), `app|${standby}|t`);
      assert.equal(pair.psql(pair.uri([primary, standby], "read-only")), `app|${standby}|t`);
      assert.equal(pair.psql(pair.uri([primary], "read-only")), `app|${primary}|f`);
    });

    it("refuses what pg_hba.conf is to refuse", () => {
      const attempt = (words: string) => () =>
        pair.run(
          0,
          `PGPASSWORD=${shellWord(replicationPassword)} psql 'host=127.0.0.1 port=${primary} ${words}' -c 'select 1'`,
        );
      assert.throws(attempt("user=app dbname=postgres sslmode=disable"), /pg_hba.conf rejects/);
      assert.throws(attempt("user=postgres dbname=postgres sslmode=require"), /pg_hba.conf rejects/);
      assert.throws(attempt(`user=${replicationRole} dbname=template1 sslmode=require`), /pg_hba.conf rejects/);
      assert.throws(attempt("user=app replication=true sslmode=require"), /pg_hba.conf rejects/);
    });

    it("pgBackRest knows every option of its configuration", () => {
      const command = `pgbackrest --config=${hostFiles.pgbackrestConf} --stanza=dev --io-timeout=1 --log-level-stderr=warn`;
      const output = pair.run(
        0,
        `runuser -u postgres -- ${command} info 2>&1 || true
        runuser -u postgres -- ${command} stanza-create 2>&1 || true`,
      );
      // It gets as far as the endpoint, where nobody listens.
      assert.match(output, /unable to connect|connection refused|127\.0\.0\.1/i);
      assert.doesNotMatch(output, /invalid|unknown|not valid|not available|WARN: configuration/i);
    });
  });
}
