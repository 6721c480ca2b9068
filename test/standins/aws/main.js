// @ts-check
/**
 * A stand-in for the plugin of @pulumi/aws, for tests: it lets the real engine run the target `aws` where there is no AWS. Nobody gets it by
 * accident: it runs only with UNDERSTUDY_AWS_STANDIN, the folder of a cloud that a test has made (cloud/create.js).
 */
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { acquaintance, configured, failure, initFailed, read, written } from "../../../offline/lib/provider.js";
import { serve, unary, whenEngineEnds } from "../../../offline/lib/serve.js";
import { plain, UNKNOWN } from "../../../offline/lib/values.js";
import { check } from "./check.js";
import { Cloud } from "./cloud/cloud.js";
import { messageOf, takeFault } from "./cloud/faults.js";
import { functions } from "./cloud/functions.js";
import { createResource, deleteResource, readResource, updateResource } from "./cloud/resources.js";
import { diff } from "./diff.js";
import { callProblems, callsOf } from "./models/requests.js";
import { configOf } from "./providerConfig.js";
import { typeOf } from "./types/all.js";

/** @typedef {import("../../../offline/lib/values.js").Properties} Properties */

const VERSION = "7.48.0";

const { ResourceProviderService } = providerGrpc;
const { DiffChanges } = provider.DiffResponse;

const cloud = Cloud.open(process.env.UNDERSTUDY_AWS_STANDIN);
let config = { region: "", defaultTags: {} };

/** @param {string} urn */
const typeNameOf = (urn) => (urn.split("::")[2] ?? "").split("$").at(-1) ?? "";

