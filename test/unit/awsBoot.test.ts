import assert from "node:assert/strict";
import { hostCommands } from "../../model/aws/userData.ts";
import type { BootInput } from "../../model/stepInputs.ts";
import type { FailureReason, RunResult } from "../../scripts/ssh/runResult.ts";
import { boot, type Run } from "../../scripts/steps/lib/bootHost.ts";

const input: BootInput = {
  name: "node-a",
  connection: { host: "10.42.0.10", user: "understudy", hostKey: "LASTING", privateKey: "NEW" },
  formerHostKeys: ["BOOT", "FORMER"],
  hostKey: "PRIVATE",
  operatorKeys: [{ publicKey: "ssh-ed25519 NEW", privateKey: "NEW" }],
  volume: { id: "vol-0123456789abcdef0", sizeGb: 100 },
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
  /** Private halves that log in. */
  readonly logins?: readonly string[];
  /** What it says to a login, where it runs nothing else. */
  readonly says?: RunResult;
  readonly silent?: number;
  readonly guarded?: RunResult;
  readonly mounted?: RunResult;
  /** Sizes of the volume that the host sees, one after the other, the last one for good. */
  readonly gigabytes?: readonly number[];
}

function host({ logins = ["NEW"], says, ...fake }: Fake, declared: Partial<BootInput> = {}) {
  const { key = "BOOT", silent = 0, guarded = fine, mounted = fine, gigabytes = [100] } = fake;
  const calls: string[] = [];
  let shown = key;
  let accepted = logins;
  let waiting = silent;
  let looked = 0;
  const run: Run = async ({ connection }, command, { stdin }) => {
    if (waiting-- > 0) return failed("unreachable");
    if (connection.hostKey !== shown) return failed("host-key-changed");
    if (!accepted.includes(connection.privateKey ?? "")) return failed("refused-key");
    if (says) return says;
    const known = command === hostCommands.takeLogins ? "take-logins" : command.split(" ")[0]?.split("/").at(-1);
    calls.push(`${connection.hostKey} ${known}`);
    if (known === "take-logins" || known === "bastion-keys") {
      accepted = [...(stdin ?? "").matchAll(/ssh-ed25519 (\S+) understudy\n/g)].map(([, login = ""]) => login);
      if (stdin?.endsWith("PRIVATE")) shown = "LASTING";
    }
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
  const done = (seconds = 5) =>
    boot({ ...input, ...declared }, { run, seconds, growSeconds: 0.05, pauseMilliseconds: 1 });
  return { done, run, calls, keys: () => [shown, ...accepted] };
}

describe("boot of a host of the target aws", () => {
  it("puts the lasting host key in place over the first connection, and then goes by that", async () => {
    const { done, calls } = host({ silent: 3 });
    assert.equal(await done(), undefined);
    assert.deepEqual(calls, [
      "BOOT true",
      "BOOT take-logins",
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
    assert.deepEqual(calls, [
      ...["LASTING true", "LASTING take-logins", "LASTING cloud-init", "LASTING data-volume", "LASTING blockdev"],
    ]);
  });

  it("believes nobody who has neither key, and does not wait for them", async () => {
    const { done, calls } = host({ key: "STRANGER" });
    assert.match((await done(2)) ?? "", /^host-key-changed\nHINT: /);
    assert.deepEqual(calls, []);
  });

  const newer = { publicKey: "ssh-ed25519 NEW", privateKey: "NEW" };
  const older = { publicKey: "ssh-ed25519 OLD", privateKey: "OLD" };

  it("lets a new operator key in by the old one, and then goes by the new one", async () => {
    const both = host({ key: "LASTING", logins: ["OLD"] }, { operatorKeys: [newer, older] });
    assert.equal(await both.done(), undefined);
    assert.deepEqual(both.keys(), ["LASTING", "NEW", "OLD"]);
    const one = host({ key: "LASTING", logins: ["NEW", "OLD"] });
    assert.equal(await one.done(), undefined);
    assert.deepEqual(one.keys(), ["LASTING", "NEW"]);
  });

  it("exchanges host key and operator key at once, wherever an earlier run was cut off", async () => {
    for (const key of ["FORMER", "LASTING"])
      for (const logins of [["OLD"], ["NEW", "OLD"]]) {
        const { done, keys } = host({ key, logins }, { operatorKeys: [newer, older] });
        assert.equal(await done(), undefined);
        assert.deepEqual(keys(), ["LASTING", "NEW", "OLD"]);
      }
  });

  it("says what to do where no key of the list logs in", async () => {
    const { done, keys } = host({ key: "LASTING", logins: ["GONE"] });
    assert.match((await done(0.05)) ?? "", /^refused-key\nHINT: none of the keys of aws\.keys\.operator/);
    assert.deepEqual(keys(), ["LASTING", "GONE"]);
  });

  it("of a bastion takes both kinds of keys by the one thing that it runs", async () => {
    const { volume: _, ...bastion } = input;
    const asBastion = (fake: Fake, keys = [newer]) => {
      const made = host(fake);
      const run = boot({ ...bastion, operatorKeys: keys }, { run: made.run, seconds: 5, pauseMilliseconds: 1 });
      return run.then((problem) => ({ problem, calls: made.calls, keys: made.keys() }));
    };
    assert.deepEqual(await asBastion({ silent: 2 }), {
      ...{ problem: undefined, calls: ["BOOT true", "BOOT bastion-keys", "LASTING true"], keys: ["LASTING", "NEW"] },
    });
    const exchanged = await asBastion({ key: "LASTING", logins: ["OLD"] }, [newer, older]);
    assert.deepEqual(exchanged.keys, ["LASTING", "NEW", "OLD"]);
    // One of an earlier version runs nothing: what it has is enough, or it has to be made anew.
    const says = { ...failed("failed"), exitCode: 1 } as RunResult;
    assert.equal((await asBastion({ key: "LASTING", says })).problem, undefined);
    const begin = Date.now();
    const stuck = await asBastion({ key: "LASTING", logins: ["OLD"], says }, [newer, older]);
    assert.match(stuck.problem ?? "", /^node-a: it takes no other keys: an earlier version.*\nHINT: .*aws\.maintain/);
    assert.ok(Date.now() - begin < 3000, "it waited for what does not pass");
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
