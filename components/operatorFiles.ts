import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { all, type CustomResourceOptions, getStack, type Output, runtime, unsecret } from "@pulumi/pulumi";
import type { ClusterSecrets } from "./clusterSecrets.ts";
import { clusterScope } from "./part.ts";
import { type Login, loginOf } from "./targets/connection.ts";
import type { Machine } from "./targets/machine.ts";

/** Where tools of the operator's machine find what belongs to the cluster. Never in git. */
const directory = (opts: CustomResourceOptions) => join(".understudy", getStack(), clusterScope(opts));

/**
 * Writes a file there and gives its absolute path. Each update does so, not a resource: the state may be shared by several
 * machines, the file system is not. A preview writes nothing.
 */
function operatorFile(
  name: string,
  content: Output<string>,
  opts: CustomResourceOptions,
  mode = 0o644,
): Output<string> {
  return unsecret(
    content.apply((text) => {
      const path = resolve(directory(opts), name);
      if (!runtime.isDryRun()) {
        mkdirSync(directory(opts), { recursive: true, mode: 0o700 });
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
  secrets: Pick<ClusterSecrets, "operator" | "hosts">,
  opts: CustomResourceOptions,
): Output<string> {
  const identity = operatorFile("id_ed25519", secrets.operator.privateKey, opts, 0o600);
  const logins = all(machines.map(({ connection }) => loginOf(connection)));
  const knownHosts = operatorFile(
    "known_hosts",
    all([logins, all(machines.map(({ node }) => secrets.hosts[node]?.publicKey ?? ""))]).apply(([known, lines]) =>
      [
        ...lines.map((line, index) => `${machines[index]?.node} ${line}\n`),
        ...bastionsOf(known).map(({ name, hostKey }) => `${name} ${hostKey}\n`),
      ].join(""),
    ),
    opts,
  );
  const config = all([identity, knownHosts, logins]).apply(([identityFile, knownHostsFile, known]) => {
    const bastions = bastionsOf(known);
    const files = [
      `IdentityFile "${identityFile}"`,
      "IdentitiesOnly yes",
      `UserKnownHostsFile "${knownHostsFile}"`,
    ] as const;
    const entry = (name: string, { host, port, user, proxy }: Login) =>
      [
        `Host ${name}`,
        ...[`HostName ${host}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${name}`],
        ...bastions
          .filter(({ host: through }) => through === proxy?.host)
          .map((bastion) => `ProxyJump ${bastion.name}`),
        ...files,
      ].join("\n  ");
    return [
      ...known.map((login, index) => entry(machines[index]?.node ?? "", login)),
      ...bastions.map(({ name, ...login }) => entry(name, login)),
    ]
      .join("\n\n")
      .concat("\n");
  });
  return operatorFile("ssh_config", config, opts).apply(() => `ssh -F ${join(directory(opts), "ssh_config")}`);
}

/** The bastions that hosts of ours are reached through, by names that no node has: `bastion`, `bastion-2`. */
function bastionsOf(logins: readonly Login[]): readonly (NonNullable<Login["proxy"]> & { readonly name: string })[] {
  const byHost = new Map(logins.flatMap(({ proxy }) => (proxy ? [[proxy.host, proxy] as const] : [])));
  return [...byHost.values()].map((proxy, index) => ({
    ...proxy,
    name: index === 0 ? "bastion" : `bastion-${index + 1}`,
  }));
}
