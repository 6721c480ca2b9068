import assert from "node:assert/strict";
import { dialFailure } from "../../../model/dialFailure.ts";

describe("a failed SSH connection", () => {
  const explain = (message: string) => dialFailure(message, "node-b (root@10.0.0.2:22)");

  it("is told with what, where and a hint, as the plugin words it", () => {
    const messages: Record<string, RegExp> = {
      "after 2 failed attempts: dial tcp 10.0.0.2:22: connect: connection refused": /connection refused/,
      "after 2 failed attempts: dial tcp 10.0.0.2:22: i/o timeout": /no answer/,
      "after 2 failed attempts: dial tcp 10.0.0.2:22: connect: no route to host": /no route to the host/,
      "after 2 failed attempts: dial tcp: lookup nowhere: no such host": /the name is not known/,
      "after 2 failed attempts: ssh: handshake failed: ssh: host key mismatch": /another host key/,
      "after 2 failed attempts: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain":
        /refuses the login/,
      "after 2 failed attempts: ssh: handshake failed: EOF": /the connection was closed/,
    };
    for (const [message, what] of Object.entries(messages)) {
      const explanation = explain(message) ?? "";
      assert.match(explanation, /^node-b \(root@10\.0\.0\.2:22\): .+\nHINT: .+$/);
      assert.match(explanation, what);
    }
  });

  it("names the bastion where it may be that", () => {
    assert.match(
      explain("proxy: after 2 failed attempts: dial tcp 10.0.0.9:22: i/o timeout") ?? "",
      /or its bastion: /,
    );
  });

  it("is not what a failing script is", () => {
    assert.equal(
      explain('Process exited with status 1: running "understudy promote node-b":\nno space left'),
      undefined,
    );
  });
});
