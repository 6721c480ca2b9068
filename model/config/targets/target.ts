import type { PostgresMajor } from "../../majors.ts";
import type { ArchiveConfig, NodeConfig, NodeState, PoolerConfig, S3ServerConfig } from "../clusterConfig.ts";
import type { Known } from "../later.ts";
import type { Problem } from "../problems.ts";
import type { OptionTable } from "../schema/option.ts";

export interface ReadContext {
  /** Reads a file of the operator's machine (path as written in config); throws where it can't. */
  readFile(path: string): string;
}

/** What every node has, whatever the target. */
export interface CommonNode {
  readonly name: string;
  readonly state: NodeState;
}

/** The archive that a target makes. */
export interface OwnArchive {
  readonly bucket: string;
  readonly region: string;
  /** Where users have buckets of their own on the server that it is on: there the ledger may lie in one of them. */
  readonly server?: S3ServerConfig;
}

/** The parts of a config that a target's own rules look at, once all of them are read. */
export interface ConfigParts {
  readonly nodes: Readonly<Record<string, CommonNode>>;
  readonly primary: string | undefined;
  readonly postgresVersion: PostgresMajor;
  readonly agent: boolean;
  readonly archive: ArchiveConfig;
  readonly pooler: PoolerConfig | undefined;
  readonly clientNetworks: readonly string[];
}

/** Reads what a target adds to a config. Each call tells every problem that it finds; what it returns is incomplete then. */
export interface TargetReader {
  /**
   * @param values the node's options, read by the target's `nodeOptions`
   * @param path of the node in config
   */
  readNode(values: Readonly<Record<string, unknown>>, node: CommonNode, path: string, problems: Problem[]): object;
  /** Rules between nodes; after the last `readNode`. */
  checkNodes(nodes: Readonly<Record<string, CommonNode>>, problems: Problem[]): void;
  /** Undefined: it makes none, and `archive.endpoint` is required. */
  ownArchive(clusterName: string): OwnArchive | undefined;
  /** Networks that clients may come from where config names none. */
  defaultClientNetworks(): readonly string[];
  /** Whether a network may be a client's; undefined: it may. The default is any network in CIDR notation. */
  checkClientNetworks(networks: readonly string[], problems: Problem[]): void;
  /** Rules of the target over the whole config. */
  check(parts: ConfigParts, problems: Problem[]): void;
  /** What the config has of the target beside its nodes. */
  readonly extra: object;
}

/** What a target brings to config. Nothing else under `model/` tells targets apart; its machines: `components/targets/machines.ts`. */
export interface ConfigTarget {
  /** Whether the program makes the hosts, and so the keys that open them. */
  readonly makesHosts: boolean;
  readonly nodeOptions: OptionTable;
  /** Why a node has no option of another target's: "remove it: …". */
  readonly decided: string;
  /** What the reference says of `clientNetworks`' default. */
  readonly clientNetworksInWords: string;
  /** The major's hosts can be had; else what is wrong. */
  majorProblem(major: PostgresMajor): Omit<Problem, "key"> | undefined;
  /** Rules between nodes, once everything that programs gave as outputs of other resources is known. */
  problemsOf?(nodes: readonly Known<NodeConfig>[]): readonly Problem[];
  /**
   * Begins to read a config of this target.
   *
   * @param own the value of the config key that has the target's name, where there is one
   */
  open(own: unknown, context: ReadContext, problems: Problem[]): TargetReader;
}
