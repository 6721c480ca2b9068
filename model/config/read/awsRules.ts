import { type AwsConfig, type AwsHost, isClosed } from "../../aws/config.ts";
import { firewallRules, mostRules } from "../../aws/firewallRules.ts";
import { distributions } from "../../aws/images.ts";
import { architectureOf } from "../../aws/instanceTypes.ts";
import { s3Endpoint } from "../../aws/regions.ts";
import type { PostgresMajor } from "../../majors.ts";
import type { ArchiveConfig, NodeState, PoolerConfig } from "../clusterConfig.ts";
import { isLater } from "../later.ts";
import { keyPath, type Problem } from "../problems.ts";
import { imageFits } from "./aws.ts";
import { checkOverlap } from "./awsNetwork.ts";

export interface AwsScene {
  readonly aws: AwsConfig;
  readonly nodes: Readonly<Record<string, AwsHost & { readonly name: string; readonly state: NodeState }>>;
  readonly primary: string | undefined;
  readonly postgresVersion: PostgresMajor;
  readonly agent: boolean;
  readonly archive: ArchiveConfig;
  readonly pooler: PoolerConfig | undefined;
  readonly clientNetworks: readonly string[];
}

/** What is wrong between the parts of a config of the target aws. */
export function checkAws(scene: AwsScene, problems: Problem[]): void {
  checkZones(scene, problems);
  checkMaintain(scene, problems);
  checkArchitecture(scene, problems);
  checkPackages(scene, problems);
  checkOverlap(scene.aws.network, scene.aws.operatorNetworks, problems);
  checkArchive(scene, problems);
  checkLedger(scene, problems);
  if (scene.aws.endpoint?.loadBalancer && !scene.pooler) {
    const hint = "set pooler.enabled to true, or loadBalancer to false";
    problems.push({ key: "aws.endpoint.loadBalancer", rule: "needs the poolers that it leads to", hint });
  }
  if (scene.clientNetworks.length === 0) {
    const hint = "add one with: pulumi config set --path 'clientNetworks[0]' <the VPC's network>";
    problems.push({ key: "clientNetworks", rule: "is required with aws.network.vpc", hint });
  }
  const incoming = firewallRules(scene).filter(({ group, direction }) => group === "nodes" && direction === "in");
  if (incoming.length > mostRules) {
    const rule = `makes ${incoming.length} rules of a security group with its ports, and AWS takes ${mostRules}`;
    const hint = "name fewer and larger networks, or security groups in aws.clientSecurityGroups";
    problems.push({ key: "clientNetworks", rule, hint });
  }
}

function checkZones({ nodes, aws }: AwsScene, problems: Problem[]): void {
  const hosts = Object.values(nodes).filter(({ state }) => state !== "absent");
  const zones = new Set(hosts.map(({ zone }) => zone).filter(Boolean));
  if (aws.acceptOneZone || hosts.length < 2 || zones.size !== 1) return;
  problems.push({
    key: "nodes",
    rule: `are all in ${[...zones][0]}: the loss of that zone is the loss of all of them`,
    hint: "put one of them into another zone, or set aws.acceptOneZone to true",
  });
}

