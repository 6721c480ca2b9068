import assert from "node:assert/strict";
import { balancerIdleSeconds, poolerKeepalive } from "../../../model/keepalive.ts";

describe("keepalive", () => {
  it("of the poolers is heard several times before the load balancer forgets a connection", () => {
    const { idle, interval, count } = poolerKeepalive;
    assert.ok(3 * idle <= balancerIdleSeconds, `${idle} s against ${balancerIdleSeconds} s`);
    // A client that is gone is noticed before the balancer drops what would have told of it.
    assert.ok(idle + interval * count < balancerIdleSeconds);
  });

  it("is within what AWS takes for a TCP listener", () => {
    assert.ok(balancerIdleSeconds >= 60 && balancerIdleSeconds <= 6000);
  });
});
