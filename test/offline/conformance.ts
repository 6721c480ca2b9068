/**
 * Runs commands under the real engine, with the stand-in of the command plugin or with the real one: a folder that has
 * `pulumi-resource-command` in UNDERSTUDY_COMMAND_PLUGIN makes it that one.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { PulumiStack, type RunningUpdate, type RunResult, type UpdateOptions } from "../support/pulumiStack.ts";

export interface ResourceSpec {
  readonly type: "local" | "remote" | "copy";
  /**
   * Inputs. `{ $secret: v }`, `{ $file: path }`, `{ $folder: path }`, `{ $text: string }` and `{ $output: "name.property" }` stand for
   * what JSON cannot hold.
   */
  readonly args: unknown;
  readonly options?: {
    readonly dependsOn?: readonly string[];
    readonly ignoreChanges?: string[];
    readonly additionalSecretOutputs?: string[];
    readonly customTimeouts?: { readonly create?: string };
  };
}

export interface Spec {
  readonly resources: Readonly<Record<string, ResourceSpec>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Arguments of `local.run`. */
  readonly run?: unknown;
}

export interface ResourceState {
  readonly id: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

const specFolder = mkdtempSync(join(tmpdir(), "understudy-conformance-"));
process.once("exit", () => rmSync(specFolder, { recursive: true, force: true }));

const plugin = process.env.UNDERSTUDY_COMMAND_PLUGIN;

/** Whether the tests run against the real plugin. */
export const usesRealPlugin = plugin !== undefined;

export const local = (args: unknown, options?: ResourceSpec["options"]): ResourceSpec => spec("local", args, options);
export const remote = (args: unknown, options?: ResourceSpec["options"]): ResourceSpec => spec("remote", args, options);
export const copy = (args: unknown, options?: ResourceSpec["options"]): ResourceSpec => spec("copy", args, options);

function spec(type: ResourceSpec["type"], args: unknown, options: ResourceSpec["options"]): ResourceSpec {
  return { type, args, ...(options ? { options } : {}) };
}

/** A stack whose program is whatever a test asks for. */
export class Conformance {
  readonly stack: PulumiStack;

  private constructor(stack: PulumiStack) {
    this.stack = stack;
  }

  static async create(): Promise<Conformance> {
    const name = `c${process.pid}x${Math.trunc(performance.now())}`;
    const stack = await PulumiStack.create({
      program: join(import.meta.dirname, "program"),
      name,
      env: {
        CONFORMANCE_SPEC: join(specFolder, `${name}.json`),
        SSH_AUTH_SOCK: "",
        ...(plugin ? { PATH: `${plugin}${delimiter}${process.env.PATH}` } : {}),
      },
    });
    return new Conformance(stack);
  }

  async up(resources: Spec["resources"], options: UpdateOptions & Omit<Spec, "resources"> = {}): Promise<RunResult> {
    await this.#declare(resources, options);
    return this.stack.up(options);
  }

  /** An update that the test watches, or ends. */
  async start(resources: Spec["resources"]): Promise<RunningUpdate> {
    await this.#declare(resources, {});
    return this.stack.spawnUp();
  }

  /** An update that has to succeed. */
  async works(resources: Spec["resources"], options: Omit<Spec, "resources"> = {}): Promise<RunResult> {
    const result = await this.up(resources, options);
    if (result.exitCode !== 0) throw new Error(`pulumi up failed with ${result.exitCode}:\n${result.output}`);
    return result;
  }

  /** An update in which some resources fail: their messages, by name. */
  async fails(resources: Spec["resources"]): Promise<Readonly<Record<string, string>>> {
    const result = await this.up(resources, { args: ["--continue-on-error"] });
    if (result.exitCode === 0) throw new Error(`pulumi up was to fail:\n${result.output}`);
    return errorsOf(result);
  }

  async preview(resources: Spec["resources"], options: Omit<Spec, "resources"> = {}): Promise<RunResult> {
    await this.#declare(resources, options);
    return this.stack.preview();
  }

  /** What the state holds of each resource; secrets are shown as `{ secret: true }`. */
  async state(): Promise<Readonly<Record<string, ResourceState>>> {
    const { deployment } = await this.stack.exportState();
    const resources = (deployment.resources ?? []) as unknown as (ResourceState & { urn: string })[];
    return Object.fromEntries(
      resources.map(({ urn, id, inputs, outputs }) => [
        urn.split("::").slice(3).join("::"),
        { id, inputs: masked(inputs ?? {}), outputs: masked(outputs ?? {}) },
      ]),
    );
  }

  async dispose(): Promise<void> {
    await rm(join(specFolder, `${this.stack.name}.json`), { force: true });
    await this.stack.dispose();
  }

  async #declare(resources: Spec["resources"], { outputs, run }: Omit<Spec, "resources">): Promise<void> {
    const declared: Spec = { resources, ...(outputs ? { outputs } : {}), ...(run ? { run } : {}) };
    await writeFile(join(specFolder, `${this.stack.name}.json`), JSON.stringify(declared));
  }
}

/** The error message of each resource that failed. */
export function errorsOf(result: RunResult): Readonly<Record<string, string>> {
  return Object.fromEntries(
    result.events.flatMap(({ diagnosticEvent: event }) =>
      event?.urn && event.severity === "error"
        ? [[event.urn.split("::").slice(3).join("::"), event.message.replace(/<\{%.*?%\}>/g, "").replace(/\n$/, "")]]
        : [],
    ),
  );
}

/** The lines that a resource has streamed while it ran. */
export function linesOf(result: RunResult, name: string): readonly string[] {
  return result.events.flatMap(({ diagnosticEvent: event }) =>
    event?.urn?.endsWith(`::${name}`) && event.ephemeral && !event.message.startsWith("<{%reset%}>error")
      ? [event.message.replace(/<\{%.*?%\}>/g, "").replace(/\n$/, "")]
      : [],
  );
}

/** `operation name` of each step that was taken, in order. */
export function stepsOf(result: RunResult): readonly string[] {
  return result.steps
    .filter(({ type, phase }) => type.startsWith("command:") && phase === "started")
    .map(({ op, name }) => `${op} ${name}`);
}

function masked(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(value), (_key, item) =>
    typeof item === "object" && item !== null && "ciphertext" in item ? { secret: true } : item,
  );
}
