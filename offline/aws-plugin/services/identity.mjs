// @ts-check
/**
 * IAM, as the S3 server asks it for every request: whose key that is, and what the policies of his role say. It answers by the cloud's state as it
 * is now, in the protocol of versitygw's own IAM service.
 *
 *   node identity.mjs <socket> <cloud.json>
 */
import { createHmac } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { decision } from "./policy.mjs";

const [, , socket = "", file = ""] = process.argv;

/** @typedef {{ type: string, id: string, properties: Record<string, any>, hidden?: Record<string, any> }} Thing */

class Refusal extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** @returns {{ account: string, things: Thing[] }} */
const state = () => JSON.parse(readFileSync(file, "utf8"));

/**
 * The role that a session's key belongs to.
 *
 * @param {{ accessKeyId: string, sessionToken?: string }} request
 */
function roleOf({ accessKeyId, sessionToken }) {
  const role = state().things.find(
    ({ type, hidden }) => type === "aws:iam/role:Role" && hidden?.accessKey === accessKeyId,
  );
  if (role?.hidden === undefined) throw new Refusal("NoSuchIdentity");
  if (role.hidden.token !== sessionToken) throw new Refusal("InvalidToken");
  return { ...role, hidden: role.hidden };
}

/** @type {Readonly<Record<string, (request: any) => unknown>>} */
const answers = {
  "/private/version": () => ({ protocol: 1, minClient: 1, accountId: state().account }),
  "/private/derive-signing-key": (request) => {
    const { hidden, properties } = roleOf(request);
    const parts = [request.date, request.region, request.service, "aws4_request"];
    const key = parts.reduce(
      (derived, part) => createHmac("sha256", derived).update(part).digest(),
      Buffer.from(`AWS4${hidden.secretKey}`),
    );
    return { derivedKey: key.toString("base64"), principalArn: properties.arn, roleArn: properties.arn };
  },
  "/private/evaluate-policy": (request) => {
    const { id, properties } = roleOf(request);
    const { account, things } = state();
    const statements = things
      .filter((thing) => thing.type === "aws:iam/rolePolicy:RolePolicy" && thing.properties.role === id)
      .flatMap((policy) => JSON.parse(policy.properties.policy).Statement);
    const context = { ...request.condition, "aws:ResourceAccount": [account] };
    const decisions = request.resources.map((/** @type {string} */ resource) =>
      request.actions.map((/** @type {string} */ action) => decision(statements, { action, resource, context })),
    );
    return { decisions, principalArn: properties.arn };
  },
  "/private/resolve-identity": ({ accessKeyIds }) => ({ identities: accessKeyIds.map(() => ({ found: false })) }),
  "/private/resolve-principals": ({ principals }) => ({ invalid: principals }),
};

// Left by a service that was killed.
rmSync(socket, { force: true });
createServer(async (request, response) => {
  /** @param {number} status @param {unknown} body */
  const answer = (status, body) =>
    response
      .writeHead(status, { "content-type": "application/json", "x-vgw-private-protocol": "1" })
      .end(JSON.stringify(body));
  try {
    answer(200, answers[request.url ?? ""]?.(JSON.parse(await text(request))));
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    answer(code === undefined ? 500 : 403, { code, error: message });
  }
}).listen(socket);
