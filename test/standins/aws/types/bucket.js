// @ts-check
/** The bucket, and its settings, which are resources of their own and go by the bucket's name. */
import { fixed, of, optional, required, requiredFixed } from "./field.js";

const BUCKET = "aws:s3/bucket:Bucket";

/**
 * @param {Readonly<Record<string, import("./field.js").Field>>} fields
 * @returns {import("./field.js").ResourceType}
 */
const setting = (fields) => ({
  prefix: "",
  id: "bucket",
  fields: { bucket: of(requiredFixed, BUCKET), ...fields },
  computed: [],
});

/** @type {Readonly<Record<string, import("./field.js").ResourceType>>} */
export const bucket = {
  [BUCKET]: {
    prefix: "",
    id: "bucket",
    fields: { bucket: fixed, forceDestroy: optional, objectLockEnabled: fixed, tags: optional },
    computed: ["arn", "bucketDomainName", "bucketRegionalDomainName"],
  },
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": setting({
    blockPublicAcls: optional,
    blockPublicPolicy: optional,
    ignorePublicAcls: optional,
    restrictPublicBuckets: optional,
  }),
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": setting({ rule: required }),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": setting({
    rules: required,
  }),
  "aws:s3/bucketVersioning:BucketVersioning": setting({ versioningConfiguration: required }),
  "aws:s3/bucketPolicy:BucketPolicy": setting({ policy: required }),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": setting({ rules: optional }),
  "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": setting({ rule: optional }),
};