function checkMaintain({ aws: { maintain, bastion }, agent, nodes, primary }: AwsScene, problems: Problem[]): void {
  const key = "aws.maintain";
  const bastions = bastion?.places.map(({ name }) => name) ?? [];
  for (const name of new Set(["bastion", ...bastions])) {
    if (!Object.hasOwn(nodes, name)) continue;
    const rule = "is the bastion's own name with the target aws";
    problems.push({ key: keyPath("nodes", name), rule, hint: "give the node another name" });
  }
  if (maintain === undefined || bastions.includes(maintain)) return;
  if (maintain === "bastion") {
    problems.push({ key, rule: "names the bastion, and there is none", hint: "remove it, or set aws.bastion.enabled" });
    return;
  }
  const node = Object.hasOwn(nodes, maintain) ? nodes[maintain] : undefined;
  if (!node) {
    const hint = `name one of ${Object.keys(nodes).join(", ")}, or remove it`;
    problems.push({ key, rule: `'${maintain}' is not among the nodes`, hint });
  } else if (maintain === primary) {
    const hint = "move the primary first, in an update of its own; then maintain this node";
    problems.push({ key, rule: `'${maintain}' is the declared primary: its host would be stopped`, hint });
  } else if (agent) {
    const rule = `'${maintain}' has an agent, which does not take the data of another machine yet: nor of a host that is made anew`;
    problems.push({ key, rule, hint: "remove it, or add a node with a new host and remove this one" });
  } else if (node.state !== "active") {
    const rule = `'${maintain}' is ${node.state}: a host that is changed is started`;
    problems.push({ key, rule, hint: `remove it until ${keyPath("nodes", maintain)}.state is active` });
  }
}

function checkArchitecture({ aws, nodes }: AwsScene, problems: Problem[]): void {
  const { image } = aws;
  const hosts = Object.values(nodes).map(({ name, instanceType }) => ({ key: keyPath("nodes", name), instanceType }));
  // The bastion has a distribution's own image for its own processor.
  for (const { key, instanceType } of hosts) {
    const architecture = architectureOf(instanceType);
    if (imageFits(image, architecture) || image.kind !== "ami") continue;
    const rule = `'${instanceType}' is ${architecture}, and the image ${image.id} is for ${image.architecture}`;
    problems.push({
      key: `${key}.instanceType`,
      rule,
      hint: `set a type of ${image.architecture}, or another aws.image`,
    });
  }
}

/** Told here and not by `install`, which comes once everything is made. */
function checkPackages({ aws: { image }, postgresVersion }: AwsScene, problems: Problem[]): void {
  if (image.kind !== "distribution" || distributions[image.name].postgres === postgresVersion) return;
  const { postgres } = distributions[image.name];
  const fitting = Object.entries(distributions).find(([, { postgres: major }]) => major === postgresVersion)?.[0];
  const other = fitting === undefined ? "" : `set aws.image to ${fitting}, `;
  problems.push({
    key: "aws.image",
    rule: `'${image.name}' has PostgreSQL ${postgres}, and postgresVersion is ${postgresVersion}`,
    hint: `${other}set postgresVersion to ${postgres}, or use an AMI whose package sources have postgresql-${postgresVersion}`,
  });
}

function checkArchive({ aws, archive }: AwsScene, problems: Problem[]): void {
  if (archive.server !== "own") return;
  if (archive.region !== aws.region) {
    const hint = `remove it: the bucket is made in ${aws.region}`;
    problems.push({ key: "archive.region", rule: `is not aws.region, ${aws.region}`, hint });
  }
  if (archive.bucket.includes(".")) {
    const hint = "use letters, digits and hyphens";
    problems.push({ key: "archive.bucket", rule: "has a dot: S3's certificate does not cover such a name", hint });
  }
}

/** Whether nodes get to a ledger that is somebody else's, by what the security group and the network let through. */
function checkLedger({ aws, archive }: AwsScene, problems: Problem[]): void {
  const endpoint = archive.ledger?.endpoint;
  if (endpoint === undefined || isLater(endpoint)) return;
  const key = "archive.ledger.endpoint";
  const own = s3Endpoint(aws.region);
  if (isClosed(aws.network) && endpoint.host !== own) {
    const rule = `is '${endpoint.host}', and with aws.network.egress none nothing is reached but ${own}`;
    problems.push({ key, rule, hint: "use a bucket of that S3, or set aws.network.egress to nat" });
  } else if (endpoint.port !== 443) {
    const rule = `has the port ${endpoint.port}, and nodes get out by port 443 only`;
    problems.push({ key, rule, hint: "let it answer at port 443" });
  }
}
