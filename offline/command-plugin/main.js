// @ts-check
/**
 * A stand-in for the plugin of @pulumi/command, for machines that cannot have the real one: the same inputs, outputs,
 * messages and rules of update and replacement, which `test/offline` pins against both.
 */

import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { acquaintance, configured, failure, read, written } from "../lib/provider.js";
import { serve, unary, whenEngineEnds } from "../lib/serve.js";
import { check } from "./check.js";
import { diff } from "./diff.js";
import { EngineLog } from "./output.js";
import { controllerOf, invokeRun } from "./resources.js";
import { functions, resources } from "./schema.js";

/** @typedef {import("../lib/values.js").Properties} Properties */

/** The framework of the real plugin keeps its version in the state of the provider. */
const FRAMEWORK_VERSION_KEY = "__pulumi-go-provider-version";
const FRAMEWORK_VERSION = "1.3.0";
const VERSION = "1.2.1";

const { ResourceProviderService } = providerGrpc;

const log = new EngineLog(process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "");
const cancelled = new AbortController();
// Each operation that runs listens to it.
setMaxListeners(0, cancelled.signal);

/**
 * Not by AbortSignal.any and AbortSignal.timeout: Node 20 collects what they make while only its listeners hold it, and nothing fires.
 *
 * @param {number} seconds
 */
function endsAfter(seconds) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  cancelled.signal.addEventListener("abort", abort);
  setTimeout(abort, seconds * 1000).unref();
  return controller.signal;
}

/** One operation that the engine has asked for: where its messages go, and what ends it early. */
export class Call {
  /** @type {AbortSignal} */
  signal;
  /** @type {string} */
  #urn;

  /** @param {string} urn @param {number} [timeoutSeconds] 0 for none */
  constructor(urn, timeoutSeconds = 0) {
    this.#urn = urn;
    this.signal = timeoutSeconds > 0 ? endsAfter(timeoutSeconds) : cancelled.signal;
  }

