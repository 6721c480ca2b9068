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
    const replaces = fields[name]?.replaces === true || replacesHere(typeName, name, old, now, news);
    changes.set(name, { kind, replaces });
  }
  return changes;
}

/**
 * What depends on more than the input itself.
 *
 * @param {string} typeName
 * @param {string} name
 * @param {Value} old
 * @param {Value} now
 * @param {Properties} news
 */
function replacesHere(typeName, name, old, now, news) {
  if (typeName !== "aws:ec2/instance:Instance") return false;
  if (name === "userDataBase64") return plain(news.userDataReplaceOnChange) === true;
  if (name === "rootBlockDevice") return ["encrypted", "kmsKeyId"].some((key) => changed(old, now, key));
  return false;
}

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
