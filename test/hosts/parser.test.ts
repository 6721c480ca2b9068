import assert from "node:assert/strict";
import type { NodeConfig, PostgresMajor } from "../../model/config/config.ts";
import { hostFiles, pgdata } from "../../model/paths.ts";
import { renderSettings } from "../../model/render/conf.ts";
import { postgresqlSettings, renderPostgresqlConf } from "../../model/render/postgresqlConf.ts";
import { renderStandbyConf } from "../../model/render/standby.ts";
import type { SettingDefinition } from "../../model/settings/settingDefinition.ts";
import { settingDefinition, settingDefinitions } from "../../model/settings/settings.ts";
import { parseSettingValue } from "../../model/settings/settingValue.ts";
import { docker, parse, problemsOf } from "../unit/model/support.ts";
import { hostImage, imageMajors, inContainer, markOfImage, shellWord } from "./image.ts";

interface Server {
  readonly major: PostgresMajor;
  readonly image: string;
}

/** What PostgreSQL's own parser makes of files, for some settings: one NUL-ended value each. */
async function read(
  server: Server,
  files: Readonly<Record<string, string>>,
  names: readonly string[],
): Promise<string[]> {
  const data = pgdata("/var/lib/understudy", server.major);
  const writes = Object.entries(files).map(([path, text]) => `printf %s ${shellWord(text)} >${shellWord(path)}`);
  const output = await inContainer(
    server.image,
    `mkdir -p /etc/understudy ${data} && chown postgres ${data} && chmod 700 ${data}
    ${writes.join("\n")}
    chown -R postgres /etc/understudy && chmod -R a+rX /etc/understudy
    for name in ${names.map(shellWord).join(" ")}; do
      runuser -u postgres -- /usr/lib/postgresql/${server.major}/bin/postgres \\
        --config-file=${hostFiles.postgresqlConf} -C "$name" 2>/tmp/refusal || cat /tmp/refusal
      printf '\\0'
    done`,
  );
  return output.split("\n\0").slice(0, -1);
}

/** What `postgres -C` prints for a value: numbers in the setting's own unit, without it. */
function expected(definition: SettingDefinition, text: string): string {
  const parsed = parseSettingValue(definition, text);
  assert.ok(parsed.ok, `${definition.name} = ${text}`);
  return parsed.number === undefined ? parsed.text : String(parsed.number);
}

function assertSame(major: PostgresMajor, settings: Readonly<Record<string, string>>, values: readonly string[]): void {
  for (const [index, name] of Object.keys(settings).entries()) {
    const definition = settingDefinition(name, major);
    assert.ok(definition, name);
    const actual = values[index] as string;
    const wanted = expected(definition, settings[name] as string);
    // -C prints a real with fewer digits than it has.
    if (definition.type === "real")
      assert.ok(Math.abs(Number(actual) - Number(wanted)) <= 1e-5 * Math.abs(Number(wanted)), name);
    else assert.equal(actual, wanted, name);
  }
}

for (const major of imageMajors) {
  describe(`the parser of PostgreSQL ${major}${markOfImage(major)}`, () => {
    let server: Server;
    before(() => {
      server = { major, image: hostImage(major) };
    });

    it("reads the generated postgresql.conf and standby.conf as they were meant", async () => {
      const config = parse({
        ...docker,
        postgresVersion: major,
        nodes: { "node-a": {}, "node-b": { delay: "90min" }, "node-c": { synchronous: true } },
        settings: {
          log_line_prefix: `%m 'it''s' "\\n" \\\\ é`,
          work_mem: "1.5MB",
          checkpoint_timeout: "0.25h",
          vacuum_cost_delay: "1500us",
          random_page_cost: 1.1,
          max_connections: "0x96",
          autovacuum: "f",
          wal_level: "logical",
          TimeZone: "UTC",
        },
      });
      const node = config.nodes["node-b"] as NodeConfig;
      const input = { config, node, host: { memoryBytes: 3 * 2 ** 30, cpus: 3, dataDiskBytes: 77 * 2 ** 30 } };
      const primary = { address: "10.0.0.1", port: 5432 };
      const standby = renderStandbyConf({ major, node, stanza: config.clusterName, primary });
      const files = { [hostFiles.postgresqlConf]: renderPostgresqlConf(input), [hostFiles.standbyConf]: standby };
      const settings = {
        ...postgresqlSettings(input),
        recovery_min_apply_delay: "90min",
        primary_slot_name: "understudy_node_b",
      };
      assertSame(major, settings, await read(server, files, Object.keys(settings)));
      const [conninfo, restore] = await read(server, files, ["primary_conninfo", "restore_command"]);
      assert.match(conninfo as string, /^application_name=node-b channel_binding=require .*sslmode=verify-full/);
      assert.equal(
        restore,
        'test ! -e /run/understudy-handover && timeout 10 pgbackrest --config=/etc/understudy/pgbackrest.conf --stanza=dev archive-get %f "%p"',
      );
    });

    it("agrees with ours on every number, with every unit", async () => {
      const settings = Object.fromEntries(
        settingDefinitions(major)
          .filter(({ name }) => !/_flush_after$/.test(name))
          .flatMap((definition) => {
            const text = someNumber(definition);
            const raw = { ...docker, postgresVersion: major, settings: { [definition.name]: text } };
            return text === undefined || problemsOf(raw).length > 0 ? [] : [[definition.name, text] as const];
          }),
      );
      assert.ok(Object.keys(settings).length > 100);
      const places = {
        data_directory: pgdata("/var/lib/understudy", major),
        hba_file: hostFiles.hba,
        ident_file: hostFiles.ident,
      };
      const files = { [hostFiles.postgresqlConf]: renderSettings({ ...settings, ...places }) };
      assertSame(major, settings, await read(server, files, Object.keys(settings)));
    });
  });
}

const durations = ["1500us", "2500 ms", "90.5s", "1.5min", "0.5h", "1d"];
const sizes = ["100000B", "3000kB", "1.25MB", "70MB", "0.5GB", "1GB", "0.001TB"];

/** A value between the bounds of a setting, in a unit that depends on its name. */
function someNumber(definition: SettingDefinition): string | undefined {
  const { type, unit, min = 0, max = 0, name } = definition;
  if (type !== "integer" && type !== "real") return undefined;
  const candidates = unit === undefined ? [] : /^(us|ms|s|min|h|d)$/.test(unit) ? durations : sizes;
  const start = name.length % (candidates.length || 1);
  const rotated = [...candidates.slice(start), ...candidates.slice(0, start)];
  const fits = rotated.find((text) => parseSettingValue(definition, text).ok);
  return fits ?? String(type === "real" ? min + (Math.min(max, min + 8) - min) / 8 : Math.min(max, min + 7));
}
