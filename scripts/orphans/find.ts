import { AwsClient } from "aws4fetch";
import * as z from "zod";
import type { ClusterPlace, Found } from "../../model/aws/orphans.ts";
import { AwsFailure, ec2Of, iamOf, signedIn } from "../steps/lib/awsClients.ts";

const page = z.object({
  PaginationToken: z.string().optional(),
  ResourceTagMappingList: z.array(
    z.object({
      ResourceARN: z.string(),
      Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).default([]),
    }),
  ),
});

/** Everything in AWS that has the tags of a cluster's stack, and IAM's roles, profiles and users, which are listed nowhere by their tags. */
export async function findInAws(cluster: ClusterPlace): Promise<readonly Found[]> {
  const [tagged, named] = await Promise.all([findTagged(cluster), findNamed(cluster)]);
  const ec2 = await ec2Of(cluster);
  // What was terminated is listed for an hour.
  const lasting = await Promise.all(
    tagged.map(async (found) => {
      const [, instance] = /:instance\/(i-[0-9a-f]+)$/.exec(found.arn) ?? [];
      if (instance === undefined) return [found];
      const known = await ec2.instance(instance);
      return known === undefined || known.state === "terminated" ? [] : [found];
    }),
  );
  return [...lasting.flat(), ...named];
}

/** By the Resource Groups Tagging API, of which there is no client among the package's own: one call, signed as its protocol has it. */
async function findTagged({ account, region, tags }: ClusterPlace): Promise<readonly Found[]> {
  const { credentials, endpoint } = await signedIn({ account, region });
  const client = new AwsClient({ ...credentials, service: "tagging", region, retries: 2 });
  const TagFilters = Object.entries(tags).map(([Key, value]) => ({ Key, Values: [value] }));
  const found: Found[] = [];
  for (let token = ""; ; ) {
    const response = await client
      .fetch(endpoint("tagging"), {
        method: "POST",
        headers: {
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "ResourceGroupsTaggingAPI_20170126.GetResources",
        },
        body: JSON.stringify({ TagFilters, ...(token === "" ? {} : { PaginationToken: token }) }),
        signal: AbortSignal.timeout(30_000),
      })
      .catch((error: unknown) => {
        throw new AwsFailure("GetResources", error);
      });
    if (!response.ok) {
      const said = (await response.text()).slice(0, 300);
      throw new AwsFailure("GetResources", { name: `HTTP ${response.status}`, message: said });
    }
    const { PaginationToken = "", ResourceTagMappingList } = page.parse(await response.json());
    for (const { ResourceARN, Tags } of ResourceTagMappingList)
      found.push({ arn: ResourceARN, name: Tags.find(({ Key }) => Key === "Name")?.Value ?? "" });
    if (PaginationToken === "") return found;
    token = PaginationToken;
  }
}

async function findNamed(cluster: ClusterPlace): Promise<readonly Found[]> {
  const iam = await iamOf(cluster);
  // Of long names the end is a hash.
  const prefix = `understudy-${cluster.tags["understudy:cluster"]}_`;
  return (await iam.named(prefix)).map((arn) => ({ arn, name: "" }));
}
