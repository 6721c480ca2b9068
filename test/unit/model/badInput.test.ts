import assert from "node:assert/strict";
import { ConfigError } from "../../../model/config/config.ts";
import { docker, parse, problemsOf, type Raw, ssh } from "./support.ts";

interface Case {
  readonly what: string;
  readonly raw: Raw;
  readonly key: string;
  readonly rule: RegExp;
  readonly hint: RegExp;
}

function node(options: object): Raw {
  return { ...docker, nodes: { "node-a": {}, "node-b": options } };
}
function sshNode(options: object): Raw {
  return {
    ...ssh,
    nodes: { ...(ssh.nodes as object), db2: { host: "192.0.2.2", privateKeyFile: "key.pem", ...options } },
  };
}
function settings(values: object, major: number | string = 17): Raw {
  return { ...docker, postgresVersion: major, settings: values };
}
function withLedger(options: object): Raw {
  const ledger = { bucket: "ledger-of-db", accessKey: "LEDGER", secretKey: "SECRET", ...options };
  return { ...ssh, agent: true, archive: { ...(ssh.archive as object), ledger } };
}
function bucket(name: string): Raw {
  return { ...docker, archive: { bucket: name } };
}

/** Each has ports of its own there. */
const behindOne = {
  db1: { host: "192.0.2.1", address: "10.0.0.1", privateKeyFile: "key.pem" },
  db2: { host: "192.0.2.2", address: "10.0.0.1", privateKeyFile: "key.pem", postgresPort: 5433 },
};

const source = { endpoint: "s3.example.com", bucket: "abc", accessKey: "AK", secretKey: "SK", stanza: "prod" };
function restore(options: object): Raw {
  return { ...docker, restore: { from: { stack: "prod" }, ...options } };
}

