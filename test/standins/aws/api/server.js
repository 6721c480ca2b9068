// @ts-check
/**
 * AWS's API, as far as the program's own steps call it: EC2's and IAM's query protocols, and Route 53's. It works on the same cloud as the stand-in
 * for the plugin, and runs in the process of the test. What it does not know it refuses.
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { arnOf } from "../cloud/arn.js";
import { takeFault } from "../cloud/faults.js";
import { ec2Calls } from "./ec2.js";
import { iamCalls } from "./iam.js";
import { changeRecord } from "./route53.js";
import { ApiError, xml } from "./xml.js";

/** @typedef {import("../cloud/cloud.js").Cloud} Cloud */

/** One member of an answer, or several of a name. @typedef {{ [name: string]: unknown }} Answer */

/**
 * @param {Cloud} cloud
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serveApi(cloud) {
  const server = createServer((request, response) => {
    void text(request)
      .then((body) => {
        const target = request.headers["x-amz-target"];
        return target === undefined ? answer(cloud, request.url ?? "/", body) : tagged(cloud, String(target), body);
      })
      .then((reply) => {
        if (reply === undefined) return;
        const type = reply.body.startsWith("{") ? "application/x-amz-json-1.1" : "text/xml";
        response.writeHead(reply.status, { "content-type": type }).end(reply.body);
      });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * GetResources of the Resource Groups Tagging API: its protocol is JSON.
 *
 * @param {Cloud} cloud
 * @param {string} target
 * @param {string} body
 */
function tagged(cloud, target, body) {
  if (!target.endsWith(".GetResources")) return { status: 400, body: JSON.stringify({ __type: "UnknownOperation" }) };
  const { TagFilters } = JSON.parse(body);
  const fits = (/** @type {Record<string, string>} */ tags) =>
    TagFilters.every((/** @type {{ Key: string, Values: string[] }} */ { Key, Values }) =>
      Values.includes(tags[Key] ?? ""),
    );
  const found = cloud.state.things
    .filter(({ type, properties }) => !type.startsWith("aws:iam/") && properties.tags && fits(properties.tags))
    .map((thing) => ({
      ResourceARN: arnOf(cloud, thing),
      Tags: Object.entries(thing.properties.tags).map(([Key, Value]) => ({ Key, Value })),
    }));
  return { status: 200, body: JSON.stringify({ ResourceTagMappingList: found, PaginationToken: "" }) };
}

/**
 * @param {Cloud} cloud
 * @param {string} path
 * @param {string} body
 * @returns {Promise<{ status: number, body: string } | undefined>} undefined: no answer comes
 */
async function answer(cloud, path, body) {
  const record = /^\/2013-04-01\/hostedzone\/([^/]+)\/rrset\/?$/.exec(path);
  const parameters = Object.fromEntries(new URLSearchParams(body));
  const action = record ? "ChangeResourceRecordSets" : (parameters.Action ?? "");
  const protocol = record ? "route53" : parameters.Version === "2010-05-08" ? "iam" : "ec2";
  try {
    const fault = takeFault(cloud, action);
    if (fault?.kind === "silent") return undefined;
    if (fault) throw new ApiError(fault.code ?? "InternalError", fault.message ?? "ordered by a test", fault.status);
    if (record) return { status: 200, body: changeRecord(cloud, record[1] ?? "", body) };
    const calls = protocol === "iam" ? iamCalls : ec2Calls;
    const call = calls[action];
    if (call === undefined) throw new ApiError("InvalidAction", `the stand-in has no action '${action}'`);
    const members = await call(cloud, parameters);
    const inner =
      protocol === "iam"
        ? xml({ [`${action}Result`]: members, ResponseMetadata: { RequestId: "1" } }, "member")
        : xml({ requestId: "1", ...members });
    return { status: 200, body: `<${action}Response>${inner}</${action}Response>` };
  } catch (error) {
    const { code = "InternalFailure", status = 500, message } = /** @type {Partial<ApiError> & Error} */ (error);
    return { status, body: errorBody(protocol, { Code: code, Message: message }) };
  }
}

/**
 * @param {"ec2" | "iam" | "route53"} protocol
 * @param {{ Code: string, Message: string }} error
 */
function errorBody(protocol, error) {
  if (protocol === "ec2") return `<Response>${xml({ Errors: { Error: error }, RequestID: "1" })}</Response>`;
  return `<ErrorResponse>${xml({ Error: { Type: "Sender", ...error }, RequestId: "1" })}</ErrorResponse>`;
}
