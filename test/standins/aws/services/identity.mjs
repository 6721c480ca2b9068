// @ts-check
/**
 * IAM, as the S3 server asks it for every request: whose key that is, and what the policies of his role or user say. It answers by the cloud's state as it
 * is now, in the protocol of versitygw's own IAM service.
 *
 *   node identity.mjs <socket> <cloud.json>
 */
import { createHmac } from "node:crypto";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { decision } from "./policy.mjs";
import { principalOf, stateIn } from "./principals.mjs";

const [, , socket = "", file = ""] = process.argv;

class Refusal extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * @param {readonly import("./principals.mjs").Thing[]} things
 * @param {{ accessKeyId: string, sessionToken?: string }} request
 */
function whoAsks(things, { accessKeyId, sessionToken = "" }) {
  const principal = principalOf(things, accessKeyId);
  if (principal === undefined) throw new Refusal("NoSuchIdentity");
  if (principal.token !== sessionToken) throw new Refusal("InvalidToken");
  return principal;
}

/** @type {Readonly<Record<string, (request: any) => unknown>>} */
const answers = {
  "/private/version": () => ({ protocol: 1, minClient: 1, accountId: stateIn(file).account }),
  "/private/derive-signing-key": (request) => {
    const { arn, secretKey, token } = whoAsks(stateIn(file).things, request);
    const parts = [request.date, request.region, request.service, "aws4_request"];
    const key = parts.reduce(
      (derived, part) => createHmac("sha256", derived).update(part).digest(),
      Buffer.from(`AWS4${secretKey}`),
    );
    return { derivedKey: key.toString("base64"), principalArn: arn, ...(token === "" ? {} : { roleArn: arn }) };
  },
  "/private/evaluate-policy": (request) => {
    const { account, things } = stateIn(file);
    const { arn, statements } = whoAsks(things, request);
    const context = { ...request.condition, "aws:ResourceAccount": [account] };
    const decisions = request.resources.map((/** @type {string} */ resource) =>
      request.actions.map((/** @type {string} */ action) => decision(statements, { action, resource, context })),
    );
    return { decisions, principalArn: arn };
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
