import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { REPOSITORY } from "./pulumiStack.ts";

/** What a client found at the end of one connection string: `primary`, `standby`, or its error. */
export interface Finding {
  readonly client: string;
  readonly name: string;
  /** By the connection or pool that it keeps from look to look. */
  readonly kept: string;
  /** By a new connection. */
  readonly fresh: string;
}

/** The programs of test/clients/, each in a process that lives from look to look. */
export class Clients {
  readonly #programs: readonly Program[];
  readonly #directory: string;
  readonly #caFile: string;
  readonly #strings: Readonly<Record<string, string>>;

  private constructor(
    programs: readonly Program[],
    directory: string,
    caFile: string,
    strings: Readonly<Record<string, string>>,
  ) {
    this.#programs = programs;
    this.#directory = directory;
    this.#caFile = caFile;
    this.#strings = strings;
  }

  /**
   * @param strings connection strings, by their name
   * @param directory where the clients run: relative paths in the strings start there
   * @param caFile the CA certificate, for clients that the strings do not tell it
   */
  static start(strings: Readonly<Record<string, string>>, directory: string, caFile: string): Clients {
    const programs = execFileSync(join(REPOSITORY, "scripts/setup/clients.sh"), { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => line.split("\t"))
      .map(([, command = "", ...words]) => {
        const env = { ...process.env, NODE_EXTRA_CA_CERTS: caFile, PGSSLROOTCERT: caFile };
        return new Program(spawn(command, words, { cwd: directory, env, stdio: ["pipe", "pipe", "inherit"] }));
      });
    for (const program of programs) {
      for (const [name, text] of Object.entries(strings)) program.say(`${name}\t${text}`);
    }
    return new Clients(programs, directory, caFile, strings);
  }

  async look(): Promise<Finding[]> {
    const asked = this.#programs.map(async (program) => {
      program.say("");
      return (await program.answers()).map((line): Finding => {
        const [client = "", name = "", kept = "", fresh = ""] = line.split("\t");
        return { client, name, kept, fresh };
      });
    });
    return [...this.#psql(), ...(await Promise.all(asked)).flat()];
  }

  /** psql is no program that stays. */
  #psql(): Finding[] {
    return Object.entries(this.#strings).map(([name, text]) => {
      const found = psql([text], this.#directory, { PGSSLROOTCERT: this.#caFile });
      return { client: "psql", name, kept: found, fresh: found };
    });
  }

  stop(): void {
    for (const program of this.#programs) program.stop();
  }
}

/** Whom psql finds with these arguments, in place of whatever else it would be told: `primary`, `standby`, or its error. */
export function psql(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): string {
  const query = "select case when pg_is_in_recovery() then 'standby' else 'primary' end";
  try {
    return execFileSync("psql", [...args, "-XAtqw", "-c", query], {
      ...{ cwd, encoding: "utf8", env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] },
    }).trim();
  } catch (error) {
    return (error as { stderr: string }).stderr.trim();
  }
}

class Program {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  #answers: string[] = [];
  #onEnd: (answers: string[] | undefined) => void = () => undefined;

  constructor(process: ChildProcess) {
    this.#process = process;
    if (process.stdout === null) throw new Error("no pipe");
    this.#lines = createInterface({ input: process.stdout });
    this.#lines.on("line", (line) => {
      if (line !== "") {
        this.#answers.push(line);
        return;
      }
      this.#onEnd(this.#answers);
      this.#answers = [];
    });
    this.#lines.on("close", () => this.#onEnd(undefined));
  }

  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** What it says until its next empty line. */
  async answers(): Promise<string[]> {
    const answers = await new Promise<string[] | undefined>((resolve) => {
      this.#onEnd = resolve;
    });
    if (answers === undefined) throw new Error(`${this.#process.spawnargs.join(" ")} has ended`);
    return answers;
  }

  stop(): void {
    this.#process.kill();
  }
}
