import { createRequire } from "node:module";
import type * as cloudwatch from "@pulumi/aws/cloudwatch/index.js";
import type * as dlm from "@pulumi/aws/dlm/index.js";
import type * as ebs from "@pulumi/aws/ebs/index.js";
import type * as ec2 from "@pulumi/aws/ec2/index.js";
import type * as iam from "@pulumi/aws/iam/index.js";
import type * as lb from "@pulumi/aws/lb/index.js";
import type * as provider from "@pulumi/aws/provider.js";
import type * as route53 from "@pulumi/aws/route53/index.js";
import type * as s3 from "@pulumi/aws/s3/index.js";
import type * as secretsmanager from "@pulumi/aws/secretsmanager/index.js";
import type * as vpc from "@pulumi/aws/vpc/index.js";
import { RunError } from "@pulumi/pulumi";

interface Modules {
  cloudwatch: typeof cloudwatch;
  dlm: typeof dlm;
  ebs: typeof ebs;
  ec2: typeof ec2;
  iam: typeof iam;
  lb: typeof lb;
  provider: typeof provider;
  route53: typeof route53;
  s3: typeof s3;
  secretsmanager: typeof secretsmanager;
  vpc: typeof vpc;
}

const load = createRequire(import.meta.url);

/** What only this target needs: optional peers of the package. The steps on the operator's machine load the clients. */
const peers = ["@pulumi/aws", "@aws-sdk/client-ec2", "@aws-sdk/client-iam", "@aws-sdk/client-route-53"] as const;

/** Throws where a package is missing, before anything is made: a step would find it out in the middle of the first update. */
export function requirePeers(): void {
  const missing = peers.filter((name) => {
    try {
      return !load.resolve(name);
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  throw new RunError(`target: aws needs ${missing.join(", ")}\nHINT: npm install ${missing.join(" ")}`);
}

/**
 * One module of `@pulumi/aws`, loaded when something first asks for it. The package as a whole takes 0.7 s and 87 MB, and a module of it
 * loads its resources one by one; an `import` would do so for all of them, on every target.
 */
export function sdk<Name extends keyof Modules>(name: Name): Modules[Name] {
  return load(`@pulumi/aws/${name}`) as Modules[Name];
}
