/** Who may do what in an S3 server of our own: its file of accounts, and its policy. */

export interface S3Account {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface S3Accounts {
  /** Of PostgreSQL's user: WAL and backups. */
  readonly archive: S3Account;
  /** Who restores another cluster from this archive. undefined: nobody does. */
  readonly reader?: S3Account | undefined;
  /** Of agents. undefined: no ledger lies there. */
  readonly ledger?: (S3Account & { readonly bucket: string }) | undefined;
}

/** The archive's account may do everything in the buckets, unless one of them is the ledger's: then it may do what the policy lets it, as all others may. */
export function renderS3Users({ archive, reader, ledger }: S3Accounts): string {
  const accounts = [archive, reader, ledger].flatMap((each) => each ?? []);
  const account = ({ accessKey: access, secretKey: secret }: S3Account) => {
    const isAdmin = access === archive.accessKey && ledger === undefined;
    return [access, { access, secret, role: isAdmin ? "admin" : "user", userID: 0, groupID: 0, projectID: 0 }];
  };
  return JSON.stringify({ accessAccounts: Object.fromEntries(accounts.map(account)) });
}

/** Of all buckets: the server looks at the statements that name the bucket in question. The reader reads and lists; nobody deletes from the ledger. */
export function renderS3Policy({ archive, reader, ledger }: S3Accounts, bucket: string): string {
  const allow = ({ accessKey }: S3Account, Action: string, Resource: string) => ({
    Effect: "Allow",
    Principal: { AWS: [accessKey] },
    Action: [Action],
    Resource: [`arn:aws:s3:::${Resource}`],
  });
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      ...(reader === undefined
        ? []
        : [allow(reader, "s3:ListBucket", bucket), allow(reader, "s3:GetObject", `${bucket}/*`)]),
      ...(ledger === undefined
        ? []
        : [
            allow(archive, "s3:*", bucket),
            allow(archive, "s3:*", `${bucket}/*`),
            allow(ledger, "s3:ListBucket", ledger.bucket),
            allow(ledger, "s3:GetObject", `${ledger.bucket}/*`),
            allow(ledger, "s3:PutObject", `${ledger.bucket}/*`),
          ]),
    ],
  });
}
