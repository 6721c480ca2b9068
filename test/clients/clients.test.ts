import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Clients, psql } from "../support/clients.ts";
import { assertClientsTable, clientsTable } from "../support/clientsTable.ts";
import { DockerCluster } from "../support/dockerCluster.ts";
import { REPOSITORY } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

describe("clients of every kind", function () {
  this.timeout(900_000);
  let cluster: DockerCluster;
  let clients: Clients;
  let directory: string;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.stack.setConfig("pooler", { enabled: true });
    await cluster.up();
    directory = mkdtempSync(join(tmpdir(), "understudy-clients-"));
    const outputs = (await cluster.outputs()) as unknown as Readonly<Record<string, string>>;
    const caFile = `understudy-${cluster.stack.name}-ca.crt`;
    writeFileSync(join(directory, caFile), outputs.caCertificate as string);
    const strings = Object.entries(outputs).filter(([name]) => /Ur[il]$/.test(name));
    clients = Clients.start(Object.fromEntries(strings), directory, join(directory, caFile));
  });
  after(async () => {
    clients?.stop();
    if (directory) rmSync(directory, { recursive: true, force: true });
    await cluster?.dispose();
  });

  it("take the outputs, and follow a change of primary, as the table in docs/connecting.md says", async () => {
    const early = await clients.look();
    const { primary } = await cluster.outputs();
    await cluster.stack.setConfig("primary", primary === "node-a" ? "node-b" : "node-a");
    await cluster.up();
    await until(
      "a standby that streams",
      60,
      () => cluster.streaming(primary === "node-a" ? "node-b" : "node-a") === 1,
    );
    assertClientsTable(clientsTable(early, await clients.look()));
  });

  it("psql connects by the services that ./scripts/connect writes, and no command has the password", async () => {
    const { name, environment } = cluster.stack;
    const said = execFileSync("./scripts/connect", ["--stack", name], {
      ...{ cwd: REPOSITORY, env: environment, encoding: "utf8" },
    });
    const { password } = new URL((await cluster.outputs()).primaryUri);
    assert.ok(password.length > 8 && !said.includes(password));
    const commands = [...said.matchAll(/^ {2}PGSERVICEFILE=(\S+) psql (service=\S+) +(\S.*)$/gm)];
    assert.equal(commands.length, 4, said);
    for (const [, file = "", service = "", leadsTo = ""] of commands) {
      assert.ok(leadsTo.includes(psql([service], REPOSITORY, { PGSERVICEFILE: file })), `${service}: ${leadsTo}`);
      assert.equal(statSync(join(REPOSITORY, file, "../pgpass")).mode & 0o77, 0);
    }
  });
});
