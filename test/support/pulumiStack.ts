import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The checkout, which is the program under test unless another one is given. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

export type ConfigValue = string | number | boolean | readonly ConfigValue[] | { readonly [key: string]: ConfigValue };

export interface StackOptions {
  /** Folder of the program. @default the repository */
  readonly program?: string;
  /** Name of the stack; a program that makes hosts names them after it. @default unique for this run */
  readonly name?: string;
  /** Further environment of the CLI and of what it starts. */
  readonly env?: Readonly<Record<string, string>>;
  /** A stack in whose state and with whose passphrase this one is: each can read the other's outputs. */
  readonly beside?: PulumiStack;
}

export interface UpdateOptions {
  /** Further arguments of the command, as in `["--target", urn]`. */
  readonly args?: readonly string[];
  /** Further environment of the CLI and of what it starts, in this update. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kills the CLI with SIGKILL after so many milliseconds. */
  readonly killAfterMs?: number;
  /** Kills the CLI with SIGKILL once what it has printed matches. */
  readonly killWhen?: (output: string) => boolean;
}

/** One step of an update, from the engine's own event log. */
export interface Step {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Whether the step was only announced, or has ended. */
  readonly phase: "started" | "done" | "failed";
  readonly detailedDiff: Readonly<Record<string, { readonly kind: string }>> | null;
}

export interface EngineEvent {
  readonly timestamp: number;
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message: string;
    readonly severity: string;
    readonly ephemeral?: boolean;
  };
  readonly [kind: string]: unknown;
}

export interface RunResult {
  /** 128 plus the signal's number where a signal ended the CLI, as a shell has it. */
  readonly exitCode: number;
  /** What was printed on stdout and stderr, in the order in which it came. */
  readonly output: string;
  readonly durationMs: number;
  readonly events: readonly EngineEvent[];
  /** The steps that were taken, without those in which nothing changed. */
  readonly steps: readonly Step[];
}

/** A command that runs: for tests that end it, or look at the world meanwhile. */
export interface RunningUpdate {
  readonly result: Promise<RunResult>;
  output(): string;
  /** Resolves once the output matches; rejects when the command ends without. */
  waitFor(pattern: RegExp): Promise<void>;
  /** Signals the CLI's process group. Pulumi's plugins are in groups of their own. */
  signal(signal: NodeJS.Signals): void;
}

/** Where a stack's state is, as scripts/setup/tools.sh has it for the `dev` stack. */
export function stateUrl(directory: string): string {
  return `file://${join(directory, "state")}?metadata=skip`;
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };

/** A stack in a workspace of its own: own state, passphrase and config file, away from the user's. */
export class PulumiStack {
  readonly name: string;
  readonly #program: string;
  readonly #directory: string;
  readonly #env: Readonly<Record<string, string>>;
  #runs = 0;
  #isCopy = false;
  /** Whether the directory is another one's. */
  #isGuest = false;

  private constructor(name: string, program: string, directory: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#program = program;
    this.#directory = directory;
    this.#env = env;
  }

  static async create(options: StackOptions = {}): Promise<PulumiStack> {
    const { beside } = options;
    const directory = beside?.directory ?? (await mkdtemp(join(tmpdir(), "understudy-stack-")));
    if (beside === undefined) {
      await mkdir(join(directory, "state"));
      await writeFile(join(directory, "passphrase"), randomBytes(16).toString("hex"), { mode: 0o600 });
    }
    const name = options.name ?? `t${Date.now().toString(36).slice(-6)}${randomBytes(2).toString("hex")}`;
    const stack = new PulumiStack(name, options.program ?? REPOSITORY, directory, options.env ?? {});
    stack.#isGuest = beside !== undefined;
    await stack.#init();
    return stack;
  }

