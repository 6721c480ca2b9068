import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { type ClusterConfig, type Moment, type NodeConfig, postgresMajors } from "../../../model/config/config.ts";
import { quoteValue } from "../../../model/render/conf.ts";
import { renderHba } from "../../../model/render/hba.ts";
import { renderParameters } from "../../../model/render/parameters.ts";
import { renderPgbackrestConf, renderSourceConf } from "../../../model/render/pgbackrest.ts";
import {
  looksUpEverywhere,
  renderCandidates,
  renderPgbouncerIni,
  renderPoolerHba,
  severalHosts,
} from "../../../model/render/pgbouncer.ts";
import { renderPgpass } from "../../../model/render/pgpass.ts";
import { renderPostgresqlConf } from "../../../model/render/postgresqlConf.ts";
import { renderDrillConf, renderRecoveryConf } from "../../../model/render/recovery.ts";
import { renderStandbyConf } from "../../../model/render/standby.ts";
import { settingDefinition, settingDefinitions } from "../../../model/settings/settings.ts";
import { assertGolden, docker, parse, problemsOf, type Raw, ssh } from "./support.ts";

const host = { memoryBytes: 2 ** 31, cpus: 4, dataDiskBytes: 100 * 2 ** 30 };

function nodeOf(config: ClusterConfig, name: string): NodeConfig {
  return config.nodes[name] as NodeConfig;
}

function conf(raw: Raw, name = "node-a"): string {
  const config = parse(raw);
  return renderPostgresqlConf({ config, node: nodeOf(config, name), host });
}

/** Reads name and value back as PostgreSQL's lexer does. */
function readConf(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#") || line.startsWith("include_if_exists ")) continue;
    const match = /^([A-Za-z_][\w.$]*) = '((?:[^'\\]|''|\\.)*)'$/.exec(line);
    assert.ok(match, `not a line of ours: ${line}`);
    values[match[1] as string] = (match[2] as string).replace(/''|\\(.)/g, (pair, escaped) => escaped ?? pair[0]);
  }
  return values;
}

