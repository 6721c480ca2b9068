// @ts-check
/** Users of IAM, and the keys by which programs sign in as them. */
import { fixed, optional, required, requiredFixed, within } from "./field.js";

const USER = "aws:iam/user:User";

/** @type {Readonly<Record<string, import("./field.js").ResourceType>>} */
export const users = {
  [USER]: {
    prefix: "",
    id: "name",
    fields: { name: optional, path: optional, permissionsBoundary: optional, tags: optional },
    computed: ["arn", "uniqueId"],
  },
  "aws:iam/userPolicy:UserPolicy": {
    prefix: "",
    unique: ["user", "name"],
    fields: { name: fixed, user: within(requiredFixed, USER), policy: required },
    computed: [],
  },
  "aws:iam/accessKey:AccessKey": {
    prefix: "AKIA",
    fields: { user: within(requiredFixed, USER), status: optional },
    computed: ["createDate", "secret"],
  },
};
