import assert from "node:assert/strict";
import { fencedPolicyName, rolePolicyName } from "../../model/aws/policies.ts";
import type { FenceOrder, PowerInput } from "../../model/stepInputs.ts";
import {
  AwsFailure,
  type Ec2,
  type FoundInstance,
  type FoundVolume,
  type Holder,
  type Iam,
} from "../../scripts/steps/lib/awsClients.ts";
import { fence, fitRole, fitVolume, type PowerOptions, start } from "../../scripts/steps/lib/ec2Power.ts";
import { surround } from "../../scripts/steps/lib/recordsAndRoles.ts";

const volume = { id: "vol-1", type: "gp3", sizeGb: 20, iops: 3000, throughput: 125 } as const;
const input: PowerInput = {
  ...{ name: "node-a", account: "123456789012", region: "eu-central-1", instance: "i-1", volume, again: "" },
  role: { name: "role-a", policy: '{"Version":"2012-10-17"}' },
};
const ordered = (order: Partial<FenceOrder> = {}): PowerInput & { readonly fence: FenceOrder } => ({
  ...input,
  fence: { change: "intent-1:2", stop: "force", tags: { Name: "a" }, ...order },
});

const failure = (code: string, status = 400) =>
  new AwsFailure("A call", { name: code, message: "as ordered", $metadata: { httpStatusCode: status } });

const instance = (state: string, more: Partial<FoundInstance> = {}): FoundInstance => ({
  ...{ state, hibernates: false, reason: "" },
  ...more,
});

type Answer = FoundInstance | undefined | AwsFailure;

/** EC2 that says one thing after the other, the last one for good; what it is asked for is written down. */
function cloud(
  says: readonly Answer[],
  refusals: Readonly<Record<string, AwsFailure>> = {},
  holders: readonly Holder[] | AwsFailure = [{ id: "i-1", state: "stopped" }],
) {
  const calls: string[] = [];
  let asked = 0;
  const left: Record<string, AwsFailure> = { ...refusals };
  const act = (call: string, what = call) => {
    calls.push(what);
    const refusal = left[call];
    if (refusal) throw refusal;
  };
  const ec2: Ec2 = {
    async instance() {
      const answer = says[Math.min(asked++, says.length - 1)];
      if (answer instanceof AwsFailure) throw answer;
      return answer;
    },
    stop: async (_, { force, skipOsShutdown }) =>
      act("stop", `stop${force ? " force" : ""}${skipOsShutdown ? " skip" : ""}`),
    start: async () => act("start"),
    async holders() {
      if (holders instanceof AwsFailure) throw holders;
      return holders;
    },
    become: async (_, type) => {
      act("become", `become ${type}`);
      delete left.start;
    },
    volume: async () => undefined,
    modify: async () => act("modify"),
  };
  return { ec2, calls };
}

const quick = (more: Partial<PowerOptions> = {}): PowerOptions => ({
  ...{
    say: () => {},
    pauseMilliseconds: 1,
    seconds: 0.3,
    cleanSeconds: 0.1,
    gracefulSeconds: 0.05,
    graceSeconds: 0.05,
    lookSeconds: 0.05,
  },
  ...more,
});

