import assert from "node:assert/strict";
import { type Output, runtime } from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { freshId } from "../../components/update.ts";
import type { ReceiptOutcome } from "../../model/receipt.ts";
import type { PowerInput } from "../../model/stepInputs.ts";
import { makeSecret } from "./hosts.ts";
import { awsAnswer, awsState } from "./mockAws.ts";

/** A resource as the program asked the engine for it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  readonly options: RegisteredOptions;
}

/** How the engine is to treat it: what mocks are not told, but the request says. */
export interface RegisteredOptions {
  readonly parent: string;
  /** URNs, whether by `dependsOn` or by an input. */
  readonly dependsOn: readonly string[];
  readonly provider: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  readonly deletedWith: string;
  readonly ignoreChanges: readonly string[];
  readonly secretOutputs: readonly string[];
  /** Names and URNs of earlier versions. */
  readonly aliases: readonly string[];
}

/** What the program has registered since the last `forget`. */
export const registered: Registered[] = [];

/** What the stack's state holds from earlier updates, by URN. */
export const stored: Record<string, unknown> = {};

export function forget(): void {
  registered.length = 0;
  for (const urn of Object.keys(stored)) delete stored[urn];
}

/** Outputs of other stacks, by name. */
export const stackOutputs: Record<string, object> = {};

let readsInTheMiddle = 0;

/** The next `count` reads of the stack's state come while the engine writes it. */
export function readInTheMiddle(count: number): void {
  readsInTheMiddle = count;
}

const receipt: ReceiptOutcome = {
  intent: "intent-1",
  handover: {
    ...{ intent: "intent-1", kind: "provisioned", from: null, to: "node-a", epoch: 1 },
    timelines: { before: null, after: 1 },
    ...{ shutdownLsn: null, promotedLsn: null, steps: [], writeGapMs: null, atRisk: null },
    lost: { bytes: 0, transactions: 0, from: null, to: null },
    fence: [],
  },
  missing: {},
};

interface Certified {
  readonly certificate: string;
}

let made: Certified | undefined;
function agentCertificate(): string {
  made ??= makeSecret<Certified>("ca", { commonName: "agent", days: 2 });
  return made.certificate;
}

function printed(command: string, stdin: unknown): string {
  if (command === "cat") return String(unwrapped(stdin).value);
  if (command.includes("make-secret.mjs password")) return '{"password":"s3cret"}';
  if (command.includes("make-secret.mjs ssh-key")) return '{"publicKey":"ssh-ed25519 AAAA","privateKey":"PRIVATE"}';
  // What the agents are known by is read from their certificates.
  if (command.includes("make-secret.mjs certificate") && String(unwrapped(stdin).value).includes('"dnsNames":[]'))
    return JSON.stringify({ certificate: agentCertificate(), privateKey: "PRIVATE" });
  if (command.includes("make-secret.mjs")) return '{"certificate":"CERTIFICATE","privateKey":"PRIVATE"}';
  if (command.includes("host create")) {
    return '{"instance":"cafe","address":"10.0.0.9","sshPort":20000,"postgresPort":20001,"poolerPort":20002,"port6433":20003,"port443":20004}';
  }
  if (command === freshId) return "intent-1\n";
  if (command.includes("steps/preflight.ts"))
    return '{"intent":"intent-1","fresh":true,"systemIdentifier":"","epoch":0,"kind":"none","from":"","leaderEpoch":0,"leaderSince":0,"to":"node-a","join":null,"atRisk":null,"synchronous":null,"released":[]}';
  if (command.includes("steps/source.ts"))
    return '{"plan":{"backup":"20260301-020000F","dataBytes":30000000,"timeline":2,"last":""}}';
  if (command.includes("understudy restore"))
    return '{"restored":"yes","backup":"20260301-020000F","lsn":"0/7","at":""}';
  if (command.includes("steps/receipt.ts")) return JSON.stringify(receipt);
  if (command.includes("steps/install.ts"))
    return '{"memoryBytes":1073741824,"cpus":2,"dataDiskBytes":10737418240,"pgbackrest":"2.55.1","pgbouncer":"1.24.1","sshHostKey":"ssh-ed25519 AAAA"}';
  if (command.includes("steps/power.ts")) {
    const { name, fence } = JSON.parse(String(unwrapped(stdin).value)) as PowerInput;
    return JSON.stringify(fence ? { node: name, change: fence.change } : { node: name });
  }
  if (command.includes("steps/surroundings.ts")) return '{"missing":[],"again":""}';
  if (command.includes("understudy prepare")) return '{"armed":"no","epoch":0,"from":""}';
  const promote = /understudy promote (\S+)/.exec(command);
  if (promote) return `{"primary":"${promote[1]}","from":"","systemIdentifier":"700","timeline":1,"epoch":1}`;
  return "{}";
}

