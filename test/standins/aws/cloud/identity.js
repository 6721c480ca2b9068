// @ts-check
/** Roles, each with the credentials that the metadata service gives to who has it. What its policies say, the S3 server asks (services/identity.mjs). */
import { randomBytes } from "node:crypto";

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
};
