import type { types } from "@pulumi/command";
import {
  all,
  type ComponentResourceOptions,
  type Output,
  type Resource,
  ResourceHook,
  RunError,
  secret,
} from "@pulumi/pulumi";
import { servicesOf } from "../../../model/aws/config.ts";
import { architectureOf } from "../../../model/aws/instanceTypes.ts";
import { awsName } from "../../../model/aws/names.ts";
import type { PolicyDocument } from "../../../model/aws/policies.ts";
import { loginUser, renderNodeUserData } from "../../../model/aws/userData.ts";
import { shrinkProblem, zoneProblem } from "../../../model/aws/volume.ts";
import { type AwsClusterConfig, type AwsNodeConfig, fencesAny } from "../../../model/config/clusterConfig.ts";
import type { Endpoint } from "../../../model/host.ts";
import type { OperatorKey, PowerInput } from "../../../model/stepInputs.ts";
import { type ClusterSecrets, sshKeyPair } from "../../clusterSecrets.ts";
import { jsonInput, LocalStep } from "../../localStep.ts";
import { ClusterPart } from "../../part.ts";
import { command } from "../../programs.ts";
import type { Update } from "../../update.ts";
import { sshConnection } from "../connection.ts";
import type { Fence, FenceChange, Machine, PoolerEndpoints } from "../machine.ts";
import type { AwsBastion } from "./bastion.ts";
import { bootStep } from "./bootStep.ts";
import { fenceInWords, provenOff } from "./fence.ts";
import type { AwsFirewall } from "./firewall.ts";
import {
  awsHostScripts,
  base64,
  guarded,
  hostImage,
  hostProperties,
  maintainable,
  ownTags,
  pendingChanges,
  rootDisk,
} from "./hosts.ts";
import type { AwsNetwork } from "./network.ts";
import { AwsRole } from "./role.ts";
import { sdk } from "./sdk.ts";
import { againOf, warnOfMissing } from "./unfinished.ts";

export interface AwsNodeArgs {
  readonly update: Update;
  readonly cluster: AwsClusterConfig;
  readonly config: AwsNodeConfig;
  readonly secrets: Pick<ClusterSecrets, "operator" | "hosts" | "formerHosts">;
  readonly operatorKeys: Output<readonly OperatorKey[]>;
  readonly network: AwsNetwork;
  readonly firewall: AwsFirewall;
  readonly bastion: AwsBastion | undefined;
  /** What its role may do; undefined: nothing. */
  readonly policy: PolicyDocument | undefined;
  readonly metricsConf: string | undefined;
  readonly names: readonly string[];
  /** Tag of volumes that snapshots are taken of. */
  readonly volumeTags: Readonly<Record<string, string>>;
  /** Given where the node is fenced. */
  readonly fence?: FenceChange;
}

/**
 * A node's host: an instance that can be exchanged, and what outlives it, the data volume and the network interface. The node has the same
 * address, SSH host key and data whatever instance it is on.
 */
export class AwsNode extends ClusterPart implements Machine {
  readonly node: string;
  readonly connection: Output<types.input.remote.ConnectionArgs>;
  readonly address: Output<string>;
  readonly sshPort = 22;
  readonly postgresPort: number;
  readonly endpoint: Output<Endpoint>;
  readonly names: readonly string[];
  readonly poolerEndpoints: PoolerEndpoints | undefined;
  readonly metricsConf: string | undefined;
  readonly dataDirectory: string;
  /** What the instance type has, as the host itself says. */
  readonly memoryBytes = undefined;
  readonly instance: Output<string>;
  readonly ready: readonly Resource[];
  readonly volumeId: Output<string>;
  /** What the host still lacks of what is declared: an update that names it in `aws.maintain` changes that. */
  readonly pending: Output<readonly string[]>;
  /** Given where it is fenced. */
  readonly fence: Fence | undefined;

