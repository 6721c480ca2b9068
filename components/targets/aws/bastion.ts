import { all, type ComponentResourceOptions, type Input, type Output, type Resource, secret } from "@pulumi/pulumi";
import type { BastionPlace } from "../../../model/aws/config.ts";
import type { AwsImage } from "../../../model/aws/images.ts";
import { architectureOf } from "../../../model/aws/instanceTypes.ts";
import { loginUser, renderBastionUserData } from "../../../model/aws/userData.ts";
import type { OperatorKey } from "../../../model/stepInputs.ts";
import { type ClusterSecrets, keyPairs, sshKeyPair } from "../../clusterSecrets.ts";
import { ClusterPart } from "../../part.ts";
import { storedOutputs } from "../../stackState.ts";
import type { Update } from "../../update.ts";
import { type SshServer, sshConnection } from "../connection.ts";
import { bootStep } from "./bootStep.ts";
import { awsHostScripts, base64, guarded, hostImage, hostProperties, pendingChanges, rootDisk } from "./hosts.ts";
import type { AwsNetwork } from "./network.ts";
import { sdk } from "./sdk.ts";

export interface AwsBastionArgs {
  readonly instanceType: string;
  readonly place: BastionPlace;
  readonly image: AwsImage;
  readonly network: AwsNetwork;
  readonly securityGroup: Output<string>;
  readonly update: Update;
  /** What opens the way to it. */
  readonly rules: readonly Resource[];
  /** Whether a node that takes part is reached through it. One that is not is left alone: its zone may be gone. */
  readonly needed: boolean;
  /** Whether it may be made anew to become what is declared. */
  readonly maintained: boolean;
  /** Whether this update makes it anew because its image is too old; undefined: no age is declared. */
  readonly renewed: Promise<boolean> | undefined;
  /** Whether its image's publisher is asked, as for a node's host. */
  readonly look: boolean;
  /** Name that it is found by. */
  readonly hostName: string;
  readonly secrets: Pick<ClusterSecrets, "operator">;
  readonly operatorKeys: Output<readonly OperatorKey[]>;
  /** Names of the host keys: `aws.keys.host`. */
  readonly hostKeyNames: readonly string[];
}

interface Made {
  readonly ami: Output<string>;
  readonly instanceType: Input<string>;
  readonly userDataBase64: Output<string>;
}

/** The way in to the nodes of a zone: a host with a public address. It forwards to port 22 of the nodes, and the one thing that it runs takes keys. */
export class AwsBastion extends ClusterPart {
  readonly login: SshServer;
  readonly address: Output<string>;
  /** Done when nodes can be reached through it. */
  readonly ready: readonly Resource[];
  /** What it still lacks of what is declared. */
  readonly pending: Output<readonly string[]>;

  constructor(name: string, args: AwsBastionArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsBastion", name, opts);
    const { instanceType, place, network, securityGroup, maintained, hostName, secrets } = args;
    const ec2 = sdk("ec2");
    const parent = { parent: this };
    const [hostKey, ...formerHostKeys] = keyPairs(
      name.replace(/^bastion/, "bastion-host-key"),
      args.hostKeyNames,
      parent,
    );
    const bootKey = sshKeyPair(name.replace(/^bastion/, "bastion-boot-key"), parent);
    const userData = all([secrets.operator.publicKey, bootKey.publicKey, bootKey.privateKey]).apply(
      ([operatorKey, publicKey, privateKey]) =>
        renderBastionUserData({ operatorKey, bootKey: { publicKey, privateKey }, scripts: awsHostScripts() }),
    );
    const image = hostImage(
      {
        image: args.image,
        architecture: architectureOf(instanceType),
        host: this.named(name),
        maintained,
        look: args.look,
      },
      parent,
    );
    const ami = image.apply(({ id }) => id);
    const userDataBase64 = secret(base64(userData));
    const declared = { ami, instanceType, userDataBase64 };
    const renewed = maintained ? undefined : args.renewed;
    const given = renewed === undefined ? declared : this.pinned(name, declared, renewed);
    const instance = new ec2.Instance(
      this.named(name),
      {
        ...guarded,
        ami: given.ami,
        instanceType: given.instanceType,
        subnetId: place.subnet ?? (network.publicSubnets[place.zone as string] as Output<string>),
        vpcSecurityGroupIds: [securityGroup],
        rootBlockDevice: rootDisk(hostName, image),
        userDataBase64: given.userDataBase64,
        tags: { Name: hostName },
      },
      {
        ...parent,
        additionalSecretOutputs: ["userDataBase64"],
        // Another subnet is none of them: the one that it is in goes with the last node of its zone.
        ignoreChanges: maintained ? [] : renewed === undefined ? hostProperties : ["rootBlockDevice"],
      },
    );
    this.pending = pendingChanges(instance, declared);
    // Stays when the instance is made anew, so that nothing that connects through it changes.
    const address = new ec2.Eip(
      this.named(name.replace(/^bastion/, "bastion-address")),
      { domain: "vpc", tags: { Name: hostName } },
      {
        ...parent,
        dependsOn: [...network.publicReady],
      },
    );
    const association = new ec2.EipAssociation(
      this.named(name.replace(/^bastion/, "bastion-address-association")),
      { instanceId: instance.id, allocationId: address.id },
      { ...parent, deleteBeforeReplace: true },
    );
    this.address = all([address.publicIp, association.id]).apply(([publicIp]) => publicIp);
    this.login = {
      host: this.address,
      port: 22,
      user: loginUser,
      privateKey: secrets.operator.privateKey,
      hostKey: hostKey.publicKey,
    };
    this.ready = args.needed
      ? [
          bootStep(
            name,
            {
              update: args.update,
              input: {
                name,
                connection: sshConnection(this.login),
                formerHostKeys: [bootKey, ...formerHostKeys].map(({ publicKey }) => publicKey),
                hostKey: hostKey.privateKey,
                operatorKeys: args.operatorKeys,
                instance: instance.id,
              },
              after: [association, ...args.rules, ...network.publicReady],
            },
            parent,
          ),
        ]
      : [];
    this.registerOutputs({ address: this.address });
  }

  /**
   * What it is made of: what is declared, where it is made anew; else what it has. `ignoreChanges` can't do that: whether it is made anew is known
   * only once the state was read.
   */
  private pinned(name: string, declared: Made, renewed: Promise<boolean>): Made {
    const stored = Promise.all([renewed, storedOutputs("aws:ec2/instance:Instance", this.named(name))]);
    const own = (property: keyof Made) =>
      all([stored, declared[property]]).apply(([[anew, has], wanted]) => {
        const real = has?.[property];
        return anew || typeof real !== "string" ? wanted : real;
      });
    return {
      ami: own("ami"),
      instanceType: own("instanceType"),
      userDataBase64: secret(own("userDataBase64")),
    };
  }
}
