/** What S3 says of a bucket that this stack has not made yet: an answer, or an error. */
export type BucketAnswer = { readonly kind: "there" } | { readonly kind: "error"; readonly message: string };

/**
 * Why a bucket can't be made, as far as a look at its name says; undefined: it may be free. Names are shared by all accounts, and AWS itself
 * would tell it in the middle of the update. What is said besides (no such bucket, or no right to look) is left to AWS.
 */
export function bucketProblem(bucket: string, answer: BucketAnswer): string | undefined {
  const hint = "HINT: Choose another one: pulumi config set --path archive.bucket <name>";
  if (answer.kind === "there") {
    return [
      `archive.bucket: '${bucket}' is there already, and this stack has not made it`,
      `${hint}. If an earlier stack left it and nothing in it is needed, remove it instead.`,
    ].join("\n");
  }
  // Without its name, which may hold a number, too.
  const said = answer.message.replaceAll(bucket, "");
  if (/\b(?:301|MovedPermanently)\b/.test(said))
    return `archive.bucket: '${bucket}' is a bucket of another region\n${hint}.`;
  // S3 says it of a name that nobody has, too, to who may not list buckets.
  if (!/\b(?:403|Forbidden)\b/.test(said)) return undefined;
  return [
    `archive.bucket: '${bucket}' may not be looked at: it is somebody else's bucket, or these credentials lack s3:ListBucket`,
    `${hint}; or allow s3:ListBucket, by which S3 tells a name that is free.`,
  ].join("\n");
}
