// @ts-check
/** Checks inputs against the schema, sets defaults, and marks what is always secret. */
import { asSecret, isArchive, isAsset, isRecord, isSecret, isUnknown } from "./values.js";

/** @typedef {import("./values.js").Value} Value */
/** @typedef {import("./values.js").Properties} Properties */
/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./schema.js").Fields} Fields */
/** @typedef {{ property: string, reason: string }} Failure */

/**
 * @param {{ typeName: string, fields: Fields }} type
 * @param {Properties} given
 * @returns {{ inputs: Properties, failures: Failure[] }}
 */
export function check(type, given) {
  /** @type {Failure[]} */
  const failures = [];
  const { __defaults: _, ...own } = given;
  const inputs = checkFields(own, type.fields, type.typeName, failures);
  if (type.fields.source && inputs.source !== undefined) failures.push(...sourceFailures(inputs.source));
  return { inputs, failures };
}

/**
 * @param {Properties} given
 * @param {Fields} fields
 * @param {string} typeName
 * @param {Failure[]} failures
 * @returns {Properties}
 */
function checkFields(given, fields, typeName, failures) {
  /** @type {Properties} */
  const result = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = given[name] ?? null;
    if (value !== null) {
      const checked = checkValue(value, field, name, typeName, failures);
      result[name] = field.secret ? asSecret(checked) : checked;
    } else if (field.byDefault !== undefined) {
      result[name] = field.byDefault;
    } else if (!field.optional) {
      failures.push({ property: name, reason: `Missing required field '${name}' on '${typeName}'` });
    }
  }
  for (const name of Object.keys(given).filter((key) => !(key in fields))) {
    failures.push({ property: name, reason: `Unrecognized field '${name}' on '${typeName}'` });
  }
  return result;
}

/**
 * @param {Value} value
 * @param {Field} field
 * @param {string} name
 * @param {string} typeName
 * @param {Failure[]} failures
 * @returns {Value}
 */
function checkValue(value, field, name, typeName, failures) {
  if (isSecret(value)) return asSecret(checkValue(value.value, field, name, typeName, failures));
  if (isUnknown(value)) return value;
  /** @param {string} wanted */
  const wrongType = (wanted) => {
    failures.push({
      property: name,
      reason: `Field '${name}' on '${typeName}' must be a '${wanted}'; got '${kindOf(value)}' instead`,
    });
    return value;
  };
  const { collection, ...element } = field;
  if (collection === "list") {
    if (!Array.isArray(value)) return wrongType("[]");
    return value.map((item) => checkValue(item, element, name, typeName, failures));
  }
  if (collection === "map") {
    if (!isRecord(value)) return wrongType("map");
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, checkValue(item, element, name, typeName, failures)]),
    );
  }
  if (field.fields) {
    if (!isRecord(value)) return wrongType("object");
    return checkFields(value, field.fields, field.typeName ?? name, failures);
  }
  const wanted = field.type === "integer" ? "number" : field.type;
  if (wanted !== "any" && wanted !== "source" && wanted !== undefined && typeof value !== wanted)
    return wrongType(wanted);
  return value;
}

/** @param {Value} value */
function kindOf(value) {
  return Array.isArray(value) ? "[]" : isRecord(value) ? "map" : typeof value;
}

/**
 * What is copied is a file, a folder, or a text; the engine has no such type.
 *
 * @param {Value} source
 * @returns {Failure[]}
 */
function sourceFailures(source) {
  const value = isSecret(source) ? source.value : source;
  if (isUnknown(value)) return [];
  if (isAsset(value)) {
    if (value.path || value.text !== undefined) return [];
    return [{ property: "asset", reason: "asset must be a path-based file asset or a text asset" }];
  }
  if (isArchive(value)) {
    if (value.path) return [];
    return [{ property: "archive", reason: "archive must be a path to a file or directory" }];
  }
  return [{ property: "asset", reason: "either asset or archive must be set" }];
}