  /** The same stack in another checkout, with a state and config of its own from now on: they know nothing of each other. */
  async copy(): Promise<PulumiStack> {
    const directory = await mkdtemp(join(tmpdir(), "understudy-stack-"));
    await cp(this.#directory, directory, { recursive: true });
    const copy = new PulumiStack(this.name, this.#program, directory, this.#env);
    copy.#isCopy = true;
    return copy;
  }

  /** `stack init` writes the config file, with the salt of the passphrase, into the program's folder. */
  async #init(): Promise<void> {
    await this.#run(["stack", "init", "--stack", this.name]);
    await copyFile(join(this.#program, `Pulumi.${this.name}.yaml`), this.#configFile);
    await rm(join(this.#program, `Pulumi.${this.name}.yaml`));
  }

  get #configFile(): string {
    return join(this.#directory, `Pulumi.${this.name}.yaml`);
  }

  /** Where this stack keeps its state, config and passphrase. */
  get directory(): string {
    return this.#directory;
  }

  /** Sets config, by path: `nodes.node-a.state`. An object sets each of its leaves. */
  async setConfig(path: string, value: ConfigValue, options: { readonly secret?: boolean } = {}): Promise<void> {
    if (typeof value === "object") {
      for (const [key, inner] of Object.entries(value)) {
        await this.setConfig(Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, inner, options);
      }
      return;
    }
    const type = typeof value === "boolean" ? "bool" : typeof value === "string" ? "string" : "float";
    const kind = type === "float" && Number.isInteger(value) ? "int" : type;
    const how = options.secret ? ["--secret"] : ["--type", kind];
    await this.#run(["config", "set", "--path", ...how, "--", path, String(value)]);
  }

  async removeConfig(path: string): Promise<void> {
    await this.#run(["config", "rm", "--path", "--", path]);
  }

  preview(options: UpdateOptions = {}): Promise<RunResult> {
    return this.#update(["preview", "--diff"], options).result;
  }

  /** `pulumi up`, without a preview of its own first: most tests want the update alone. */
  up(options: UpdateOptions = {}): Promise<RunResult> {
    return this.spawnUp(options).result;
  }

  spawnUp(options: UpdateOptions = {}): RunningUpdate {
    return this.#update(["up", "--yes", "--skip-preview"], options);
  }

  refresh(options: UpdateOptions = {}): Promise<RunResult> {
    return this.#update(["refresh", "--yes", "--skip-preview"], options).result;
  }

  destroy(options: UpdateOptions = {}): Promise<RunResult> {
    return this.#update(["destroy", "--yes", "--skip-preview"], options).result;
  }

  /** Takes away the lock that a killed update has left. */
  async cancel(): Promise<void> {
    await this.#run(["cancel", "--yes"], { mayFail: true });
  }

  async outputs(options: { readonly secrets?: boolean } = {}): Promise<Record<string, unknown>> {
    const secrets = options.secrets ? ["--show-secrets"] : [];
    return JSON.parse((await this.#run(["stack", "output", "--json", ...secrets])).stdout) as Record<string, unknown>;
  }

  /** The state as Pulumi keeps it, secrets encrypted. */
  async exportState(): Promise<{ deployment: { resources?: Record<string, unknown>[]; [key: string]: unknown } }> {
    return JSON.parse((await this.#run(["stack", "export"])).stdout);
  }

  /** Runs any other command of the CLI on this stack. */
  async command(...args: string[]): Promise<{ exitCode: number; stdout: string; output: string }> {
    return this.#run(args, { mayFail: true });
  }

  /** Forgets the stack; what it has made stays unless it was destroyed. */
  async dispose(): Promise<void> {
    if (!this.#isGuest) await rm(this.#directory, { recursive: true, force: true });
    if (this.#isCopy) return;
    await rm(join(this.#program, ".understudy", this.name), { recursive: true, force: true });
  }

  /** The environment in which the project's scripts work with this stack. */
  get environment(): Record<string, string | undefined> {
    const inherited = Object.entries(process.env).filter(([key]) => !/^PULUMI_(?!HOME$)/.test(key));
    return {
      ...Object.fromEntries(inherited),
      PULUMI_BACKEND_URL: stateUrl(this.#directory),
      PULUMI_CONFIG_PASSPHRASE_FILE: join(this.#directory, "passphrase"),
      ...this.#env,
    };
  }

  #spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [verb = "", ...rest] = args;
    const common = ["--cwd", this.#program, "--non-interactive", "--color", "never"];
    const named = ["stack", "cancel"].includes(verb) ? [] : ["--config-file", this.#configFile];
    const stack = rest.includes("--stack") || verb === "cancel" ? [] : ["--stack", this.name];
    const last = verb === "cancel" ? [this.name] : [];
    return spawn(join(REPOSITORY, "scripts/pulumi"), [verb, ...common, ...named, ...stack, ...rest, ...last], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PULUMI_DEBUG_COMMANDS: "true", ...this.environment, ...env },
    });
  }

  #update(command: readonly string[], options: UpdateOptions): RunningUpdate {
    const log = join(this.#directory, `events-${this.name}-${++this.#runs}.json`);
    const started = performance.now();
    const child = this.#spawn([...command, "--event-log", log, ...(options.args ?? [])], options.env);
    const running = new Running(child, options);
    const result = running.ended.then(async (exitCode): Promise<RunResult> => {
      const events = await eventsIn(log);
      const durationMs = performance.now() - started;
      return { exitCode, output: running.output, durationMs, events, steps: stepsOf(events) };
    });
    return {
      result,
      output: () => running.output,
      waitFor: (pattern) => running.waitFor(pattern),
      signal: (signal) => running.signal(signal),
    };
  }

  async #run(args: readonly string[], options: { readonly mayFail?: boolean } = {}) {
    const running = new Running(this.#spawn(args), {});
    const exitCode = await running.ended;
    if (exitCode !== 0 && !options.mayFail) {
      throw new Error(`pulumi ${args.join(" ")} failed with ${exitCode}:\n${running.output}`);
    }
    return { exitCode, stdout: running.stdout, output: running.output };
  }
}

/** Follows a process that was started: what it prints, and how it ends. */
class Running {
  output = "";
  stdout = "";
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcess, { killAfterMs, killWhen }: UpdateOptions) {
    this.#child = child;
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => this.signal("SIGKILL"), killAfterMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        if (stream === child.stdout) this.stdout += text;
        if (killWhen?.(this.output)) this.signal("SIGKILL");
        for (const watcher of this.#watchers) watcher();
      });
    }
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        clearTimeout(timer);
        resolve(code ?? 128 + (SIGNALS[signal ?? ""] ?? 0));
      };
      child.once("close", end);
      // Plugins that outlive a killed CLI hold its output open, so its end is not waited for.
      child.once("exit", (code, signal) => {
        if (signal !== null) setImmediate(end, code, signal);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    process.kill(-pid, signal);
  }

  waitFor(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const watcher = () => {
        if (!pattern.test(this.output)) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
      watcher();
      void this.ended.then(() => {
        watcher();
        reject(new Error(`the command ended before it printed ${pattern}:\n${this.output}`));
      });
    });
  }
}

async function eventsIn(log: string): Promise<EngineEvent[]> {
  const text = await readFile(log, "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    // A killed CLI leaves half a line.
    if (!line.trim().endsWith("}")) return [];
    return [JSON.parse(line) as EngineEvent];
  });
}

const STEP_EVENTS = [
  ["resourcePreEvent", "started"],
  ["resOutputsEvent", "done"],
  ["resOpFailedEvent", "failed"],
] as const;

function stepsOf(events: readonly EngineEvent[]): Step[] {
  return events.flatMap((event) =>
    STEP_EVENTS.flatMap(([kind, phase]) => {
      const metadata = (event[kind] as { metadata?: StepMetadata } | undefined)?.metadata;
      if (metadata === undefined || metadata.op === "same") return [];
      const { op, urn, type, detailedDiff } = metadata;
      return [{ op, urn, type, name: urn.split("::").slice(3).join("::"), phase, detailedDiff: detailedDiff ?? null }];
    }),
  );
}

interface StepMetadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly detailedDiff?: Step["detailedDiff"];
}
