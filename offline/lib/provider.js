// @ts-check
/** What the stand-ins for plugins have in common: how a provider presents itself to the engine, and property values on their way. */
import grpc from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import provider from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import { unary } from "./serve.js";

/** @typedef {import("./values.js").Properties} Properties */

/** @param {import("google-protobuf/google/protobuf/struct_pb.js").Struct | undefined} struct @returns {Properties} */
export const read = (struct) => /** @type {Properties} */ (struct?.toJavaScript() ?? {});

/** @param {Properties} properties */
export const written = (properties) => structPb.Struct.fromJavaScript(/** @type {any} */ (properties));

/** @param {{ property: string, reason: string }} found */
export function failure({ property, reason }) {
  const answer = new provider.CheckFailure();
  answer.setProperty(property);
  answer.setReason(reason);
  return answer;
}

/**
 * The error of something that is there but did not become what it was to be: the engine keeps it, with these properties.
 *
 * @param {string} message
 * @param {{ id: string, properties: Properties }} made
 */
export function initFailed(message, { id, properties }) {
  const detail = new provider.ErrorResourceInitFailed();
  detail.setId(id);
  detail.setProperties(written(properties));
  detail.setInputs(written(properties));
  detail.setReasonsList([message]);
  const any = new anyPb.Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statusPb.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return Object.assign(new Error(message), { code: grpc.status.UNKNOWN, metadata });
}

/** What a configured provider can be sent. */
export function configured() {
  const response = new provider.ConfigureResponse();
  response.setAcceptsecrets(true);
  response.setSupportspreview(true);
  response.setAcceptresources(true);
  return response;
}

/**
 * The calls with which the engine makes a provider's acquaintance.
 *
 * @param {string} version of the plugin that it stands in for
 */
export const acquaintance = (version) => ({
  handshake: unary(() => {
    const response = new provider.ProviderHandshakeResponse();
    response.setAcceptSecrets(true);
    response.setAcceptResources(true);
    return response;
  }),
  getPluginInfo: unary(() => {
    const info = new plugin.PluginInfo();
    info.setVersion(version);
    return info;
  }),
  attach: unary(() => new emptyPb.Empty()),
});
