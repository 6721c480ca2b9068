import type { ComponentResourceOptions, Input, Output, Resource } from "@pulumi/pulumi";
import type { AwsAlarms as AlarmConfig } from "../../../model/aws/config.ts";
import { everySeconds, heldMinutes, type Metric, metrics, metricsNamespace } from "../../../model/aws/metrics.ts";
import { awsName } from "../../../model/aws/names.ts";
import { metricsEndpointPolicy } from "../../../model/aws/policies.ts";
import { cloudWatchInterfaceService } from "../../../model/aws/regions.ts";
import type { AwsClusterConfig } from "../../../model/config/clusterConfig.ts";
import { ClusterPart } from "../../part.ts";
import type { AwsNetwork } from "./network.ts";
import type { AwsNode } from "./nodeHost.ts";
import { sdk } from "./sdk.ts";

export interface AwsAlarmsArgs {
  readonly config: AwsClusterConfig;
  readonly alarms: AlarmConfig;
  /** The nodes that take part: one that is fenced is meant to be off. */
  readonly nodes: readonly AwsNode[];
  /** Given where nodes get out by ways of the VPC's own only: it needs one to CloudWatch then. */
  readonly wayOut: WayOut | undefined;
}

interface WayOut {
  readonly network: AwsNetwork;
  readonly group: Output<string>;
}

/** An alarm, without what all have. */
interface About {
  readonly name: string;
  readonly description: string;
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions?: Readonly<Record<string, Input<string>>>;
  readonly badWhen: Metric["badWhen"];
  readonly threshold: number;
  readonly minutes: number;
  /** What it means that no figure comes. */
  readonly silence: "breaching" | "notBreaching";
}

/**
 * Alarms about what AWS itself knows of a node, and about what the nodes send. None of them knows who leads: figures of the cluster are sent
 * by whoever does, so a change of primary changes no alarm.
 */
export class AwsAlarms extends ClusterPart {
  private readonly args: AwsAlarmsArgs;

  constructor(name: string, args: AwsAlarmsArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsAlarms", name, opts);
    this.args = args;
    for (const node of args.nodes) this.watchHost(node);
    this.watchFigures();
    if (args.wayOut) this.wayToCloudWatch(args.wayOut);
    this.registerOutputs({});
  }

  private watchHost({ node, instance, volumeId }: AwsNode): void {
    const failing = { badWhen: "above", threshold: 1, minutes: 2 } as const;
    this.alarm(`status-${node}`, {
      ...failing,
      name: this.nameOf(node, "status"),
      description: `${node}: its instance fails EC2's status checks, or says nothing`,
      namespace: "AWS/EC2",
      metricName: "StatusCheckFailed",
      dimensions: { InstanceId: instance },
      silence: "breaching",
    });
    this.alarm(`volume-${node}`, {
      ...failing,
      name: this.nameOf(node, "volume"),
      description: `${node}: its data volume does no input and output`,
      namespace: "AWS/EBS",
      metricName: "VolumeStalledIOCheck",
      dimensions: { VolumeId: volumeId },
      silence: "notBreaching",
    });
  }

  private watchFigures(): void {
    const { config, nodes } = this.args;
    // Not before there is somebody to send.
    const after = nodes.flatMap(({ ready }) => ready);
    for (const [metricName, { about, alarm, means, badWhen, threshold }] of Object.entries(metrics)) {
      const common = {
        namespace: metricsNamespace(config.clusterName),
        metricName,
        badWhen,
        threshold,
        minutes: heldMinutes,
        silence: "breaching",
      } as const;
      if (about === "cluster") {
        const description = `${config.clusterName}: ${means}; or no primary says anything`;
        this.alarm(alarm, { ...common, name: this.nameOf(alarm), description }, after);
        continue;
      }
      for (const { node } of nodes) {
        // Nobody can say of one that only restores how far behind it is.
        if (about === "follower" && config.nodes[node]?.source !== "streaming") continue;
        const description = `${node}: ${means}; or nothing is heard of it`;
        const dimensions = { Node: node };
        this.alarm(`${alarm}-${node}`, { ...common, name: this.nameOf(node, alarm), description, dimensions }, after);
      }
    }
  }

  private nameOf(...parts: readonly string[]): string {
    return awsName("alarm", this.args.config.clusterName, ...parts);
  }

  private alarm(name: string, about: About, after: readonly Resource[] = []): void {
    const { description, badWhen, minutes, silence, ...rest } = about;
    const { topic } = this.args.alarms;
    new (sdk("cloudwatch").MetricAlarm)(
      this.named(`alarm-${name}`),
      {
        ...rest,
        alarmDescription: description,
        statistic: badWhen === "above" ? "Maximum" : "Minimum",
        comparisonOperator: badWhen === "above" ? "GreaterThanOrEqualToThreshold" : "LessThanThreshold",
        period: everySeconds,
        evaluationPeriods: minutes,
        treatMissingData: silence,
        ...(topic === undefined ? {} : { alarmActions: [topic], okActions: [topic] }),
        tags: { Name: about.name },
      },
      { parent: this, dependsOn: [...after] },
    );
  }

  private wayToCloudWatch({ network, group }: WayOut): void {
    const { clusterName, aws } = this.args.config;
    new (sdk("ec2").VpcEndpoint)(
      this.named("cloudwatch-endpoint"),
      {
        vpcId: network.vpcId,
        vpcEndpointType: "Interface",
        serviceName: cloudWatchInterfaceService(aws.region),
        subnetIds: Object.values(network.subnets),
        securityGroupIds: [group],
        // CloudWatch's public name leads to it.
        privateDnsEnabled: true,
        policy: JSON.stringify(metricsEndpointPolicy(metricsNamespace(clusterName), aws.account)),
        tags: { Name: awsName("role", clusterName, "cloudwatch") },
      },
      { parent: this },
    );
  }
}
