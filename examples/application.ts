// The stack of an application: it takes the connection string from the database's stack, and never has to know who the primary is.
import { Secret } from "@pulumi/aws/secretsmanager/secret.js";
import { SecretVersion } from "@pulumi/aws/secretsmanager/secretVersion.js";
import { Config, StackReference } from "@pulumi/pulumi";

const database = new StackReference(new Config().require("databaseStack")); // such as acme/orders/production

// A secret in that stack, and so it stays one here. It names every node: after a change of primary, clients find the new one by it.
const connectionUri = database.requireOutput("connectionUri");

const secret = new Secret("database-url", { description: "Where the application finds its database" });
new SecretVersion("database-url", { secretId: secret.id, secretString: connectionUri });

// What the connection string's sslrootcert names.
export const caCertificate = database.requireOutput("caCertificate");
