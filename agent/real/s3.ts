/** The ledger in a bucket: two requests of S3's API, and what each answer says for sure. */
import { createHash } from "node:crypto";
import { Agent, request } from "node:https";
import { AwsV4Signer } from "aws4fetch";
import { printable } from "../../model/text.ts";
import type { LedgerStorage } from "../surroundings.ts";
import { checkedKey, largestObject } from "./ledgerObject.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials for a time. */
  readonly sessionToken?: string;
}

export interface S3Options {
  /** `https://host:port`. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Before each key: letters, digits, `/`, `.`, `_`, `-`; ends with `/`, or is empty. */
  readonly prefix: string;
  readonly uriStyle: "path" | "host";
  /** PEM. Absent: the certificates that Node trusts, and with `--use-system-ca` the host. */
  readonly ca?: string;
  /** Whether the server's certificate is checked. */
  readonly verifyTls: boolean;
  /** Asked for each request: they may be for a time. */
  readonly credentials: () => Promise<S3Credentials>;
  /** How long a request may take, its answer included. */
  readonly deadlineMs: number;
}

/** What the store answered. */
export interface S3Answer {
  readonly status: number;
  /** `Code` and `Message` of an error, or the beginning of what came instead; in one line. */
  readonly said: string;
  /** `Code` of an error; empty where the answer is none of S3's. */
  readonly code: string;
  readonly etag: boolean;
  readonly deleteMarker: boolean;
  readonly body: Buffer;
}

type Method = "GET" | "PUT" | "DELETE";
export type S3Send = (method: Method, key: string, body?: Uint8Array, onlyNew?: "onlyNew") => Promise<S3Answer>;

const said = (status: number, code: string, body: string): string => {
  const message = /<Message>([^<]*)<\/Message>/.exec(body)?.[1] ?? "";
  const text = code === "" ? body.slice(0, 200) : `${code}: ${message.slice(0, 200)}`;
  return printable(`${status} ${text}`.trim());
};

/** @returns the text of `Code` in an error of S3's; it is the first thing in it, or comes after the like */
const errorCode = (body: string): string =>
  /^\s*(?:<\?xml[^>]*>\s*)?<Error[ >]/.test(body) ? (/<Code>([A-Za-z]{1,100})<\/Code>/.exec(body)?.[1] ?? "") : "";

function urlOf({ endpoint, bucket, prefix, uriStyle }: S3Options, key: string): URL {
  const url = new URL(endpoint);
  if (uriStyle === "host") url.hostname = `${bucket}.${url.hostname}`;
  url.pathname = `${uriStyle === "path" ? `/${bucket}` : ""}/${prefix}${checkedKey(key)}`;
  return url;
}

const sha256 = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");

async function signedHeaders(
  options: S3Options,
  url: URL,
  method: Method,
  body: Uint8Array | undefined,
  onlyNew: boolean,
): Promise<Record<string, string>> {
  const bytes = body ?? new Uint8Array();
  const headers: Record<string, string> = { "x-amz-content-sha256": sha256(bytes) };
  if (method === "GET") headers["cache-control"] = "no-cache";
  if (method === "PUT") {
    // Buckets with object lock ask for it.
    headers["content-md5"] = createHash("md5").update(bytes).digest("base64");
    headers["content-type"] = "application/json";
  }
  if (onlyNew) headers["if-none-match"] = "*";
  const signer = new AwsV4Signer({
    ...(await options.credentials()),
    url: url.href,
    method,
    headers,
    service: "s3",
    region: options.region,
  });
  const { headers: signed } = await signer.sign();
  return { ...Object.fromEntries(signed), host: url.host, "content-length": String(bytes.length) };
}

function exchange(
  agent: Agent,
  options: S3Options,
  url: URL,
  method: Method,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | undefined,
): Promise<S3Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.deadlineMs);
    const fail = (error: Error) => {
      const why = signal.aborted ? `no whole answer within ${options.deadlineMs} ms` : error.message;
      reject(new Error(`${method} ${url.host}${url.pathname}: ${printable(why)}`));
    };
    const sent = request(url, { method, headers, agent, signal }, (response) => {
      const pieces: Buffer[] = [];
      let length = 0;
      response.on("error", fail);
      response.on("data", (piece: Buffer) => {
        length += piece.length;
        pieces.push(piece);
        if (length > largestObject) sent.destroy(new Error(`the answer has more than ${largestObject} bytes`));
      });
      response.on("end", () => {
        const bytes = Buffer.concat(pieces);
        const status = response.statusCode ?? 0;
        const text = status < 300 ? "" : bytes.toString("utf8");
        const code = errorCode(text);
        resolve({
          status,
          code,
          said: said(status, code, text),
          etag: response.headers.etag !== undefined,
          deleteMarker: response.headers["x-amz-delete-marker"] === "true",
          body: bytes,
        });
      });
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

/** Sends one request, once: what a retry would hide is what decides. */
export function s3Requests(options: S3Options): S3Send {
  const ca = options.ca === undefined ? {} : { ca: options.ca };
  const agent = new Agent({ ...ca, rejectUnauthorized: options.verifyTls, minVersion: "TLSv1.2", keepAlive: false });
  return async (method, key, body, onlyNew) => {
    const url = urlOf(options, key);
    const headers = await signedHeaders(options, url, method, body, onlyNew !== undefined);
    return await exchange(agent, options, url, method, headers, body);
  };
}

const unknown = (what: string, answer: S3Answer): Error => new Error(`${what}: the store says ${answer.said}`);

/** Amazon's S3, and all that know its API, name what they store or hand out by an `ETag`: without one a proxy answered. */
const bySomebodyElse = (what: string, { status }: S3Answer): Error =>
  new Error(`${what}: the answer ${status} has no ETag, so it is not the store's`);

export function s3Storage(send: S3Send): LedgerStorage {
  async function get(key: string): Promise<Uint8Array | undefined> {
    const answer = await send("GET", key);
    if (answer.status === 200) {
      if (!answer.etag) throw bySomebodyElse(`reading ${key}`, answer);
      return answer.body;
    }
    if (answer.status === 404 && answer.code === "NoSuchKey") {
      if (answer.deleteMarker)
        throw new Error(`reading ${key}: it was deleted, and the bucket's versions have it still`);
      return undefined;
    }
    throw unknown(`reading ${key}`, answer);
  }

  async function create(key: string, bytes: Uint8Array): Promise<"created" | "exists"> {
    const answer = await send("PUT", key, bytes, "onlyNew");
    switch (answer.status) {
      case 200:
      case 201:
        if (!answer.etag) throw bySomebodyElse(`creating ${key}`, answer);
        return "created";
      case 412:
        return "exists";
      case 409:
        // Two at a time: whether either has won is not said.
        if ((await get(key)) !== undefined) return "exists";
        throw unknown(`creating ${key}`, answer);
      default:
        throw unknown(`creating ${key}`, answer);
    }
  }

  return { create, get };
}
