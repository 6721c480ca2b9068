import { type ComponentResourceOptions, secret } from "@pulumi/pulumi";
import { endpointNames } from "../../../model/aws/config.ts";
import { awsName } from "../../../model/aws/names.ts";
import type { AwsClusterConfig } from "../../../model/config/clusterConfig.ts";
import type { ClusterSecrets } from "../../clusterSecrets.ts";
import { ClusterPart } from "../../part.ts";
import { sdk } from "./sdk.ts";

export interface AwsSecretsArgs {
  readonly cluster: AwsClusterConfig;
  readonly secrets: Pick<ClusterSecrets, "passwords">;
}

/** Every user's password in Secrets Manager, in the form that AWS's own tools give to a database's credentials. */
export class AwsSecrets extends ClusterPart {
  constructor(name: string, { cluster, secrets }: AwsSecretsArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsSecrets", name, opts);
    const { Secret, SecretVersion } = sdk("secretsmanager");
    const { clusterName, aws, databases, deletionProtection } = cluster;
    for (const [user, password] of Object.entries(secrets.passwords)) {
      const entry = new Secret(
        this.named(`secret-${user}`),
        {
          name: awsName("secret", clusterName, user),
          description: `Password of ${user} in the PostgreSQL cluster ${clusterName}`,
          // Without protection, so that the name is free at once for a stack of the same name.
          recoveryWindowInDays: deletionProtection ? 30 : 0,
          tags: { Name: awsName("secret", clusterName, user) },
        },
        { parent: this },
      );
      const database = Object.values(databases).find(({ owner }) => owner === user)?.name;
      const where = aws.endpoint ? { host: endpointNames(aws.endpoint).primary, port: 5432 } : {};
      new SecretVersion(
        this.named(`secret-value-${user}`),
        {
          secretId: entry.id,
          secretString: secret(password).apply((known) =>
            JSON.stringify({
              engine: "postgres",
              username: user,
              password: known,
              ...(database === undefined ? {} : { dbname: database }),
              ...where,
            }),
          ),
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
