import assert from "node:assert/strict";
import { request } from "node:https";
import { AwsV4Signer } from "aws4fetch";
import { type S3Options, s3Requests, s3Storage } from "../../agent/real/s3.ts";
import { checkS3 } from "../../agent/real/storageCheck.ts";
import { newCa } from "./certificates.ts";
import { type StoreProxy, startCarelessStore, startProxy, startStore, type TestStore } from "./s3Fixture.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (found: Uint8Array | undefined) => found && Buffer.from(found).toString();

describe("the ledger in a bucket", function () {
  this.timeout(20_000);
  let store: TestStore;
  let proxy: StoreProxy;
  before(async function () {
    this.timeout(300_000);
    store = await startStore();
    proxy = await startProxy(store);
  });
  after(async () => {
    await proxy?.close();
    await store?.stop();
  });

  const storage = (more: Partial<S3Options> = {}) => s3Storage(s3Requests({ ...store.options, ...more }));
  const throughProxy = (more: Partial<S3Options> = {}) =>
    storage({ endpoint: proxy.endpoint, deadlineMs: 700, ...more });
  let number = 0;
  const newKey = () => {
    number += 1;
    return `entries/${number}`;
  };

  it("an object is created once, and read as it is", async () => {
    const key = newKey();
    assert.equal(await storage().get(key), undefined);
    assert.equal(await storage().create(key, bytes("first")), "created");
    assert.equal(await storage().create(key, bytes("second")), "exists");
    assert.equal(text(await storage().get(key)), "first");
  });

  it("of many at the same time, at most one creates it, and it is that one's", async () => {
    const key = newKey();
    const names = Array.from({ length: 12 }, (_, index) => `author ${index}`);
    const outcomes = await Promise.allSettled(names.map((name) => storage().create(key, bytes(name))));
    const winners = names.filter(
      (_, index) =>
        outcomes[index]?.status === "fulfilled" &&
        (outcomes[index] as PromiseFulfilledResult<string>).value === "created",
    );
    assert.equal(winners.length, 1);
    assert.equal(text(await storage().get(key)), winners[0]);
  });

  it("a request that never arrives, or whose reply is lost, is not known to have done anything", async () => {
    const dropped = newKey();
    proxy.next("drop");
    await assert.rejects(throughProxy().create(dropped, bytes("a")), /no whole answer within 700 ms/);
    assert.equal(await storage().get(dropped), undefined);

    const done = newKey();
    proxy.next("dropReply");
    await assert.rejects(throughProxy().create(done, bytes("a")), /socket hang up/);
    assert.equal(text(await storage().get(done)), "a");
    assert.equal(await throughProxy().create(done, bytes("a")), "exists");
  });

  it("a create that a proxy sends twice says that it exists, and it is the author's own", async () => {
    const key = newKey();
    proxy.next("repeat");
    assert.equal(await throughProxy().create(key, bytes("mine")), "exists");
    assert.equal(text(await throughProxy().get(key)), "mine");
  });

  it("a create that timed out lands later, and then it is there", async () => {
    const key = newKey();
    proxy.next("hold");
    await assert.rejects(throughProxy().create(key, bytes("late")));
    assert.equal(await storage().get(key), undefined);
    await proxy.release();
    assert.equal(text(await storage().get(key)), "late");
  });

  it("an answer that is cut off is none", async () => {
    const key = newKey();
    await storage().create(key, bytes("a longer object"));
    proxy.next("cut");
    await assert.rejects(throughProxy().get(key), /aborted/);
  });

  it("only 'no such key' in the store's own words says that there is nothing", async () => {
    const key = newKey();
    const error = (code: string) => `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>told</Message></Error>`;
    const cases = [
      [{ status: 403, body: error("AccessDenied") }, /the store says 403 AccessDenied: told$/],
      [{ status: 404, body: error("NoSuchBucket") }, /404 NoSuchBucket: told$/],
      [{ status: 404, body: "<html>NoSuchKey <Code>NoSuchKey</Code></html>" }, /404 <html>/],
      [{ status: 404, body: "" }, /404$/],
      [{ status: 404, body: error("NoSuchKey"), headers: { "x-amz-delete-marker": "true" } }, /it was deleted/],
      [{ status: 503, body: error("SlowDown") }, /503 SlowDown/],
      [{ status: 304, body: "" }, /304/],
      [{ status: 200, body: "<html>Welcome</html>" }, /no ETag, so it is not the store's$/],
      [{ status: 200, body: "x".repeat(70_000), headers: { etag: "x" } }, /more than 65536 bytes/],
    ] as const;
    for (const [answer, expected] of cases) {
      proxy.next(answer);
      await assert.rejects(throughProxy().get(key), expected);
    }
    proxy.next({ status: 404, body: error("NoSuchKey") });
    assert.equal(await throughProxy().get(key), undefined);
  });

  it("only the store's own 'done' says that it was created", async () => {
    const key = newKey();
    for (const answer of [
      { status: 200, body: "<html>Welcome</html>" },
      { status: 204, body: "", headers: { etag: "x" } },
      { status: 403, body: "" },
      { status: 500, body: "" },
      { status: 307, body: "", headers: { location: "https://127.0.0.1:1/" } },
    ]) {
      proxy.next(answer);
      await assert.rejects(throughProxy().create(key, bytes("a")), /creating entries/);
    }
    // Two at a time: it looks whether either has won.
    proxy.next({ status: 409, body: "" });
    await assert.rejects(throughProxy().create(key, bytes("a")), /409/);
    await storage().create(key, bytes("other"));
    proxy.next({ status: 409, body: "" });
    assert.equal(await throughProxy().create(key, bytes("a")), "exists");
  });

  it("an object that was deleted in a bucket with versions does not end the ledger", async () => {
    await administer(
      store,
      "PUT",
      "versioning",
      '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>',
    );
    const key = newKey();
    await storage().create(key, bytes("a"));
    await s3Requests(store.admin)("DELETE", key);
    await assert.rejects(storage().get(key), /it was deleted/);
    await administer(
      store,
      "PUT",
      "versioning",
      '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Suspended</Status></VersioningConfiguration>',
    );
  });

  it("a store whose certificate is of another CA, or of another name, is not spoken to", async () => {
    await assert.rejects(storage({ ca: newCa("other").certificate }).get("entries/1"), /unable to verify|self-signed/);
    await assert.rejects(
      storage({ endpoint: `https://127.0.0.2:${store.port}` }).get("entries/1"),
      /altnames|ECONNREFUSED/,
    );
  });

  it("wrong credentials say nothing about an object", async () => {
    const credentials = async () => ({ accessKeyId: "ledger", secretAccessKey: "wrong" });
    await assert.rejects(storage({ credentials }).get("entries/1"), /403 SignatureDoesNotMatch/);
    await assert.rejects(storage({ credentials }).create("entries/1", bytes("a")), /403 SignatureDoesNotMatch/);
  });

  it("whoever has PostgreSQL's credentials reads, makes and deletes nothing in it", async () => {
    const key = newKey();
    await storage().create(key, bytes("kept"));
    const send = s3Requests(store.archive);
    const refused = await Promise.all([
      send("GET", key),
      send("PUT", key, bytes("other")),
      send("PUT", newKey(), bytes("a"), "onlyNew"),
      send("DELETE", key),
    ]);
    assert.deepEqual(
      refused.map(({ said }) => said.split(":")[0]),
      Array(4).fill("403 AccessDenied"),
    );
    assert.equal(text(await storage().get(key)), "kept");
  });

  it("no key leads elsewhere", async () => {
    for (const key of ["../other", "a//b/../c", "A", "a?versioning", "a b", ""]) {
      await assert.rejects(storage().get(key), /is no key of the ledger/, key);
    }
  });

  describe("at provisioning", () => {
    const check = (options: S3Options) => {
      const send = s3Requests(options);
      return checkS3(s3Storage(send), send);
    };

    it("finds that the ledger's own credentials cannot delete, and that the store creates once and tells what is missing", async () => {
      const found = await check(store.options);
      const wrong = found.filter(({ holds }) => !holds);
      // This server's policies know no condition on the header.
      assert.deepEqual(
        wrong.map(({ rule }) => rule),
        ["refusesReplace"],
        JSON.stringify(found),
      );
      assert.match(wrong[0]?.said ?? "", /can replace an object$/);
    });

    it("finds credentials that can delete", async () => {
      const wrong = (await check(store.admin)).filter(({ holds }) => !holds);
      assert.deepEqual(
        wrong.map(({ rule }) => rule),
        ["refusesReplace", "refusesDelete"],
      );
    });

    it("finds a store that ignores the condition", async () => {
      const careless = await startCarelessStore(store);
      try {
        const found = await check({ ...store.options, endpoint: careless.endpoint });
        const [first] = found;
        assert.deepEqual([first?.rule, first?.holds], ["createsOnce", false]);
        assert.match(first?.said ?? "", /one after the other: created, created$/);
      } finally {
        await careless.close();
      }
    });

    it("finds that a missing key cannot be told from a forbidden one", async () => {
      const forbidden = { status: 403, body: "<Error><Code>AccessDenied</Code><Message>no</Message></Error>" } as const;
      const send = s3Requests(store.options);
      const [, missing] = await checkS3(
        s3Storage(async (method, key, body, onlyNew) => {
          const answer = await send(method, key, body, onlyNew);
          return answer.code === "NoSuchKey"
            ? {
                ...answer,
                ...forbidden,
                body: Buffer.from(forbidden.body),
                code: "AccessDenied",
                said: "403 AccessDenied: no",
              }
            : answer;
        }),
        send,
      );
      assert.deepEqual([missing?.rule, missing?.holds], ["tellsWhatIsMissing", false]);
      assert.match(missing?.said ?? "", /403 AccessDenied/);
    });
  });
});

/** Something about the bucket itself. */
async function administer({ port, ca, admin }: TestStore, method: string, query: string, body: string): Promise<void> {
  const url = `https://127.0.0.1:${port}/cluster?${query}`;
  const signer = new AwsV4Signer({
    ...(await admin.credentials()),
    url,
    method,
    body,
    service: "s3",
    region: "us-east-1",
  });
  const { headers } = await signer.sign();
  const status = await new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, ca: ca.certificate, headers: { ...Object.fromEntries(headers), "content-length": body.length } },
      (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      },
    );
    sent.on("error", reject).end(body);
  });
  assert.ok([200, 204].includes(status as number), `${query}: ${status}`);
}