  constructor(name: string, args: AwsNodeArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsNode", name, opts);
    const { cluster, config, secrets, network, firewall, bastion, fence } = args;
    const { aws, clusterName, pooler, deletionProtection } = cluster;
    const hostKey = secrets.hosts[name];
    if (!hostKey) throw new Error(`no SSH host key for node ${name}`);
    const ec2 = sdk("ec2");
    const parent = { parent: this };
    const hostName = awsName("role", clusterName, name);

    const volume = new (sdk("ebs").Volume)(
      this.named(`data-${name}`),
      {
        availabilityZone: config.zone,
        encrypted: true,
        ...(aws.volumeKey === undefined ? {} : { kmsKeyId: aws.volumeKey }),
        type: config.volume.type,
        size: config.volume.sizeGb,
        iops: config.volume.iops,
        ...(config.volume.throughput === undefined ? {} : { throughput: config.volume.throughput }),
        ...(config.volumeFrom?.kind === "snapshot" ? { snapshotId: config.volumeFrom.id } : {}),
        tags: { Name: `${hostName}-data`, ...args.volumeTags },
      },
      {
        ...parent,
        // Of no effect on a volume that the stack has: an id that stays in config adopts nothing again.
        ...(config.volumeFrom?.kind === "volume" ? { import: config.volumeFrom.id } : {}),
        retainOnDelete: deletionProtection,
        // What would make another volume of it.
        ignoreChanges: ["availabilityZone", "encrypted", "kmsKeyId", "snapshotId"],
        hooks: { beforeUpdate: [growsOnly(this.named(name))] },
      },
    );
    const zone = volume.availabilityZone.apply((known) => stays(name, known, config.zone));

    const role = new AwsRole(name, { clusterName, policy: args.policy, roles: aws.roles }, parent);
    const networkInterface = new ec2.NetworkInterface(
      this.named(`interface-${name}`),
      {
        subnetId: all([zone, network.subnets]).apply(([known, subnets]) => subnets[known] as string),
        securityGroups: [firewall.groups.nodes as Output<string>],
        description: hostName,
        tags: { Name: hostName },
      },
      { ...parent, ignoreChanges: ["subnetId"] },
    );

    const bootKey = sshKeyPair(`boot-key-${name}`, parent);
    const userData = all([secrets.operator.publicKey, bootKey.publicKey, bootKey.privateKey, volume.id]).apply(
      ([operatorKey, publicKey, privateKey, volumeId]) =>
        renderNodeUserData({
          hostName: name,
          operatorKey,
          bootKey: { publicKey, privateKey },
          volumeId,
          scripts: awsHostScripts(),
          services: servicesOf(aws.network),
        }),
    );
    const maintained = aws.maintain === name;
    const image = hostImage(
      {
        image: aws.image,
        architecture: architectureOf(config.instanceType),
        host: this.named(`host-${name}`),
        maintained,
        look: !fencesAny(cluster),
      },
      parent,
    );
    const ami = image.apply(({ id }) => id);
    const userDataBase64 = secret(base64(userData));
    const instance = new ec2.Instance(
      this.named(`host-${name}`),
      {
        ...guarded,
        ami: maintained ? all([image, maintainable(name, args.update)]).apply(([{ id }]) => id) : ami,
        instanceType: config.instanceType,
        primaryNetworkInterface: { networkInterfaceId: networkInterface.id },
        iamInstanceProfile: role.profile,
        ebsOptimized: true,
        ...(config.capacityReservation === undefined
          ? {}
          : {
              capacityReservationSpecification: {
                capacityReservationTarget: { capacityReservationId: config.capacityReservation },
              },
            }),
        rootBlockDevice: rootDisk(hostName, image, aws.volumeKey),
        userDataBase64,
        tags: { Name: hostName },
      },
      {
        ...parent,
        dependsOn: [...network.ready],
        // The volume and the address can be on one instance only.
        deleteBeforeReplace: true,
        ignoreChanges: maintained ? [] : hostProperties,
        additionalSecretOutputs: ["userDataBase64"],
      },
    );
    const attachment = new ec2.VolumeAttachment(
      this.named(`attachment-${name}`),
      { deviceName: "/dev/sdf", volumeId: volume.id, instanceId: instance.id, stopInstanceBeforeDetaching: true },
      { ...parent, deleteBeforeReplace: true },
    );
    // The host of an absent node is left alone. Not the provider's instance-state resource: it can't force a stop that hangs, and believes itself.
    const power =
      config.state === "absent"
        ? undefined
        : new LocalStep(
            `power-${name}`,
            {
              update: args.update,
              command: command("steps/power.ts"),
              stdin: jsonInput<PowerInput>({
                name,
                account: aws.account,
                region: aws.region,
                instance: instance.id,
                volume: { id: volume.id, ...config.volume },
                ...(config.otherInstanceTypes.length === 0 ? {} : { otherTypes: config.otherInstanceTypes }),
                again: againOf(args.update, `power-${name}`),
                role: { name: role.name, ...(args.policy ? { policy: JSON.stringify(args.policy) } : {}) },
                ...(fence
                  ? {
                      fence: {
                        change: fence.proof,
                        stop: config.stop,
                        tags: { ...ownTags(clusterName), Name: hostName },
                        ...(config.fence === undefined ? {} : { word: config.fence }),
                      },
                    }
                  : {}),
              }),
              after: [attachment, ...(fence?.after ?? [])],
            },
            parent,
          );

    if (power) warnOfMissing(power.outcome);

    this.node = name;
    this.address = networkInterface.privateIp;
    this.postgresPort = config.postgresPort;
    this.endpoint = this.address.apply((host) => ({ host, port: config.postgresPort }));
    this.names = args.names;
    this.metricsConf = args.metricsConf;
    this.poolerEndpoints = pooler && {
      primary: this.address.apply((host) => ({ host, port: pooler.port })),
      standbys: this.address.apply((host) => ({ host, port: pooler.readOnlyPort })),
    };
    this.dataDirectory = config.dataDirectory;
    this.instance = instance.id;
    this.volumeId = volume.id;
    this.connection = sshConnection({
      host: this.address,
      port: this.sshPort,
      user: loginUser,
      privateKey: secrets.operator.privateKey,
      hostKey: hostKey.publicKey,
      proxy: bastion?.login,
    });
    this.pending = pendingChanges(instance, { ami, instanceType: config.instanceType, userDataBase64 });
    this.ready =
      config.state === "active"
        ? [
            bootStep(
              name,
              {
                update: args.update,
                input: {
                  name,
                  connection: this.connection,
                  formerHostKeys: [bootKey.publicKey, ...(secrets.formerHosts[name] ?? [])],
                  hostKey: hostKey.privateKey,
                  operatorKeys: args.operatorKeys,
                  volume: { id: volume.id, sizeGb: volume.size },
                  instance: instance.id,
                },
                after: [
                  power as LocalStep,
                  attachment,
                  ...firewall.rules,
                  ...(role.policy ? [role.policy] : []),
                  ...(bastion?.ready ?? []),
                ],
              },
              parent,
            ),
          ]
        : [];
    this.fence = fence && {
      node: name,
      machine: this,
      how: fenceInWords(config.fence),
      step: power as LocalStep,
      proof: provenOff(name, power as LocalStep),
      address: this.address,
      sshPort: this.sshPort,
      postgresPort: this.postgresPort,
    };
    this.registerOutputs({ address: this.address, instance: this.instance });
  }
}

/** The zone that the node is in, refused where config says another: in the preview, too. */
function stays(node: string, real: string, declared: string): string {
  const problem = zoneProblem(node, real, declared);
  if (problem !== undefined) throw new RunError(problem);
  return real;
}

const hooks = new Map<string, ResourceHook>();

/** Refuses a volume that is to shrink, in the preview too: AWS would do so in the middle of the update. */
export function growsOnly(node: string): ResourceHook {
  const known = hooks.get(node);
  if (known) return known;
  const size = (inputs: Record<string, unknown> | undefined) => inputs?.size as number | undefined;
  const hook = new ResourceHook(
    `volume-${node}`,
    ({ oldInputs, newInputs }) => {
      const problem = shrinkProblem(size(oldInputs), size(newInputs));
      if (problem !== undefined) throw new Error(`${node}: ${problem}\nHINT: set the size back.`);
    },
    { onDryRun: true },
  );
  hooks.set(node, hook);
  return hook;
}
