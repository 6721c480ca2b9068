import assert from "node:assert/strict";
import type { HostFacts } from "../../../model/hostFacts.ts";
import { underWay } from "../../../model/preflight/index.ts";
import { primary, standby, stopped, token, well } from "./fixtures.ts";

describe("preflight: a handover under way", () => {
  const at = (facts: HostFacts, handover = "active") => ({ ...facts, handover });
  const known = (world: Readonly<Record<string, HostFacts>>) =>
    Object.entries(world).map(([name, facts]) => ({ ...facts, node: name }));
  const armed = standby({ token: token("node-b", 2, "armed", "node-a") });
  const giving = stopped(primary({ token: token("node-b", 2, "yielding", "node-a") }));
  const taking = standby({ token: token("node-b", 2, "taken", "node-a") });

  it("is one while a target waits for a primary that gives, or that can't be asked, or promotes", () => {
    for (const world of [
      { "node-b": at(armed), "node-c": standby() },
      { ...well, "node-a": at(primary()), "node-b": at(armed) },
      { ...well, "node-a": giving, "node-b": at(armed) },
      { ...well, "node-a": at(giving), "node-b": armed },
      { ...well, "node-a": giving, "node-b": at(taking) },
    ]) {
      assert.equal(underWay(known(world)), "node-a hands over to node-b (epoch 2)");
    }
  });

  it("is none once it has ended, where its unit is gone, or where nobody can answer", () => {
    const b = primary({ token: token("node-b", 2, "leads", "node-a") });
    for (const world of [
      well,
      { ...well, "node-b": armed },
      { ...well, "node-b": at(armed) },
      { "node-a": at(giving), "node-c": standby() },
      { ...well, "node-b": at(b) },
      { ...well, "node-a": at(primary()) },
    ]) {
      assert.equal(underWay(known(world)), undefined);
    }
  });
});
