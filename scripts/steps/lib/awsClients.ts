/**
 * AWS as the steps see it: a few calls, each with a bounded wait, with the credentials of whoever runs the update (`AWS_PROFILE`, environment,
 * SSO, as AWS's own tools find them). `AWS_ENDPOINT_URL_EC2` and the like lead elsewhere: the SDK goes by them.
 */
import type * as Ec2Sdk from "@aws-sdk/client-ec2";
import type * as IamSdk from "@aws-sdk/client-iam";
import type * as Route53Sdk from "@aws-sdk/client-route-53";
import { type Region, serviceHost } from "../../../model/aws/regions.ts";
import type { VolumeConfig } from "../../../model/aws/volume.ts";
import type { AwsPlace } from "../../../model/stepInputs.ts";

/** What EC2 says of an instance. */
export interface FoundInstance {
  /** `pending`, `running`, `stopping`, `stopped`, `shutting-down`, `terminated`. */
  readonly state: string;
  /** Whether it may have written its memory to disk instead of shutting down: started again, it would go on where it was. */
  readonly hibernates: boolean;
  /** Why it is in that state; "": EC2 does not say. */
  readonly reason: string;
}

/** An instance that has a node's data, or that was made for it. */
export interface Holder {
  readonly id: string;
  readonly state: string;
}

/** What EC2 says of a volume. */
export interface FoundVolume extends VolumeConfig {
  /** Whether a change of it is still being made. */
  readonly modifying: boolean;
}

/** Each call throws an `AwsFailure` where it does not succeed. */
export interface Ec2 {
  /** Undefined: EC2 does not know it, in this account and region. */
  instance(id: string): Promise<FoundInstance | undefined>;
  /** @param skipOsShutdown whether the operating system is not even asked to shut down */
  stop(id: string, how: { readonly force: boolean; readonly skipOsShutdown: boolean }): Promise<void>;
  start(id: string): Promise<void>;
  /** Every instance that a volume is attached to, or that has all of these tags. */
  holders(volume: string, tags: Readonly<Record<string, string>>): Promise<readonly Holder[]>;
  /** Makes it one of another type; only of one that is stopped. */
  become(id: string, type: string): Promise<void>;
  /** Undefined: EC2 does not know it. */
  volume(id: string): Promise<FoundVolume | undefined>;
  modify(id: string, wanted: VolumeConfig): Promise<void>;
}

export interface Iam {
  /** The document of an inline policy, as JSON; undefined: the role has none of that name. */
  policy(role: string, name: string): Promise<string | undefined>;
  put(role: string, name: string, document: string): Promise<void>;
  remove(role: string, name: string): Promise<void>;
  /** ARNs of the roles, instance profiles and users whose names begin so. */
  named(prefix: string): Promise<readonly string[]>;
}

export interface Route53 {
  /** Makes an A record, or leads it elsewhere. */
  lead(zone: string, record: { readonly name: string; readonly ttl: number; readonly address: string }): Promise<void>;
}

export class AwsFailure extends Error {
  /** AWS's own name of it, such as `InsufficientInstanceCapacity`; of what never reached AWS the name of the error. */
  readonly code: string;
  /** Whether it can pass by itself. */
  readonly passing: boolean;

  constructor(call: string, error: unknown) {
    const { name = "Error", message = "", $metadata } = error as Partial<SdkError>;
    super(`${call}: ${name}: ${message.split("\n")[0]?.slice(0, 500) ?? ""}`);
    this.name = "AwsFailure";
    this.code = name;
    const status = $metadata?.httpStatusCode;
    const final =
      /^(?:CredentialsProviderError|AuthFailure|UnauthorizedOperation|AccessDenied\w*|OptInRequired|InvalidParameter\w*|Invalid\w*\.\w+)$/;
    this.passing =
      !final.test(name) &&
      (status === undefined || status >= 500 || /Thrott|LimitExceeded|Incorrect(?:Instance)?State/.test(name));
  }
}

interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

/** Three attempts of each call, each for a bounded time: whoever calls decides how long it goes on. */
const patience = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 5000, requestTimeout: 15_000, throwOnRequestTimeout: true },
};

async function answer<T>(call: string, asked: Promise<T>): Promise<T> {
  return asked.catch((error: unknown) => {
    throw new AwsFailure(call, error);
  });
}

const missing = (code: string) => (error: unknown) => {
  if (error instanceof AwsFailure && error.code === code) return undefined;
  throw error;
};

