// @ts-check
/** Roles and their policies: what of them shows is whose credentials the buckets take. */
import { randomBytes } from "node:crypto";
import { admitRoles } from "./buckets.js";

const letters = (/** @type {number} */ bytes) => randomBytes(bytes).toString("hex");

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const identity = {
  "aws:iam/role:Role": {
    create(cloud, thing) {
      const hidden = { accessKey: `AKIA${letters(8).toUpperCase()}`, secretKey: letters(20) };
      cloud.put({ ...thing, hidden });
      return { arn: `arn:aws:iam::${cloud.state.account}:role/${thing.id}`, uniqueId: thing.id };
    },
  },
  "aws:iam/rolePolicy:RolePolicy": {
    create(cloud) {
      admitRoles(cloud);
      return {};
    },
    update(cloud, thing, inputs) {
      cloud.put({ ...thing, properties: { ...thing.properties, ...inputs } });
      admitRoles(cloud);
    },
    remove(cloud, { type, id }) {
      cloud.remove(type, id);
      admitRoles(cloud);
    },
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    create: (cloud, { id }) => ({ arn: `arn:aws:iam::${cloud.state.account}:instance-profile/${id}`, uniqueId: id }),
  },
};
