import { fencedPolicy, fencedPolicyName } from "../../../model/aws/policies.ts";
import type { SurroundingsInput } from "../../../model/stepInputs.ts";
import { AwsFailure, type Iam, type Route53 } from "./awsClients.ts";

export interface SurroundingClients {
  iam(): Promise<Iam>;
  route53(): Promise<Route53>;
}

/** @returns what could not be done, with a hint each: the program warns of it, and the next update tries it again */
export async function surround(
  { record, fenced }: SurroundingsInput,
  clients: SurroundingClients,
): Promise<readonly string[]> {
  const missing: string[] = [];
  const attempt = async (what: string, hint: string, doIt: () => Promise<void>) => {
    try {
      await doIt();
    } catch (error) {
      if (!(error instanceof AwsFailure)) throw error;
      missing.push(`${what}: ${error.message}\nHINT: ${hint}; the next 'pulumi up' tries it again.`);
    }
  };
  await Promise.all([
    record &&
      attempt(
        `${record.name} does not lead to ${record.address}`,
        "clients by another name are not affected",
        async () => (await clients.route53()).lead(record.zone, record),
      ),
    ...fenced.map(({ node, role }) =>
      attempt(`${node}: its role is not denied yet`, "its host is off, which is what counts", async () =>
        (await clients.iam()).put(role, fencedPolicyName, JSON.stringify(fencedPolicy())),
      ),
    ),
  ]);
  return missing;
}