describe("the fence of the target aws", () => {
  for (const state of ["stopped", "terminated"]) {
    it(`is proven by an instance that is ${state}, which is asked for nothing`, async () => {
      const { ec2, calls } = cloud([instance(state)]);
      assert.equal(await fence(ordered(), ec2, quick()), undefined);
      assert.deepEqual(calls, []);
    });
  }

  for (const state of ["stopped", "terminated"]) {
    it(`is not proven by one that is ${state} where another instance was made for the node, or has its volume`, async () => {
      const other = [
        { id: "i-1", state },
        { id: "i-0", state: "terminated" },
        { id: "i-2", state: "running" },
      ] as const;
      const word = { statement: "M. E., 03:12, zone is dark" };
      for (const order of [ordered(), ordered({ word })]) {
        const { ec2 } = cloud([instance(state)], {}, other);
        assert.match(
          (await fence(order, ec2, quick())) ?? "",
          /^node-a: its instance i-1 is \w+, and i-2 \(running\) was made for this node too.*not fenced\nHINT: .*--refresh/,
        );
      }
      assert.equal(await fence(ordered(), cloud([instance(state)], {}, other.slice(0, 2)).ec2, quick()), undefined);
    });
  }

  it("is not proven while EC2 does not say who else has the node's data", async () => {
    const { ec2 } = cloud([instance("terminated")], {}, failure("InternalError", 500));
    assert.match((await fence(ordered(), ec2, quick())) ?? "", /not proven to be off \(A call: InternalError/);
  });

  it("forces from the first moment, skips the shutdown next, and believes neither stop but what EC2 says", async () => {
    const { ec2, calls } = cloud([
      instance("running"),
      ...Array<Answer>(60).fill(instance("stopping")),
      instance("stopped"),
    ]);
    assert.equal(await fence(ordered(), ec2, quick({ seconds: 5 })), undefined);
    assert.deepEqual(calls, ["stop force", "stop force skip"]);
  });

  it("that is asked for a clean stop lets the host shut down first, and forces it then", async () => {
    const { ec2, calls } = cloud([instance("running"), instance("stopping")]);
    const problem = await fence(ordered({ stop: "clean" }), ec2, quick());
    assert.deepEqual(calls, ["stop", "stop force", "stop force skip"]);
    assert.match(
      problem ?? "",
      /^node-a: its instance i-1 is not proven to be off \(stopping\): .*\nHINT: .*fence\.statement/,
    );
  });

  for (const state of ["running", "pending", "stopping", "shutting-down", "unknown"]) {
    it(`is not proven by an instance that is ${state}`, async () => {
      const { ec2 } = cloud([instance(state)]);
      assert.match(
        (await fence(ordered(), ec2, quick())) ?? "",
        /not proven to be off \([^)]*\): it is not fenced\nHINT: /,
      );
    });
  }

  it("is not proven by one that may have hibernated: it would go on from its memory", async () => {
    const { ec2 } = cloud([instance("stopped", { hibernates: true })]);
    assert.match((await fence(ordered(), ec2, quick())) ?? "", /can hibernate.*not fenced\nHINT: .*Terminate it/);
    const gone = cloud([instance("terminated", { hibernates: true })]);
    assert.equal(await fence(ordered(), gone.ec2, quick()), undefined);
  });

  it("is not proven by an instance that EC2 does not know: it may be another account's", async () => {
    const { ec2, calls } = cloud([undefined]);
    assert.match((await fence(ordered(), ec2, quick())) ?? "", /not proven to be off \(not known to EC2\)/);
    assert.deepEqual(calls, []);
  });

  it("goes on where a call fails that can pass, and ends at once where it can't", async () => {
    const passing = cloud([failure("InternalError", 500), instance("running"), instance("stopped")]);
    assert.equal(await fence(ordered(), passing.ec2, quick()), undefined);
    const begin = Date.now();
    const final = cloud([failure("UnauthorizedOperation", 403)]);
    assert.match((await fence(ordered(), final.ec2, quick({ seconds: 30 }))) ?? "", /UnauthorizedOperation/);
    assert.ok(Date.now() - begin < 5000);
  });

  it("takes no word where nothing could be stopped for want of rights; what is refused once a stop was taken is waited for", async () => {
    const word = { statement: "M. E., 03:12, zone is dark" };
    const none = cloud([failure("ExpiredToken", 400)]);
    assert.match(
      (await fence(ordered({ word }), none.ec2, quick())) ?? "",
      /was not stopped: .*ExpiredToken.*\nHINT: /,
    );
    assert.deepEqual(none.calls, []);
    const later = cloud([instance("running"), failure("ExpiredToken", 400), instance("stopped")]);
    assert.equal(await fence(ordered(), later.ec2, quick()), undefined);
    const forced = cloud([instance("running"), instance("stopped")]);
    assert.equal(await fence(ordered({ stop: "clean", word }), forced.ec2, quick()), undefined);
    assert.deepEqual(forced.calls, ["stop force"]);
  });

  it("takes the operator's word where EC2 can't tell, and says so; what EC2 proves needs none", async () => {
    const said: string[] = [];
    const word = { statement: "M. E., 03:12, zone is dark" };
    const { ec2, calls } = cloud([instance("stopping")]);
    assert.equal(await fence(ordered({ word }), ec2, quick({ say: (line) => said.push(line) })), undefined);
    assert.ok(calls.length > 0, "it is stopped all the same");
    assert.match(said.at(-1) ?? "", /does not prove that it is off \(stopping\).*zone is dark/);
    said.length = 0;
    const off = cloud([instance("stopped")]);
    assert.equal(await fence(ordered({ word }), off.ec2, quick({ say: (line) => said.push(line) })), undefined);
    assert.deepEqual(said, []);
  });

  it("lets a command of the operator's prove it, for this change", async () => {
    const ran: string[] = [];
    const run = (answer: string | undefined) => async (command: string, change: string) => {
      ran.push(`${command} ${change}`);
      return answer;
    };
    const word = { command: "./off node-a" };
    const { ec2 } = cloud([instance("stopping")]);
    assert.equal(await fence(ordered({ word }), ec2, quick({ run: run(undefined) })), undefined);
    assert.deepEqual(ran, ["./off node-a intent-1:2"]);
    const problem = await fence(ordered({ word }), ec2, quick({ run: run("it ended with 3") }));
    assert.match(problem ?? "", /^node-a: the command .* does not prove that the host is off: it ended with 3\nHINT: /);
  });
});

