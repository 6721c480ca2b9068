import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { Client } from "ssh2";
import { leftovers, script, type TestHost, TestHosts } from "../support/hosts.ts";
import { imageMajors, markOfImage } from "./image.ts";

/** Logs in with the host's key checked, and gives the output of a command. */
function ssh(host: TestHost, command: string): Promise<string> {
  const wanted = Buffer.from(host.hostKey.split(" ")[1] as string, "base64");
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once("error", reject).once("ready", () => {
      client.exec(command, (error, channel) => {
        if (error) return reject(error);
        let output = "";
        channel.on("data", (data: Buffer) => {
          output += data.toString();
        });
        channel.stderr.resume();
        channel.once("close", () => {
          client.end();
          resolve(output.trim());
        });
      });
    });
    client.connect({
      host: "127.0.0.1",
      port: host.sshPort,
      username: "root",
      privateKey: host.privateKey,
      hostVerifier: (key: Buffer) => key.equals(wanted),
    });
  });
}

/** Docker's own mounts come and go with the containers of others. */
const mounts = () =>
  execFileSync("mount", { encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "" && !line.includes("/docker/"))
    .sort();

describe("docker hosts", function () {
  this.timeout(600_000); // images may have to be made
  let hosts: TestHosts;
  let mountsBefore: string[];

  before(async () => {
    mountsBefore = mounts();
    hosts = await TestHosts.create();
  });

  after(async () => {
    await hosts.remove();
    assert.deepEqual(leftovers(hosts.prefix), []);
    assert.deepEqual(mounts(), mountsBefore);
  });

  for (const major of imageMajors) {
    it(`boot from the image for PostgreSQL ${major}, and again on the same port${markOfImage(major)}`, async () => {
      const host = await hosts.makeHost({ name: `n${major}`, image: String(major) });
      assert.equal(await ssh(host, "hostname"), `n${major}`);
      assert.equal(await ssh(host, "systemctl is-system-running --wait; systemctl --failed --no-legend"), "running");
      assert.match(await ssh(host, `/usr/lib/postgresql/${major}/bin/postgres --version`), / (13|15|17|18)[. ]/);
      assert.equal(await ssh(host, "ls /etc/postgresql; systemctl list-units --no-legend 'postgresql@*'"), "");
      await ssh(host, "echo kept >/var/lib/understudy/mark; echo kept >/root/mark");

      await host.restart();

      assert.equal(await ssh(host, "cat /var/lib/understudy/mark /root/mark"), "kept\nkept");
      assert.equal(await ssh(host, "systemctl is-system-running --wait"), "running");
      // A host of its own: its systemd sees its own units only.
      assert.match(
        await ssh(host, "cat /proc/1/cgroup | tail -n 1"),
        /^0::\/(docker\/[0-9a-f]{64}\/|system\.slice\/|)/,
      );
    });
  }

  it("keep data, address and ports when they are made anew", async () => {
    const host = await hosts.makeHost({ name: "anew", image: "bare-trixie" });
    await ssh(host, "echo kept >/var/lib/understudy/mark; echo gone >/root/mark");
    const key = await host.exec("base64 -w0 /etc/ssh/ssh_host_ed25519_key");
    const keys = await host.exec("base64 -w0 /root/.ssh/authorized_keys");
    const files = `/etc/ssh/ssh_host_ed25519_key 600 ${key}\n/root/.ssh/authorized_keys 600 ${keys}\n`;
    const options = ["--image", "bare-trixie", "--volume", "anew-data", "--memory", String(512 * 1024 ** 2)];

    const report = JSON.parse(await script("host", ["create", hosts.prefix, "anew", ...options], files));
    assert.deepEqual([report.address, report.sshPort], [host.address, host.sshPort]);
    await host.start();

    assert.equal(await ssh(host, "cat /var/lib/understudy/mark; ls /root/mark 2>/dev/null"), "kept");
    // The same again changes nothing.
    assert.deepEqual(JSON.parse(await script("host", ["create", hosts.prefix, "anew", ...options], files)), report);
  });

  it("stay off when they were stopped, and say so when their port was taken", async () => {
    const host = await hosts.makeHost({ name: "off", image: "bare-trixie" });
    await host.stop();
    await host.stop();
    const inspect = (format: string) =>
      execFileSync("docker", ["inspect", "--format", format, host.container], { encoding: "utf8" }).trim();
    assert.equal(inspect("{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}"), "false no");

    const other = createServer().listen(host.sshPort, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    await assert.rejects(
      host.start(),
      new RegExp(`127\\.0\\.0\\.1:${host.sshPort} is in use by another program\nHINT: `),
    );
    await new Promise((resolve) => other.close(resolve));

    await host.start();
    assert.equal(inspect("{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}"), "true unless-stopped");
    await host.kill();
    await host.start();
    assert.equal(await ssh(host, "hostname"), "off");
  });

  it("are not taken over from another stack", async () => {
    const foreign = `${hosts.prefix}-foreign`;
    execFileSync("docker", ["volume", "create", `${foreign}-data`]);
    try {
      await assert.rejects(script("volume", ["create", hosts.prefix, "foreign-data"]), /does not belong to/);
      await assert.rejects(script("volume", ["delete", hosts.prefix, "foreign-data"]), /does not belong to/);
    } finally {
      execFileSync("docker", ["volume", "rm", `${foreign}-data`]);
    }
  });

  it("have no secret in what Docker shows of them", async () => {
    const host = await hosts.makeHost({ name: "quiet", image: "bare-trixie" });
    const key = await host.exec("cat /etc/ssh/ssh_host_ed25519_key");
    const shown = execFileSync("docker", ["inspect", host.container], { encoding: "utf8" });
    for (const line of key.split("\n").slice(1, -2)) assert.ok(!shown.includes(line));
  });
});
