/** The five surroundings of a host, by its config. */
import { dirname, join } from "node:path";
import { nameOf } from "../../model/leadership/index.ts";
import type { LedgerStorage, Surroundings } from "../surroundings.ts";
import { systemClock } from "./clock.ts";
import { type AgentConfig, s3CredentialsSchema } from "./config.ts";
import { readControl } from "./control.ts";
import { directoryStorage } from "./directory.ts";
import { readSmall, replaceFile } from "./files.ts";
import { openPeers } from "./peers.ts";
import { pgbackrestFiles } from "./pgbackrest.ts";
import { type RealPostgres, realPostgres } from "./postgres.ts";
import { runAs, type ServerUser } from "./programs.ts";
import { type S3Send, s3Requests, s3Storage } from "./s3.ts";
import { plainService, systemdService } from "./service.ts";
import { checkDirectory, checkS3, type StorageFinding } from "./storageCheck.ts";
import { fileStore, removePartials } from "./store.ts";
import { userNamed } from "./users.ts";
import { type WalArchive, walArchive } from "./walArchive.ts";
import { directoryFiles } from "./walDirectory.ts";

/** Bytes: certificates and keys. */
const longestText = 64 * 1024;
const storageDeadlineMs = 10_000;

async function textOf(path: string): Promise<string> {
  const found = await readSmall(path, longestText);
  if (!found) throw new Error(`${path} is not there`);
  return found.toString("utf8");
}

type LedgerConfig = AgentConfig["ledger"];

async function s3Of({ ca, credentials, kind: _, ...given }: Extract<LedgerConfig, { kind: "s3" }>): Promise<S3Send> {
  return s3Requests({
    ...given,
    ...(ca === undefined ? {} : { ca: await textOf(ca) }),
    credentials: async () => s3CredentialsSchema.parse(JSON.parse(await textOf(credentials))),
    deadlineMs: storageDeadlineMs,
  });
}

async function storageOf(ledger: LedgerConfig): Promise<LedgerStorage> {
  return ledger.kind === "directory" ? directoryStorage(ledger.path) : s3Storage(await s3Of(ledger));
}

/** Of provisioning: whether the ledger's place can arbitrate, and who may do what there. */
export async function checkLedger({ ledger }: AgentConfig): Promise<readonly StorageFinding[]> {
  if (ledger.kind === "directory") return await checkDirectory(directoryStorage(ledger.path), ledger.path);
  const send = await s3Of(ledger);
  return await checkS3(s3Storage(send), send);
}

/** One storage for each place: two ids that lie in one are seen to. */
async function ledgersOf({ ledger, otherLedgers }: AgentConfig): Promise<Surroundings["ledger"]> {
  const others = new Map<string, LedgerStorage>();
  for (const { id, place } of otherLedgers) others.set(id, await storageOf(place));
  const shared = await storageOf(ledger);
  return (id) => others.get(id) ?? shared;
}

function archiveOf({ archive, archiveFlags, dataDirectory }: AgentConfig["postgres"], user: ServerUser): WalArchive {
  const run = runAs(user);
  async function systemIdentifier(): Promise<string> {
    const control = await readControl(dataDirectory);
    if (!control) throw new Error("there is no data whose archive could be asked");
    return control.systemIdentifier;
  }
  const files =
    archive.kind === "directory"
      ? directoryFiles(archive.path, run)
      : pgbackrestFiles({ ...archive, run, systemIdentifier });
  return walArchive({ files, flags: archiveFlags, run, systemIdentifier });
}

const asRoot = runAs({ name: "root", home: "/root", uid: 0, gid: 0 });

export async function postgresOf({ node, peers, postgres }: AgentConfig): Promise<RealPostgres> {
  const { unit, log, configFile, standbyFile, user: named, archive: _, archiveFlags: __, ...given } = postgres;
  const { binaries, dataDirectory } = given;
  const user = typeof named === "string" ? await userNamed(named, asRoot) : named;
  const service =
    unit === undefined
      ? plainService(binaries, dataDirectory, log ?? join(dirname(dataDirectory), "postgresql.log"), user, configFile)
      : systemdService(unit, asRoot);
  return realPostgres({
    ...given,
    user,
    me: node,
    service,
    archive: archiveOf(postgres, user),
    conninfo(source) {
      const found = peers.nodes.find(({ member }) => member === source);
      if (!found) throw new Error(`${nameOf(source)} is no peer of this node`);
      return found.conninfo;
    },
    writeStandbyFile: (text) => replaceFile(standbyFile, text, 0o644),
  });
}

export interface AssembledSurroundings extends Surroundings {
  readonly postgres: RealPostgres;
  /** Of the peers' network. */
  readonly port: number;
}

/** @param report what a peer did that was refused */
export async function assemble(config: AgentConfig, report: (what: string) => void): Promise<AssembledSurroundings> {
  const { peers, state } = config;
  await removePartials(state);
  const network = await openPeers({
    listen: peers.listen,
    ca: await textOf(peers.ca),
    certificate: await textOf(peers.certificate),
    key: await textOf(peers.key),
    peers: () => peers.nodes,
    report,
  });
  return {
    store: fileStore(state),
    ledger: await ledgersOf(config),
    peers: network,
    postgres: await postgresOf(config),
    clock: systemClock,
    port: network.port,
  };
}
