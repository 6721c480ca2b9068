import { createHash } from "node:crypto";
import { local } from "@pulumi/command";
import { type CustomResourceOptions, type Output, output, type Resource, RunError, secret } from "@pulumi/pulumi";
import { type ClusterConfig, problemsOnceKnown } from "../model/config/config.ts";
import type { Known } from "../model/config/later.ts";
import { formatProblems } from "../model/config/problems.ts";
import { given } from "./given.ts";
import { outcomesFit } from "./outcome.ts";
import { named, prefixOf } from "./part.ts";
import { type StoredStep, storedSteps } from "./stackState.ts";

/** In the order of time; without Node, whose start takes longer than all the rest of the command. */
export const freshId = `echo "$(date -u +%Y-%m-%dT%H:%M:%SZ)-$(od -An -N4 -tx1 /dev/urandom | tr -d ' ')"`;

/** Why a step runs though nothing else of its inputs has changed: empty, mostly. */
export interface Again {
  /** The last update that did not reach its end. */
  readonly CONTINUES?: string;
  /** `reconcile`, as declared. */
  readonly RECONCILE?: string;
}

/**
 * The beginning and the end of an update, as two commands in the stack's state: `started` has a fresh id whenever anything of the
 * config changes, and `finished` repeats it once every step has succeeded. Where the two differ, the last update did not reach its end,
 * and its id becomes an input of every step. The engine's own memory cannot stand in for that: a step that failed or was killed keeps its
 * old inputs, so that with the config set back it would not run, though it has half-changed its host (docs/decisions/intent.md).
 */
export class Update {
  /** An input of every step. It stays what it is until another update is left unfinished, or `reconcile` changes. */
  readonly again: Output<Again>;
  /** What the stack's state held of each step when the program started. */
  readonly stored: Promise<(step: string) => StoredStep | undefined>;
  readonly #started: local.Command;
  readonly #opts: CustomResourceOptions;
  readonly #steps: Resource[] = [];

  constructor(config: ClusterConfig, opts: CustomResourceOptions) {
    this.#opts = opts;
    this.stored = storedSteps(prefixOf(opts));
    this.#started = new local.Command(
      named("started", opts),
      {
        create: freshId,
        // A secret: passwords could be guessed from it.
        stdin: secret(given(config).apply(digestOf)),
        environment: output(this.stored.then((step) => lastUnfinished(config, step))).apply((id) => ({
          ...(id === "" ? {} : { CONTINUES: id }),
          ...(config.reconcile === "" ? {} : { RECONCILE: config.reconcile }),
        })),
        logging: local.Logging.None,
        addPreviousOutputInEnv: false,
      },
      opts,
    );
    // By way of the command, so that it is in the state before any step runs.
    this.again = this.#started.environment.apply((known) => (known ?? {}) as Again);
  }

  /** The environment of a local command that is a step; left out where it would be empty. */
  environment(own: Readonly<Record<string, Output<string> | string>> = {}): Output<Record<string, string>> {
    return output({ own, again: this.again }).apply((known) => {
      const variables = { ...known.own, ...known.again };
      return (Object.keys(variables).length === 0 ? undefined : variables) as Record<string, string>;
    });
  }

  /** Notes a step, without which the update has not reached its end. */
  add(step: Resource): void {
    this.#steps.push(step);
  }

  /** Called once all steps are declared. */
  end(): void {
    new local.Command(
      named("finished", this.#opts),
      {
        create: 'echo "$UPDATE"',
        environment: { UPDATE: this.#started.stdout.apply((text) => text.trim()) },
        logging: local.Logging.None,
        addPreviousOutputInEnv: false,
      },
      { ...this.#opts, dependsOn: this.#steps },
    );
  }
}

/** Of the whole config, before any step runs: so this is also where rules between values are looked at that were not known before. */
function digestOf(config: Known<ClusterConfig>): string {
  const problems = problemsOnceKnown(config);
  if (problems.length > 0) throw new RunError(formatProblems(problems));
  return createHash("sha256").update(JSON.stringify(config)).digest("hex");
}

/**
 * Id of the last update that did not reach its end, or whose outcomes this program can't read; "": there was none. The stack's own state
 * knows it: the engine answers this question from its snapshot, no host is asked.
 */
function lastUnfinished(config: ClusterConfig, step: (name: string) => StoredStep | undefined): string {
  const started = step("started");
  if (!started?.stdout) return "";
  const id = started.stdout.trim();
  const finished = step("finished")?.stdout?.trim() === id && outcomesFit(config, step);
  return finished ? (started.environment?.CONTINUES ?? "") : id;
}
