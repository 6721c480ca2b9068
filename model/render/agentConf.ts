import type { Member } from "../leadership/index.ts";
import type { PostgresMajor } from "../majors.ts";
import {
  agentDirectory,
  agentFiles,
  agentSocket,
  hostFiles,
  journalFile,
  pgdata,
  socketDirectory,
  synchronousConf,
  walFlags,
} from "../paths.ts";
import { primaryConninfo } from "./standby.ts";

/** A node, for the agents of the others. */
export interface AgentPeer {
  /** In the config. */
  readonly name: string;
  readonly member: Member;
  /** At which the other nodes reach it: by its agent, and by PostgreSQL. */
  readonly address: string;
  readonly agentPort: number;
  readonly postgresPort: number;
}

export type AgentLedger =
  /** A directory that all nodes share. */
  | { readonly kind: "directory"; readonly path: string }
  | {
      readonly kind: "s3";
      /** `https://host:port`. */
      readonly endpoint: string;
      readonly bucket: string;
      readonly region: string;
      /** Ends with `/`, or is empty. */
      readonly prefix: string;
      readonly uriStyle: "path" | "host";
      /** It is checked by a CA that is not among those that the host trusts. */
      readonly hasOwnCa: boolean;
      readonly verifyTls: boolean;
    };

/** The archive of WAL. */
export type AgentArchive =
  /** By pgBackRest, as the host has it. */
  | { readonly kind: "pgbackrest"; readonly stanza: string }
  /** A directory that all nodes share, which user postgres may read. */
  | { readonly kind: "directory"; readonly path: string };

export interface AgentConfInput {
  readonly node: AgentPeer & { readonly dataDirectory: string };
  /** All others that may speak: members, and nodes that are to be. */
  readonly peers: readonly AgentPeer[];
  readonly major: PostgresMajor;
  readonly ledger: AgentLedger;
  readonly archive: AgentArchive;
  /** Those that receive WAL by the archive only, this node perhaps among them. */
  readonly archiveFed: readonly Member[];
  /** Of a standby, besides those that follow from its primary. */
  readonly standbySettings: Readonly<Record<string, string>>;
}

/** `/etc/understudy/agent/agent.json`; `agent/real/config.ts` reads it. Nothing in it depends on who leads, and nothing is a secret. */
export function renderAgentConf({
  node,
  peers,
  major,
  ledger,
  archive,
  archiveFed,
  standbySettings,
}: AgentConfInput): string {
  const sorted = [...peers].sort((one, other) => (one.member < other.member ? -1 : 1));
  const config = {
    version: 1,
    node: node.member,
    state: agentDirectory(node.dataDirectory),
    journal: journalFile(node.dataDirectory),
    socket: agentSocket,
    ledgerKey: agentFiles.ledgerKey,
    ledger: renderLedger(ledger),
    peers: {
      listen: { port: node.agentPort },
      ca: agentFiles.ca,
      certificate: agentFiles.certificate,
      key: agentFiles.key,
      nodes: sorted.map(({ member, address, agentPort, postgresPort }) => ({
        member,
        host: address,
        port: agentPort,
        conninfo: primaryConninfo(major, node.name, { address, port: postgresPort }),
      })),
    },
    postgres: {
      major: String(major),
      binaries: `/usr/lib/postgresql/${major}/bin`,
      dataDirectory: pgdata(node.dataDirectory, major),
      socketDirectory,
      port: node.postgresPort,
      user: "postgres",
      unit: "understudy-postgresql.service",
      standbyFile: hostFiles.standbyConf,
      primaryFiles: [synchronousConf(node.dataDirectory)],
      standbySettings,
      archive: renderArchive(archive),
      archiveFed: [...archiveFed].sort(),
      archiveFlags: walFlags,
    },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function renderArchive(archive: AgentArchive): object {
  if (archive.kind === "directory") return archive;
  return { ...archive, program: "/usr/bin/pgbackrest", config: hostFiles.pgbackrestConf };
}

function renderLedger(ledger: AgentLedger): object {
  if (ledger.kind === "directory") return ledger;
  const { hasOwnCa, ...given } = ledger;
  return { ...given, ...(hasOwnCa ? { ca: agentFiles.ledgerCa } : {}), credentials: agentFiles.ledgerCredentials };
}
