// @ts-check
/**
 * IAM, as the S3 server asks it for every request: whose key that is, and what the policies of his role say. It answers by the cloud's state as it
 * is now, in the protocol of versitygw's own IAM service.
 *
 *   node identity.mjs <socket> <cloud.json>
 */
import { createHmac } from "node:crypto";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { decision } from "./policy.mjs";
import { roleOf, stateIn, statementsOf } from "./roles.mjs";

const [, , socket = "", file = ""] = process.argv;

class Refusal extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * The role that a session's key belongs to.
 *
 * @param {readonly import("./roles.mjs").Thing[]} things
 * @param {{ accessKeyId: string, sessionToken?: string }} request
 */
function askingRole(things, { accessKeyId, sessionToken }) {
  const role = roleOf(things, accessKeyId);
  if (role === undefined) throw new Refusal("NoSuchIdentity");
  if (role.hidden.token !== sessionToken) throw new Refusal("InvalidToken");
  return role;
}

/** @type {Readonly<Record<string, (request: any) => unknown>>} */
const answers = {
  "/private/version": () => ({ protocol: 1, minClient: 1, accountId: stateIn(file).account }),
  "/private/derive-signing-key": (request) => {
    const { hidden, properties } = askingRole(stateIn(file).things, request);
    const parts = [request.date, request.region, request.service, "aws4_request"];
    const key = parts.reduce(
      (derived, part) => createHmac("sha256", derived).update(part).digest(),
      Buffer.from(`AWS4${hidden.secretKey}`),
    );
    return { derivedKey: key.toString("base64"), principalArn: properties.arn, roleArn: properties.arn };
  },
  "/private/evaluate-policy": (request) => {
    const { account, things } = stateIn(file);
    const { id, properties } = askingRole(things, request);
    const statements = statementsOf(things, id);
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
