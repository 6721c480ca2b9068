import assert from "node:assert/strict";
import fc from "fast-check";
import { networkProblem } from "../../../model/config/network.ts";
import { formatSize, parseDuration, parseSize } from "../../../model/config/units.ts";
import { isHostName, isNodeName, slotName } from "../../../model/names.ts";

describe("units", () => {
  it("reads PostgreSQL's durations", () => {
    assert.equal(parseDuration("15min"), 900_000);
    assert.equal(parseDuration("1.5 h"), 5_400_000);
    assert.equal(parseDuration("500us"), 0.5);
    for (const text of ["15", "min", "15 Min", "15minutes", " 15min", "15min ", "1e3s", "-1s", ""]) {
      assert.equal(parseDuration(text), undefined, text);
    }
  });

  it("reads PostgreSQL's sizes", () => {
    assert.equal(parseSize("1GB"), 2 ** 30);
    assert.equal(parseSize("0.5kB"), 512);
    for (const text of ["1gb", "1KB", "0.5B", "1", "99999999999TB"]) assert.equal(parseSize(text), undefined, text);
  });

  it("writes sizes that it reads back", () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 42 }), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe("names", () => {
  it("makes a legal slot of every node name", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
        const name = labels.join(".");
        if (isNodeName(name)) assert.match(slotName(name), /^[a-z0-9_]{1,63}$/);
        assert.ok(isHostName(name));
      }),
    );
  });

  it("knows the bits of networks", () => {
    for (const network of [
      "0.0.0.0/0",
      "10.1.0.0/16",
      "192.0.2.7/32",
      "::/0",
      "fd00::/8",
      "2001:db8::1/128",
      "::ffff:10.0.0.0/104",
    ]) {
      assert.equal(networkProblem(network), undefined, network);
    }
    for (const network of ["10.1.0.0/15", "fd00::/7", "fe80::1%eth0/128", "1.2.3/8", "/8"]) {
      assert.notEqual(networkProblem(network), undefined, network);
    }
  });
});