describe("postgresql.conf", () => {
  for (const postgresVersion of [13, 15, 17, 18]) {
    it(`golden, ${postgresVersion}`, () => {
      const nodes = {
        "node-a": { synchronous: true },
        "node-b": { synchronous: true },
        "node-c": { synchronous: true },
      };
      const settings = { work_mem: "32MB", log_line_prefix: `%m 'it''s' \\n`, wal_level: "logical" };
      assertGolden(`postgresql-${postgresVersion}.conf`, conf({ ...docker, nodes, settings, postgresVersion }));
    });
  }

  it("golden, a warm node of the user's", () => {
    const db2 = {
      host: "h2",
      privateKeyFile: "key.pem",
      standby: "warm",
      postgresPort: 6432,
      dataDirectory: "/data/pg",
    };
    const raw = { ...ssh, nodes: { ...(ssh.nodes as object), db2 } };
    assertGolden("postgresql-ssh-warm.conf", conf(raw, "db2"));
  });

  it("does not depend on which node is the primary", () => {
    for (const name of ["node-a", "node-b"]) {
      assert.equal(conf({ ...docker, primary: "node-a" }, name), conf({ ...docker, primary: "node-b" }, name));
    }
  });

  it("lets the user's settings win over ours by size and by default", () => {
    const settings = { shared_buffers: "1GB", wal_retrieve_retry_interval: "50ms", max_wal_senders: 40 };
    const values = readConf(conf({ ...docker, settings }));
    assert.deepEqual(
      [values.shared_buffers, values.wal_retrieve_retry_interval, values.max_wal_senders],
      ["1GB", "50ms", "40"],
    );
  });

  it("waits for nobody: whom commits wait for stands in a file that only a primary's steps write", () => {
    const nodes = { "node-a": {}, "node-b": { synchronous: true } };
    const text = conf({ ...docker, nodes });
    assert.equal(readConf(text).synchronous_standby_names, "");
    assert.ok(text.indexOf("synchronous.conf'") > text.indexOf("synchronous_standby_names"));
  });

  it("holds only settings that the major knows", () => {
    for (const postgresVersion of postgresMajors) {
      for (const name of Object.keys(readConf(conf({ ...ssh, postgresVersion }, "db1")))) {
        assert.ok(settingDefinition(name, postgresVersion), `${name} in ${postgresVersion}`);
      }
    }
  });

  it("keeps any text of the user's within its value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const raw = { ...docker, settings: { search_path: text } };
        if (problemsOf(raw).length > 0) return assert.match(text, /[\0\r\n]/);
        assert.equal(readConf(conf(raw)).search_path, text.trim());
      }),
    );
    assert.throws(() => quoteValue("a\nb"));
  });

  it("renders any legal choice of settings, sorted, each once", () => {
    for (const major of postgresMajors) {
      const legal = settingDefinitions(major).flatMap(({ name, type, min, max, values }) => {
        // Legal alone, but not together.
        if (/^(superuser_)?reserved_connections$/.test(name)) return [];
        const choices = { bool: ["on"], enum: values ?? [], integer: [min, max], real: [min, max], string: ["x"] }[
          type
        ];
        return choices
          .filter((value) => problemsOf({ ...ssh, postgresVersion: major, settings: { [name]: value } }).length === 0)
          .map((value) => [name, String(value)] as const);
      });
      fc.assert(
        fc.property(fc.subarray(legal), (chosen) => {
          const raw = { ...ssh, postgresVersion: major, settings: Object.fromEntries(chosen) };
          assert.deepEqual(problemsOf(raw), []);
          const text = conf(raw, "db1");
          const read = readConf(text);
          for (const [name, value] of Object.entries(raw.settings)) assert.equal(read[name], value, name);
          const names = Object.keys(read);
          assert.deepEqual(names, [...names].sort());
          assert.equal(names.length, text.match(/^[\w.]+ = /gm)?.length);
        }),
        { numRuns: 5 },
      );
    }
  }).timeout(20_000);
});

describe("standby.conf", () => {
  const standby = (options: object, postgresVersion: number) => {
    const config = parse({ ...docker, postgresVersion, nodes: { "node-a": {}, "node-b": options } });
    const { postgresVersion: major, clusterName: stanza } = config;
    return renderStandbyConf({
      major,
      node: nodeOf(config, "node-b"),
      stanza,
      primary: { address: "10.0.0.1", port: 5432 },
    });
  };
  for (const major of [13, 17]) it(`golden, ${major}`, () => assertGolden(`standby-${major}.conf`, standby({}, major)));
  it("golden, delayed and warm", () =>
    assertGolden("standby-warm.conf", standby({ delay: "1h", standby: "warm" }, 17)));
  it("golden, log shipping", () => assertGolden("standby-archive.conf", standby({ source: "archive" }, 17)));
});

describe("pg_hba.conf", () => {
  it("golden", () => {
    const nodeAddresses = ["10.0.0.2", "10.0.0.1", "fd00::1", "db3.example.com"];
    const clientNetworks = ["10.0.0.0/8", "fd00::/8"];
    assertGolden("pg_hba.conf", renderHba({ nodeAddresses, clientNetworks }));
    assertGolden("pg_hba-pooler.conf", renderHba({ nodeAddresses, clientNetworks, pooler: true }));
  });

  it("takes no address that could end its field", () => {
    for (const address of ["a b", "a\nhost all all all trust", "all,", ""]) {
      assert.throws(() => renderHba({ nodeAddresses: [address], clientNetworks: [] }));
    }
  });
});

