// @ts-check
/**
 * CloudWatch, as far as hosts send figures to it: who may is asked of the policies of his role, the signature is not checked. What came is kept, one
 * figure a line.
 *
 *   node cloudWatch.mjs <folder of certificate and key> <cloud.json> <figures.jsonl>
 */
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { text } from "node:stream/consumers";
import { decision } from "./policy.mjs";
import { principalOf, stateIn } from "./principals.mjs";

const [, , tls = "", file = "", figures = ""] = process.argv;

const server = createServer({ cert: readFileSync(`${tls}/server.crt`), key: readFileSync(`${tls}/server.key`) });
server.on("request", async (request, response) => {
  const form = new URLSearchParams(await text(request));
  const refusal = refused(request.headers, form);
  if (refusal === undefined) keep(form);
  response.writeHead(refusal === undefined ? 200 : 403).end(refusal ?? "<PutMetricDataResponse/>");
});
server.listen(443);

/**
 * @param {import("node:http").IncomingHttpHeaders} headers
 * @param {URLSearchParams} form
 */
function refused(headers, form) {
  if (form.get("Action") !== "PutMetricData") return "InvalidAction";
  const { account, region, things } = stateIn(file);
  const [, accessKey, scope] = /Credential=([^/]+)\/\d{8}\/([^,]+),/.exec(headers.authorization ?? "") ?? [];
  if (scope !== `${region}/monitoring/aws4_request`) return "SignatureDoesNotMatch";
  const principal = principalOf(things, accessKey);
  if (principal === undefined || principal.token !== (headers["x-amz-security-token"] ?? ""))
    return "InvalidClientTokenId";
  const context = { "cloudwatch:namespace": [form.get("Namespace") ?? ""], "aws:PrincipalAccount": [account] };
  const said = decision(principal.statements, { action: "cloudwatch:PutMetricData", resource: "*", context });
  return said === "allow" ? undefined : "AccessDenied";
}

/** @param {URLSearchParams} form */
function keep(form) {
  for (let number = 1; form.has(`MetricData.member.${number}.MetricName`); number++) {
    const of = (/** @type {string} */ field) => form.get(`MetricData.member.${number}.${field}`);
    const figure = {
      namespace: form.get("Namespace"),
      metric: of("MetricName"),
      value: Number(of("Value")),
      node: of("Dimensions.member.1.Value"),
    };
    appendFileSync(figures, `${JSON.stringify(figure)}\n`);
  }
}