/** @param {string} urn */
const nameOf = (urn) => urn.split("::").slice(3).join("::");

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").CheckRequest} request */
function checkInputs(request) {
  const typeName = typeNameOf(request.getUrn());
  const { inputs, failures } = check(typeName, typeOf(typeName), read(request.getNews()), config.defaultTags);
  const response = new provider.CheckResponse();
  response.setInputs(written(inputs));
  response.setFailuresList(failures.map(failure));
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").DiffRequest} request */
function diffInputs(request) {
  const typeName = typeNameOf(request.getUrn());
  const changes = diff(typeName, typeOf(typeName), read(request.getOldInputs()), read(request.getNews()));
  const { Kind } = provider.PropertyDiff;
  const response = new provider.DiffResponse();
  response.setChanges(changes.size > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
  response.setHasdetaileddiff(true);
  for (const [name, { kind, replaces }] of changes) {
    const detail = new provider.PropertyDiff();
    const [inPlace, anew] = {
      add: [Kind.ADD, Kind.ADD_REPLACE],
      delete: [Kind.DELETE, Kind.DELETE_REPLACE],
      update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
    }[kind];
    detail.setKind(/** @type {any} */ (replaces ? anew : inPlace));
    response.getDetaileddiffMap().set(name, detail);
    response.addDiffs(name);
    if (replaces) response.addReplaces(name);
  }
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").CreateRequest} request */
async function create(request) {
  const typeName = typeNameOf(request.getUrn());
  const inputs = read(request.getProperties());
  const response = new provider.CreateResponse();
  if (request.getPreview()) {
    const unknown = Object.fromEntries(typeOf(typeName).computed.map((name) => [name, UNKNOWN]));
    response.setProperties(written({ ...inputs, ...unknown }));
    return response;
  }
  const fault = goWrong("create", request.getUrn());
  const problems = callsOf(typeName, plain(inputs)).flatMap(callProblems);
  if (problems.length > 0) throw new Error(`ValidationError: ${problems.join("; ")}`);
  const { id, computed } = await createResource(cloud, typeName, nameOf(request.getUrn()), plain(inputs));
  // It is made, and whoever asked for it is killed before that is written down.
  if (fault?.kind === "late") await new Promise(() => {});
  response.setId(id);
  response.setProperties(written({ ...inputs, ...computed }));
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").UpdateRequest} request */
async function update(request) {
  const typeName = typeNameOf(request.getUrn());
  const inputs = read(request.getNews());
  const olds = read(request.getOlds());
  const response = new provider.UpdateResponse();
  const { computed } = typeOf(typeName);
  const kept = Object.fromEntries(computed.flatMap((name) => (name in olds ? [[name, olds[name] ?? null]] : [])));
  if (!request.getPreview()) {
    goWrong("update", request.getUrn(), { id: request.getId(), properties: { ...inputs, ...kept } });
  }
  const changed = request.getPreview()
    ? {}
    : await updateResource(cloud, typeName, request.getId(), plain(olds), plain(inputs));
  response.setProperties(written({ ...inputs, ...kept, ...changed }));
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").ReadRequest} request */
async function refresh(request) {
  const response = new provider.ReadResponse();
  const real = await readResource(cloud, typeNameOf(request.getUrn()), request.getId());
  if (real === undefined) return response;
  response.setId(request.getId());
  response.setProperties(written(withReal(read(request.getProperties()), real)));
  const remembered = read(request.getInputs());
  // Without any it is an import: all of them are what AWS has.
  const { fields } = typeOf(typeNameOf(request.getUrn()));
  const inputs =
    Object.keys(remembered).length > 0
      ? withReal(remembered, real, true)
      : Object.fromEntries(Object.entries(real).filter(([name]) => name in fields));
  response.setInputs(written(/** @type {Properties} */ (inputs)));
  return response;
}

/**
 * What the engine remembers, with what is different in truth: marks of secrecy stay on the rest.
 *
 * @param {Properties} remembered
 * @param {Record<string, any>} real
 * @param {boolean} [only] whether nothing is added that is not remembered
 */
function withReal(remembered, real, only = false) {
  const different = Object.entries(real).filter(
    ([name, value]) =>
      (!only || name in remembered) &&
      JSON.stringify(plain(remembered[name] ?? null)) !== JSON.stringify(value ?? null),
  );
  return { ...remembered, ...Object.fromEntries(different) };
}

/**
 * Goes wrong where a test has ordered that: AWS refuses, or the provider fails half-way and gives what was wanted for what is.
 *
 * @param {string} call
 * @param {string} urn
 * @param {{ id: string, properties: Properties }} [wanted] what a provider keeps that fails half-way
 * @returns the fault, where the call is to be made all the same
 */
function goWrong(call, urn, wanted) {
  const fault = takeFault(cloud, `${call} ${typeNameOf(urn)}`, nameOf(urn));
  if (fault === undefined || fault.kind === "late") return fault;
  const message = `${call} ${nameOf(urn)}: ${messageOf(fault)}`;
  throw fault.kind === "half" && wanted ? initFailed(message, wanted) : new Error(message);
}

/** @param {import("@pulumi/pulumi/proto/provider_pb.js").InvokeRequest} request */
async function invoke(request) {
  const call = functions[request.getTok()];
  if (call === undefined) throw new Error(`the stand-in for @pulumi/aws has no function '${request.getTok()}'`);
  const fault = takeFault(cloud, request.getTok());
  if (fault) throw new Error(messageOf(fault));
  const response = new provider.InvokeResponse();
  response.setReturn(written(await call(cloud, plain(read(request.getArgs())))));
  return response;
}

const handlers = {
  ...acquaintance(VERSION),
  checkConfig: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").CheckRequest} */ request) => {
    const response = new provider.CheckResponse();
    response.setInputs(request.getNews());
    return response;
  }),
  diffConfig: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").DiffRequest} */ request) => {
    const response = new provider.DiffResponse();
    const [old, now] = [configOf(read(request.getOldInputs())), configOf(read(request.getNews()))];
    const moved = old.region !== now.region;
    response.setChanges(moved ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
    // Everything is in its region for good.
    if (moved) response.addReplaces("region");
    return response;
  }),
  configure: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb.js").ConfigureRequest} */ request) => {
    config = configOf(read(request.getArgs()));
    cloud.admit(configOf(read(request.getArgs())));
    return configured();
  }),
  check: unary(checkInputs),
  diff: unary(diffInputs),
  create: unary(create),
  update: unary(update),
  delete: unary(async (/** @type {import("@pulumi/pulumi/proto/provider_pb.js").DeleteRequest} */ request) => {
    goWrong("delete", request.getUrn());
    await deleteResource(cloud, typeNameOf(request.getUrn()), request.getId());
    return new emptyPb.Empty();
  }),
  read: unary(refresh),
  invoke: unary(invoke),
  cancel: unary(() => new emptyPb.Empty()),
};

whenEngineEnds(() => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
await serve((server) => server.addService(/** @type {any} */ (ResourceProviderService), handlers));
