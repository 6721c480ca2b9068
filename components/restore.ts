import {
  all,
  type CustomResourceOptions,
  type Input,
  log,
  type Output,
  output,
  type Resource,
  ResourceHook,
  RunError,
  runtime,
  StackReference,
  secret,
} from "@pulumi/pulumi";
import { type Asked, sourceOutcome } from "../model/archive/restorePlan.ts";
import { type ArchiveSource, restoreFrom, restoreId } from "../model/archive/source.ts";
import type { ClusterConfig, RestoreConfig } from "../model/config/config.ts";
import { parseHttpsEndpoint } from "../model/config/network.ts";
import { parseOutcome } from "../model/outcome.ts";
import { renderSourceConf, type SourceInput } from "../model/render/pgbackrest.ts";
import { renderRecoveryConf } from "../model/render/recovery.ts";
import type { SourceStepInput } from "../model/stepInputs.ts";
import { promoteOutcome } from "../model/stepOutcomes.ts";
import type { Archive } from "./archive.ts";
import { given } from "./given.ts";
import { jsonInput, LocalStep } from "./localStep.ts";
import type { ClusterNode } from "./node.ts";
import { reported } from "./outcome.ts";
import { named } from "./part.ts";
import { known, runInPreview } from "./preflightHook.ts";
import { command } from "./programs.ts";
import type { Hosts } from "./targets/machine.ts";
import type { Update } from "./update.ts";

export interface RestoringArgs {
  readonly config: ClusterConfig & { readonly restore: RestoreConfig };
  readonly update: Update;
  readonly target: Hosts;
  readonly archive: Archive;
  readonly primary: ClusterNode;
  readonly fresh: Output<boolean>;
  readonly intent: Output<string>;
  /** The step after which it is known whether the cluster is new. */
  readonly after: Resource;
}

/** What a new cluster is made from. */
export interface Restoring {
  /** For `promote`. */
  readonly id: Output<string>;
  /** Looks at the source's archive. */
  readonly step: LocalStep;
  /** Of the step `restore`, beside the intent. */
  readonly parameters: Record<string, Input<string>>;
}

/**
 * A cluster is made from an archive once. The stack's state remembers from which, in what `promote` has reported: a cluster that is there is never made anew.
 *
 * @throws RunError in the preview, before any host is touched, where another one is declared for a cluster that is there
 */
export function restoring(args: RestoringArgs, opts: CustomResourceOptions): Restoring {
  const { config, update, target, archive, primary, fresh, intent, after } = args;
  const { restore } = config;
  const promoted = output(update.stored.then((step) => step("promote")?.stdout));
  const id = all([given(restore).apply(restoreId), promoted]).apply(([declared, outcome]) => {
    if (outcome !== undefined) requireSame(declared, outcome);
    return declared;
  });
  const source = secret(
    all([sourceOf(restore, opts), archive.id, id]).apply(([known, own]) => {
      if (
        `${known.endpoint.host}:${known.endpoint.port}/${known.bucket}/${known.prefix}` === own &&
        known.stanza === config.clusterName
      ) {
        throw new RunError(`restore.from: it is this stack's own archive
HINT: a new cluster needs one of its own: set another clusterName or archive.prefix.`);
      }
      return known;
    }),
  );
  const reached = target.reachSource?.(source) ?? [];
  const { dataDirectory } = primary.machine;
  const major = config.postgresVersion;
  const access = all([source, primary.found]).apply(([known, { cpus }]) =>
    accessTo({ source: known, major, dataDirectory, cpus }),
  );
  const { timeline, backup } = restore;
  const asked = source.apply(({ stanza }) => ({ target: restore.target, timeline, backup, major, stanza }));
  const step = new LocalStep(
    "source",
    {
      update,
      command: command("steps/source.ts"),
      stdin: all([
        intent,
        jsonInput<SourceStepInput>({
          host: { name: primary.node.name, connection: primary.machine.connection },
          fresh,
          asked,
          parameters: access,
        }),
      ]).apply(([, text]) => text),
      after: [after, ...reached],
    },
    { ...opts, ...previewed({ asked, source, primary, promoted }, opts) },
  );
  const plan = reported("source", step.outcome, sourceOutcome).apply((known) => known.plan);
  return {
    id,
    step,
    parameters: {
      restore_id: id,
      source_pgbackrest_conf: access.source_pgbackrest_conf,
      source_stanza: access.source_stanza,
      source_ca_crt: access.source_ca_crt,
      backup: plan.apply((known) => known?.backup ?? ""),
      bytes: plan.apply((known) => String(known?.dataBytes ?? 0)),
      last: plan.apply((known) => known?.last ?? ""),
      recovery_conf: plan.apply((known) =>
        known === null ? "" : renderRecoveryConf({ restore, plan: known, dataDirectory, major }),
      ),
      statements: Object.entries(restore.sql)
        .map(([database, text]) => [database, text].map((part) => Buffer.from(part).toString("base64")).join(" "))
        .join("\n"),
    },
  };
}

