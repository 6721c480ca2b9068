import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fencedPolicy, fencedPolicyName } from "../../model/aws/policies.ts";
import { callProblems, callsOf } from "../standins/aws/models/requests.js";

interface Golden {
  readonly resource: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

const snapshot = (config: string): readonly Golden[] => {
  const file = new URL(`../golden/aws/${config}.json`, import.meta.url);
  assert.ok(existsSync(file));
  return (JSON.parse(readFileSync(file, "utf8")) as Golden[]).filter(({ resource }) => resource.startsWith("aws:"));
};

/** AWS's own API models (test/standins/aws/models/extract.py) of what the graph asks for: enums, patterns, lengths, bounds, what is required. */
describe("AWS's API models", () => {
  for (const config of ["smallest", "existing", "closed", "agents", "everything"]) {
    it(`have nothing against what is made of the config '${config}'`, () => {
      const problems = snapshot(config).flatMap(({ resource, inputs }) =>
        callsOf(resource.split(" ")[0] as string, inputs)
          .flatMap(callProblems)
          .map((problem) => `${resource}: ${problem}`),
      );
      assert.deepEqual(problems, []);
    });
  }

  it("have something against what AWS would refuse", () => {
    const against = (type: string, inputs: object) => callsOf(type, inputs).flatMap(callProblems).join("; ");
    const VOLUME = "aws:ebs/volume:Volume";
    assert.match(
      against(VOLUME, { availabilityZone: "eu-central-1a", size: 10, type: "gp9" }),
      /VolumeType can't be 'gp9'/,
    );
    assert.match(against(VOLUME, { availabilityZone: "eu-central-1a", size: "10" }), /Size has to be a number/);
    assert.match(against(VOLUME, { availabilityZone: "eu-central-1a", colour: "red" }), /has no Colour/);
    const role = { assumeRolePolicy: "{}", description: "d" };
    assert.match(against("aws:iam/role:Role", { ...role, name: "a role" }), /RoleName 'a role' does not match/);
    assert.match(
      against("aws:iam/role:Role", { ...role, name: "r".repeat(65) }),
      /length of iam:CreateRole.RoleName is 65, at most 64/,
    );
    assert.match(against("aws:iam/role:Role", { name: "r" }), /AssumeRolePolicyDocument is required/);
  });

  it("have nothing against what the steps ask for", () => {
    const InstanceIds = ["i-0123456789abcdef0"];
    const policy = { RoleName: "understudy-dev_node-a", PolicyName: fencedPolicyName };
    const record = { Name: "primary.db.internal", Type: "A", TTL: 5, ResourceRecords: [{ Value: "10.0.0.1" }] };
    const asked = [
      { operation: "ec2:DescribeInstances", input: { InstanceIds } },
      { operation: "ec2:StopInstances", input: { InstanceIds, Force: true, SkipOsShutdown: true } },
      { operation: "ec2:StartInstances", input: { InstanceIds } },
      { operation: "ec2:DescribeVolumes", input: { VolumeIds: ["vol-1"] } },
      { operation: "ec2:DescribeVolumesModifications", input: { VolumeIds: ["vol-1"] } },
      {
        operation: "ec2:ModifyVolume",
        input: { VolumeId: "vol-1", VolumeType: "gp3", Size: 10, Iops: 3000, Throughput: 125 },
      },
      { operation: "iam:PutRolePolicy", input: { ...policy, PolicyDocument: JSON.stringify(fencedPolicy()) } },
      { operation: "iam:GetRolePolicy", input: policy },
      { operation: "iam:DeleteRolePolicy", input: policy },
      {
        operation: "route53:ChangeResourceRecordSets",
        input: {
          HostedZoneId: "Z0123456789",
          ChangeBatch: { Changes: [{ Action: "UPSERT", ResourceRecordSet: record }] },
        },
      },
    ];
    assert.deepEqual(asked.flatMap(callProblems), []);
  });
});