  /**
   * @param {import("./output.js").Severity} severity
   * @param {string} message
   * @param {{ status?: boolean }} [options]
   */
  log(severity, message, options) {
    log.write(this.#urn, severity, message, options);
  }

  abortReason() {
    return cancelled.signal.aborted ? "context canceled" : "context deadline exceeded";
  }
}

/** @param {string} urn */
const typeOf = (urn) => (urn.split("::")[2] ?? "").split("$").at(-1) ?? "";

/** @param {string} urn */
const nameOf = (urn) => urn.split("::").slice(3).join("::");

/** @param {string} urn */
function resourceOf(urn) {
  const type = typeOf(urn);
  const resource = resources[type];
  if (resource === undefined) throw new Error(`unknown resource type '${type}'`);
  return { ...resource, controller: controllerOf(type, Object.keys(resource.fields)) };
}

/** @param {string} name */
const newId = (name) => `${name}${randomBytes(4).toString("hex")}`;

/**
 * Does what a call asks for and answers only once the engine has all its messages.
 *
 * @template T
 * @param {Promise<T>} work
 */
async function withMessages(work) {
  try {
    return await work;
  } finally {
    await log.flushed();
  }
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").CheckRequest} request */
function checkInputs(request) {
  const { inputs, failures } = check(resourceOf(request.getUrn()), read(request.getNews()));
  const response = new provider.CheckResponse();
  response.setInputs(written(inputs));
  response.setFailuresList(failures.map(failure));
  return response;
}

/**
 * The new inputs, with what is to be ignored taken from the state.
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb.js").DiffRequest | import("@pulumi/pulumi/proto/provider_pb.js").UpdateRequest} request
 */
function newInputs(request) {
  const inputs = read(request.getNews());
  const state = read(request.getOlds());
  for (const key of request.getIgnorechangesList()) if (key in state) inputs[key] = state[key] ?? null;
  return inputs;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").DiffRequest} request */
function diffInputs(request) {
  const { fields } = resourceOf(request.getUrn());
  const inputs = Object.fromEntries(Object.entries(newInputs(request)).filter(([key]) => !key.startsWith("__")));
  const changes = diff(read(request.getOldInputs()), inputs);
  const { Kind } = provider.PropertyDiff;
  const response = new provider.DiffResponse();
  response.setChanges(
    changes.size > 0 ? provider.DiffResponse.DiffChanges.DIFF_SOME : provider.DiffResponse.DiffChanges.DIFF_NONE,
  );
  response.setHasdetaileddiff(true);
  for (const [path, kind] of changes) {
    const replaces = fields[path]?.replaces ?? false;
    const detail = new provider.PropertyDiff();
    detail.setKind(
      {
        add: replaces ? Kind.ADD_REPLACE : Kind.ADD,
        delete: replaces ? Kind.DELETE_REPLACE : Kind.DELETE,
        update: replaces ? Kind.UPDATE_REPLACE : Kind.UPDATE,
      }[kind],
    );
    response.getDetaileddiffMap().set(path, detail);
    response.addDiffs(path);
    if (replaces) response.addReplaces(path);
  }
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").CreateRequest} request */
async function create(request) {
  const urn = request.getUrn();
  const call = new Call(urn, request.getTimeout());
  const outputs = await resourceOf(urn).controller.create(call, read(request.getProperties()), request.getPreview());
  const response = new provider.CreateResponse();
  response.setId(newId(typeOf(urn) === "command:remote:CopyToRemote" ? "" : nameOf(urn)));
  response.setProperties(written(outputs));
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").UpdateRequest} request */
async function update(request) {
  const urn = request.getUrn();
  const call = new Call(urn, request.getTimeout());
  const { controller } = resourceOf(urn);
  const outputs = await controller.update(call, read(request.getOlds()), newInputs(request), request.getPreview());
  const response = new provider.UpdateResponse();
  response.setProperties(written(outputs));
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").InvokeRequest} request */
async function invoke(request) {
  const type = functions[request.getTok()];
  if (type === undefined) throw new Error(`unknown function '${request.getTok()}'`);
  const { inputs, failures } = check(type, read(request.getArgs()));
  const response = new provider.InvokeResponse();
  response.setFailuresList(failures.map(failure));
  if (failures.length === 0) response.setReturn(written(await invokeRun(new Call(""), inputs)));
  return response;
}

const handlers = {
  ...acquaintance(VERSION),
  checkConfig: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").CheckRequest} */ request) => {
    const response = new provider.CheckResponse();
    response.setInputs(written({ ...read(request.getNews()), [FRAMEWORK_VERSION_KEY]: FRAMEWORK_VERSION }));
    return response;
  }),
  diffConfig: unary(() => {
    const response = new provider.DiffResponse();
    response.setChanges(provider.DiffResponse.DiffChanges.DIFF_NONE);
    return response;
  }),
  configure: unary(() => {
    return configured();
  }),
  check: unary(checkInputs),
  diff: unary(diffInputs),
  create: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").CreateRequest} */ request) =>
    withMessages(create(request)),
  ),
  update: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").UpdateRequest} */ request) =>
    withMessages(update(request)),
  ),
  delete: unary(async (/** @type {import("@pulumi/pulumi/proto/provider_pb.js").DeleteRequest} */ request) => {
    const call = new Call(request.getUrn(), request.getTimeout());
    await withMessages(resourceOf(request.getUrn()).controller.remove(call, read(request.getProperties())));
    return new emptyPb.Empty();
  }),
  // A command leaves nothing behind that could be read back.
  read: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").ReadRequest} */ request) => {
    const response = new provider.ReadResponse();
    response.setId(request.getId());
    response.setProperties(request.getProperties());
    response.setInputs(request.getInputs());
    return response;
  }),
  invoke: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").InvokeRequest} */ request) =>
    withMessages(invoke(request)),
  ),
  cancel: unary(() => {
    cancelled.abort();
    return new emptyPb.Empty();
  }),
};

whenEngineEnds(() => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
await serve((server) => server.addService(/** @type {any} */ (ResourceProviderService), handlers));
