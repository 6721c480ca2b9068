// @ts-check
/**
 * Roles, each with the credentials that the metadata service gives to who has it, and users with the keys that were made for them. What their policies
 * say, the S3 server asks (services/identity.mjs).
 */
import { randomBytes } from "node:crypto";

const KEY = "aws:iam/accessKey:AccessKey";
/** How many keys a user may have. */
const mostKeys = 2;

const letters = (/** @type {number} */ bytes) => randomBytes(bytes).toString("hex");

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const identity = {
  "aws:iam/role:Role": {
    create(cloud, thing) {
      const hidden = { accessKey: `ASIA${letters(8).toUpperCase()}`, secretKey: letters(20), token: letters(40) };
      cloud.put({ ...thing, hidden });
      return { arn: `arn:aws:iam::${cloud.state.account}:role/${thing.id}`, uniqueId: thing.id };
    },
    remove(_, { id, properties, hidden }) {
      if (properties.forceDetachPolicies !== true && Object.keys(hidden?.inline ?? {}).length > 0)
        throw new Error(`DeleteConflict: Cannot delete entity, must delete policies first (${id})`);
    },
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    create: (cloud, { id }) => ({ arn: `arn:aws:iam::${cloud.state.account}:instance-profile/${id}`, uniqueId: id }),
  },
  "aws:iam/user:User": {
    create: (cloud, { id }) => ({ arn: `arn:aws:iam::${cloud.state.account}:user/${id}`, uniqueId: id }),
    update(_, { id }, { name }) {
      if (name !== id) throw new Error(`the stand-in renames no user, such as ${id} to ${name}`);
    },
  },
  [KEY]: {
    create(cloud, thing) {
      const { user } = thing.properties;
      if (cloud.all(KEY).filter(({ properties }) => properties.user === user).length > mostKeys)
        throw new Error(`LimitExceeded: Cannot exceed quota for AccessKeysPerUser: ${mostKeys}`);
      const secret = letters(20);
      cloud.put({ ...thing, hidden: { accessKey: thing.id, secretKey: secret } });
      return { createDate: "2026-01-01T00:00:00Z", secret };
    },
  },
};
