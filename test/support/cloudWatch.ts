import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Datum {
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  readonly node: string | undefined;
}

/** Characters as in real ones: keys are base64. */
export const credentials = {
  AccessKeyId: "ASIAEXAMPLE00000001",
  SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  Token: "IQoJb3JpZ2luX2VjE/EaCXVzLWVhc3QtMSJHMEUCIQ==",
} as const;

/** The metadata service of an instance, and CloudWatch, on one port of loopback. Both are as strict as the real ones. */
export class FakeAws {
  readonly calls: Call[] = [];
  /** What CloudWatch answers. */
  status = 200;
  /** Whether the instance has a role. */
  role = true;
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(): Promise<FakeAws> {
    const server = createServer();
    const fake = new FakeAws(server);
    server.on("request", async (request, response) => {
      const call = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: await text(request),
      };
      fake.calls.push(call);
      const [status, body] = fake.answer(call);
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** What was sent to CloudWatch, a call after the other. */
  get sent(): readonly Call[] {
    return this.calls.filter(({ path }) => path === "/");
  }

  private answer({ method, path, headers }: Call): readonly [number, string] {
    if (path === "/") {
      return [this.status, this.status === 200 ? "<PutMetricDataResponse/>" : "<Code>AccessDenied</Code>\n"];
    }
    if (method === "PUT" && path === "/latest/api/token") {
      return headers["x-aws-ec2-metadata-token-ttl-seconds"] ? [200, "IMDS-TOKEN=="] : [400, ""];
    }
    if (headers["x-aws-ec2-metadata-token"] !== "IMDS-TOKEN==") return [401, ""];
    const roles = "/latest/meta-data/iam/security-credentials/";
    if (!this.role) return [404, ""];
    if (path === roles) return [200, "understudy-dev_node-a"];
    if (path !== `${roles}understudy-dev_node-a`) return [404, ""];
    const fields = Object.entries({ Code: "Success", ...credentials }).map(
      ([name, value]) => `  "${name}" : "${value}"`,
    );
    return [200, `{\n${fields.join(",\n")}\n}`];
  }
}

/** The namespace, and what is in it. */
export function dataOf(body: string): { readonly namespace: string | null; readonly data: readonly Datum[] } {
  const fields = new URLSearchParams(body);
  const data: Datum[] = [];
  for (let number = 1; fields.has(`MetricData.member.${number}.MetricName`); number++) {
    const field = (name: string) => fields.get(`MetricData.member.${number}.${name}`);
    const named = field("Dimensions.member.1.Name") === "Node";
    data.push({
      metric: field("MetricName") ?? "",
      unit: field("Unit") ?? "",
      value: Number(field("Value")),
      node: named ? (field("Dimensions.member.1.Value") ?? "") : undefined,
    });
  }
  return { namespace: fields.get("Namespace"), data };
}

const hash = (data: string) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();

/** The `Authorization` that AWS would reckon for this call, of what the call itself says was signed. */
export function expectedAuthorization({ method, path, headers, body }: Call, region: string, service: string): string {
  const [, signed = ""] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "") ?? [];
  const date = String(headers["x-amz-date"]);
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const canonical = [
    ...[method, path, ""],
    ...signed.split(";").map((name) => `${name}:${String(headers[name]).trim()}`),
    ...["", signed, hash(body)],
  ].join("\n");
  const key = [date.slice(0, 8), region, service, "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${credentials.SecretAccessKey}`,
  );
  const signature = hmac(key, ["AWS4-HMAC-SHA256", date, scope, hash(canonical)].join("\n")).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${credentials.AccessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}
