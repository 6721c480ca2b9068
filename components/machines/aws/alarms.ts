import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";
import type { AwsAlarms as AlarmConfig } from "../../model/aws/config.ts";
import { awsName } from "../../model/aws/names.ts";
import type { AwsNode } from "./node.ts";
import { sdk } from "./sdk.ts";

export interface AwsAlarmsArgs {
  readonly config: AlarmConfig;
  readonly clusterName: string;
  /** The nodes that take part: one that is fenced is meant to be off. */
  readonly nodes: readonly AwsNode[];
}

/** Alarms about what AWS itself knows of a node: whether its instance and its volume work. */
export class AwsAlarms extends ComponentResource {
  constructor(name: string, { config, clusterName, nodes }: AwsAlarmsArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsAlarms", name, {}, opts);
    const told = config.topic === undefined ? {} : { alarmActions: [config.topic], okActions: [config.topic] };
    const { MetricAlarm } = sdk("cloudwatch");
    for (const { node, instance, volumeId } of nodes) {
      const about = (what: string) => ({
        name: awsName("alarm", clusterName, node, what),
        statistic: "Maximum",
        comparisonOperator: "GreaterThanOrEqualToThreshold",
        threshold: 1,
        period: 60,
        evaluationPeriods: 2,
        ...told,
        tags: { Name: awsName("alarm", clusterName, node, what) },
      });
      new MetricAlarm(
        `alarm-status-${node}`,
        {
          ...about("status"),
          alarmDescription: `${node}: its instance fails EC2's status checks, or says nothing`,
          namespace: "AWS/EC2",
          metricName: "StatusCheckFailed",
          dimensions: { InstanceId: instance },
          treatMissingData: "breaching",
        },
        { parent: this },
      );
      new MetricAlarm(
        `alarm-volume-${node}`,
        {
          ...about("volume"),
          alarmDescription: `${node}: its data volume does no input and output`,
          namespace: "AWS/EBS",
          metricName: "VolumeStalledIOCheck",
          dimensions: { VolumeId: volumeId },
          treatMissingData: "notBreaching",
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
