import assert from "node:assert/strict";
import { type Output, runtime } from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { freshId } from "../../components/intent.ts";

/** A resource as the program asked the engine for it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/** What the program has registered since the last `forget`. */
export const registered: Registered[] = [];

export function forget(): void {
  registered.length = 0;
}

function printed(command: string): string {
  if (command.includes("make-secret.mjs password")) return '{"password":"s3cret"}';
  if (command.includes("make-secret.mjs ssh-key")) return '{"publicKey":"ssh-ed25519 AAAA","privateKey":"PRIVATE"}';
  if (command.includes("make-secret.mjs")) return '{"certificate":"CERTIFICATE","privateKey":"PRIVATE"}';
  if (command.includes("host create")) {
    return '{"instance":"cafe","address":"10.0.0.9","sshPort":20000,"postgresPort":20001,"poolerPort":20002,"port6433":20003,"port443":20004}';
  }
  if (command === freshId) return "intent-1\n";
  if (command.includes("step.mjs preflight"))
    return '{"fresh":true,"systemIdentifier":"","epoch":0,"kind":"none","from":"","atRisk":null}';
  if (command.includes("bash -s install"))
    return '{"memoryBytes":1073741824,"cpus":2,"dataDiskBytes":10737418240,"pgbackrest":"2.55.1","pgbouncer":"1.24.1","sshHostKey":"ssh-ed25519 AAAA"}';
  if (command.includes("understudy arm")) return '{"armed":"no","epoch":0,"from":""}';
  const lead = /understudy lead (\S+)/.exec(command);
  if (lead) return `{"primary":"${lead[1]}","from":"","systemIdentifier":"700","timeline":1,"epoch":1}`;
  return "{}";
}

runtime.setMocks(
  {
    call: ({ inputs }) => inputs,
    newResource: ({ type, name, inputs }) => {
      registered.push({ type, name, inputs });
      return { id: name, state: { ...inputs, stdout: printed(String(inputs.create)) } };
    },
  },
  "understudy",
  "dev",
);

// Mocks know nothing of hooks, and what registers one would wait for ever.
Object.assign(MockMonitor.prototype, {
  registerErrorHook: (_request: unknown, done: (error: null, answer: object) => void) => done(null, {}),
  registerResourceHook: (_request: unknown, done: (error: null, answer: object) => void) => done(null, {}),
});

export const resolved = <T>(output: Output<T>): Promise<T> =>
  (output as unknown as { promise(): Promise<T> }).promise();

/** Resources are registered in the background: once this settles, all of them are. */
export const settled = async () => {
  for (let before = -1; before !== registered.length; ) {
    before = registered.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
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
