import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { awsHostScripts } from "../../components/targets/aws/hosts.ts";
import {
  apartFromLogins,
  bastionLogin,
  hostCommands,
  mostUserDataBytes,
  nodeLogin,
  renderBastionUserData,
  renderNodeUserData,
} from "../../model/aws/userData.ts";
import { assertGolden } from "../support/golden.ts";
import { newKey } from "../support/sshKey.ts";

const MB = 1024 * 1024;
/** Where tools for file systems are, also for who is not root. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const tool = (name: string, words: readonly string[]) =>
  execFileSync(name, words, { encoding: "utf8", env: { ...process.env, PATH }, stdio: ["ignore", "pipe", "ignore"] });
const script = (name: string) => fileURLToPath(new URL(`../../scripts/aws/${name}`, import.meta.url));

describe("what an instance of the target aws runs", () => {
  let sandbox: string;
  const path = (name: string) => join(sandbox, name);
  const log = () => (existsSync(path("log")) ? readFileSync(path("log"), "utf8").trim().split("\n") : []);
  /** A command that only notes that it was called, and does `body` besides. */
  const fake = (name: string, body = "") => {
    writeFileSync(path(`bin/${name}`), `#!/bin/bash\necho "${name} $*" >>"${path("log")}"\n${body}\n`, { mode: 0o755 });
  };
  const run = (command: string, words: readonly string[] = [], stdin = "", environment: object = {}) => {
    const result = spawnSync("bash", [command, ...words], {
      input: stdin,
      encoding: "utf8",
      env: { ...process.env, ...environment, PATH: `${path("bin")}:${PATH}` },
    });
    return { code: result.status, stderr: result.stderr };
  };

  beforeEach(() => {
    sandbox = mkdtempSync(join(tmpdir(), "understudy-aws-"));
    mkdirSync(path("bin"));
  });
  afterEach(() => rmSync(sandbox, { recursive: true, force: true }));

  describe("data-volume", () => {
    const disk = () => path("disk");
    const mount = () =>
      run(script("data-volume"), [disk()], "", { UNDERSTUDY_MOUNT: path("mount"), UNDERSTUDY_SECONDS: "0" });
    const typeOf = () => tool("blkid", ["-p", "-s", "TYPE", "-o", "value", disk()]).trim();
    const uuid = () => /^Filesystem UUID: +(\S+)$/m.exec(tool("dumpe2fs", ["-h", disk()]))?.[1];
    const blocks = () => Number(/^Block count: +(\d+)$/m.exec(tool("dumpe2fs", ["-h", disk()]))?.[1]);

    beforeEach(() => {
      writeFileSync(disk(), "");
      truncateSync(disk(), 64 * MB);
      fake("mountpoint", `test -e "${path("mounted")}"`);
      fake("chattr");
      fake("systemctl", `touch "${path("mounted")}"`);
      fake("systemd-escape", "echo the.mount");
      fake("findmnt", `echo "${disk()}"`);
    });

    it("formats an empty disk and mounts it, and the second time does nothing", () => {
      assert.deepEqual(mount(), { code: 0, stderr: "" });
      assert.equal(typeOf(), "ext4");
      assert.ok(log().includes(`chattr +i ${path("mount")}`), "an empty mount point can be written to");
      assert.ok(log().includes("systemctl start the.mount"));
      const before = uuid();
      rmSync(path("log"));
      assert.deepEqual(mount(), { code: 0, stderr: "" });
      assert.deepEqual(
        log().filter((line) => !/^(?:mountpoint|findmnt)/.test(line)),
        [],
      );
      assert.equal(uuid(), before);
    });

    it("takes a disk that has been here before as it is: on a host that was made anew", () => {
      mount();
      const before = uuid();
      rmSync(path("mounted"));
      assert.deepEqual(mount(), { code: 0, stderr: "" });
      assert.equal(uuid(), before);
    });

    it("grows the file system with its disk", () => {
      mount();
      const before = blocks();
      truncateSync(disk(), 128 * MB);
      assert.deepEqual(mount(), { code: 0, stderr: "" });
      assert.ok(blocks() > 1.8 * before, `${before} ${blocks()}`);
    });

    it("writes nothing to a disk that holds something", () => {
      for (const make of [
        () => tool("mkfs.ext2", ["-q", disk()]),
        () => tool("mkswap", [disk()]),
        () => writeFileSync(disk(), Buffer.concat([Buffer.alloc(MB / 2), Buffer.from("data"), Buffer.alloc(MB)])),
      ]) {
        writeFileSync(disk(), "");
        truncateSync(disk(), 64 * MB);
        make();
        const before = readFileSync(disk());
        const { code, stderr } = mount();
        assert.equal(code, 1);
        assert.match(
          stderr,
          /the data volume .* (?:has '(?:ext2|swap)' where ext4 is expected|holds something, and no file system)\nHINT: Look at it/,
        );
        assert.ok(before.equals(readFileSync(disk())));
        assert.ok(!existsSync(path("mounted")));
      }
    });

    it("refuses where the disk is not attached, or another one is mounted there", () => {
      rmSync(disk());
      assert.match(mount().stderr, /is not attached after 0 s\nHINT: /);
      writeFileSync(disk(), "");
      truncateSync(disk(), 64 * MB);
      fake("findmnt", "echo /dev/root");
      assert.match(mount().stderr, /is \/dev\/root, not the data volume .*\nHINT: Unmount it/);
    });
  });

  it("take-host-key: one key is left, in its place as a whole, whatever ran before", () => {
    fake("systemctl");
    for (const kind of ["rsa", "ecdsa", "ed25519"]) {
      writeFileSync(path(`ssh_host_${kind}_key`), "old");
      writeFileSync(path(`ssh_host_${kind}_key.pub`), "old");
    }
    const key = newKey();
    for (const _ of ["first", "again"]) {
      assert.deepEqual(run(script("take-host-key"), [], key.private, { UNDERSTUDY_SSH: sandbox }), {
        code: 0,
        stderr: "",
      });
      const files = execFileSync("find", [sandbox, "-maxdepth", "1", "-name", "*key*", "-printf", "%f %m\\n"], {
        encoding: "utf8",
      });
      assert.deepEqual(files.trim().split("\n").sort(), ["ssh_host_ed25519_key 600", "ssh_host_ed25519_key.pub 644"]);
      assert.match(readFileSync(path("ssh_host_ed25519_key.pub"), "utf8"), /^ssh-ed25519 \S+/);
      assert.equal(log().at(-1), "systemctl reload-or-restart ssh");
    }
    const before = readFileSync(path("ssh_host_ed25519_key"));
    assert.notEqual(run(script("take-host-key"), [], "no key", { UNDERSTUDY_SSH: sandbox }).code, 0);
    assert.ok(before.equals(readFileSync(path("ssh_host_ed25519_key"))), "a broken key took the place of a good one");
  });

  it("take-logins: lines of ours are exchanged, those of others stay", () => {
    const keys = path("authorized_keys");
    writeFileSync(keys, "ssh-ed25519 AAAAOLD understudy\nssh-ed25519 AAAAHERS her@laptop\n");
    fake("chown");
    const command = hostCommands.takeLogins.replaceAll("/home/understudy/.ssh", sandbox);
    writeFileSync(path("command"), command);
    for (const _ of ["first", "again"]) {
      assert.deepEqual(run(path("command"), [], `${nodeLogin("ssh-ed25519 AAAANEW")}\n`), { code: 0, stderr: "" });
      assert.equal(readFileSync(keys, "utf8"), "ssh-ed25519 AAAAHERS her@laptop\nssh-ed25519 AAAANEW understudy\n");
    }
    assert.equal(statSync(keys).mode & 0o777, 0o600);
  });

  it("bastion-keys: takes lines of ours and a host key; without input, or with a strange line, nothing changes", () => {
    fake("systemctl");
    fake("chown");
    const keys = path("authorized_keys");
    const environment = { UNDERSTUDY_LOGIN: sandbox, UNDERSTUDY_SSH: sandbox };
    const take = (stdin: string) => run(script("bastion-keys"), [], stdin, environment);
    writeFileSync(keys, "as it was\n");
    assert.deepEqual(take(""), { code: 0, stderr: "" });
    for (const line of [
      'restrict,command="/bin/sh" ssh-ed25519 AAAA understudy',
      bastionLogin("ssh-ed25519 AAAA").replace("restrict,", "restrict,pty,"),
      bastionLogin('ssh-ed25519 AAAA understudy\nrestrict,command="x" ssh-ed25519 AAAA'),
    ]) {
      assert.equal(take(`${line}\n`).code, 1);
      assert.equal(readFileSync(keys, "utf8"), "as it was\n");
    }
    const lines = ["AAAA1", "AAAA2"].map((key) => `${bastionLogin(`ssh-ed25519 ${key}`)}\n`).join("");
    const key = newKey();
    assert.deepEqual(take(lines), { code: 0, stderr: "" });
    assert.equal(readFileSync(keys, "utf8"), lines);
    assert.ok(!existsSync(path("ssh_host_ed25519_key")));
    assert.deepEqual(take(`${lines}${key.private}`), { code: 0, stderr: "" });
    assert.equal(readFileSync(path("ssh_host_ed25519_key"), "utf8"), key.private);
    assert.notEqual(take(`${lines}no key`).code, 0);
    assert.equal(readFileSync(path("ssh_host_ed25519_key"), "utf8"), key.private);
  });

  it("metadata-guard: one table, made anew in one transaction, for root and who is named", () => {
    fake("nft", `cat >>"${path("rules")}"`);
    fake("id", "echo 111");
    for (const [users, ids] of [
      [["postgres"], "0, 111"],
      [[], "0"],
    ] as const) {
      writeFileSync(path("rules"), "");
      assert.equal(run(script("metadata-guard"), users).code, 0);
      const rules = readFileSync(path("rules"), "utf8");
      assert.match(rules, /^add table inet understudy_metadata\ndelete table inet understudy_metadata\ntable inet/);
      assert.ok(rules.includes(`ip daddr 169.254.169.254 meta skuid != { ${ids} } reject`), rules);
    }
    fake("id", "exit 1");
    assert.notEqual(run(script("metadata-guard"), ["nobody-here"]).code, 0);
  });

  describe("user data", () => {
    const scripts = awsHostScripts();
    const operatorKey = "ssh-ed25519 AAAAOPERATOR";
    const bootKey = {
      publicKey: "ssh-ed25519 AAAABOOT",
      privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nBOOT\n-----END OPENSSH PRIVATE KEY-----\n",
    };
    const none = { dns: [], ntp: [], proxy: undefined };
    const given = { hostName: "node-a", operatorKey, bootKey, volumeId: "vol-0", scripts, services: none };
    const node = () => renderNodeUserData({ ...given, volumeId: "vol-0123456789abcdef0" });
    const bastion = () => renderBastionUserData({ operatorKey, bootKey, scripts });
    const configOf = (text: string) => {
      assert.ok(text.startsWith("#cloud-config\n"));
      return JSON.parse(text.slice("#cloud-config\n".length)) as {
        runcmd: string[];
        write_files: { path: string; content: string }[];
      };
    };

    it("is what it was, within EC2's limit", () => {
      for (const [name, text] of Object.entries({ node: node(), bastion: bastion() })) {
        assert.ok(Buffer.byteLength(text) < mostUserDataBytes * 0.75, `${Buffer.byteLength(text)} bytes`);
        assertGolden(`aws/user-data-${name}.json`, `${JSON.stringify(configOf(text), undefined, 2)}\n`);
      }
      const long = { ...scripts, "data-volume": "#".repeat(mostUserDataBytes) };
      assert.throws(() => renderNodeUserData({ ...given, scripts: long }), /16384 are allowed/);
    });

    it("its commands can run twice", () => {
      fake("systemctl");
      fake("apt-get", `test "$2" != install || touch "${path("bin/nft")}" && chmod +x "${path("bin/nft")}"`);
      fake("getent", `test -e "${path("user")}"`);
      fake("adduser", `test ! -e "${path("user")}" && touch "${path("user")}"`);
      for (const text of [node(), bastion()]) {
        const commands = path("commands");
        writeFileSync(commands, `set -e\n${configOf(text).runcmd.join("\n")}\n`);
        assert.equal(run(commands).code, 0);
        assert.equal(run(commands).code, 0);
      }
      assert.equal(log().filter((line) => line.startsWith("adduser")).length, 1);
    });

    it("lets the bastion's user forward to port 22 and hand over keys, and nothing else", () => {
      const { users } = configOf(bastion()) as unknown as { users: { sudo: unknown; ssh_authorized_keys: string[] }[] };
      assert.equal(users[0]?.sudo, 'ALL=(root) NOPASSWD: /usr/local/lib/understudy-host/bastion-keys ""');
      assert.equal(users[0]?.ssh_authorized_keys[0], bastionLogin(operatorKey));
      assert.match(
        bastionLogin(operatorKey),
        /^restrict,port-forwarding,permitopen="\*:22",command="sudo -n \/usr\/local\/lib\/understudy-host\/bastion-keys" ssh-ed25519 /,
      );
    });

    it("has name servers, time servers and the proxy of a network of somebody's own", () => {
      const own = { dns: ["10.0.0.2", "10.0.0.3"], ntp: ["10.0.0.4"], proxy: "http://10.0.0.5:3128" };
      const config = configOf(renderNodeUserData({ ...given, services: own })) as unknown as Record<string, unknown> &
        ReturnType<typeof configOf>;
      assert.deepEqual(config.ntp, { enabled: true, servers: ["10.0.0.4"] });
      assert.deepEqual(config.apt, { http_proxy: own.proxy, https_proxy: own.proxy });
      const resolver = config.write_files.find(({ path: where }) => where.includes("resolved.conf.d"))?.content;
      assert.match(resolver ?? "", /^DNS=10\.0\.0\.2 10\.0\.0\.3$/m);
      assert.equal(config.runcmd[0], "systemctl restart systemd-resolved");
    });

    it("is the same to `pending`, whichever key operators log in with", () => {
      const text = (key: string) =>
        Buffer.from(renderNodeUserData({ ...given, operatorKey: `ssh-ed25519 ${key}` })).toString("base64");
      assert.notEqual(text("AAAA1"), text("AAAA2"));
      assert.equal(apartFromLogins(text("AAAA1")), apartFromLogins(text("AAAA2")));
      const other = { ...given, bootKey: { ...bootKey, publicKey: "ssh-ed25519 OTHER" } };
      assert.notEqual(
        apartFromLogins(text("AAAAOPERATOR")),
        apartFromLogins(Buffer.from(renderNodeUserData(other)).toString("base64")),
      );
    });
  });
});
