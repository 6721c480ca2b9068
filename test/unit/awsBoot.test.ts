import assert from "node:assert/strict";
import type { BootInput } from "../../model/stepInputs.ts";
import type { FailureReason, RunResult } from "../../scripts/ssh/runResult.ts";
import { boot, type Run } from "../../scripts/steps/lib/bootHost.ts";

const input: BootInput = {
  name: "node-a",
  connection: { host: "10.42.0.10", user: "understudy", hostKey: "LASTING" },
  bootHostKey: "BOOT",
  hostKey: "PRIVATE",
  volume: "vol-0123456789abcdef0",
  sizeGb: 100,
  instance: "i-0123456789abcdef0",
};
const failed = (reason: FailureReason, stderr = ""): RunResult => ({
  ok: false,
  reason,
  message: `${reason}\nHINT: look`,
  stderr,
});
const fine: RunResult = { ok: true, stdout: "" };

/** A host that boots for `silent` attempts, and is known by `key`. */
interface Fake {
  readonly key?: string;
  readonly silent?: number;
  readonly guarded?: RunResult;
  readonly mounted?: RunResult;
  /** Sizes of the volume that the host sees, one after the other, the last one for good. */
  readonly gigabytes?: readonly number[];
}

function host({ key = "BOOT", silent = 0, guarded = fine, mounted = fine, gigabytes = [100] }: Fake) {
  const calls: string[] = [];
  let shown = key;
  let waiting = silent;
  let looked = 0;
  const run: Run = async ({ connection }, command, { stdin }) => {
    if (waiting-- > 0) return failed("unreachable");
    if (connection.hostKey !== shown) return failed("host-key-changed");
    calls.push(`${connection.hostKey} ${command.split(" ")[0]?.split("/").at(-1)}`);
    if (command.endsWith("take-host-key")) {
      assert.equal(stdin, "PRIVATE");
      shown = "LASTING";
    }
    if (command.includes("is-active")) return guarded;
    if (command.startsWith("blockdev ")) {
      const size = gigabytes[Math.min(looked++, gigabytes.length - 1)] ?? 0;
      return { ok: true, stdout: `${size * 1024 ** 3}\n` };
    }
    return command.includes("data-volume") ? mounted : fine;
  };
  const done = (seconds = 5) => boot(input, { run, seconds, growSeconds: 0.05, pauseMilliseconds: 1 });
  return { done, calls };
}

describe("boot of a host of the target aws", () => {
  it("puts the lasting host key in place over the first connection, and then goes by that", async () => {
    const { done, calls } = host({ silent: 3 });
    assert.equal(await done(), undefined);
    assert.deepEqual(calls, [
      "BOOT take-host-key",
      "LASTING true",
      "LASTING cloud-init",
      "LASTING data-volume",
      "LASTING blockdev",
    ]);
  });

  it("goes on where an update was cut off behind the new key", async () => {
    const { done, calls } = host({ key: "LASTING", silent: 1 });
    assert.equal(await done(), undefined);
    assert.deepEqual(calls, ["LASTING true", "LASTING cloud-init", "LASTING data-volume", "LASTING blockdev"]);
  });

  it("believes nobody who has neither key, and does not wait for them", async () => {
    const { done, calls } = host({ key: "STRANGER" });
    assert.match((await done(2)) ?? "", /^host-key-changed\nHINT: /);
    assert.deepEqual(calls, []);
  });

  it("says who does not come up", async () => {
    assert.match((await host({ silent: 1_000_000 }).done(0.05)) ?? "", /^unreachable\nHINT: /);
  });

  it("goes no further where the metadata service is open", async () => {
    const { done, calls } = host({ guarded: { ...failed("failed"), exitCode: 3 } as RunResult });
    assert.match(
      (await done()) ?? "",
      /^node-a: anybody on the host can ask the metadata service.*\nHINT: see 'journalctl/,
    );
    assert.ok(!calls.some((call) => call.includes("data-volume")));
    assert.match((await host({ guarded: failed("timeout") }).done()) ?? "", /^timeout\nHINT: /);
  });

  it("says what is wrong with the volume in the host's own words", async () => {
    const refused = failed("failed", "the data volume X is not attached after 180 s\nHINT: See EC2.\n");
    assert.equal(
      await host({ mounted: refused }).done(),
      "node-a: the data volume X is not attached after 180 s\nHINT: See EC2.",
    );
    assert.match((await host({ mounted: failed("timeout") }).done()) ?? "", /^timeout\nHINT: /);
  });

  it("grows the file system once the host sees what its volume has grown to", async () => {
    const { done, calls } = host({ key: "LASTING", gigabytes: [50, 100] });
    assert.equal(await done(), undefined);
    assert.equal(calls.filter((call) => call.includes("data-volume")).length, 2);
  });

  it("tells a volume that did not grow, whatever the engine remembers", async () => {
    const { done } = host({ key: "LASTING", gigabytes: [50] });
    assert.match(
      (await done()) ?? "",
      /^node-a: its data volume has 50 GB on the host, and 100 GB are declared\nHINT: .*--refresh/,
    );
  });
});