/**
 * Lets `pulumi preview` refuse what the step would refuse, where the host of the declared primary is there and installed: after a first update that did not reach
 * its end. In an update it does nothing.
 */
function previewed(
  {
    asked,
    source,
    primary,
    promoted,
  }: {
    readonly asked: Output<Asked>;
    readonly source: Output<ArchiveSource>;
    readonly primary: ClusterNode;
    readonly promoted: Output<string | undefined>;
  },
  opts: CustomResourceOptions,
): Pick<CustomResourceOptions, "hooks"> {
  const hook = new ResourceHook(
    named("source", opts),
    async () => {
      if (!runtime.isDryRun() || (await known(promoted)) !== undefined) return;
      const [wanted, archive, connection] = await Promise.all([
        known(asked),
        known(source),
        known(primary.machine.connection),
      ]);
      if (wanted === undefined || archive === undefined || connection === undefined) return;
      const { dataDirectory } = primary.machine;
      const input = {
        ...{ host: { name: primary.node.name, connection }, fresh: true, asked: wanted },
        parameters: accessTo({ source: archive, major: wanted.major, dataDirectory, cpus: 2 }),
      };
      const { exitCode, said } = await runInPreview("steps/source.ts", input);
      if (exitCode === refused) throw new Error(said.join("\n"));
      for (const line of said) void log.info(line);
    },
    { onDryRun: true },
  );
  return { hooks: { beforeCreate: [hook], beforeUpdate: [hook] } };
}

/** How a host reads the source's archive: parameters of host scripts. */
function accessTo(input: SourceInput) {
  const { stanza, caCertificate } = input.source;
  return {
    source_pgbackrest_conf: renderSourceConf(input),
    source_stanza: stanza,
    source_ca_crt: caCertificate,
  };
}

/** Exit code of the step in a preview: the target can't be reached. Any other: it may be, or nobody could be asked. */
const refused = 1;

function requireSame(declared: string, promoted: string): void {
  const made = parseOutcome(promoteOutcome, promoted)?.restored ?? "";
  if (made === declared) return;
  throw new RunError(
    made === ""
      ? `restore: this stack has a cluster already, and it was not made from an archive
HINT: restore into a new stack (docs/recovery.md); then remove it here: pulumi config rm restore. A restore in place is not there yet.`
      : `restore: the cluster of this stack was made from something else
HINT: set it back, or remove it: pulumi config rm restore. Another target is a new stack (docs/recovery.md); a restore in place is not there yet.`,
  );
}

function sourceOf({ from }: RestoreConfig, opts: CustomResourceOptions): Output<ArchiveSource> {
  if (from.kind === "given") return given(from).apply(({ kind: _, ...known }) => ({ ...known, container: "" }));
  const reference = new StackReference(named("restore-from", opts), { name: from.stack }, opts);
  return all([reference.getOutput("restoreFrom"), from.accessKey ?? "", from.secretKey ?? ""]).apply(
    ([printed, accessKey, secretKey]) => {
      const known = restoreFrom.safeParse(printed).data;
      if (known === undefined) {
        throw new RunError(`restore.from.stack: the stack ${from.stack} has no output restoreFrom that this version understands
HINT: run 'pulumi up' there with this version; or say restore.from.endpoint, bucket and so on instead.`);
      }
      const keys = { accessKey: accessKey || known.accessKey, secretKey: secretKey || known.secretKey };
      if (!keys.accessKey || !keys.secretKey) {
        throw new RunError(`restore.from: the stack ${from.stack} has no credentials for others
HINT: set restore.from.accessKey and restore.from.secretKey, best to some that may only read: pulumi config set --secret --path restore.from.accessKey`);
      }
      return {
        ...known,
        ...(keys as { accessKey: string; secretKey: string }),
        endpoint: parseHttpsEndpoint(known.endpoint) as ArchiveSource["endpoint"],
        container: known.container ?? "",
      };
    },
  );
}
