import { all, type CustomResourceOptions, log, type Output, output } from "@pulumi/pulumi";
import { type AwsBastion as BastionConfig, type BastionPlace, endpointNames } from "../../../model/aws/config.ts";
import { firewallRules } from "../../../model/aws/firewallRules.ts";
import type { AwsImage } from "../../../model/aws/images.ts";
import { architectureOf } from "../../../model/aws/instanceTypes.ts";
import { metricsNamespace } from "../../../model/aws/metrics.ts";
import { awsName, ledgerBucket } from "../../../model/aws/names.ts";
import { archivePolicy, joinedPolicy, metricsPolicy } from "../../../model/aws/policies.ts";
import { partitionOf } from "../../../model/aws/regions.ts";
import type { AwsClusterConfig, AwsNodeConfig } from "../../../model/config/clusterConfig.ts";
import { activeNodes, fencesAny, nodesOf } from "../../../model/config/clusterConfig.ts";
import { renderMetricsConf } from "../../../model/render/metricsConf.ts";
import type { OperatorKey } from "../../../model/stepInputs.ts";
import type { ClusterSecrets } from "../../clusterSecrets.ts";
import { ClusterPart, named } from "../../part.ts";
import type { Update } from "../../update.ts";
import type { Fence, FenceChange, Hosts } from "../machine.ts";
import { AwsAlarms } from "./alarms.ts";
import { AwsBastion } from "./bastion.ts";
import { AwsArchive } from "./bucket.ts";
import { AwsEndpoint } from "./endpoint.ts";
import { AwsFirewall } from "./firewall.ts";
import { imageTooOld, ownTags } from "./hosts.ts";
import { keysStay, operatorKeys } from "./keys.ts";
import { AwsLedger } from "./ledger.ts";
import { AwsNetwork } from "./network.ts";
import { AwsNode } from "./nodeHost.ts";
import { requirePeers, sdk } from "./sdk.ts";
import { AwsSecrets } from "./secrets.ts";
import { AwsSnapshots, snapshotTag } from "./snapshots.ts";
import { Surroundings } from "./surroundings.ts";

export interface AwsTargetArgs {
  readonly config: AwsClusterConfig;
  readonly secrets: ClusterSecrets;
  readonly update: Update;
}

/** Everything that a stack has in AWS. Read from top to bottom: account, network, archive, hosts, and what is around them. */
export class AwsTarget extends ClusterPart implements Hosts {
  readonly machines: Readonly<Record<string, AwsNode>>;
  readonly absent: readonly AwsNode[];
  readonly archiveServer: AwsArchive | undefined;
  readonly bastionPending: Output<readonly string[]> | undefined;
  readonly made: Output<object>;
  private readonly args: AwsTargetArgs;
  private readonly network: AwsNetwork;
  private readonly firewall: AwsFirewall;
  private readonly operatorKeys: Output<readonly OperatorKey[]>;
  /** By zone; "": the one for nodes whose zone has none. */
  private readonly bastions: Readonly<Record<string, AwsBastion>>;
  private readonly endpoint: AwsEndpoint | undefined;

