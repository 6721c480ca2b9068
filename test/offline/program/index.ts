/** Makes the resources that the file at CONFORMANCE_SPEC names: see ../conformance.ts. */
import { readFileSync } from "node:fs";
import { local, remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ResourceSpec, Spec } from "../conformance.ts";

const spec = JSON.parse(readFileSync(process.env.CONFORMANCE_SPEC ?? "", "utf8")) as Spec;
const made = new Map<string, local.Command | remote.Command | remote.CopyToRemote>();

/** A value of the spec, with what stands for secrets, assets and outputs made real. */
function real(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(real);
  if (typeof value !== "object" || value === null) return value;
  const [[marker, inner] = ["", undefined]] = Object.entries(value);
  switch (marker) {
    case "$secret":
      return pulumi.secret(real(inner));
    case "$file":
      return new pulumi.asset.FileAsset(String(inner));
    case "$folder":
      return new pulumi.asset.FileArchive(String(inner));
    case "$text":
      return new pulumi.asset.StringAsset(String(inner));
    case "$remoteFile":
      return new pulumi.asset.RemoteAsset(String(inner));
    case "$output": {
      const [name = "", property = ""] = String(inner).split(".");
      return (made.get(name) as unknown as Record<string, unknown>)[property];
    }
    default:
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, real(item)]));
  }
}

function make(name: string, { type, args, options = {} }: ResourceSpec) {
  // biome-ignore lint/suspicious/noExplicitAny: bad inputs are part of what is tried
  const inputs = real(args) as any;
  const { dependsOn, ...rest } = options;
  const opts = {
    ...rest,
    ...(dependsOn ? { dependsOn: dependsOn.flatMap((other) => made.get(other) ?? []) } : {}),
  };
  switch (type) {
    case "local":
      return new local.Command(name, inputs, opts);
    case "remote":
      return new remote.Command(name, inputs, opts);
    case "copy":
      return new remote.CopyToRemote(name, inputs, opts);
  }
}

for (const [name, resource] of Object.entries(spec.resources)) made.set(name, make(name, resource));

export const outputs = Object.fromEntries(
  Object.entries(spec.outputs ?? {}).map(([name, value]) => [name, real(value)]),
);
// biome-ignore lint/suspicious/noExplicitAny: the spec is JSON
export const run = spec.run ? local.runOutput(real(spec.run) as any) : undefined;
