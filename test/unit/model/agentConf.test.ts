import assert from "node:assert/strict";
import { configSchema } from "../../../agent/real/config.ts";
import { defaultAgentPort } from "../../../model/agentPort.ts";
import { member } from "../../../model/leadership/index.ts";
import { type AgentConfInput, renderAgentConf } from "../../../model/render/agentConf.ts";
import { agentIdent, renderHba } from "../../../model/render/hba.ts";

const peer = (name: string, digit: string) => ({
  name,
  member: member(name, digit.repeat(64)),
  address: `10.0.0.${digit}`,
  agentPort: defaultAgentPort,
  postgresPort: 5432,
});

const input: AgentConfInput = {
  node: { ...peer("node-a", "1"), dataDirectory: "/srv/data" },
  peers: [peer("node-c", "3"), peer("node-b", "2")],
  major: 17,
  ledger: {
    kind: "s3",
    endpoint: "https://s3.example:443",
    bucket: "cluster",
    region: "eu-central-1",
    prefix: "ledger/",
    uriStyle: "path",
    hasOwnCa: true,
    verifyTls: true,
  },
  archive: { kind: "pgbackrest", stanza: "main" },
  archiveFed: [],
  standbySettings: { hot_standby: "on" },
};

describe("the config of an agent", () => {
  it("is what the agent reads, whichever ledger there is", () => {
    const config = configSchema.parse(JSON.parse(renderAgentConf(input)));
    assert.equal(config.state, "/srv/data/agent");
    // Without an address: at all of them, also where a host has no IPv6.
    assert.deepEqual(config.peers.listen, { port: 5480 });
    assert.equal(config.postgres.dataDirectory, "/srv/data/17/data");
    assert.deepEqual(
      config.peers.nodes.map(({ host }) => host),
      ["10.0.0.2", "10.0.0.3"],
    );
    assert.match(
      config.peers.nodes[0]?.conninfo ?? "",
      /application_name=node-a .*host=10.0.0.2 .*sslmode=verify-full/,
    );
    assert.equal(config.ledger.kind === "s3" && config.ledger.ca, "/etc/understudy/agent/ledger-ca.crt");
    const directory = { kind: "directory", path: "/mnt/ledger" } as const;
    assert.deepEqual(
      configSchema.parse(JSON.parse(renderAgentConf({ ...input, ledger: directory }))).ledger,
      directory,
    );
  });

  it("says where the archive of WAL is, and where PostgreSQL finds what it may do with it", () => {
    const { postgres } = configSchema.parse(JSON.parse(renderAgentConf(input)));
    assert.deepEqual(postgres.archive, {
      kind: "pgbackrest",
      stanza: "main",
      program: "/usr/bin/pgbackrest",
      config: "/etc/understudy/pgbackrest.conf",
    });
    assert.equal(postgres.archiveFlags, "/run/understudy-wal");
    const archive = { kind: "directory", path: "/mnt/wal" } as const;
    assert.deepEqual(configSchema.parse(JSON.parse(renderAgentConf({ ...input, archive }))).postgres.archive, archive);
  });

  it("does not depend on the order of peers", () => {
    assert.equal(renderAgentConf({ ...input, peers: [...input.peers].reverse() }), renderAgentConf(input));
  });

  it("goes with a PostgreSQL that lets root in as the superuser, and nobody else", () => {
    const lines = renderHba({ nodeAddresses: [], clientNetworks: [], agent: true }).split("\n");
    assert.deepEqual(
      lines.filter((line) => line.includes("map=understudy")).map((line) => line.split(/ +/).slice(0, 5)),
      [
        ["local", "all", "postgres", "peer", "map=understudy"],
        ["local", "replication", "postgres", "peer", "map=understudy"],
      ],
    );
    assert.match(agentIdent, /\nunderstudy root postgres\nunderstudy postgres postgres\n$/);
    assert.ok(!renderHba({ nodeAddresses: [], clientNetworks: [] }).includes("map="));
  });
});
