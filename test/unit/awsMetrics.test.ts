import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Metric, metrics } from "../../model/aws/metrics.ts";
import { renderMetricsConf } from "../../model/render/metricsConf.ts";
import { credentials, type Datum, dataOf, expectedAuthorization, FakeAws } from "../support/cloudWatch.ts";

const script = fileURLToPath(new URL("../../scripts/host/metrics", import.meta.url));
const nodes = [
  { name: "node-b", source: "streaming", delay: undefined },
  { name: "node-a", source: "streaming", delay: undefined },
  { name: "node-c", source: "streaming", delay: "1h" },
  { name: "node-d", source: "archive", delay: undefined },
] as const;
const conf = renderMetricsConf({ clusterName: "dev", region: "eu-central-1", nodes });

describe("metrics.conf", () => {
  it("is what it was", () => {
    assert.equal(
      conf,
      [
        "# Written by Understudy. Changes made here are lost.",
        "endpoint='https://monitoring.eu-central-1.amazonaws.com/'",
        "followers='node-a understudy_node_a replay",
        "node-b understudy_node_b replay",
        "node-c understudy_node_c flush'",
        "namespace='Understudy/dev'",
        "region='eu-central-1'",
        "",
      ].join("\n"),
    );
    assert.match(renderMetricsConf({ clusterName: "dev", region: "cn-north-1", nodes }), /amazonaws\.com\.cn\//);
  });
});

describe("the timer of metrics", () => {
  it("is there where alarms are, and gone where they are not any more", () => {
    const sandbox = mkdtempSync(join(tmpdir(), "understudy-timer-"));
    const run = (command: string) =>
      execFileSync(
        "bash",
        [
          "-euc",
          `node=node-a etc=${sandbox} library=/usr/local/lib/understudy
          write_file() { local new; new=$(cat); [[ $new != "$(cat "$1" 2>/dev/null)" ]] && echo "write \${1##*/} $2 $3" && printf '%s\n' "$new" >"$1"; }
          systemctl() { echo "systemctl $*"; }
          eval "$(sed -n "/^readonly sandbox=/,/'$/p" scripts/host/lib.sh)"
          . scripts/host/lib-metrics.sh
          metrics_unit=${sandbox}/understudy-metrics
          ${command}`,
        ],
        { encoding: "utf8" },
      ).split("\n");
    try {
      const began = run("schedule_metrics \"namespace='x'\"");
      assert.deepEqual(began.slice(0, 3), [
        "write metrics.conf root:postgres 640",
        "write understudy-metrics.service root:root 644",
        "write understudy-metrics.timer root:root 644",
      ]);
      assert.ok(began.includes("systemctl daemon-reload"));
      const service = readFileSync(join(sandbox, "understudy-metrics.service"), "utf8");
      for (const line of ["User=postgres", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"])
        assert.ok(service.split("\n").includes(line), line);
      assert.deepEqual(run("schedule_metrics \"namespace='x'\""), [
        "systemctl enable --quiet --now understudy-metrics.timer",
        "",
      ]);
      run("unschedule_metrics");
      assert.deepEqual(readdirSync(sandbox), []);
      assert.deepEqual(run("unschedule_metrics"), [""]);
    } finally {
      rmSync(sandbox, { recursive: true, force: true });
    }
  });
});

describe("metrics: what a node sends to CloudWatch", () => {
  let sandbox: string;
  let aws: FakeAws;
  const path = (name: string) => join(sandbox, name);
  const put = (name: string, content: string, mode = 0o644) => writeFileSync(path(name), content, { mode });
  const log = () => (existsSync(path("log")) ? readFileSync(path("log"), "utf8") : "");

  /** What the server answers to the questions about itself, and about the last backup. */
  const server = ({ figures = "", backup = "" }: { figures?: string; backup?: string } | undefined = {}, code = 0) => {
    put("figures", figures);
    put("backup", backup);
    put(
      "bin/psql",
      `#!/bin/bash
echo "psql $PGOPTIONS $*" >>"${path("log")}"
question=$(cat)
if [[ $question == *pg_is_in_recovery* ]]; then cat "${path("figures")}"; else cat "${path("backup")}"; fi
exit ${code}
`,
      0o755,
    );
  };
  const pgbackrest = (answer: string, code = 0) =>
    put(
      "bin/pgbackrest",
      `#!/bin/bash\necho "pgbackrest $*" >>"${path("log")}"\necho '${answer}'\nexit ${code}\n`,
      0o755,
    );
  const run = async () => {
    // Its first line would drop the environment.
    const child = spawn("bash", [script], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: `${path("bin")}:/usr/bin:/bin`,
        UNDERSTUDY_ETC: path("etc"),
        UNDERSTUDY_PSQL: path("bin/psql"),
        UNDERSTUDY_METADATA: aws.url,
        UNDERSTUDY_RUNTIME: path("run"),
      },
    });
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise((resolve) => child.on("close", resolve)),
    ]);
    return { code, stdout, stderr };
  };
  const sent = () => dataOf(aws.sent.at(-1)?.body ?? "");
  const values = () =>
    Object.fromEntries(sent().data.map(({ metric, node, value }) => [`${metric} ${node ?? ""}`, value]));

  const leading = [
    "ReplicationLag Bytes 0 node-a",
    "ReplicationLag Bytes 1048576 node-b",
    "WalRetained Percent 12.5",
    "ArchiveFailing Count 0",
    "ArchiveBacklog Count 3",
    "",
  ].join("\n");
  const hoursAgo = (hours: number) => `${Math.floor(Date.now() / 1000) - hours * 3600}\n`;

  beforeEach(async () => {
    sandbox = mkdtempSync(join(tmpdir(), "understudy-metrics-"));
    for (const folder of ["bin", "etc", "run", "data"]) mkdirSync(path(folder));
    aws = await FakeAws.start();
    put("etc/host.conf", `node=node-a\nmajor=17\nport=5432\nstanza=dev\ndata_directory=${path("data")}\n`);
    put("etc/metrics.conf", conf.replace(/^endpoint=.*$/m, `endpoint='${aws.url}/'`));
    put("data/.understudy-volume", "cluster\n");
    server();
    pgbackrest("[]");
  });
  afterEach(async () => {
    await aws.stop();
    rmSync(sandbox, { recursive: true, force: true });
  });

  it("all that there is an alarm for, from who leads, in one signed call", async () => {
    server({ figures: leading, backup: hoursAgo(3) });
    assert.deepEqual(await run(), { code: 0, stdout: "", stderr: "" });
    const { namespace, data } = sent();
    assert.equal(namespace, "Understudy/dev");
    const about = ({ about: whom }: Metric) =>
      whom === "cluster" ? [undefined] : whom === "node" ? ["node-a"] : ["node-a", "node-b"];
    assert.deepEqual(
      data.map(({ metric, unit, node }: Datum) => `${metric} ${unit} ${node}`).sort(),
      Object.entries(metrics)
        .flatMap(([name, metric]) => about(metric).map((node) => `${name} ${metric.unit} ${node}`))
        .sort(),
    );
    const known = values();
    assert.equal(known["ReplicationLag node-b"], 1_048_576);
    assert.equal(known["WalRetained "], 12.5);
    assert.ok(known["DiskFree node-a"] !== undefined && known["DiskFree node-a"] <= 100);
    assert.ok(Math.abs((known["BackupAge "] ?? 0) - 3 * 3600) < 30);

    const [call] = aws.sent;
    assert.ok(call && aws.sent.length === 1);
    const fields = new URLSearchParams(call.body);
    assert.deepEqual([fields.get("Action"), fields.get("Version")], ["PutMetricData", "2010-08-01"]);
    assert.equal(call.headers["content-type"], "application/x-www-form-urlencoded");
    assert.equal(call.headers["x-amz-security-token"], credentials.Token);
    assert.equal(call.headers.authorization, expectedAuthorization(call, "eu-central-1", "monitoring"));
    assert.match(call.headers.authorization ?? "", /SignedHeaders=[^,]*host;x-amz-date/);
  });

  it("its own alone, where it does not lead", async () => {
    assert.equal((await run()).code, 0);
    assert.deepEqual(Object.keys(values()), ["DiskFree node-a"]);
    assert.doesNotMatch(log(), /pgbackrest/, "a standby asks the archive");
  });

  it("asks PostgreSQL as the role that monitors, reading only, for a bounded time", async () => {
    await run();
    assert.match(log(), /-c role=understudy_monitor -c statement_timeout=4s -c default_transaction_read_only=on/);
  });

  it("nothing that it could not measure: an alarm takes silence for the worst", async () => {
    server({ figures: leading, backup: "" }, 2);
    assert.equal((await run()).code, 0);
    assert.deepEqual(Object.keys(values()), ["DiskFree node-a"], "figures of a server that failed half-way");
    rmSync(path("data/.understudy-volume"));
    server({ figures: leading });
    assert.equal((await run()).code, 0);
    assert.ok(
      !Object.keys(values()).some((key) => /^(?:DiskFree|BackupAge)/.test(key)),
      "of a disk that is not mounted",
    );
    const calls = aws.sent.length;
    server();
    const { code, stderr } = await run();
    assert.equal(code, 1);
    assert.match(stderr, /^understudy: node-a: nothing could be measured \(HINT: /);
    assert.equal(aws.sent.length, calls);
  });

  it("asks the archive every ten minutes; where it does not say, the last backup ages", async () => {
    const asked = () =>
      log()
        .split("\n")
        .filter((line) => line.startsWith("pgbackrest")).length;
    const age = () => Math.round((values()["BackupAge "] ?? Number.NaN) / 3600);
    const tenMinutesLater = () => {
      const time = Date.now() / 1000 - 601;
      utimesSync(path("run/backup"), time, time);
    };
    server({ figures: leading, backup: hoursAgo(3) });
    for (const expected of [1, 1]) {
      await run();
      assert.deepEqual([asked(), age()], [expected, 3]);
    }
    server({ figures: leading, backup: hoursAgo(1) });
    tenMinutesLater();
    for (const [answer, code] of [
      ["[]", 1],
      ['[{"repo":[{"status":{"code":99,"message":"x"}}]}]', 0],
    ] as const) {
      pgbackrest(answer, code);
      await run();
      assert.equal(age(), 3, answer);
    }
    pgbackrest("[]");
    await run();
    assert.deepEqual([asked(), age()], [4, 1]);
  });

  it("says what CloudWatch or the metadata service said, and fails", async () => {
    aws.status = 403;
    const refused = await run();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /node-a: CloudWatch did not take the figures: <Code>AccessDenied<\/Code>/);
    aws.role = false;
    const nobody = await run();
    assert.notEqual(nobody.code, 0);
    assert.equal(aws.sent.length, 1);
  });

  it("no secret is seen in a process list, an environment or a file", async () => {
    const real = "/usr/bin/curl";
    put("bin/curl", `#!/bin/bash\n{ echo "curl $*"; env; } >>"${path("log")}"\nexec ${real} "$@"\n`, 0o755);
    server({ figures: leading, backup: hoursAgo(3) });
    assert.equal((await run()).code, 0);
    assert.match(log(), /^curl --disable --config -$/m);
    const files = readdirSync(path("run")).map((file) => readFileSync(path(`run/${file}`), "utf8"));
    for (const secret of [...Object.values(credentials), "IMDS-TOKEN"]) {
      assert.ok(!log().includes(secret), secret);
      assert.ok(!files.some((content) => content.includes(secret)), secret);
    }
  });
});
