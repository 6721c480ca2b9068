import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isClusterName } from "../../model/names.ts";
import { type RunPulumi, readMonitoring, runProjectPulumi, UsageError } from "../status/stack.ts";

const USAGE = `usage: npm run clone -- --from STACK --name NAME [options]

A throw-away cluster in a stack of its own, in containers on this machine, out of the archive of another stack: its last backup, and the WAL
after it. It has passwords of its own, and reads the other archive while it is made, no longer.
Remove it with: ./scripts/pulumi destroy --yes --stack NAME && ./scripts/pulumi stack rm --yes --stack NAME

  --from STACK         the stack whose archive it is
  --name NAME          name of the new stack
  --time TIME          up to a moment, with a zone: 2026-03-01T14:02:59+01:00
  --lsn LSN            up to a position in the WAL
  --xid XID            up to a transaction
  --point NAME         up to a point that was named by pg_create_restore_point
  --backup LABEL       a backup, and no WAL after it
  --sql DATABASE=FILE  SQL that is run before anybody can connect, such as one that masks (repeatable)
  --memory SIZE        of its one host; default 1GB

environment, where the other stack's archive is not a container on this machine: RESTORE_ACCESS_KEY, RESTORE_SECRET_KEY, best of an
account that may only read

exit code: 0 it runs, 1 the update failed (the stack stays: mend what it says, then ./scripts/pulumi up --stack NAME), 3 wrong usage`;

/** What the command touches; tests put their own in its place. */
export interface CloneWorld {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly runPulumi: RunPulumi;
  /** `pulumi up`, whose output is shown; the result is its exit code. */
  up(stack: string): Promise<number>;
}

export function realWorld(): CloneWorld {
  const { stdout, stderr, env } = process;
  return { stdout, stderr, env, runPulumi: runProjectPulumi, up };
}

/** Options, and what they say of `restore.target`. */
const targets = { time: "time", lsn: "lsn", xid: "xid", point: "name", backup: "backup" } as const;

interface Asked {
  readonly from: string;
  readonly name: string;
  /** By their paths under `restore.target`. */
  readonly target: readonly [string, string][];
  /** Database and absolute path. */
  readonly sql: readonly [string, string][];
  readonly memory: string;
}

