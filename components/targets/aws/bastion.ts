import { all, type ComponentResourceOptions, type Output, secret } from "@pulumi/pulumi";
import type { BastionPlace } from "../../../model/aws/config.ts";
import type { AwsImage } from "../../../model/aws/images.ts";
import { architectureOf } from "../../../model/aws/instanceTypes.ts";
import { loginUser, renderBastionUserData } from "../../../model/aws/userData.ts";
import { type ClusterSecrets, sshKeyPair } from "../../clusterSecrets.ts";
import { ClusterPart } from "../../part.ts";
import type { SshServer } from "../connection.ts";
import { awsHostScripts, base64, guarded, hostProperties, imageId, pendingChanges, rootDisk } from "./hosts.ts";
import type { AwsNetwork } from "./network.ts";
import { sdk } from "./sdk.ts";

export interface AwsBastionArgs {
  readonly instanceType: string;
  readonly place: BastionPlace;
  readonly image: AwsImage;
  readonly network: AwsNetwork;
  readonly securityGroup: Output<string>;
  /** Whether it may be made anew to become what is declared. */
  readonly maintained: boolean;
  /** Whether its image's publisher is asked, as for a node's host. */
  readonly look: boolean;
  /** Name that it is found by. */
  readonly hostName: string;
  readonly secrets: Pick<ClusterSecrets, "operator">;
}

/** The way in to the nodes of a zone: a host with a public address. It forwards to port 22 of the nodes, and runs nothing for anybody. */
export class AwsBastion extends ClusterPart {
  readonly login: SshServer;
  readonly address: Output<string>;
  /** What it still lacks of what is declared. */
  readonly pending: Output<readonly string[]>;

  constructor(name: string, args: AwsBastionArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsBastion", name, opts);
    const { instanceType, place, image, network, securityGroup, maintained, hostName, secrets } = args;
    const ec2 = sdk("ec2");
    const parent = { parent: this };
    const hostKey = sshKeyPair(name.replace(/^bastion/, "bastion-host-key"), parent);
    const userData = all([secrets.operator.publicKey, hostKey.publicKey, hostKey.privateKey]).apply(
      ([operatorKey, publicKey, privateKey]) =>
        renderBastionUserData({ operatorKey, hostKey: { publicKey, privateKey }, scripts: awsHostScripts() }),
    );
    const ami = imageId(
      { image, architecture: architectureOf(instanceType), host: this.named(name), maintained, look: args.look },
      parent,
    );
    const userDataBase64 = secret(base64(userData));
    const instance = new ec2.Instance(
      this.named(name),
      {
        ...guarded,
        ami,
        instanceType,
        subnetId: place.subnet ?? (network.publicSubnets[place.zone as string] as Output<string>),
        vpcSecurityGroupIds: [securityGroup],
        rootBlockDevice: rootDisk(hostName),
        userDataBase64,
        tags: { Name: hostName },
      },
      {
        ...parent,
        additionalSecretOutputs: ["userDataBase64"],
        // Another subnet is none of them: the one that it is in goes with the last node of its zone.
        ignoreChanges: maintained ? [] : hostProperties,
      },
    );
    this.pending = pendingChanges(instance, { ami, instanceType, userDataBase64 });
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
    this.registerOutputs({ address: this.address });
  }
}