const cases: readonly Case[] = [
  {
    what: "a restore from nowhere",
    raw: { ...docker, restore: { target: "latest" } },
    key: "restore.from",
    rule: /required/,
    hint: /stack/,
  },
  {
    what: "a restore from an archive that is not said in full",
    raw: restore({ from: { ...source, secretKey: "" } }),
    key: "restore.from.secretKey",
    rule: /required without restore.from.stack/,
    hint: /--path restore.from.secretKey/,
  },
  {
    what: "a restore from a stack and an archive",
    raw: restore({ from: { stack: "prod", bucket: "abc" } }),
    key: "restore.from.bucket",
    rule: /is what restore.from.stack says/,
    hint: /remove/,
  },
  {
    what: "one of two keys of a stack's archive",
    raw: restore({ from: { stack: "prod", accessKey: "AK" } }),
    key: "restore.from.secretKey",
    rule: /required beside the other/,
    hint: /--secret/,
  },
  ...["2026-03-01T14:03:00", "2026-03-01 14:03", "14:03", "yesterday", "2026-13-01T00:00:00Z"].map((time) => ({
    what: `a time without a zone: ${time}`,
    raw: restore({ target: { time } }),
    key: "restore.target.time",
    rule: /must be a time with a zone/,
    hint: /\+01:00/,
  })),
  {
    what: "no position",
    raw: restore({ target: { lsn: "16/B374D84800" } }),
    key: "restore.target.lsn",
    rule: /position/,
    hint: /0\//,
  },
  {
    what: "no transaction",
    raw: restore({ target: { xid: "-1" } }),
    key: "restore.target.xid",
    rule: /transaction/,
    hint: /7361/,
  },
  {
    what: "no label",
    raw: restore({ target: { backup: "last" } }),
    key: "restore.target.backup",
    rule: /label/,
    hint: /npm run backups/,
  },
  {
    what: "two targets",
    raw: restore({ target: { xid: 7, name: "before" } }),
    key: "restore.target",
    rule: /several targets: xid, name/,
    hint: /keep one/,
  },
  {
    what: "an empty target",
    raw: restore({ target: {} }),
    key: "restore.target",
    rule: /latest, or an object/,
    hint: /time/,
  },
  {
    what: "a word for a target",
    raw: restore({ target: "newest" }),
    key: "restore.target",
    rule: /must be an object/,
    hint: /time/,
  },
  {
    what: "a timeline beside a backup",
    raw: restore({ target: { backup: "20260301-020000F" }, timeline: 2 }),
    key: "restore.timeline",
    rule: /beside restore.target.backup/,
    hint: /remove/,
  },
  {
    what: "no timeline",
    raw: restore({ timeline: "latest" }),
    key: "restore.timeline",
    rule: /number of a timeline/,
    hint: /npm run/,
  },
  {
    what: "SQL that can't be read",
    raw: restore({ sql: { app: "nowhere.sql" } }),
    key: "restore.sql.app",
    rule: /can't be read/,
    hint: /may read/,
  },
  {
    what: "SQL for no database",
    raw: restore({ sql: "mask.sql" }),
    key: "restore.sql",
    rule: /must be an object/,
    hint: /restore.sql.app/,
  },
  {
    what: "drills at no time",
    raw: { ...docker, drill: { schedule: "sometimes" } },
    key: "drill.schedule",
    rule: /OnCalendar/,
    hint: /systemd-analyze/,
  },
  {
    what: "a proven restore of no age",
    raw: { ...docker, drill: { maxAge: "8 days" } },
    key: "drill.maxAge",
    rule: /duration/,
    hint: /8d/,
  },
  {
    what: "a drill's query of no database",
    raw: { ...docker, drill: { query: "select true" } },
    key: "drill.query",
    rule: /database name to a query/,
    hint: /drill.query.app/,
  },
  {
    what: "a drill's query that asks nothing",
    raw: { ...docker, drill: { query: { app: " ; " } } },
    key: "drill.query.app",
    rule: /database name to a query/,
    hint: /drill.query.app/,
  },
  {
    what: "a major that the target docker has no image for",
    raw: { ...docker, postgresVersion: 16 },
    key: "postgresVersion",
    rule: /16 can't be had with the target docker/,
    hint: /use 13, 15, 17, 18/,
  },
  { what: "unknown key", raw: { ...docker, primry: "node-a" }, key: "primry", rule: /unknown key/, hint: /primary/ },
  {
    what: "unknown key of a node",
    raw: node({ dely: "1h" }),
    key: "nodes.node-b.dely",
    rule: /unknown/,
    hint: /delay/,
  },
  {
    what: "key of the other target",
    raw: node({ privateKeyFile: "key.pem" }),
    key: "nodes.node-b.privateKeyFile",
    rule: /target ssh/,
    hint: /remove/,
  },
  {
    what: "unknown key of a retention",
    raw: { ...docker, archive: { retention: { ful: 1 } } },
    key: "archive.retention.ful",
    rule: /unknown/,
    hint: /full/,
  },
  {
    what: "unknown target",
    raw: { ...docker, target: "gcp" },
    key: "target",
    rule: /unknown.*gcp/,
    hint: /docker, ssh/,
  },
  {
    what: "options of the target aws with another one",
    raw: { ...docker, aws: { region: "eu-central-1" } },
    key: "aws",
    rule: /target aws, not of docker/,
    hint: /remove it/,
  },
  {
    what: "no target",
    raw: { ...docker, target: "" },
    key: "target",
    rule: /required/,
    hint: /pulumi config set target/,
  },
  { what: "no primary", raw: { ...docker, primary: "" }, key: "primary", rule: /required/, hint: /config set primary/ },
  {
    what: "primary not among the nodes",
    raw: { ...docker, primary: "node-c" },
    key: "primary",
    rule: /'node-c' is not among/,
    hint: /node-a, node-b/,
  },
  {
    what: "fenced primary",
    raw: { ...docker, nodes: { "node-a": { state: "fenced" }, "node-b": {} } },
    key: "primary",
    rule: /'node-a' is fenced/,
    hint: /active/,
  },
  {
    what: "absent primary",
    raw: { ...docker, nodes: { "node-a": { state: "absent" }, "node-b": {} } },
    key: "primary",
    rule: /is absent/,
    hint: /active/,
  },
  {
    what: "no nodes",
    raw: { ...docker, nodes: {} },
    key: "nodes",
    rule: /at least one node/,
    hint: /config set --path nodes/,
  },
  { what: "nodes missing", raw: { target: "docker", primary: "a" }, key: "nodes", rule: /required/, hint: /nodes/ },
  { what: "nodes no object", raw: { ...docker, nodes: "[1]" }, key: "nodes", rule: /must be an object/, hint: /nodes/ },
  ...["Node-A", "node_a", "-a", "a-", "a..b", "a b", "ü", "a".repeat(53), "x'; drop", "__proto__"].map((name) => ({
    what: `node name '${name}'`,
    raw: { ...docker, nodes: JSON.parse(`{"node-a":{},${JSON.stringify(name)}:{}}`) },
    key: /^[\w-]+$/.test(name) ? `nodes.${name}` : `nodes[${JSON.stringify(name)}]`,
    rule: /host name and as the name of a replication slot/,
    hint: /lower-case/,
  })),
  {
    what: "two names of one slot",
    raw: { ...docker, nodes: { "node-a": {}, "node.a": {} } },
    key: 'nodes["node.a"]',
    rule: /slot of 'node-a', understudy_node_a/,
    hint: /rename/,
  },
  ...(["maxLagBytes"] as const).flatMap((key) =>
    ["16 mb", "-1", 1.5, "much"].map((value) => ({
      what: `${key} '${value}'`,
      raw: { ...docker, [key]: value },
      key,
      rule: /number of bytes, or a size/,
      hint: /16MB/,
    })),
  ),
  ...[
    { what: "for no change", raw: { lossUnknown: true }, key: "change", rule: /is required/, hint: /preflight names/ },
    { what: "bytes", raw: { change: 1, lossBytes: "16 mb" }, key: "lossBytes", rule: /or a size/, hint: /16MB/ },
    {
      what: "unknown",
      raw: { change: 1, lossUnknown: "all" },
      key: "lossUnknown",
      rule: /true or false/,
      hint: /true/,
    },
    {
      what: "behind",
      raw: { change: "first", behind: true },
      key: "change",
      rule: /number of a change/,
      hint: /such as 1/,
    },
  ].map(({ what, raw, key, rule, hint }) => ({
    what: `accept ${what}`,
    raw: { ...docker, accept: raw },
    key: `accept.${key}`,
    rule,
    hint,
  })),
  ...["maxLossBytes", "acceptBehind"].map((key) => ({
    what: `${key}, of an earlier version`,
    raw: { ...docker, [key]: "1" },
    key,
    rule: /is accept\..* now/,
    hint: new RegExp(`pulumi config rm ${key}`),
  })),
  {
    what: "maxTransactionAge",
    raw: { ...docker, maxTransactionAge: "1 minute" },
    key: "maxTransactionAge",
    rule: /duration/,
    hint: /1min/,
  },
  ...[
    { what: "on and off at once", raw: { enabled: "perhaps" }, key: "enabled", rule: /true or false/, hint: /true/ },
    { what: "port no number", raw: { port: "6432x" }, key: "port", rule: /port number/, hint: /6432/ },
    {
      what: "port out of range",
      raw: { readOnlyPort: 65_536 },
      key: "readOnlyPort",
      rule: /port number/,
      hint: /6433/,
    },
    { what: "two poolers on one port", raw: { port: 6433 }, key: "readOnlyPort", rule: /pooler.port/, hint: /own/ },
    { what: "PostgreSQL's port", raw: { port: 5432 }, key: "port", rule: /PostgreSQL's on nodes.node-a/, hint: /own/ },
    { what: "SSH's port", raw: { readOnlyPort: 22 }, key: "readOnlyPort", rule: /SSH's/, hint: /own/ },
    { what: "pool mode", raw: { poolMode: "transactions" }, key: "poolMode", rule: /one of/, hint: /transaction\?/ },
    { what: "empty pool", raw: { poolSize: 0 }, key: "poolSize", rule: /1 to 10000/, hint: /max_connections/ },
    { what: "too many clients", raw: { maxClients: 60_000 }, key: "maxClients", rule: /50000/, hint: /1000/ },
    { what: "pause of no unit", raw: { pauseTimeout: "5" }, key: "pauseTimeout", rule: /duration/, hint: /5s/ },
    { what: "pause beyond the arming", raw: { pauseTimeout: "1min" }, key: "pauseTimeout", rule: /20s/, hint: /5s/ },
    { what: "unknown key", raw: { size: 5 }, key: "size", rule: /unknown/, hint: /poolSize/ },
  ].map(({ what, raw, key, ...expected }) => ({
    what: `pooler: ${what}`,
    raw: { ...docker, pooler: { enabled: true, ...raw } },
    key: `pooler.${key}`,
    ...expected,
  })),
  {
    what: "a database of the name of PgBouncer's console",
    raw: { ...docker, pooler: { enabled: true }, databases: { pgbouncer: {} } },
    key: "databases.pgbouncer",
    rule: /PgBouncer's own console/,
    hint: /another name/,
  },
  {
    what: "fence on the target docker",
    raw: node({ fence: { command: "true" } }),
    key: "nodes.node-b.fence",
    rule: /target ssh/,
    hint: /remove/,
  },
  {
    what: "fenced host without proof",
    raw: sshNode({ state: "fenced" }),
    key: "nodes.db2.fence",
    rule: /required while the node is fenced/,
    hint: /fence\.command.*fence\.statement/,
  },
  {
    what: "fence by command and by statement",
    raw: sshNode({ state: "fenced", fence: { command: "off db2", statement: "it is off" } }),
    key: "nodes.db2.fence",
    rule: /only one of them/,
    hint: /config rm/,
  },
  {
    what: "statement about a host that takes part",
    raw: sshNode({ fence: { statement: "it is off" } }),
    key: "nodes.db2.fence.statement",
    rule: /says that the host is off, but the node is active/,
    hint: /config rm/,
  },
  {
    what: "fence command of two lines",
    raw: sshNode({ fence: { command: "off\ndb2" } }),
    key: "nodes.db2.fence.command",
    rule: /one line/,
    hint: /exit|ends with 0/,
  },
  {
    what: "node state",
    raw: node({ state: "down" }),
    key: "nodes.node-b.state",
    rule: /active, fenced, absent/,
    hint: /use/,
  },
  {
    what: "state misspelt",
    raw: node({ state: "fencd" }),
    key: "nodes.node-b.state",
    rule: /fenced/,
    hint: /fenced\?/,
  },
  ...["15", "15 minutes", "15Min", "1.5.min", "min", "-1h", "", " "].filter(Boolean).map((delay) => ({
    what: `duration '${delay}'`,
    raw: node({ delay }),
    key: "nodes.node-b.delay",
    rule: /duration/,
    hint: /15min/,
  })),
  ...["1", "1gb", "1GiB", "GB", "1 GB RAM"].map((memory) => ({
    what: `size '${memory}'`,
    raw: node({ memory }),
    key: "nodes.node-b.memory",
    rule: /size/,
    hint: /512MB/,
  })),
  {
    what: "too little memory",
    raw: node({ memory: "64MB" }),
    key: "nodes.node-b.memory",
    rule: /256MB/,
    hint: /512MB/,
  },
  {
    what: "synchronous log shipping",
    raw: node({ synchronous: true, source: "archive" }),
    key: "nodes.node-b.synchronous",
    rule: /source archive/,
    hint: /streaming/,
  },
  {
    what: "synchronous with a delay",
    raw: node({ synchronous: true, delay: "1h" }),
    key: "nodes.node-b.synchronous",
    rule: /delay/,
    hint: /remove the delay/,
  },
  {
    what: "ssh without a host",
    raw: sshNode({ host: "" }),
    key: "nodes.db2.host",
    rule: /required/,
    hint: /name or address/,
  },
  {
    what: "ssh host",
    raw: sshNode({ host: "root@db" }),
    key: "nodes.db2.host",
    rule: /host name or an IP/,
    hint: /without user/,
  },
  {
    what: "ssh host 999.1.1.1",
    raw: sshNode({ host: "999.1.1.1" }),
    key: "nodes.db2.host",
    rule: /IP/,
    hint: /address/,
  },
  { what: "ssh port", raw: sshNode({ port: 65536 }), key: "nodes.db2.port", rule: /1 to 65535/, hint: /22/ },
  { what: "ssh port text", raw: sshNode({ port: "ssh" }), key: "nodes.db2.port", rule: /whole number/, hint: /22/ },
  { what: "ssh user", raw: sshNode({ user: "a b" }), key: "nodes.db2.user", rule: /Unix user/, hint: /root/ },
  {
    what: "one ssh host and port twice",
    raw: sshNode({ host: "192.0.2.1", address: "10.0.0.2" }),
    key: "nodes.db2.host",
    rule: /192\.0\.2\.1:22 is the SSH server of 'db1'/,
    hint: /of its own/,
  },
  {
    what: "one PostgreSQL address and port twice",
    raw: sshNode({ address: "192.0.2.1" }),
    key: "nodes.db2.address",
    rule: /192\.0\.2\.1:5432 is the PostgreSQL address of 'db1'/,
    hint: /of its own/,
  },
  {
    what: "unreadable key file",
    raw: sshNode({ privateKeyFile: "nowhere" }),
    key: "nodes.db2.privateKeyFile",
    rule: /can't be read: ENOENT/,
    hint: /path/,
  },
  {
    what: "public key as private",
    raw: sshNode({ privateKeyFile: "key.pub" }),
    key: "nodes.db2.privateKeyFile",
    rule: /no private key/,
    hint: /not the .pub/,
  },
  {
    what: "key with a passphrase",
    raw: sshNode({ privateKeyFile: "locked.pem" }),
    key: "nodes.db2.privateKeyFile",
    rule: /passphrase/,
    hint: /ssh-keygen/,
  },
  {
    what: "host key",
    raw: sshNode({ hostKey: "ssh-rsa AAAA" }),
    key: "nodes.db2.hostKey",
    rule: /OpenSSH/,
    hint: /ssh-keyscan/,
  },
  {
    what: "data directory",
    raw: sshNode({ dataDirectory: "/etc" }),
    key: "nodes.db2.dataDirectory",
    rule: /absolute path/,
    hint: /understudy/,
  },
  {
    what: "proxy without a key",
    raw: sshNode({ proxy: { host: "b" } }),
    key: "nodes.db2.proxy.privateKeyFile",
    rule: /required/,
    hint: /private key/,
  },
  ...["12", "19", "9.6", 14.5, "latest"].map((major) => ({
    what: `major ${major}`,
    raw: { ...docker, postgresVersion: major },
    key: "postgresVersion",
    rule: /13, 14, 15, 16, 17, 18/,
    hint: /set a major/,
  })),
  {
    what: "unknown setting",
    raw: settings({ frobnicate: 1 }),
    key: "settings.frobnicate",
    rule: /no setting of PostgreSQL 17/,
    hint: /manual/,
  },
  {
    what: "misspelt setting",
    raw: settings({ shared_bufers: "1GB" }),
    key: "settings.shared_bufers",
    rule: /no setting/,
    hint: /did you mean shared_buffers/,
  },
  {
    what: "removed setting",
    raw: settings({ wal_keep_segments: 8 }, 13),
    key: "settings.wal_keep_segments",
    rule: /removed in PostgreSQL 13/,
    hint: /wal_keep_size/,
  },
  {
    what: "setting removed later",
    raw: settings({ old_snapshot_threshold: "1h" }),
    key: "settings.old_snapshot_threshold",
    rule: /removed in PostgreSQL 17/,
    hint: /remove/,
  },
  {
    what: "setting of recovery.conf",
    raw: settings({ standby_mode: "on" }),
    key: "settings.standby_mode",
    rule: /removed in PostgreSQL 12/,
    hint: /primary/,
  },
  {
    what: "setting of a later major",
    raw: settings({ io_method: "worker" }, 15),
    key: "settings.io_method",
    rule: /unknown before PostgreSQL 18/,
    hint: /postgresVersion/,
  },
  {
    what: "out of bounds",
    raw: settings({ max_connections: 300000 }),
    key: "settings.max_connections",
    rule: /1 to 262143/,
    hint: /value from/,
  },
  {
    what: "out of bounds with a unit",
    raw: settings({ checkpoint_timeout: "2d" }),
    key: "settings.checkpoint_timeout",
    rule: /30 to 86400 \(in units of s\)/,
    hint: /30 to/,
  },
  {
    what: "wrong type",
    raw: settings({ work_mem: "plenty" }),
    key: "settings.work_mem",
    rule: /whole number/,
    hint: /64MB/,
  },
  {
    what: "wrong boolean",
    raw: settings({ autovacuum: "maybe" }),
    key: "settings.autovacuum",
    rule: /on or off/,
    hint: /on or/,
  },
  {
    what: "wrong enum",
    raw: settings({ wal_compression: "gzip" }),
    key: "settings.wal_compression",
    rule: /lz4/,
    hint: /lz4/,
  },
  {
    what: "wrong unit",
    raw: settings({ work_mem: "4mb" }),
    key: "settings.work_mem",
    rule: /unit 'mb'/,
    hint: /heed case/,
  },
  {
    what: "unit where there is none",
    raw: settings({ max_connections: "100MB" }),
    key: "settings.max_connections",
    rule: /takes no unit/,
    hint: /number/,
  },
  {
    what: "list",
    raw: settings({ search_path: ["a"] }),
    key: "settings.search_path",
    rule: /not a list/,
    hint: /as in/,
  },
  {
    what: "line break",
    raw: settings({ search_path: "a\nfsync = off" }),
    key: "settings.search_path",
    rule: /line break/,
    hint: /one line/,
  },
  { what: "NUL", raw: settings({ search_path: "a\0b" }), key: "settings.search_path", rule: /NUL/, hint: /one line/ },
  ...[
    "listen_addresses",
    "port",
    "primary_conninfo",
    "archive_mode",
    "synchronous_standby_names",
    "Restore_Command",
  ].map((name) => ({
    what: `ours to decide: ${name}`,
    raw: settings({ [name]: "x" }),
    key: `settings.${name}`,
    rule: /not yours to set: /,
    hint: /remove it/,
  })),
  {
    what: "a retry of a failed fsync",
    raw: settings({ data_sync_retry: true }),
    key: "settings.data_sync_retry",
    rule: /must not be on/,
    hint: /remove/,
  },
  {
    what: "fsync off",
    raw: settings({ fsync: false }),
    key: "settings.fsync",
    rule: /must not be off/,
    hint: /remove/,
  },
  {
    what: "wal_level",
    raw: settings({ wal_level: "minimal" }),
    key: "settings.wal_level",
    rule: /replica/,
    hint: /replica/,
  },
  {
    what: "developers' setting",
    raw: settings({ zero_damaged_pages: "on" }),
    key: "settings.zero_damaged_pages",
    rule: /destroy data/,
    hint: /remove/,
  },
  {
    what: "internal setting",
    raw: settings({ block_size: 4096 }),
    key: "settings.block_size",
    rule: /only reports it/,
    hint: /remove/,
  },
  {
    what: "extension that is not loaded",
    raw: settings({ "auto_explain.log_min_duration": "1s" }),
    key: 'settings["auto_explain.log_min_duration"]',
    rule: /not loaded/,
    hint: /shared_preload_libraries/,
  },
  {
    what: "one setting twice",
    raw: settings({ timezone: "UTC", TimeZone: "UTC" }),
    key: "settings.TimeZone",
    rule: /once more/,
    hint: /two/,
  },
  {
    what: "too few wal senders",
    raw: settings({ max_wal_senders: 2 }),
    key: "settings.max_wal_senders",
    rule: /at least 6/,
    hint: /6 or more/,
  },
  {
    what: "tiny WAL",
    raw: settings({ max_wal_size: "16MB" }),
    key: "settings.max_wal_size",
    rule: /32MB/,
    hint: /32MB/,
  },
  ...(
    [
      ["ab", /3 to 63/],
      ["a".repeat(64), /3 to 63/],
      ["My-Bucket", /lower-case/],
      ["under_score", /lower-case/],
      ["-bucket", /start and end/],
      ["bucket-", /start and end/],
      ["a..b", /dot next to/],
      ["a.-b", /dot next to/],
      ["192.168.5.4", /IP address/],
      ["xn--bucket", /xn--/],
      ["bucket-s3alias", /-s3alias/],
    ] as const
  ).map(([name, rule]) => ({ what: `bucket '${name}'`, raw: bucket(name), key: "archive.bucket", rule, hint: /63/ })),
  {
    what: "archive missing with ssh",
    raw: { ...ssh, archive: {} },
    key: "archive.endpoint",
    rule: /required with the target ssh/,
    hint: /s3\./,
  },
  {
    what: "endpoint without TLS",
    raw: { ...ssh, archive: { ...(ssh.archive as object), endpoint: "http://s3" } },
    key: "archive.endpoint",
    rule: /https/,
    hint: /http is not/,
  },
  {
    what: "endpoint without keys",
    raw: { ...docker, archive: { endpoint: "s3.example.com", bucket: "abc", accessKey: "AK" } },
    key: "archive.secretKey",
    rule: /required with archive.endpoint/,
    hint: /--secret/,
  },
  {
    what: "keys without endpoint",
    raw: { ...docker, archive: { secretKey: "SK" } },
    key: "archive.secretKey",
    rule: /needs archive.endpoint/,
    hint: /remove/,
  },
  {
    what: "agents without a ledger",
    raw: { ...ssh, agent: true },
    key: "archive.ledger",
    rule: /required with agent/,
    hint: /bucket.*accessKey.*secretKey.*not delete/,
  },
  {
    what: "agents without a ledger, on an archive of the user's",
    raw: { ...docker, agent: true, archive: ssh.archive },
    key: "archive.ledger",
    rule: /required with agent/,
    hint: /bucket of its own/,
  },
  {
    what: "agents of two hosts behind one address",
    raw: { ...withLedger({}), nodes: behindOne },
    key: "nodes.db2.address",
    rule: /is the address of 'db1', too, .*\(5480\)/,
    hint: /address of its own/,
  },
  {
    what: "a server at the agents' port",
    raw: {
      ...withLedger({}),
      nodes: { ...(ssh.nodes as object), db2: { ...behindOne.db2, address: "10.0.0.2", postgresPort: 5480 } },
    },
    key: "nodes.db2.postgresPort",
    rule: /5480, the agents'/,
    hint: /another port/,
  },
  {
    what: "a pooler at the agents' port",
    raw: { ...docker, agent: true, pooler: { enabled: true, port: 5480 } },
    key: "pooler.port",
    rule: /5480, the agents'/,
    hint: /another port/,
  },
  {
    what: "a ledger without agents",
    raw: { ...withLedger({}), agent: false },
    key: "archive.ledger",
    rule: /of agents, and there are none/,
    hint: /agent to true/,
  },
  {
    what: "a ledger's place where the stack makes the archive",
    raw: { ...docker, agent: true, archive: { ledger: { bucket: "ledger" } } },
    key: "archive.ledger",
    rule: /needs archive.endpoint/,
    hint: /remove/,
  },
  {
    what: "a ledger without an account",
    raw: withLedger({ accessKey: "" }),
    key: "archive.ledger.accessKey",
    rule: /required/,
    hint: /--secret --path archive.ledger.accessKey/,
  },
  {
    what: "a ledger whose account postgres has",
    raw: withLedger({ accessKey: "AK" }),
    key: "archive.ledger.accessKey",
    rule: /is the archive's, which postgres has/,
    hint: /not delete/,
  },
  {
    what: "a ledger in the archive's bucket",
    raw: withLedger({ bucket: "wal-of-db" }),
    key: "archive.ledger.bucket",
    rule: /is the archive's/,
    hint: /bucket of its own/,
  },
  {
    what: "a ledger's region without its endpoint",
    raw: withLedger({ region: "eu-west-1" }),
    key: "archive.ledger.region",
    rule: /needs archive.ledger.endpoint/,
    hint: /remove/,
  },
  {
    what: "a ledger's folder with what agents do not take",
    raw: withLedger({ prefix: "a!b" }),
    key: "archive.ledger.prefix",
    rule: /letters, digits/,
    hint: /such as/,
  },
  {
    what: "CA that is none",
    raw: { ...ssh, archive: { ...(ssh.archive as object), caFile: "key.pub" } },
    key: "archive.caFile",
    rule: /no certificate/,
    hint: /PEM/,
  },
  {
    what: "schedule",
    raw: { ...docker, archive: { schedule: { full: "at night" } } },
    key: "archive.schedule.full",
    rule: /OnCalendar/,
    hint: /systemd-analyze/,
  },
  {
    what: "retention",
    raw: { ...docker, archive: { retention: { full: 0 } } },
    key: "archive.retention.full",
    rule: /from 1/,
    hint: /2/,
  },
  ...["postgres", "pg_x", "understudy_x", "template1", "App", "a-b", "a".repeat(64), "public"].flatMap((name) => [
    {
      what: `database '${name}'`,
      raw: { ...docker, databases: { [name]: { owner: "app" } } },
      key: `databases.${name}`,
      rule: /./,
      hint: /another name/,
    },
    {
      what: `user '${name}'`,
      raw: { ...docker, users: { [name]: {} } },
      key: `users.${name}`,
      rule: /./,
      hint: /another name/,
    },
  ]),
  ...["short", "line\nbreak!", "pässword1"].map((password) => ({
    what: `password ${JSON.stringify(password)}`,
    raw: { ...docker, users: { app: { password } } },
    key: "users.app.password",
    rule: /printable ASCII/,
    hint: /generated/,
  })),
  {
    what: "role that is as good as superuser",
    raw: { ...docker, users: { app: { memberOf: ["pg_execute_server_program"] } } },
    key: "users.app.memberOf",
    rule: /pg_execute_server_program/,
    hint: /pg_monitor/,
  },
  {
    what: "circle of memberships",
    raw: { ...docker, users: { a: { memberOf: ["b"] }, b: { memberOf: ["a"] } } },
    key: "users.a.memberOf",
    rule: /member of itself/,
    hint: /circle/,
  },
  ...["10.0.0.0", "10.0.0.0/33", "10.0.0.1/8", "::/129", "fd00::1/8", "all", "10.0.0.0/8/8"].map((network) => ({
    what: `network ${network}`,
    raw: { ...docker, clientNetworks: [network] },
    key: "clientNetworks",
    rule: /CIDR|bits/,
    hint: /10\.0\.0\.0\/8/,
  })),
  { what: "epoch", raw: { ...docker, epoch: "-1" }, key: "epoch", rule: /whole number/, hint: /handover/ },
  {
    what: "flag",
    raw: { ...docker, deletionProtection: "yes" },
    key: "deletionProtection",
    rule: /true or false/,
    hint: /use/,
  },
  {
    what: "cluster name",
    raw: { ...docker, clusterName: "Prod!" },
    key: "clusterName",
    rule: /lower-case/,
    hint: /config set/,
  },
];

describe("bad input", () => {
  for (const { what, raw, key, rule, hint } of cases) {
    it(`refuses ${what}`, () => {
      const problems = problemsOf(raw);
      const found = problems.find((problem) => problem.key === key && rule.test(problem.rule));
      assert.ok(found, `no such problem among ${JSON.stringify(problems, null, 1)}`);
      assert.match(found.hint, hint);
    });
  }

  it("refuses a stack whose name can't name a cluster", () => {
    assert.deepEqual(
      problemsOf(docker, "Team.Stack").map(({ key }) => key),
      ["clusterName"],
    );
    assert.deepEqual(problemsOf({ ...docker, clusterName: "team" }, "Team.Stack"), []);
  });

  it("tells nothing but what is wrong: no follow-up noise", () => {
    const several = cases.filter(({ raw }) => problemsOf(raw).length !== 1).map(({ what }) => what);
    // These break several rules.
    assert.deepEqual(several, ["node name 'node_a'", "archive missing with ssh", "circle of memberships"]);
  });

  it("tells all problems at once, each with key, rule and hint", () => {
    const raw = {
      targett: "docker",
      target: "ssh",
      primary: "gone",
      nodes: {
        Bad_Name: { host: "h1", privateKeyFile: "nowhere", port: 0 },
        a: { host: "h2", privateKeyFile: "key.pem", delay: "soon" },
        "a.b": { host: "h2", privateKeyFile: "key.pem" },
        "a-b": { host: "h3", privateKeyFile: "key.pem", colour: "red" },
      },
      postgresVersion: "12",
      settings: { work_mem: "4mb", shared_bufers: "1GB", port: 1 },
      archive: { endpoint: "http://x", bucket: "X", accessKey: "a b" },
      users: { postgres: { password: "x" } },
      clientNetworks: ["everywhere"],
    };
    const problems = problemsOf(raw);
    assert.deepEqual(problems.map(({ key }) => key).sort(), [
      "archive.accessKey",
      "archive.bucket",
      "archive.endpoint",
      "archive.secretKey",
      "clientNetworks",
      "nodes.Bad_Name",
      "nodes.Bad_Name.port",
      "nodes.Bad_Name.privateKeyFile",
      "nodes.a-b",
      "nodes.a-b.colour",
      "nodes.a.delay",
      'nodes["a.b"].address',
      'nodes["a.b"].host',
      "postgresVersion",
      "primary",
      "settings.port",
      "settings.shared_bufers",
      "settings.work_mem",
      "targett",
      "users.postgres",
      "users.postgres.password",
    ]);
    assert.throws(
      () => parse(raw),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /^the configuration has 21 problems; nothing was changed\n {2}\S/);
        for (const { key, rule, hint } of problems) {
          assert.ok(error.message.includes(`  ${key}: ${rule}\n    HINT: ${hint}`));
        }
        return true;
      },
    );
  });

  it("shows no secret in a message", () => {
    const raw = { ...docker, users: { app: { password: "s3cr\u00e9t-word" } }, archive: { secretKey: "top secret" } };
    for (const { rule, hint } of problemsOf(raw)) assert.doesNotMatch(rule + hint, /word|top secret/);
  });
});
