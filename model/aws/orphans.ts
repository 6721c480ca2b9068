import * as z from "zod";
import { ledgerSuffix } from "./names.ts";

/** What AWS has of a stack and the stack's state has not: found by comparing two lists, and said how to get rid of. Nothing is ever removed. */

/** What `pulumi stack export` gives, as far as it is looked at. */
export const exportedStack = z.object({
  deployment: z.object({
    resources: z
      .array(
        z.object({
          urn: z.string(),
          type: z.string(),
          id: z.string().optional(),
          inputs: z.record(z.string(), z.unknown()).optional(),
          outputs: z.record(z.string(), z.unknown()).optional(),
        }),
      )
      .optional(),
    pending_operations: z
      .array(
        z.object({
          type: z.string(),
          resource: z.object({
            urn: z.string(),
            type: z.string(),
            inputs: z.record(z.string(), z.unknown()).optional(),
            parent: z.string().optional(),
            /** URN, and after it an id. */
            provider: z.string().optional(),
          }),
        }),
      )
      .nullish(),
  }),
});

export type ExportedStack = z.infer<typeof exportedStack>;

/** A cluster of a stack: what its resources in AWS are found by. */
export interface ClusterPlace {
  readonly account: string;
  readonly region: string;
  /** The stack's own tags. */
  readonly tags: { readonly "understudy:cluster": string; readonly "understudy:stack": string };
  /** URN. */
  readonly provider: string;
}

const providerInputs = z.object({ region: z.string(), allowedAccountIds: z.string(), defaultTags: z.string() });
const accountIds = z.tuple([z.string().regex(/^\d{12}$/)]);
const ownTags = z.object({ "understudy:cluster": z.string().min(1), "understudy:stack": z.string().min(1) });

/** The clusters of a stack that are in AWS: one for each provider of ours. Throws where one can't be read. */
export function clustersOf({ deployment }: ExportedStack): readonly ClusterPlace[] {
  return (deployment.resources ?? [])
    .filter(({ type }) => type === "pulumi:providers:aws")
    .flatMap(({ urn, inputs }): readonly ClusterPlace[] => {
      const { region, ...json } = providerInputs.parse(inputs);
      const { tags } = z.object({ tags: z.record(z.string(), z.string()) }).parse(JSON.parse(json.defaultTags));
      const own = ownTags.safeParse(tags);
      if (!own.success) return [];
      const [account] = accountIds.parse(JSON.parse(json.allowedAccountIds));
      return [{ account, region, tags: own.data, provider: urn }];
    });
}

/** Something in AWS that has the stack's tags. */
export interface Found {
  readonly arn: string;
  /** Its tag `Name`; "": it has none. */
  readonly name: string;
}

export interface Orphan extends Found {
  /** By its service and AWS's name of the kind: `ec2 instance`. */
  readonly kind: string;
  readonly id: string;
  /** How it comes into the state; undefined: it can't. */
  readonly keep: string | undefined;
  /** How it is removed, with AWS's command line. */
  readonly remove: string;
}

interface Kind {
  readonly type?: string;
  /** What removes it, without `aws` and the region. */
  readonly remove: (id: string) => string;
  /** Said after it. */
  readonly note?: string;
  /** Whether it may hold data. */
  readonly data?: true;
}