/** Runs `clone`; the result is its exit code. */
export async function clone(argv: readonly string[], world: CloneWorld): Promise<number> {
  try {
    if (argv.includes("--help") || argv.includes("-h")) {
      world.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const asked = parse(argv);
    const { name, from } = asked;
    const { postgresVersion } = await readMonitoring(world.runPulumi, from);
    await pulumi(world, ["stack", "init", name]);
    for (const [path, value] of configOf(asked, postgresVersion, await declared(world, from))) {
      await pulumi(world, ["config", "set", "--stack", name, "--path", "--", path, value]);
    }
    const { RESTORE_ACCESS_KEY: accessKey, RESTORE_SECRET_KEY: secretKey } = world.env;
    for (const [path, value] of Object.entries({ accessKey, secretKey })) {
      if (!value) continue;
      // By standard input: arguments can be read by everybody on this machine.
      await pulumi(world, ["config", "set", "--stack", name, "--secret", "--path", `restore.from.${path}`], value);
    }
    return (await world.up(name)) === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    world.stderr.write(`clone: ${error.message}\nHINT: ${error.hint}\n`);
    return 3;
  }
}

function parse(argv: readonly string[]): Asked {
  const names = ["from", "name", "sql", "memory", ...Object.keys(targets)];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" } as const]));
  const values: Record<string, string> = {};
  const sql: [string, string][] = [];
  for (const token of parseArgs({ args: [...argv], options, strict: false, tokens: true }).tokens) {
    const word = token.kind === "option" ? token.rawName : (argv[token.index] ?? "");
    if (token.kind !== "option" || !names.includes(token.name)) {
      throw new UsageError(`unknown argument ${JSON.stringify(word)}`, "see npm run clone -- --help");
    }
    const { name, value } = token;
    if (value === undefined || value === "" || value.startsWith("--")) {
      throw new UsageError(`${word} needs a value`, "see npm run clone -- --help");
    }
    if (name !== "sql") {
      values[name] = value;
      continue;
    }
    const [, database = "", path = ""] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    if (path === "") throw new UsageError("--sql needs a database and a file", "say it such as --sql app=mask.sql");
    sql.push([database, resolve(path)]);
  }
  const { from, name, memory = "1GB" } = values;
  if (from === undefined || name === undefined) {
    throw new UsageError("--from and --name are required", "see npm run clone -- --help");
  }
  if (!isClusterName(name)) {
    throw new UsageError(
      `'${name}' is no name for a stack`,
      "use 1 to 40 lower-case letters, digits and inner hyphens",
    );
  }
  const target = Object.entries(targets).flatMap(([option, key]): [string, string][] => {
    const value = values[option];
    return value === undefined ? [] : [[key, value]];
  });
  if (target.length > 1) throw new UsageError("several targets", `keep one of --${Object.keys(targets).join(", --")}`);
  return { from, name, target, sql, memory };
}

/** Config of the clone, by path. */
function configOf(
  { from, target, sql, memory }: Asked,
  postgresVersion: number,
  source: Readonly<Record<string, unknown>>,
): [string, string][] {
  const { databases = {}, settings = {} } = source as Record<string, Record<string, unknown>>;
  return [
    ["target", "docker"],
    ["primary", "node-a"],
    ["nodes.node-a.memory", memory],
    ["postgresVersion", String(postgresVersion)],
    ["deletionProtection", "false"],
    // It is gone before the next backup would be due.
    ["archive.schedule.full", "off"],
    ["archive.schedule.incremental", "off"],
    ["restore.from.stack", from],
    ...target.map(([key, value]): [string, string] => [`restore.target.${key}`, value]),
    ...sql.map(([database, path]): [string, string] => [`restore.sql["${database}"]`, path]),
    ...Object.entries(databases).map(([database, options]): [string, string] => [
      `databases["${database}"].owner`,
      String((options as { owner?: string } | null)?.owner ?? database),
    ]),
    ...Object.entries(settings).map(([setting, value]): [string, string] => [`settings["${setting}"]`, String(value)]),
  ];
}

/** What the source's config says of databases and settings; what is secret there is left out. */
async function declared(world: CloneWorld, from: string): Promise<Readonly<Record<string, unknown>>> {
  const { exitCode, stdout } = await world.runPulumi(["config", "--json", "--stack", from]);
  // Config in another checkout: the clone's has the defaults then.
  if (exitCode !== 0) return {};
  const known = JSON.parse(stdout) as Record<string, { value?: string; objectValue?: unknown }>;
  return Object.fromEntries(
    ["databases", "settings"].flatMap((key) => {
      const { objectValue } = known[`understudy:${key}`] ?? {};
      return typeof objectValue === "object" && objectValue !== null ? [[key, objectValue]] : [];
    }),
  );
}

async function pulumi(world: CloneWorld, args: readonly string[], input?: string): Promise<void> {
  const { exitCode, stderr } = await world.runPulumi(args, input);
  if (exitCode === 0) return;
  const said = stderr.split("\n").find((line) => line.startsWith("error: "));
  throw new UsageError(
    `pulumi ${args.slice(0, 2).join(" ")} failed: ${said?.slice("error: ".length) ?? `exit code ${exitCode}`}`,
    "choose another --name where a stack of this one exists; see ./scripts/pulumi stack ls",
  );
}

function up(stack: string): Promise<number> {
  const path = fileURLToPath(new URL("../pulumi", import.meta.url));
  const args = ["up", "--yes", "--skip-preview", "--suppress-outputs", "--stack", stack];
  return new Promise((done, reject) => {
    const child = spawn(path, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code) => done(code ?? 1));
  });
}