describe("a host of the target aws is brought up", () => {
  it("and waited for; one that runs is left alone", async () => {
    const { ec2, calls } = cloud([instance("stopping"), instance("stopped"), instance("pending"), instance("running")]);
    assert.equal(await start(input, ec2, quick()), undefined);
    assert.deepEqual(calls, ["start"]);
    const on = cloud([undefined, instance("running")]);
    assert.equal(await start(input, on.ec2, quick()), undefined);
    assert.deepEqual(on.calls, []);
  });

  it("as one of another type where AWS has no room for its own", async () => {
    const room = cloud([instance("stopped"), instance("stopped"), instance("running")], {
      start: failure("InsufficientInstanceCapacity", 500),
    });
    assert.equal(await start({ ...input, otherTypes: ["m6g.large"] }, room.ec2, quick()), undefined);
    assert.deepEqual(room.calls, ["start", "become m6g.large", "start"]);
    const unfit = cloud([instance("stopped")], {
      ...{ start: failure("InsufficientInstanceCapacity", 500), become: failure("InvalidInstanceAttributeValue") },
    });
    assert.match(
      (await start({ ...input, otherTypes: ["m6g.large"] }, unfit.ec2, quick())) ?? "",
      /can't become one of m6g\.large: .*\nHINT: .*otherInstanceTypes/,
    );
  });

  it("or the next step finds out whether it runs, where EC2 does not say: nothing waits for that", async () => {
    for (const code of ["InternalError", "UnauthorizedOperation"]) {
      const missing: string[] = [];
      const { ec2, calls } = cloud([failure(code, code === "InternalError" ? 500 : 403)]);
      const options = quick({ seconds: 30, miss: (what) => missing.push(what) });
      const begin = Date.now();
      assert.equal(await start(input, ec2, options), undefined);
      const silent = { ...ec2, volume: () => Promise.reject(failure(code, 500)) };
      assert.equal(await fitVolume(input, silent, options), undefined);
      assert.ok(Date.now() - begin < 5000);
      assert.deepEqual(calls, []);
      assert.match(missing.join("\n"), /whether its instance i-1 runs is not known: .*\nHINT: /);
      assert.match(missing.join("\n"), /whether its volume vol-1 is as declared is not known: .*\nHINT: /);
    }
  });

  it("or it is said why not: no capacity, gone", async () => {
    const full = cloud([instance("stopped")], { start: failure("InsufficientInstanceCapacity", 500) });
    assert.match((await start(input, full.ec2, quick())) ?? "", /can't be started: .*Capacity.*\nHINT: .*again later/);
    for (const answer of [undefined, instance("terminated")])
      assert.match((await start(input, cloud([answer]).ec2, quick())) ?? "", /is (gone|terminated)\nHINT: .*--refresh/);
  });
});

describe("a volume of the target aws", () => {
  const found = (more: Partial<FoundVolume> = {}): FoundVolume => {
    const { id: _, ...is } = volume;
    return { ...is, modifying: false, ...more };
  };
  const fit = async (says: readonly FoundVolume[], refusal?: AwsFailure) => {
    const { ec2, calls } = cloud([], refusal ? { modify: refusal } : {});
    let asked = 0;
    const problem = await fitVolume(
      input,
      { ...ec2, volume: async () => says[Math.min(asked++, says.length - 1)] },
      quick(),
    );
    return { problem, calls };
  };

  it("is left alone where it is as declared, or is becoming so", async () => {
    assert.deepEqual(await fit([found()]), { problem: undefined, calls: [] });
    assert.deepEqual(await fit([found({ sizeGb: 10, modifying: true }), found()]), { problem: undefined, calls: [] });
  });

  it("is changed where the provider was refused that, and waited for", async () => {
    const grown = [found({ sizeGb: 10 }), found({ sizeGb: 10, modifying: true }), found()];
    assert.deepEqual(await fit(grown), { problem: undefined, calls: ["modify"] });
    assert.deepEqual((await fit([found({ iops: 4000 }), found()])).calls, ["modify"]);
  });

  it("or it is said why not", async () => {
    const late = await fit([found({ sizeGb: 10 })], failure("VolumeModificationRateExceeded"));
    assert.match(late.problem ?? "", /can't be changed now: .*\nHINT: .*again later/);
    assert.match((await fit([found({ sizeGb: 30 })])).problem ?? "", /has 30 GB.*can't become smaller\nHINT: .*30GB/);
    assert.match((await fit([found({ sizeGb: 10 })])).problem ?? "", /still being changed|again later/);
  });
});

describe("roles and names of the target aws", () => {
  function iamOf(policies: Record<string, string>, refusal?: AwsFailure) {
    const calls: string[] = [];
    const iam: Iam = {
      async policy(_, name) {
        return policies[name];
      },
      async put(role, name) {
        if (refusal) throw refusal;
        calls.push(`put ${role} ${name}`);
      },
      named: async () => [],
      async remove(role, name) {
        if (refusal) throw refusal;
        calls.push(`remove ${role} ${name}`);
      },
    };
    return { iam, calls };
  }

  it("may do what is declared again, whatever an update before could not do", async () => {
    const same = iamOf({ [rolePolicyName]: '{ "Version": "2012-10-17" }' });
    await fitRole(input, same.iam, quick());
    assert.deepEqual(same.calls, [`remove role-a ${fencedPolicyName}`]);
    const other = iamOf({});
    await fitRole(input, other.iam, quick());
    assert.deepEqual(other.calls, [`remove role-a ${fencedPolicyName}`, `put role-a ${rolePolicyName}`]);
  });

  it("stop nothing where IAM does not answer", async () => {
    const said: string[] = [];
    await fitRole(input, iamOf({}, failure("ServiceUnavailable", 503)).iam, quick({ say: (line) => said.push(line) }));
    assert.match(said.join("\n"), /^warning: .*ServiceUnavailable[\s\S]*HINT: /);
  });

  it("follow a change of primary, or it is said what could not be done", async () => {
    const record = { zone: "Z1", name: "primary.db", ttl: 5, address: "10.0.0.1" };
    const wanted = {
      ...{ account: "1", region: "r", again: "" },
      record,
      fenced: [{ node: "node-a", role: "role-a" }],
    };
    const led: string[] = [];
    const route53 = async () => ({ lead: async (zone: string) => void led.push(zone) });
    const { iam, calls } = iamOf({});
    assert.deepEqual(await surround(wanted, { iam: async () => iam, route53 }), []);
    assert.deepEqual([led, calls], [["Z1"], [`put role-a ${fencedPolicyName}`]]);

    const refused = iamOf({}, failure("AccessDenied", 403));
    const missing = await surround(wanted, { iam: async () => refused.iam, route53 });
    assert.equal(missing.length, 1);
    assert.match(missing[0] ?? "", /^node-a: its role is not denied yet: .*AccessDenied.*\nHINT: .*tries it again/);
  });
});