describe("pgbouncer.ini", () => {
  const ini = (kind: "primary" | "standbys", version: string, raw: Raw = {}) => {
    const { pooler } = parse({ ...docker, pooler: { enabled: true, ...raw } });
    assert.ok(pooler);
    return renderPgbouncerIni({ pooler, kind, version });
  };

  it("golden", () => {
    assertGolden("pgbouncer.ini", ini("primary", "1.24.1"));
    assertGolden("pgbouncer-ro.ini", ini("standbys", "1.24.1", { poolMode: "session", poolSize: "5", maxClients: 50 }));
    assertGolden("pgbouncer-1.15.ini", ini("primary", "1.15.0", { port: 7432 }));
    assertGolden("pgbouncer-hba.conf", renderPoolerHba(["10.0.0.0/8", "fd00::/8"]));
  });

  it("says who is asked where, by version", () => {
    assert.deepEqual([looksUpEverywhere(["1.24.1", "1.18.0"]), looksUpEverywhere(["1.19.0", "2.0"])], [true, false]);
    assert.deepEqual([severalHosts("1.15.0"), severalHosts("1.17.0")], [false, true]);
    assert.throws(() => severalHosts(""), /no version/);
  });

  it("has a line for each candidate, by name", () => {
    assert.equal(
      renderCandidates([
        { name: "node-b", address: "10.0.0.2", port: 5433, readable: false },
        { name: "node-a", address: "10.0.0.1", port: 5432, readable: true },
      ]),
      "node-a 10.0.0.1 5432 readable\nnode-b 10.0.0.2 5433 warm\n",
    );
  });
});

describe("pgbackrest.conf", () => {
  const render = (raw: Raw, name: string, secretKey = "s3cr3t/+=", version = "2.55.1", key = "") => {
    const config = parse(raw);
    return renderPgbackrestConf({
      stanza: config.clusterName,
      major: config.postgresVersion,
      node: nodeOf(config, name),
      archive: config.archive,
      access: {
        endpoint: { host: "s3.example.com", port: 7070 },
        accessKey: "AK",
        secretKey,
        uriStyle: "path",
        caFile: "/etc/understudy/tls/archive-ca.crt",
        verifyTls: true,
      },
      key,
      cpus: 4,
      version,
    });
  };
  it("golden", () => assertGolden("pgbackrest.conf", render(docker, "node-a")));
  it("golden, with a prefix", () => {
    const archive = { ...(ssh.archive as object), prefix: "/a/b/", retention: { full: 3, differential: 7 } };
    assertGolden("pgbackrest-prefix.conf", render({ ...ssh, archive }, "db1"));
  });
  it("golden, encrypted", () =>
    assertGolden("pgbackrest-encrypted.conf", render(docker, "node-a", "s3cr3t/+=", "2.55.1", "k3y")));
  it("uses no option that the host's version lacks", () => {
    const has = (option: string) => (version: string) =>
      render(docker, "node-a", "secret-key", version).includes(`\n${option}=y\n`);
    const versions = ["2.33", "2.38", "2.39", "2.54.2", "2.55.0", "2.60.0", "3.0"];
    assert.deepEqual(versions.map(has("repo1-bundle")), [false, false, true, true, true, true, true]);
    assert.deepEqual(versions.map(has("repo1-block")), [false, false, false, false, true, true, true]);
  });
  it("refuses a key that would end its line", () => {
    for (const key of ["a\nb", " a", ""]) assert.throws(() => render(docker, "node-a", key));
  });
});

describe("pgpass", () => {
  it("escapes what separates its fields", () => {
    assert.equal(renderPgpass({ replicationPassword: "a:b\\c" }), "*:*:*:understudy_replication:a\\:b\\\\c\n");
    assert.throws(() => renderPgpass({ replicationPassword: "a\nb" }));
  });
});