export async function ec2Of({ account, region }: AwsPlace): Promise<Ec2> {
  const sdk = await load<typeof Ec2Sdk>("@aws-sdk/client-ec2");
  const client = new sdk.EC2Client({ region, ...patience });
  const ask = <T>(call: string, sent: Promise<T>) => answer(call, sent);
  return {
    async instance(id) {
      const found = await ask(
        "DescribeInstances",
        client.send(new sdk.DescribeInstancesCommand({ InstanceIds: [id] })),
      ).catch(missing("InvalidInstanceID.NotFound"));
      const reservation = found?.Reservations?.[0];
      const instance = reservation?.Instances?.[0];
      if (instance === undefined || reservation?.OwnerId !== account) return undefined;
      return {
        state: instance.State?.Name ?? "unknown",
        hibernates: instance.HibernationOptions?.Configured === true,
        reason: instance.StateReason?.Code ?? "",
      };
    },
    async stop(id, { force, skipOsShutdown }) {
      const input = { InstanceIds: [id], Force: force, ...(skipOsShutdown ? { SkipOsShutdown: true } : {}) };
      await ask("StopInstances", client.send(new sdk.StopInstancesCommand(input)));
    },
    async start(id) {
      await ask("StartInstances", client.send(new sdk.StartInstancesCommand({ InstanceIds: [id] })));
    },
    async holders(volume, tags) {
      const byTags = Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
      const asked = [[{ Name: "block-device-mapping.volume-id", Values: [volume] }], byTags].map((Filters) =>
        ask("DescribeInstances", client.send(new sdk.DescribeInstancesCommand({ Filters }))),
      );
      const found = (await Promise.all(asked)).flatMap(({ Reservations = [] }) =>
        Reservations.flatMap(({ Instances = [] }) => Instances),
      );
      return found.map(({ InstanceId = "", State }) => ({ id: InstanceId, state: State?.Name ?? "unknown" }));
    },
    async become(id, type) {
      const input = { InstanceId: id, InstanceType: { Value: type } };
      await ask("ModifyInstanceAttribute", client.send(new sdk.ModifyInstanceAttributeCommand(input)));
    },
    async volume(id) {
      const [found, modifications] = await Promise.all([
        ask("DescribeVolumes", client.send(new sdk.DescribeVolumesCommand({ VolumeIds: [id] }))).catch(
          missing("InvalidVolume.NotFound"),
        ),
        ask(
          "DescribeVolumesModifications",
          client.send(new sdk.DescribeVolumesModificationsCommand({ VolumeIds: [id] })),
        ).catch(missing("InvalidVolumeModification.NotFound")),
      ]);
      const volume = found?.Volumes?.[0];
      if (volume === undefined) return undefined;
      return {
        type: volume.VolumeType as VolumeConfig["type"],
        sizeGb: volume.Size ?? 0,
        iops: volume.Iops ?? 0,
        throughput: volume.Throughput,
        modifying: modifications?.VolumesModifications?.[0]?.ModificationState === "modifying",
      };
    },
    async modify(id, { type, sizeGb, iops, throughput }) {
      const input = { VolumeId: id, VolumeType: type, Size: sizeGb, Iops: iops };
      const given = throughput === undefined ? input : { ...input, Throughput: throughput };
      await ask("ModifyVolume", client.send(new sdk.ModifyVolumeCommand(given)));
    },
  };
}

export async function iamOf({ region }: AwsPlace): Promise<Iam> {
  const sdk = await load<typeof IamSdk>("@aws-sdk/client-iam");
  const client = new sdk.IAMClient({ region, ...patience });
  const inline = (RoleName: string, PolicyName: string) => ({ RoleName, PolicyName });
  return {
    async policy(role, name) {
      const found = await answer("GetRolePolicy", client.send(new sdk.GetRolePolicyCommand(inline(role, name)))).catch(
        missing("NoSuchEntityException"),
      );
      return found?.PolicyDocument === undefined ? undefined : decodeURIComponent(found.PolicyDocument);
    },
    async put(role, name, document) {
      const input = { ...inline(role, name), PolicyDocument: document };
      await answer("PutRolePolicy", client.send(new sdk.PutRolePolicyCommand(input)));
    },
    async remove(role, name) {
      await answer("DeleteRolePolicy", client.send(new sdk.DeleteRolePolicyCommand(inline(role, name)))).catch(
        missing("NoSuchEntityException"),
      );
    },
    async named(prefix) {
      const found: string[] = [];
      for (let Marker: string | undefined; ; ) {
        const { Roles = [], ...page } = await answer("ListRoles", client.send(new sdk.ListRolesCommand({ Marker })));
        found.push(...Roles.flatMap(({ RoleName, Arn }) => (RoleName?.startsWith(prefix) && Arn ? [Arn] : [])));
        Marker = page.Marker;
        if (page.IsTruncated !== true) break;
      }
      for (let Marker: string | undefined; ; ) {
        const listing = client.send(new sdk.ListInstanceProfilesCommand({ Marker }));
        const { InstanceProfiles = [], ...page } = await answer("ListInstanceProfiles", listing);
        found.push(
          ...InstanceProfiles.flatMap(({ InstanceProfileName, Arn }) =>
            InstanceProfileName?.startsWith(prefix) && Arn ? [Arn] : [],
          ),
        );
        Marker = page.Marker;
        if (page.IsTruncated !== true) break;
      }
      for (let Marker: string | undefined; ; ) {
        const { Users = [], ...page } = await answer("ListUsers", client.send(new sdk.ListUsersCommand({ Marker })));
        found.push(...Users.flatMap(({ UserName, Arn }) => (UserName?.startsWith(prefix) && Arn ? [Arn] : [])));
        Marker = page.Marker;
        if (page.IsTruncated !== true) return found;
      }
    },
  };
}

export async function route53Of({ region }: AwsPlace): Promise<Route53> {
  const sdk = await load<typeof Route53Sdk>("@aws-sdk/client-route-53");
  const client = new sdk.Route53Client({ region, ...patience });
  return {
    async lead(zone, { name, ttl, address }) {
      const ResourceRecordSet = { Name: name, Type: "A" as const, TTL: ttl, ResourceRecords: [{ Value: address }] };
      const ChangeBatch = { Changes: [{ Action: "UPSERT" as const, ResourceRecordSet }] };
      await answer(
        "ChangeResourceRecordSets",
        client.send(new sdk.ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch })),
      );
    },
  };
}

/** What a call needs that no client of ours makes: credentials as the clients have them, and where a service is. */
export async function signedIn({ region }: AwsPlace) {
  const sdk = await load<typeof Ec2Sdk>("@aws-sdk/client-ec2");
  const client = new sdk.EC2Client({ region, ...patience });
  const credentials = await answer("credentials", client.config.credentials());
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    endpoint: (service: string) => process.env.AWS_ENDPOINT_URL ?? `https://${serviceHost(service, region as Region)}/`,
  };
}

/** AWS's clients are peers of the package, as its plugin's SDK is: only who uses the target has them. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}