  constructor(name: string, args: AwsTargetArgs, opts: CustomResourceOptions) {
    requirePeers();
    const { config, secrets } = args;
    const { aws, clusterName, archive, pooler, deletionProtection } = config;
    const provider = new (sdk("provider").Provider)(
      named("aws", opts),
      {
        region: aws.region,
        allowedAccountIds: [aws.account],
        defaultTags: {
          tags: { ...aws.tags, ...ownTags(clusterName) },
        },
      },
      opts,
    );
    super("understudy:index:AwsTarget", name, { ...opts, providers: { aws: provider } });
    void warnAfterFailure(args.update);
    const parent = { parent: this };
    this.args = args;

    const bucket = archive.server === "own" ? archive.bucket : undefined;
    const ledger = config.agent && bucket !== undefined && !archive.ledger ? ledgerBucket(bucket) : undefined;
    const buckets = [bucket, archive.ledger?.bucket ?? ledger].filter((known) => known !== undefined);
    this.network = new AwsNetwork(
      "network",
      { aws, name: awsName("role", clusterName), buckets: bucket === undefined ? [] : buckets },
      parent,
    );
    this.firewall = new AwsFirewall(
      "firewall",
      { clusterName, network: this.network, rules: firewallRules(config) },
      parent,
    );
    const kept = { aws, deletionProtection };
    this.archiveServer =
      bucket === undefined
        ? undefined
        : new AwsArchive(
            "archive",
            {
              ...{ ...kept, bucket },
              ledger:
                ledger === undefined
                  ? undefined
                  : new AwsLedger("ledger", { ...kept, clusterName, bucket: ledger }, parent),
            },
            parent,
          );
    this.operatorKeys = all([operatorKeys(secrets), keysStay(config, parent)]).apply(([keys]) => keys);
    const bastionGroup = this.firewall.groups.bastion;
    const places = aws.bastion?.places ?? [];
    // By the bastion of its zone, else by the first one.
    const waysIn = new Set(
      activeNodes(config).map((node) => {
        const own = places.find(({ zone }) => zone === (node as AwsNodeConfig).zone);
        return (own ?? places[0])?.name;
      }),
    );
    const renewals = this.renewals(places);
    const bastions = places.map((place) => ({
      ...place,
      bastion: new AwsBastion(
        place.name,
        {
          place,
          instanceType: (aws.bastion as BastionConfig).instanceType,
          image: bastionImage(aws.image, (aws.bastion as BastionConfig).instanceType),
          look: !fencesAny(config),
          network: this.network,
          securityGroup: bastionGroup as Output<string>,
          update: args.update,
          rules: this.firewall.rules,
          needed: waysIn.has(place.name),
          maintained: aws.maintain === place.name,
          renewed: renewals[place.name],
          hostName: awsName("role", clusterName, place.name),
          secrets,
          operatorKeys: this.operatorKeys,
          hostKeyNames: aws.keys.host,
        },
        parent,
      ),
    }));
    const [first] = bastions;
    this.bastions = {
      ...Object.fromEntries(bastions.map(({ zone, bastion }) => [zone ?? "", bastion])),
      ...(first ? { "": first.bastion } : {}),
    };
    this.bastionPending = first && pendingOf(bastions);

    const nodes = nodesOf(config)
      .filter(({ state }) => state !== "fenced")
      .map(({ name: node }) => this.node(node));
    const active = nodes.filter(({ node }) => config.nodes[node]?.state === "active");
    this.machines = Object.fromEntries(active.map((node) => [node.node, node]));
    this.absent = nodes.filter(({ node }) => config.nodes[node]?.state === "absent");

    this.endpoint =
      aws.endpoint &&
      new AwsEndpoint(
        "endpoint",
        {
          config: aws.endpoint,
          clusterName,
          network: this.network,
          pooler,
          securityGroup: this.firewall.groups.balancer,
          machines: active,
        },
        parent,
      );
    if (aws.alarms) {
      const wayOut = this.firewall.groups.cloudWatch && {
        network: this.network,
        group: this.firewall.groups.cloudWatch,
      };
      new AwsAlarms("alarms", { config, alarms: aws.alarms, nodes: active, wayOut }, parent);
    }
    if (aws.snapshots) new AwsSnapshots("snapshots", { config: aws.snapshots, aws, clusterName }, parent);
    if (aws.secretsManager) new AwsSecrets("secrets", { cluster: config, secrets }, parent);

    this.made = output({
      account: aws.account,
      region: aws.region,
      vpc: this.network.vpcId,
      bastion: first?.bastion.address,
      bastions: Object.fromEntries(bastions.map(({ name: known, bastion }) => [known, bastion.address])),
      endpoint: aws.endpoint && endpointNames(aws.endpoint),
      nodes: Object.fromEntries(
        nodes.map(({ node, instance, volumeId, pending }) => [node, { instance, volume: volumeId, pending }]),
      ),
    });
    this.registerOutputs({});
  }

  fences(change: FenceChange): readonly Fence[] {
    return nodesOf(this.args.config)
      .filter(({ state }) => state === "fenced")
      .map(({ name }) => this.node(name, change).fence as Fence);
  }