runtime.setMocks(
  {
    call: ({ token, inputs }) => {
      if (token !== "pulumi:pulumi:readStackResourceOutputs") return awsAnswer(token, inputs) ?? inputs;
      if (readsInTheMiddle-- > 0) throw { details: "failed to load checkpoint: EOF" };
      return { outputs: stored };
    },
    newResource: ({ type, name, inputs }) => {
      if (type === "pulumi:pulumi:StackReference") {
        return { id: name, state: { ...inputs, outputs: stackOutputs[String(inputs.name)] ?? {} } };
      }
      registered.push({ type, name, inputs, options: optionsOf(request) });
      const aws = awsState(type, name);
      if (aws) return { id: aws.id ?? name, state: { ...inputs, ...aws.outputs } };
      return { id: name, state: { ...inputs, stdout: printed(String(inputs.create), inputs.stdin) } };
    },
  },
  "understudy",
  "dev",
);

/** The request of the resource that is being registered. */
let request: RegisterResourceRequest;
const { registerResource } = MockMonitor.prototype as unknown as {
  registerResource(this: unknown, asked: RegisterResourceRequest, done: unknown): Promise<void>;
};

function optionsOf(asked: RegisterResourceRequest): RegisteredOptions {
  return {
    parent: asked.getParent(),
    dependsOn: asked.getDependenciesList(),
    provider: asked.getProvider() || (asked.getProvidersMap().get("aws") ?? ""),
    protect: asked.getProtect() === true,
    retainOnDelete: asked.getRetainondelete() === true,
    deleteBeforeReplace: asked.getDeletebeforereplace(),
    deletedWith: asked.getDeletedwith(),
    ignoreChanges: asked.getIgnorechangesList(),
    secretOutputs: asked.getAdditionalsecretoutputsList(),
    aliases: [
      ...asked.getAliasurnsList(),
      ...asked.getAliasesList().map((alias) => alias.getSpec()?.getName() ?? alias.getUrn()),
    ],
  };
}

// Mocks know nothing of hooks, and what registers one would wait for ever.
Object.assign(MockMonitor.prototype, {
  registerResource(asked: RegisterResourceRequest, done: unknown) {
    request = asked;
    return registerResource.call(this, asked, done);
  },
  registerErrorHook: (_request: unknown, done: (error: null, answer: object) => void) => done(null, {}),
  registerResourceHook: (_request: unknown, done: (error: null, answer: object) => void) => done(null, {}),
});

export const resolved = <T>(output: Output<T>): Promise<T> =>
  (output as unknown as { promise(): Promise<T> }).promise();

/** Resources are registered in the background: once this settles, all of them are. */
export const settled = () => (runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
export const inputsOf = (name: string, type = "command:local:Command") => {
  const found = registered.find((resource) => resource.name === name && resource.type === type);
  assert.ok(found, `${type} ${name} is not among ${registered.map((resource) => resource.name)}`);
  return found.inputs;
};
/** Mocks get secrets in their wrapping, as the engine does. */
export const unwrapped = (value: unknown): { secret: boolean; value: unknown } => {
  const wrapped = value as { value?: unknown } | undefined;
  return typeof value === "object" && wrapped !== null && "value" in (wrapped as object)
    ? { secret: true, value: wrapped?.value }
    : { secret: false, value };
};