/** In the order in which they can be removed. Ids are as the state has them. */
const kinds: Readonly<Record<string, Kind>> = {
  "ec2 instance": { type: "aws:ec2/instance:Instance", remove: (id) => `ec2 terminate-instances --instance-ids ${id}` },
  "elasticloadbalancing loadbalancer": {
    type: "aws:lb/loadBalancer:LoadBalancer",
    remove: (id) => `elbv2 delete-load-balancer --load-balancer-arn ${id}`,
  },
  "elasticloadbalancing listener": {
    type: "aws:lb/listener:Listener",
    remove: (id) => `elbv2 delete-listener --listener-arn ${id}`,
  },
  "elasticloadbalancing targetgroup": {
    type: "aws:lb/targetGroup:TargetGroup",
    remove: (id) => `elbv2 delete-target-group --target-group-arn ${id}`,
  },
  "ec2 natgateway": {
    type: "aws:ec2/natGateway:NatGateway",
    remove: (id) => `ec2 delete-nat-gateway --nat-gateway-id ${id}`,
  },
  "ec2 vpc-endpoint": {
    type: "aws:ec2/vpcEndpoint:VpcEndpoint",
    remove: (id) => `ec2 delete-vpc-endpoints --vpc-endpoint-ids ${id}`,
  },
  "ec2 elastic-ip": { type: "aws:ec2/eip:Eip", remove: (id) => `ec2 release-address --allocation-id ${id}` },
  "ec2 network-interface": {
    type: "aws:ec2/networkInterface:NetworkInterface",
    remove: (id) => `ec2 delete-network-interface --network-interface-id ${id}`,
  },
  "ec2 security-group-rule": {
    remove: (id) =>
      `ec2 revoke-security-group-ingress --security-group-rule-ids ${id} --group-id "$(aws ec2 describe-security-group-rules --security-group-rule-ids ${id} --query 'SecurityGroupRules[0].GroupId' --output text)"`,
    note: "one of outgoing traffic: revoke-security-group-egress",
  },
  "ec2 security-group": {
    type: "aws:ec2/securityGroup:SecurityGroup",
    remove: (id) => `ec2 delete-security-group --group-id ${id}`,
  },
  "ec2 route-table": {
    type: "aws:ec2/routeTable:RouteTable",
    remove: (id) => `ec2 delete-route-table --route-table-id ${id}`,
  },
  "ec2 subnet": { type: "aws:ec2/subnet:Subnet", remove: (id) => `ec2 delete-subnet --subnet-id ${id}` },
  "ec2 internet-gateway": {
    type: "aws:ec2/internetGateway:InternetGateway",
    remove: (id) => `ec2 delete-internet-gateway --internet-gateway-id ${id}`,
    note: "detach it from its VPC first",
  },
  "ec2 vpc": { type: "aws:ec2/vpc:Vpc", remove: (id) => `ec2 delete-vpc --vpc-id ${id}` },
  "iam instance-profile": {
    type: "aws:iam/instanceProfile:InstanceProfile",
    remove: (id) =>
      `iam remove-role-from-instance-profile --instance-profile-name ${id} --role-name ${id}; aws iam delete-instance-profile --instance-profile-name ${id}`,
  },
  "iam role": {
    type: "aws:iam/role:Role",
    remove: (id) =>
      `iam delete-role-policy --role-name ${id} --policy-name understudy; aws iam delete-role --role-name ${id}`,
  },
  "iam user": {
    type: "aws:iam/user:User",
    remove: (id) =>
      `iam delete-user-policy --user-name ${id} --policy-name understudy; aws iam delete-user --user-name ${id}`,
    note: "delete its access keys first (aws iam list-access-keys)",
  },
  "cloudwatch alarm": {
    type: "aws:cloudwatch/metricAlarm:MetricAlarm",
    remove: (id) => `cloudwatch delete-alarms --alarm-names ${id}`,
  },
  "dlm policy": {
    type: "aws:dlm/lifecyclePolicy:LifecyclePolicy",
    remove: (id) => `dlm delete-lifecycle-policy --policy-id ${id}`,
  },
  "secretsmanager secret": {
    type: "aws:secretsmanager/secret:Secret",
    remove: (id) => `secretsmanager delete-secret --secret-id ${id}`,
    data: true,
  },
  "ec2 volume": {
    type: "aws:ebs/volume:Volume",
    remove: (id) => `ec2 delete-volume --volume-id ${id}`,
    data: true,
  },
  "s3 bucket": { type: "aws:s3/bucket:Bucket", remove: (id) => `s3 rb s3://${id} --force`, data: true },
};

/** Whether a kind may hold data: to remove it needs a look first. */
export function holdsData({ kind }: Pick<Orphan, "kind">): boolean {
  return kinds[kind]?.data === true;
}

