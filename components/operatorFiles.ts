import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { all, getStack, type Output, runtime, unsecret } from "@pulumi/pulumi";
import type { ClusterKeys } from "./keys.ts";
import { loginOf } from "./machines/connection.ts";
import type { Machine } from "./machines/machine.ts";

/** Where tools of the operator's machine find what belongs to the stack. Never in git. */
const directory = () => join(".understudy", getStack());

/**
 * Writes a file there and gives its absolute path. Each update does so, not a resource: the state may be shared by several
 * machines, the file system is not. A preview writes nothing.
 */
export function operatorFile(name: string, content: Output<string>, mode = 0o644): Output<string> {
  return unsecret(
    content.apply((text) => {
      const path = resolve(directory(), name);
      if (!runtime.isDryRun()) {
        mkdirSync(directory(), { recursive: true, mode: 0o700 });
        writeFileSync(path, text, { mode });
      }
      return path;
    }),
  );
}

/**
 * An SSH configuration for hosts that only this program's own key opens: `ssh -F <path> <node>`, host keys checked. Gives
 * the command's first words.
 */
export function sshCommand(
  machines: readonly Machine[],
  keys: Pick<ClusterKeys, "operator" | "hosts">,
): Output<string> {
  const identity = operatorFile("id_ed25519", keys.operator.privateKey, 0o600);
  const knownHosts = operatorFile(
    "known_hosts",
    all(machines.map(({ node }) => keys.hosts[node]?.publicKey ?? "")).apply((lines) =>
      lines.map((line, index) => `${machines[index]?.node} ${line}\n`).join(""),
    ),
  );
  const config = all([identity, knownHosts, all(machines.map(({ connection }) => loginOf(connection)))]).apply(
    ([identityFile, knownHostsFile, logins]) =>
      logins
        .map(({ host, port, user }, index) => {
          const node = machines[index]?.node;
          return [
            `Host ${node}`,
            ...[`HostName ${host}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${node}`],
            ...[`IdentityFile "${identityFile}"`, "IdentitiesOnly yes", `UserKnownHostsFile "${knownHostsFile}"`],
          ].join("\n  ");
        })
        .join("\n\n")
        .concat("\n"),
  );
  return operatorFile("ssh_config", config).apply(() => `ssh -F ${join(directory(), "ssh_config")}`);
}
