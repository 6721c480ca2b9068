import assert from "node:assert/strict";
import { keptMembers, type Members, membersOf, parseWitnesses } from "../../model/members.ts";

const at = (name: string, address = `10.0.0.${name.charCodeAt(5)}`) => ({
  name,
  address,
  sshPort: 22,
  hostKey: `key ${name}`,
});
const nothing: Members = { members: [], retired: [] };
const names = ({ members }: Members) => members.map(({ name }) => name);

describe("members", () => {
  const three: Members = { members: ["node-a", "node-b", "node-c"].map((name) => at(name)), retired: [] };
  const of = (
    declared: Parameters<typeof membersOf>[0]["declared"],
    more: Partial<Parameters<typeof membersOf>[0]> = {},
  ) => membersOf({ declared, remembered: three, off: [], ...more });

  it("are all that are declared; of one that was reached before, it is remembered where", () => {
    const { members } = of([at("node-a", "10.9.9.9"), { name: "node-b" }, { name: "node-d" }]);
    assert.deepEqual(members.slice(0, 2), [at("node-a", "10.9.9.9"), at("node-b")]);
    assert.deepEqual(members.at(-1), { name: "node-d", address: "-", sshPort: 22, hostKey: "" });
  });

  it("stay when they are removed from config, until an earlier update has destroyed their host or proven that it is off", () => {
    const left = [at("node-a"), at("node-b")];
    assert.deepEqual(names(of(left)), ["node-a", "node-b", "node-c"]);
    const gone = of(left, { off: ["node-c"] });
    assert.deepEqual([names(gone), gone.retired], [["node-a", "node-b"], ["node-c"]]);
    assert.deepEqual(of(left, { remembered: gone }), gone, "the next update changes nothing");
    assert.deepEqual(of([...left, at("node-c")], { remembered: gone }).retired, []);
  });

  it("are read back as they were kept", () => {
    assert.deepEqual(keptMembers(JSON.stringify(three)), three);
    assert.deepEqual(keptMembers(undefined), nothing);
    for (const text of ["", "{}", '{"members":[{"name":"node-a"}],"retired":[]}']) {
      assert.equal(keptMembers(text), undefined, text);
    }
  });
});

describe("witnesses", () => {
  it("are read from what pgBackRest lists; whatever else is there is none", () => {
    const text = `{".":{"type":"path"},"understudy-00000002-candidate-node-b":{"size":21,"time":1700000000,"type":"file"}}

      {"00000002.history":{"size":1,"time":1,"type":"file"},"understudy-00000012-armed-db-1.example":{"size":1,"time":5,"type":"file"},"understudy-99999999999-armed-x":{"size":1,"time":5}}
      WARN: no JSON`;
    assert.deepEqual(parseWitnesses(text), [
      { epoch: 2, kind: "candidate", node: "node-b", time: 1700000000 },
      { epoch: 12, kind: "armed", node: "db-1.example", time: 5 },
    ]);
  });
});
