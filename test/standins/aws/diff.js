// @ts-check
/** What a change of inputs means: which of them changed, and whether that makes another resource. */
import { equal, isRecord, isUnknown, plain, revealed } from "../../../offline/lib/values.js";

/** @typedef {import("../../../offline/lib/values.js").Properties} Properties */
/** @typedef {import("../../../offline/lib/values.js").Value} Value */
/** @typedef {{ kind: "add" | "delete" | "update", replaces: boolean }} Change */

/**
 * @param {string} typeName
 * @param {import("./types/field.js").ResourceType} type
 * @param {Properties} olds inputs of the last time
 * @param {Properties} news
 * @returns {Map<string, Change>} by the name of the input
 */
export function diff(typeName, { fields }, olds, news) {
  /** @type {Map<string, Change>} */
  const changes = new Map();
  for (const name of Object.keys(fields)) {
    const [old, now] = [olds[name] ?? null, news[name] ?? null];
    if (equal(old, now)) continue;
    const kind = old === null ? "add" : now === null ? "delete" : "update";
    const replaces = fields[name]?.replaces === true || replacesHere(typeName, name, { old, now }, { olds, news });
    changes.set(name, { kind, replaces });
  }
  return changes;
}

/**
 * What depends on more than the input itself.
 *
 * @param {string} typeName
 * @param {string} name
 * @param {{ old: Value, now: Value }} change
 * @param {{ olds: Properties, news: Properties }} all
 */
function replacesHere(typeName, name, { old, now }, { olds, news }) {
  switch (typeName) {
    case "aws:ec2/instance:Instance":
      if (name === "userDataBase64") return plain(news.userDataReplaceOnChange) === true;
      return name === "rootBlockDevice" && ["encrypted", "kmsKeyId"].some((key) => changed(old, now, key));
    case "aws:ec2/vpcEndpoint:VpcEndpoint":
      return name === "privateDnsEnabled" && plain(news.vpcEndpointType) !== "Interface";
    case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
    case "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":
      return (
        peers.includes(name) &&
        peers.some((peer) => ((olds[peer] ?? null) === null) !== ((news[peer] ?? null) === null))
      );
    default:
      return false;
  }
}

/** Of a rule: one of them is given. */
const peers = ["cidrIpv4", "prefixListId", "referencedSecurityGroupId"];

/**
 * @param {Value} old
 * @param {Value} now
 * @param {string} key
 */
function changed(old, now, key) {
  const [before, after] = [revealed(old), revealed(now)];
  if (isUnknown(after) || !isRecord(before) || !isRecord(after)) return true;
  return !equal(before[key] ?? null, after[key] ?? null);
}
