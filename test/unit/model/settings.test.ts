import assert from "node:assert/strict";
import { postgresMajors } from "../../../model/config/config.ts";
import { parseSize } from "../../../model/config/units.ts";
import { checkSettings, settingDefinition, settingDefinitions } from "../../../model/settings/settings.ts";
import { ours, refusedValues, removed } from "../../../model/settings/settingsPolicy.ts";
import { sizeSettings } from "../../../model/settings/sizing.ts";

function accepted(settings: object, major: (typeof postgresMajors)[number] = 17): Readonly<Record<string, string>> {
  const { problems, values } = checkSettings({ ...settings }, major);
  assert.deepEqual(problems, []);
  return values;
}

describe("settings", () => {
  it("takes values as PostgreSQL does", () => {
    assert.deepEqual(
      accepted({
        work_mem: "1.5MB",
        SHARED_BUFFERS: "16384",
        timezone: "UTC",
        checkpoint_timeout: " 10 min ",
        max_connections: "0x64",
        random_page_cost: 1.1,
        jit: "f",
        autovacuum: true,
        synchronous_commit: false,
        log_temp_files: "-1",
        max_slot_wal_keep_size: -1,
        vacuum_cost_delay: "1500us",
      }),
      {
        work_mem: "1.5MB",
        shared_buffers: "16384",
        TimeZone: "UTC",
        checkpoint_timeout: "10 min",
        max_connections: "0x64",
        random_page_cost: "1.1",
        jit: "off",
        autovacuum: "on",
        synchronous_commit: "off",
        log_temp_files: "-1",
        max_slot_wal_keep_size: "-1",
        vacuum_cost_delay: "1500us",
      },
    );
  });

  it("takes settings of libraries that are loaded", () => {
    const settings = {
      shared_preload_libraries: 'pg_stat_statements, "pg_cron"',
      "pg_stat_statements.max": 10000,
      "cron.database_name": "app",
      "plpgsql.variable_conflict": "error",
    };
    assert.deepEqual(Object.keys(accepted(settings)), Object.keys(settings));
  });

  it("goes by the major", () => {
    assert.deepEqual(accepted({ wal_compression: true }, 14), { wal_compression: "on" });
    assert.deepEqual(accepted({ wal_compression: "zstd" }, 15), { wal_compression: "zstd" });
    assert.equal(checkSettings({ wal_compression: "zstd" }, 14).problems.length, 1);
    assert.deepEqual(accepted({ summarize_wal: "on" }, 17), { summarize_wal: "on" });
  });

  it("knows each major's settings", () => {
    for (const major of postgresMajors) {
      const count = settingDefinitions(major).length;
      assert.ok(count > 320 && count < 450, `${major}: ${count}`);
    }
  });

  it("names only settings that exist, or did, in its policy", () => {
    for (const name of [...Object.keys(ours), ...Object.keys(refusedValues)]) {
      assert.ok(
        postgresMajors.some((major) => settingDefinition(name, major)),
        name,
      );
    }
    for (const [name, { in: gone, successor }] of Object.entries(removed)) {
      assert.equal(settingDefinition(name, 18), undefined, name);
      const before = postgresMajors.filter((major) => major < Number(gone));
      if (Number(gone) > 13)
        assert.ok(
          before.some((major) => settingDefinition(name, major)),
          `${name} before ${gone}`,
        );
      assert.ok(
        postgresMajors.every((major) => major < Number(gone) || !settingDefinition(name, major)),
        name,
      );
      if (successor) assert.ok(settingDefinition(successor, 18), successor);
    }
  });
});

describe("sizing", () => {
  const { MB, GB } = { MB: 2 ** 20, GB: 2 ** 30 };
  const sizes = [
    { memoryBytes: 256 * MB, cpus: 1, dataDiskBytes: 2 * GB },
    { memoryBytes: GB, cpus: 2, dataDiskBytes: 100 * GB },
    { memoryBytes: 1024 * GB, cpus: 128, dataDiskBytes: 64 * 1024 * GB },
  ];

  it("follows its rules", () => {
    assert.deepEqual(sizeSettings({ ...(sizes[1] as (typeof sizes)[0]), major: 17 }), {
      effective_cache_size: "768MB",
      maintenance_work_mem: "64MB",
      max_parallel_workers: "2",
      max_parallel_workers_per_gather: "1",
      max_slot_wal_keep_size: "20GB",
      max_wal_size: "10GB",
      min_wal_size: "2560MB",
      shared_buffers: "256MB",
      wal_keep_size: "1GB",
      work_mem: "4MB",
    });
  });

  it("gives legal values that fit the host, of every size", () => {
    for (const host of sizes) {
      for (const major of postgresMajors) {
        const values = sizeSettings({ ...host, major });
        assert.deepEqual(checkSettings(values, major).problems, []);
        assert.ok((parseSize(values.shared_buffers as string) as number) <= host.memoryBytes / 4);
        assert.ok((parseSize(values.max_slot_wal_keep_size as string) as number) <= host.dataDiskBytes / 3);
      }
    }
  });
});
