// @ts-check
/**
 * AWS's API, as far as the program's own steps call it: EC2's and IAM's query protocols, and Route 53's. It works on the same cloud as the stand-in
 * for the plugin, and runs in the process of the test. What it does not know it refuses.
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
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
      .then((body) => answer(cloud, request.url ?? "/", body))
      .then((reply) => {
        if (reply === undefined) return;
        response.writeHead(reply.status, { "content-type": "text/xml" }).end(reply.body);
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
        ? xml({ [`${action}Result`]: members, ResponseMetadata: { RequestId: "1" } })
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
