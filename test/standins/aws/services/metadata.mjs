// @ts-check
/**
 * What answers at 169.254.169.254, as far as hosts ask: version 2 only, with a token. It runs in a container of the VPC's network and knows
 * an instance by its address.
 *
 *   node metadata.mjs <cloud.json>
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const file = process.argv[2] ?? "";

/** The address that asked for a token. Each is good until it ends: several programs of a host ask at the same time. @type {Map<string, string>} */
const askers = new Map();

createServer((request, response) => {
  const address = request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "";
  const { status, body } = answer(address, request.method ?? "", request.url ?? "", request.headers);
  response.writeHead(status, { "content-type": "text/plain", server: "EC2ws" }).end(body);
}).listen(80);

/**
 * @param {string} address
 * @param {string} method
 * @param {string} url
 * @param {import("node:http").IncomingHttpHeaders} headers
 * @returns {{ status: number, body: string }}
 */
function answer(address, method, url, headers) {
  if (method === "PUT" && url === "/latest/api/token") {
    if (!headers["x-aws-ec2-metadata-token-ttl-seconds"]) return { status: 400, body: "" };
    const token = randomBytes(24).toString("base64url");
    askers.set(token, address);
    return { status: 200, body: token };
  }
  if (askers.get(String(headers["x-aws-ec2-metadata-token"])) !== address) return { status: 401, body: "" };
  const body = found(address, url);
  return body === undefined ? { status: 404, body: "" } : { status: 200, body };
}

/**
 * @param {string} address
 * @param {string} url
 * @returns {string | undefined}
 */
function found(address, url) {
  /** @type {{ things: any[] }} */
  const { things } = JSON.parse(readFileSync(file, "utf8"));
  const instance = things.find(({ hidden }) => hidden?.linkLocal === address);
  if (instance === undefined) return undefined;
  const { iamInstanceProfile, userDataBase64, availabilityZone } = instance.properties;
  const of = (/** @type {string} */ type, /** @type {string} */ id) =>
    things.find((thing) => thing.type === type && thing.id === id);
  const role = of(
    "aws:iam/role:Role",
    of("aws:iam/instanceProfile:InstanceProfile", iamInstanceProfile)?.properties.role,
  );
  const credentials = "/latest/meta-data/iam/security-credentials";
  switch (url) {
    case "/latest/user-data":
      return userDataBase64 && Buffer.from(userDataBase64, "base64").toString();
    case "/latest/meta-data/instance-id":
      return instance.id;
    case "/latest/meta-data/placement/availability-zone":
      return availabilityZone;
    case credentials:
    case `${credentials}/`:
      return role?.id;
    case `${credentials}/${role?.id}`:
      return JSON.stringify({
        Code: "Success",
        LastUpdated: time(0),
        Type: "AWS-HMAC",
        AccessKeyId: role.hidden.accessKey,
        SecretAccessKey: role.hidden.secretKey,
        Token: role.hidden.token,
        Expiration: time(6),
      });
    default:
      return undefined;
  }
}

/** @param {number} hours from now on */
const time = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString().replace(/\.\d+/, "");