describe("parameters", () => {
  it("are read back by bash as they were", () => {
    const name = fc.stringMatching(/^v_[a-z0-9_]{1,8}$/);
    const value = fc.string({ unit: "binary", maxLength: 50 }).filter((text) => !text.includes("\0"));
    const sample = fc.sample(fc.dictionary(name, value, { minKeys: 1 }), 40);
    for (const parameters of [...sample, { v_a: "'", v_b: "a\n'b'\\\n", v_c: "$(id)`id`$HOME", v_d: "" }]) {
      const names = Object.keys(parameters);
      const script = `source <(cat); for name in "$@"; do printf '%s\\0' "\${!name}"; done`;
      const read = execFileSync("bash", ["-c", script, "bash", ...names], { input: renderParameters(parameters) });
      assert.deepEqual(
        read.toString().split("\0").slice(0, -1),
        names.map((each) => parameters[each]),
      );
    }
  }).timeout(20_000);

  it("have names that are no variables of the shell's, and values that a shell can hold", () => {
    for (const name of ["PATH", "a b", "", "a;b", "_", "1"]) assert.throws(() => renderParameters({ [name]: "x" }));
    assert.throws(() => renderParameters({ a: "\0" }));
    assert.throws(() => renderParameters({ a: "\ud800" }));
  });
});

describe("what a restored backup is recovered with", () => {
  const dataDirectory = "/var/lib/understudy";
  const recovery = (target: Moment, inclusive = true) =>
    renderRecoveryConf({ restore: { target, inclusive }, plan: { timeline: 2 }, dataDirectory, major: 17 });

  it("golden", () => {
    assertGolden("recovery-latest.conf", recovery({ kind: "latest" }));
    assertGolden("recovery-time.conf", recovery({ kind: "time", value: "2026-03-01T14:03:00.25+01:00" }, false));
    assertGolden("recovery-drill.conf", renderDrillConf(dataDirectory));
  });

  it("has the one target that is asked for", () => {
    const lines = (target: Moment) => recovery(target).match(/^recovery_target(?!_timeline|_action).*$/gm) ?? [];
    assert.deepEqual(lines({ kind: "latest" }), []);
    assert.deepEqual(lines({ kind: "backup", value: "20260301-020000F" }), ["recovery_target = 'immediate'"]);
    assert.deepEqual(lines({ kind: "name", value: "it's" }), ["recovery_target_name = 'it''s'"]);
    assert.deepEqual(lines({ kind: "xid", value: "7" }), [
      "recovery_target_inclusive = 'on'",
      "recovery_target_xid = '7'",
    ]);
    assert.deepEqual(lines({ kind: "lsn", value: "0/7" }), [
      "recovery_target_inclusive = 'on'",
      "recovery_target_lsn = '0/7'",
    ]);
    for (const [said, written] of Object.entries({
      "2026-03-01 14:03:00Z": "2026-03-01 14:03:00+00",
      "2026-03-01T14:03Z": "2026-03-01 14:03+00",
      "2026-03-01 14:03:00 UTC": "2026-03-01 14:03:00+00",
      "2026-03-01T14:03:00-05": "2026-03-01 14:03:00-05",
    })) {
      assert.match(
        recovery({ kind: "time", value: said }),
        new RegExp(`^recovery_target_time = '${written.replace("+", "\\+")}'$`, "m"),
      );
    }
  });

  it("golden: how the source's archive is read", () => {
    const source = {
      ...{ endpoint: { host: "s3.example.com", port: 443 }, bucket: "acme", prefix: "pg", region: "eu-central-1" },
      ...{ accessKey: "AK", secretKey: "SK", uriStyle: "host" as const, caCertificate: "PEM", verifyTls: true },
      ...{ stanza: "prod", key: "KEY", container: "" },
    };
    const conf = renderSourceConf({ source, major: 17, dataDirectory, cpus: 4 });
    assertGolden("pgbackrest-source.conf", conf);
    const plain = renderSourceConf({
      source: { ...source, key: "", caCertificate: "" },
      major: 17,
      dataDirectory,
      cpus: 1,
    });
    assert.doesNotMatch(plain, /cipher|ca-file/);
  });
});
