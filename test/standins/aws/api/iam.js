// @ts-check
import { arnOf } from "../cloud/arn.js";
import { ApiError } from "./xml.js";

/** @typedef {import("../cloud/cloud.js").Cloud} Cloud */
/** @typedef {Record<string, string>} Parameters */

const ROLE = "aws:iam/role:Role";
const PROFILE = "aws:iam/instanceProfile:InstanceProfile";
const USER = "aws:iam/user:User";
const POLICY = "aws:iam/rolePolicy:RolePolicy";

/** @param {Cloud} cloud @param {Parameters} parameters */
function roleOf(cloud, { RoleName = "" }) {
  const role = cloud.find(ROLE, RoleName);
  if (role === undefined) throw new ApiError("NoSuchEntity", `The role with name ${RoleName} cannot be found.`, 404);
  return role;
}

const dated = { Path: "/", CreateDate: "2026-01-01T00:00:00Z" };

/** The policy that the plugin has made. @param {Cloud} cloud @param {Parameters} parameters */
const madeOf = (cloud, { RoleName, PolicyName }) =>
  cloud.all(POLICY).find(({ properties }) => properties.role === RoleName && properties.name === PolicyName);

/** @type {Readonly<Record<string, (cloud: Cloud, parameters: Parameters) => object>>} */
export const iamCalls = {
  GetRolePolicy(cloud, parameters) {
    const { PolicyName = "" } = parameters;
    const document =
      madeOf(cloud, parameters)?.properties.policy ?? roleOf(cloud, parameters).hidden?.inline?.[PolicyName];
    if (document === undefined)
      throw new ApiError("NoSuchEntity", `The role policy with name ${PolicyName} cannot be found.`, 404);
    return { RoleName: parameters.RoleName, PolicyName, PolicyDocument: encodeURIComponent(document) };
  },
  PutRolePolicy(cloud, parameters) {
    const role = roleOf(cloud, parameters);
    const { PolicyName = "", PolicyDocument = "" } = parameters;
    JSON.parse(PolicyDocument);
    const made = madeOf(cloud, parameters);
    if (made) cloud.put({ ...made, properties: { ...made.properties, policy: PolicyDocument } });
    else cloud.note(ROLE, role.id, { inline: { ...role.hidden?.inline, [PolicyName]: PolicyDocument } });
    cloud.record("put policy", role, { policy: PolicyName });
    return {};
  },
  ListRoles(cloud) {
    return {
      IsTruncated: false,
      Roles: cloud
        .all(ROLE)
        .map((thing) => ({ ...dated, RoleName: thing.id, RoleId: thing.id, Arn: arnOf(cloud, thing) })),
    };
  },
  ListInstanceProfiles(cloud) {
    const profiles = cloud.all(PROFILE);
    return {
      IsTruncated: false,
      InstanceProfiles: profiles.map((thing) => ({
        ...dated,
        InstanceProfileName: thing.id,
        InstanceProfileId: thing.id,
        Arn: arnOf(cloud, thing),
        Roles: [],
      })),
    };
  },
  ListUsers(cloud) {
    const users = cloud
      .all(USER)
      .map((thing) => ({ ...dated, UserName: thing.id, UserId: thing.id, Arn: arnOf(cloud, thing) }));
    return { IsTruncated: false, Users: users };
  },
  DeleteRolePolicy(cloud, parameters) {
    const role = roleOf(cloud, parameters);
    const { [parameters.PolicyName ?? ""]: found, ...others } = role.hidden?.inline ?? {};
    if (found === undefined)
      throw new ApiError("NoSuchEntity", `The role policy with name ${parameters.PolicyName} cannot be found.`, 404);
    cloud.note(ROLE, role.id, { inline: others });
    cloud.record("delete policy", role, { policy: parameters.PolicyName });
    return {};
  },
};
