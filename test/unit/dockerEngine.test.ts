import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../support/pulumiStack.ts";

/** On a machine whose programs are stubs: the real engine is not touched. */
describe("Docker's engine that does not run", () => {
  let folder: string;
  const running = () => join(folder, "running");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-engine-"));
    const stub = (name: string, script: string) => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    };
    stub("docker", `test -f ${running()} || exit 1\ncase $1 in version) echo 20 ;; network) exit 1 ;; esac`);
    stub("dockerd", `touch ${running()}`);
    // No service manager, and no other privilege than one has.
    stub("systemctl", "exit 1");
    stub("sudo", 'shift; exec "$@"');
    stub("install", "exit 0");
    stub("setsid", 'exec "$@"');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const env = (engine: Record<string, string> = {}) => ({
    ...process.env,
    DOCKER_HOST: "",
    XDG_CACHE_HOME: folder,
    PATH: `${folder}:${process.env.PATH}`,
    ...engine,
  });

  it("is started by the scripts that make hosts, whoever calls them", () => {
    const gone = execFileSync(join(REPOSITORY, "scripts/docker/network"), ["delete", "understudy-none"], {
      env: env(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    assert.equal(typeof gone, "string");
    assert.ok(existsSync(running()));
  });

  it("is not, where it is somebody else's", () => {
    const { status, stderr } = spawnSync(join(REPOSITORY, "scripts/docker/network"), ["delete", "understudy-none"], {
      env: env({ DOCKER_HOST: "tcp://192.0.2.1:2375" }),
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, /DOCKER_HOST.*\nHINT: /);
    assert.ok(!existsSync(running()));
  });

  it("is used by who has asked for it, and not by who has that number later", () => {
    const users = join(folder, "users");
    mkdirSync(users);
    const isUsed = () => {
      const ask = `. "$1"; DOCKER_RUN=$2; docker_has_other_users`;
      return spawnSync("bash", ["-c", ask, "bash", join(REPOSITORY, "scripts/setup/docker.sh"), folder]).status === 0;
    };
    const began = readFileSync(`/proc/${process.pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")[19];
    writeFileSync(join(users, String(process.pid)), `${began}\n`);
    const gone = "999999999"; // no process can have it
    writeFileSync(join(users, gone), "1\n");
    assert.ok(isUsed());
    assert.deepEqual(readdirSync(users), [String(process.pid)]);
    writeFileSync(join(users, String(process.pid)), `${Number(began) - 1}\n`);
    assert.ok(!isUsed());
    assert.deepEqual(readdirSync(users), []);
  });
});
