import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cloud, type Thing } from "../standins/aws/cloud/cloud.js";
import { createResource, deleteResource, readResource, updateResource } from "../standins/aws/cloud/resources.js";
import { principalOf } from "../standins/aws/services/principals.mjs";

const VPC = "aws:ec2/vpc:Vpc";
const SUBNET = "aws:ec2/subnet:Subnet";
const GATEWAY = "aws:ec2/internetGateway:InternetGateway";
const INTERFACE = "aws:ec2/networkInterface:NetworkInterface";
const INSTANCE = "aws:ec2/instance:Instance";
const ROLE = "aws:iam/role:Role";
const POLICY = "aws:iam/rolePolicy:RolePolicy";
const USER = "aws:iam/user:User";
const KEY = "aws:iam/accessKey:AccessKey";

/** AWS's rules, as far as no container is needed to see them. */
describe("the stand-in for AWS's plugin: its cloud", () => {
  let cloud: Cloud;

  const there = (type: string, id: string, properties: object): Thing => ({ type, id, name: id, properties });

  beforeEach(() => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-cloud-"));
    const things = [
      there(VPC, "vpc-1", { cidrBlock: "10.0.0.0/24" }),
      there(SUBNET, "subnet-1", { vpcId: "vpc-1", cidrBlock: "10.0.0.0/29", availabilityZone: "eu-central-1a" }),
    ];
    const images = [{ id: "ami-1", name: "debian", architecture: "arm64", owner: "1", published: 0 }];
    const state = { name: "none", account: "123456789012", region: "eu-central-1", images, things };
    writeFileSync(join(folder, "cloud.json"), JSON.stringify(state));
    cloud = new Cloud(folder);
  });

  afterEach(() => rmSync(cloud.folder, { recursive: true }));

  const make = async (type: string, name: string, inputs: object) =>
    (await createResource(cloud, type, name, inputs)).id;

  it("is nobody's by accident", () => {
    assert.throws(() => Cloud.open(undefined), /no plugin for AWS but a stand-in for tests[\s\S]*\nHINT: /);
    assert.throws(() => Cloud.open(tmpdir()), /no plugin for AWS but a stand-in for tests/);
  });

  it("admits the accounts and the region that the provider says, and no others", () => {
    const region = "eu-central-1";
    cloud.admit({ region, allowedAccountIds: ["123456789012"] });
    assert.throws(() => cloud.admit({ region, allowedAccountIds: ["999999999999"] }), /account ID not allowed/);
    assert.throws(() => cloud.admit({ region: "us-east-1", allowedAccountIds: [] }), /is in eu-central-1/);
  });

  it("has what is named", async () => {
    await assert.rejects(make(GATEWAY, "gateway", { vpcId: "vpc-2" }), /NotFound: there is no aws:ec2\/vpc:Vpc vpc-2/);
    assert.match(await make(GATEWAY, "gateway", { vpcId: "vpc-1" }), /^igw-/);
  });

  it("deletes nothing that is in use", async () => {
    await assert.rejects(deleteResource(cloud, VPC, "vpc-1"), /DependencyViolation: .* subnet-1/);
    await make(ROLE, "role", { name: "r", assumeRolePolicy: "{}" });
    const policy = await make(POLICY, "policy", { name: "p", role: "r", policy: '{"Statement":[]}' });
    await assert.rejects(deleteResource(cloud, ROLE, "r"), /DependencyViolation/);
    await deleteResource(cloud, POLICY, policy);
    await deleteResource(cloud, ROLE, "r");
    assert.equal(await readResource(cloud, ROLE, "r"), undefined);
    await deleteResource(cloud, ROLE, "r");
  });

  it("knows who comes by his key: a user with his own policies, or a session of a role", async () => {
    const policy = (action: string) => JSON.stringify({ Statement: [{ Effect: "Allow", Action: action }] });
    await make(USER, "user", { name: "u" });
    await make("aws:iam/userPolicy:UserPolicy", "policy", { name: "p", user: "u", policy: policy("s3:GetObject") });
    const key = await make(KEY, "key", { user: "u" });
    await make(ROLE, "role", { name: "u", assumeRolePolicy: "{}" });
    await make(POLICY, "of the role", { name: "p", role: "u", policy: policy("s3:DeleteObject") });
    const who = (accessKey: string | undefined) => principalOf(cloud.state.things as never, accessKey);
    const user = who(key);
    assert.deepEqual(
      [user?.arn, user?.token, user?.statements.map(({ Action }) => Action)],
      ["arn:aws:iam::123456789012:user/u", "", ["s3:GetObject"]],
    );
    assert.equal(user?.secretKey, cloud.get(KEY, key).properties.secret);
    const session = who(cloud.get(ROLE, "u").hidden?.accessKey);
    assert.deepEqual(
      session?.statements.map(({ Action }) => Action),
      ["s3:DeleteObject"],
    );
    assert.match(session?.token ?? "", /^[0-9a-f]{80}$/);
    assert.equal(who(undefined), undefined);
    await updateResource(cloud, KEY, key, { user: "u" }, { user: "u", status: "Inactive" });
    assert.equal(who(key), undefined);
    await make(KEY, "another", { user: "u" });
    await assert.rejects(make(KEY, "a third", { user: "u" }), /LimitExceeded/);
    await assert.rejects(deleteResource(cloud, USER, "u"), /DependencyViolation/);
  });

  it("gives a name once, and makes up none", async () => {
    await make(ROLE, "role", { name: "r", assumeRolePolicy: "{}" });
    await assert.rejects(make(ROLE, "other", { name: "r", assumeRolePolicy: "{}" }), /AlreadyExists: .* 'role'/);
    await assert.rejects(make(ROLE, "other", { assumeRolePolicy: "{}" }), /makes up no names/);
  });

  it("gives an address once, and none that AWS keeps for itself", async () => {
    const ids = await Promise.all(["a", "b", "c"].map((name) => make(INTERFACE, name, { subnetId: "subnet-1" })));
    const addresses = ids.map((id) => cloud.get(INTERFACE, id).properties.privateIp).sort();
    assert.deepEqual(addresses, ["10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    await assert.rejects(make(INTERFACE, "d", { subnetId: "subnet-1" }), /InsufficientFreeAddresses/);
  });

  it("makes no instance of an image that does not fit, with too much user data, or on an interface in use", async () => {
    const networkInterfaceId = await make(INTERFACE, "a", { subnetId: "subnet-1" });
    const inputs = { ami: "ami-1", instanceType: "m7g.large", primaryNetworkInterface: { networkInterfaceId } };
    const instance = (more: object) => make(INSTANCE, "host", { ...inputs, ...more });
    await assert.rejects(instance({ ami: "ami-2" }), /InvalidAMIID.NotFound/);
    await assert.rejects(instance({ instanceType: "m7i.large" }), /architecture 'x86_64' .* does not match/);
    const userDataBase64 = Buffer.alloc(16_385).toString("base64");
    await assert.rejects(instance({ userDataBase64 }), /limited to 16384 bytes/);
    await assert.rejects(instance({ subnetId: "subnet-1" }), /InvalidParameterCombination/);
    cloud.put(there(INSTANCE, "i-1", { primaryNetworkInterfaceId: networkInterfaceId }));
    await assert.rejects(instance({}), /InvalidNetworkInterface.InUse/);
    assert.deepEqual(
      cloud.all(INSTANCE).map(({ id }) => id),
      ["i-1"],
      "what could not be made is not there",
    );
  });

  it("writes down what happened, in order, and forgets inputs that are gone", async () => {
    const id = await make(GATEWAY, "gateway", { vpcId: "vpc-1", tags: { a: "b" } });
    await updateResource(cloud, GATEWAY, id, { vpcId: "vpc-1", tags: { a: "b" } }, { vpcId: "vpc-1" });
    assert.deepEqual(Object.keys(cloud.get(GATEWAY, id).properties).sort(), ["arn", "ownerId", "vpcId"]);
    await deleteResource(cloud, GATEWAY, id);
    const lines = readFileSync(join(cloud.folder, "events.jsonl"), "utf8").trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as { event: string; type: string; name: string });
    assert.deepEqual(
      events.map(({ event, type, name }) => `${event} ${type} ${name}`),
      ["create InternetGateway gateway", "update InternetGateway gateway", "delete InternetGateway gateway"],
    );
  });
});