/** What of `found` no resource of the state is, or speaks of, in the order in which it can be removed. */
export function orphansOf(
  { deployment }: ExportedStack,
  { region, provider }: Pick<ClusterPlace, "region" | "provider">,
  found: readonly Found[],
): readonly Orphan[] {
  const ours = (deployment.resources ?? []).filter(({ type }) => type.startsWith("aws:"));
  // Instances have disks and interfaces that are no resources, and are spoken of in their outputs.
  const known = new Set(ours.flatMap(({ id = "", outputs }) => [id, ...textsIn(outputs)]));
  const pending = (deployment.pending_operations ?? []).filter(({ type }) => type === "creating");
  const order = Object.keys(kinds);
  return found
    .map((one) => ({ ...one, ...identified(one.arn) }))
    .filter(({ arn, id, kind }) => !known.has(arn) && !known.has(id) && kind !== "ec2 snapshot")
    .map((one): Orphan => {
      const { type, remove, note } = kinds[one.kind] ?? {};
      const same = pending.filter(({ resource }) => resource.type === type && isNamed(resource.inputs, one));
      const [only] = same.length === 1 ? same : [];
      return {
        ...one,
        keep: only
          ? importOf({ ...only.resource, provider: only.resource.provider ?? provider }, one.id)
          : keepByHand(one, deployment.resources ?? [], provider),
        remove: remove
          ? `aws ${remove(one.id)} --region ${region}${note === undefined ? "" : `   # ${note}`}`
          : "with AWS's console",
      };
    })
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.arn.localeCompare(b.arn));
}

/** Whether operations of an update that was killed are left in the state, which names them in each update until they are taken out. */
export function hasPending({ deployment }: ExportedStack): boolean {
  return (deployment.pending_operations ?? []).length > 0;
}

interface Place {
  readonly urn: string;
  readonly type: string;
  readonly parent?: string | undefined;
  readonly provider: string;
}

/**
 * What brings it into the state as the resource that the program declares. `pulumi refresh --import-pending-creates` does not: Pulumi 3.259
 * forgets the pending operation, and reads nothing.
 */
function importOf({ urn, type, parent, provider }: Place, id: string): string {
  const name = urn.split("::").at(-1);
  const above = parent === undefined ? "" : ` --parent 'parent=${parent}'`;
  const by = provider.split("::").slice(0, 4).join("::");
  return `pulumi import ${type} ${name} '${id}'${above} --provider 'aws=${by}' --protect=false --generate-code=false`;
}

/** Whether it may be what a pending operation was making: by its tag, or the name that is its id. */
function isNamed(inputs: Readonly<Record<string, unknown>> | undefined, { name, id }: Found & { readonly id: string }) {
  const { tags, name: own } = (inputs ?? {}) as { tags?: { Name?: unknown }; name?: unknown };
  return (name !== "" && tags?.Name === name) || (own !== undefined && own === id);
}

function keepByHand(
  { kind, id }: { readonly kind: string; readonly id: string },
  resources: readonly { readonly urn: string; readonly type: string }[],
  provider: string,
): string | undefined {
  if (kind === "ec2 volume") return `pulumi config set --path nodes.<its node>.volume.adopt ${id}; pulumi up`;
  if (kind !== "s3 bucket") return undefined;
  const [part, what] = id.endsWith(ledgerSuffix) ? ["AwsLedger", "ledger"] : ["AwsArchive", "archive"];
  const parent = resources.find(({ type }) => type === `understudy:index:${part}`)?.urn;
  if (parent === undefined) return undefined;
  const type = "aws:s3/bucket:Bucket";
  return importOf({ urn: `${parent}$${type}::${what}-${id}`, type, parent, provider }, id);
}

/** Service, kind and id of an ARN; the id is as Pulumi's state has it. */
function identified(arn: string): { readonly kind: string; readonly id: string } {
  const [, , service = "", , , ...rest] = arn.split(":");
  const path = rest.join(":");
  if (service === "s3") return { kind: "s3 bucket", id: path };
  const [, kind = "", tail = ""] = /^([a-z-]+)[/:](.*)$/.exec(path) ?? [];
  // What AWS's own names of are ARNs.
  const byArn = service === "elasticloadbalancing" || service === "secretsmanager";
  return { kind: `${service} ${kind}`, id: byArn ? arn : (tail.split("/").at(-1) ?? "") };
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
