// @ts-check
/** What a change of inputs means: which paths changed, and whether the resource is replaced. */
import { equal, isRecord, isSecret, isUnknown, UNKNOWN } from "../lib/values.js";

/** @typedef {import("../lib/values.js").Value} Value */
/** @typedef {import("../lib/values.js").Properties} Properties */
/** @typedef {"add" | "delete" | "update"} Kind */

/**
 * @param {Properties} olds
 * @param {Properties} news
 * @returns {Map<string, Kind>} by property path
 */
export function diff(olds, news) {
  /** @type {Map<string, Kind>} */
  const changes = new Map();
  diffObjects(olds, news, "", changes);
  return changes;
}

/**
 * @param {Properties} olds
 * @param {Properties} news
 * @param {string} prefix
 * @param {Map<string, Kind>} changes
 */
function diffObjects(olds, news, prefix, changes) {
  for (const key of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    diffValues(olds[key] ?? null, news[key] ?? null, step(prefix, key), changes);
  }
}

/**
 * @param {Value} old
 * @param {Value} now
 * @param {string} path
 * @param {Map<string, Kind>} changes
 */
function diffValues(old, now, path, changes) {
  // The real plugin takes a secret that is not known yet, as a whole connection may be, for unchanged.
  if (isSecret(now) && isUnknown(now.value) && old !== null) return;
  if (Array.isArray(old) && Array.isArray(now)) {
    for (let index = 0; index < Math.max(old.length, now.length); index++) {
      diffItems(old, now, index, `${path}[${index}]`, changes);
    }
  } else if (isRecord(old) && isRecord(now)) {
    diffObjects(old, now, path, changes);
  } else if (!equal(old, now)) {
    changes.set(path, old === null ? "add" : now === null ? "delete" : "update");
  }
}

/**
 * @param {Value[]} olds
 * @param {Value[]} news
 * @param {number} index
 * @param {string} path
 * @param {Map<string, Kind>} changes
 */
function diffItems(olds, news, index, path, changes) {
  if (index >= olds.length) changes.set(path, "add");
  else if (index >= news.length) changes.set(path, "delete");
  else diffValues(olds[index] ?? null, news[index] ?? null, path, changes);
}

/** @param {string} prefix @param {string} key */
function step(prefix, key) {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${prefix}[${JSON.stringify(key)}]`;
  return prefix === "" ? key : `${prefix}.${key}`;
}

/**
 * What a preview says of outputs: those that mirror an input have its value; of the others nothing is known when any
 * input that the state holds has changed.
 *
 * @param {Properties} inputs
 * @param {readonly string[]} inputNames
 * @param {Properties} outputs
 * @param {Properties} [state] absent for a resource that is created
 * @returns {Properties}
 */
export function previewed(inputs, inputNames, outputs, state) {
  const changed =
    state === undefined ||
    inputNames.some((name) => {
      const now = inputs[name];
      return isUnknown(now) || (isSecret(now) && isUnknown(now.value)) || (name in state && !equal(now, state[name]));
    });
  return {
    ...inputs,
    ...Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, changed ? UNKNOWN : value])),
  };
}
