import type { SshLogin, SshNodeConfig } from "../clusterConfig.ts";
import { type Given, isLater, type Known } from "../later.ts";
import { keyPath, type Problem } from "../problems.ts";
import { readFence } from "../read/fence.ts";
import { sshNodeOptions } from "../schema/nodeOptions.ts";
import { type OptionValues, readOptions } from "../schema/option.ts";
import { loginOptions, privateKeyProblem } from "../schema/sshOptions.ts";
import { checkNetworks } from "./clientNetworks.ts";
import { madeHost } from "./docker.ts";
import type { ConfigTarget, ReadContext } from "./target.ts";

type ReadFile = ReadContext["readFile"];

const privateNetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"];

export const ssh: ConfigTarget = {
  makesHosts: false,
  nodeOptions: sshNodeOptions,
  decided: "remove it: the host has what it has",
  clientNetworksInWords: privateNetworks.join(", "),
  majorProblem: () => undefined,
  problemsOf: (nodes) => addressProblems(nodes as readonly KnownNode[]),
  open: (_own, { readFile }) => ({
    readNode(given, { state }, path, problems) {
      const values = given as OptionValues<typeof sshNodeOptions>;
      const login = readLogin(values, path, readFile, problems);
      return {
        target: "ssh",
        ...login,
        address: values.address ?? login.host,
        postgresPort: values.postgresPort ?? madeHost.postgresPort,
        dataDirectory: values.dataDirectory ?? madeHost.dataDirectory,
        proxy: readProxy(values.proxy, `${path}.proxy`, readFile, problems),
        fence: readFence(values.fence, { state, required: true }, `${path}.fence`, problems),
      };
    },
    checkNodes: (nodes, problems) =>
      problems.push(
        ...addressProblems(Object.values(nodes as Readonly<Record<string, SshNodeConfig>>).filter(isKnown)),
      ),
    ownArchive: () => undefined,
    defaultClientNetworks: () => privateNetworks,
    checkClientNetworks: checkNetworks,
    check() {},
    extra: {},
  }),
};

function readLogin(
  values: OptionValues<typeof loginOptions>,
  path: string,
  readFile: ReadFile,
  problems: Problem[],
): SshLogin {
  return {
    host: values.host ?? "",
    port: values.port ?? 22,
    user: values.user ?? "root",
    privateKey: readPrivateKey(values, path, readFile, problems),
    hostKey: values.hostKey,
  };
}

function readPrivateKey(
  { privateKeyFile: file, privateKey }: OptionValues<typeof loginOptions>,
  path: string,
  readFile: ReadFile,
  problems: Problem[],
): Given<string> {
  const key = `${path}.privateKeyFile`;
  if (file === undefined) {
    if (
      privateKey === undefined &&
      !problems.some((known) => known.key === key || known.key === `${path}.privateKey`)
    ) {
      problems.push({ key, rule: "is required", hint: loginOptions.privateKeyFile.hint });
    }
    return privateKey ?? "";
  }
  if (privateKey !== undefined) {
    problems.push({ key: `${path}.privateKey`, rule: "is given beside privateKeyFile", hint: "remove one of them" });
  }
  let content: string;
  try {
    content = readFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    problems.push({ key, rule: `can't be read: ${reason}`, hint: "give the path of a private key that you may read" });
    return "";
  }
  const problem = privateKeyProblem(content);
  if (problem) problems.push({ key, ...problem });
  return content;
}

function readProxy(raw: unknown, path: string, readFile: ReadFile, problems: Problem[]): SshLogin | undefined {
  if (raw === undefined) return undefined;
  return readLogin(readOptions(loginOptions, raw, path, problems), path, readFile, problems);
}

type KnownNode = Known<SshNodeConfig>;

function isKnown(node: SshNodeConfig): node is SshNodeConfig & KnownNode {
  return ![node.host, node.port, node.address, node.proxy?.host].some(isLater);
}

/** Two nodes on one SSH server, or on one PostgreSQL address, would overwrite each other. */
function addressProblems(nodes: readonly KnownNode[]): readonly Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  for (const node of nodes) {
    if (node.host === "") continue;
    const path = keyPath("nodes", node.name);
    const places = [
      // Through different bastions, one address can be two hosts.
      { key: `${path}.host`, place: `${node.host}:${node.port}`, by: `ssh ${node.proxy?.host ?? ""}` },
      { key: `${path}.address`, place: `${node.address}:${node.postgresPort}`, by: "postgres" },
    ];
    for (const { key, place, by } of places) {
      const id = `${by} ${place}`.toLowerCase();
      const other = taken.get(id);
      if (other === undefined) taken.set(id, node.name);
      else {
        const what = by === "postgres" ? "PostgreSQL address" : "SSH server";
        const rule = `${place} is the ${what} of '${other}' already`;
        problems.push({ key, rule, hint: "give each node a host and port of its own" });
      }
    }
  }
  return problems;
}
