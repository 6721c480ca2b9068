/** What counts as consented to: the simulation comes to it too rarely to be a test of it. */
import { strict as assert } from "node:assert";
import { type Member, noToken } from "../../model/leadership/index.ts";
import { encodeKept } from "../../model/leadership/schema.ts";
import { becameWritable } from "./invariants.ts";
import { newData } from "./postgres.ts";
import { type Host, makeWorld, newMember, type World } from "./world.ts";

const LEDGER = "0b6f8a52-3f3c-4a8e-9a53-0a7c1d8c2b11";
const DIGEST = "0".repeat(64);

function leads(host: Host, entry: number): void {
  const token = { ...noToken, ledger: LEDGER, digest: DIGEST, entry, leader: host.member, members: [host.member] };
  const { checkpoint } = newData();
  const kept = { token, joined: true, promoted: null, origins: [], machine: host.machine, checkpoint };
  host.disk.files.set("standing.json", JSON.stringify(encodeKept({ ...kept, systemIdentifier: "7" })));
}

function writes({ archive }: World, number: number, entry: object): void {
  archive.objects.set(`entry-${String(number).padStart(9, "0")}`, Buffer.from(`${DIGEST}\n${JSON.stringify(entry)}`));
}

/** `former` has a commit of a member that is gone, which handed over to it; `next` has not, and its claim's author knew nothing of all that. */
function leadsPastIt(proven: (world: World, former: Member) => void): string | null {
  const world = makeWorld(1, false);
  const [former, next] = world.hosts as [Host, Host, Host];
  const gone = newMember(world, "gone");
  former.disk.data = newData();
  former.disk.data.log.push({ timeline: 1, tag: "commit1" });
  next.disk.data = newData();
  world.acked.set("commit1", { tag: "commit1", by: gone, change: { entry: 2, overrides: 0 } });
  writes(world, 1, { kind: "initial", number: 1 });
  writes(world, 2, { kind: "claim", number: 2, consent: null, base: { entry: 1, overrides: 0 }, over: [] });
  writes(world, 3, { kind: "planned", number: 3 });
  const claim = { kind: "claim", number: 4, consent: { lossUnknown: true }, base: { entry: 1, overrides: 0 } };
  writes(world, 4, { ...claim, over: [former.member] });
  leads(former, 3);
  leads(next, 4);
  proven(world, former.member);
  becameWritable(world, next);
  return world.violation;
}

describe("what was acknowledged and is not there", () => {
  it("is consented to where a leader was fenced that held it, whoever wrote it", () => {
    assert.equal(
      leadsPastIt((world, former) => world.fencedSince.set(former, 4)),
      null,
    );
  });

  it("is lost where that leader stood down, or was fenced before the claim", () => {
    assert.match(leadsPastIt(() => undefined) ?? "", /without commit1/);
    assert.match(leadsPastIt((world, former) => world.fencedSince.set(former, 3)) ?? "", /without commit1/);
  });
});