  followPrimary(primary: Output<string>): void {
    const { config, update } = this.args;
    const record = this.endpoint?.followPrimary(primary);
    const fenced = nodesOf(config)
      .filter(({ state }) => state === "fenced")
      .map(({ name }) => ({ node: name, role: awsName("role", config.clusterName, name) }));
    if (record === undefined && fenced.length === 0) return;
    new Surroundings(
      {
        update,
        place: config.aws,
        primary,
        fenced,
        ...(record === undefined ? {} : { record }),
      },
      { parent: this },
    );
  }

  /** Which bastions are made anew because their image is too old: one in an update, so that another way in stays; none in a failover. */
  private renewals(places: readonly BastionPlace[]): Readonly<Record<string, Promise<boolean>>> {
    const { config } = this.args;
    const { bastion, image } = config.aws;
    if (bastion?.maxImageDays === undefined) return {};
    const { instanceType, maxImageDays: maxDays } = bastion;
    const wanted = { image: bastionImage(image, instanceType), architecture: architectureOf(instanceType), maxDays };
    let busy = Promise.resolve(fencesAny(config) || config.aws.maintain !== undefined);
    return Object.fromEntries(
      places.map(({ name }) => {
        const before = busy;
        const host = this.named(name);
        const renewed = before.then((other) => !other && imageTooOld({ ...wanted, host }, { parent: this }));
        busy = Promise.all([before, renewed]).then((known) => known.includes(true));
        return [name, renewed];
      }),
    );
  }

  private node(name: string, fence?: FenceChange): AwsNode {
    const { config: cluster, secrets, update } = this.args;
    const { aws, clusterName, archive } = cluster;
    const config = cluster.nodes[name];
    if (!config) throw new Error(`no node ${name}`);
    const { region, account, bucket, alarms } = aws;
    const tag = snapshotTag(clusterName);
    return new AwsNode(
      name,
      {
        update,
        cluster,
        config,
        secrets,
        operatorKeys: this.operatorKeys,
        network: this.network,
        firewall: this.firewall,
        bastion: this.bastions[config.zone] ?? this.bastions[""],
        policy: joinedPolicy(
          archive.server === "own"
            ? archivePolicy({
                ...{ partition: partitionOf(region), region, account },
                ...{ bucket: archive.bucket, prefix: archive.prefix, kmsKey: bucket.kmsKey },
              })
            : undefined,
          alarms && metricsPolicy(metricsNamespace(clusterName)),
        ),
        metricsConf: alarms && renderMetricsConf({ clusterName, region, nodes: activeNodes(cluster) }),
        names: aws.endpoint ? Object.values(endpointNames(aws.endpoint)).filter((known) => known !== undefined) : [],
        volumeTags: { [tag.key]: tag.value },
        ...(fence ? { fence } : {}),
      },
      { parent: this },
    );
  }
}

/**
 * The provider keeps what was wanted of a resource that failed half-way for what is (docs/decisions/aws.md), and takes it for done from then on. What
 * the steps can see they mend themselves; a refresh sees all.
 */
async function warnAfterFailure({ stored }: Pick<Update, "stored">): Promise<void> {
  const step = await stored;
  const begun = step("started")?.stdout?.trim();
  if (begun === undefined || step("finished")?.stdout?.trim() === begun) return;
  void log.warn(`the last update did not reach its end: what AWS has refused in it may be remembered as done
HINT: this update mends instances, volumes and policies of roles. For all else run 'pulumi up --refresh', which looks at what AWS really has.`);
}

/** What bastions lack: of all but the first with their names. */
function pendingOf(
  bastions: readonly { readonly name: string; readonly bastion: AwsBastion }[],
): Output<readonly string[]> {
  return all(bastions.map(({ bastion }) => bastion.pending)).apply((each) =>
    each.flatMap((pending, index) =>
      pending.map((what) => (index === 0 ? what : `${what} of ${bastions[index]?.name}`)),
    ),
  );
}

/** The bastion's image: the nodes' where that is for its processor. */
function bastionImage(image: AwsImage, instanceType: string): AwsImage {
  const fits = image.kind === "distribution" || image.architecture === architectureOf(instanceType);
  return fits ? image : { kind: "distribution", name: "debian-13" };
}
