// @ts-check
/** Checks inputs against the schema, sets defaults, and marks what is always secret. */
import { asSecret, isArchive, isAsset, isRecord, isSecret, isUnknown } from "../lib/values.js";

/** @typedef {import("../lib/values.js").Value} Value */
/** @typedef {import("../lib/values.js").Properties} Properties */
/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./schema.js").Fields} Fields */
/** @typedef {{ property: string, reason: string }} Failure */

const HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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
  const { collection, ...element } = field;
  if (collection === "list" && Array.isArray(value)) {
    return value.map((item, index) => checkValue(item, element, `${name}[${index}]`, typeName, failures));
  }
  if (collection === "map" && isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        checkValue(item, element, `${name}[${key}] value`, typeName, failures),
      ]),
    );
  }
  if (collection === undefined && field.fields && isRecord(value)) {
    return checkObject(value, field.fields, field.typeName ?? name, name, typeName, failures);
  }
  if (goType(value) !== typeOf(field) && field.type !== "any" && field.type !== "source") {
    const reason = `Field '${name}' on '${typeName}' must be a '${typeOf(field)}'; got '${goType(value)}' instead`;
    failures.push({ property: name, reason });
  }
  return value;
}

/**
 * An object inside another: what is wrong in it is told as one failure of the outer one.
 *
 * @param {Properties} value
 * @param {Fields} fields
 * @param {string} innerType
 * @param {string} name
 * @param {string} typeName
 * @param {Failure[]} failures
 */
function checkObject(value, fields, innerType, name, typeName, failures) {
  /** @type {Failure[]} */
  const inner = [];
  const checked = checkFields(value, fields, innerType, inner);
  if (inner.length > 0) {
    const reasons = inner.map(({ property, reason }) => `\n\t${property}: ${reason}`).join("");
    const outer = typeName.replace(/^.*\./, "");
    const reason = `An error occurred decoding '${outer}.${name}': ${inner.length} failures decoding:${reasons}`;
    failures.push({ property: name, reason });
  }
  return checked;
}

/** How messages name types: as Go does, in which the real plugin is written. */
const GO_TYPES = {
  string: "string",
  number: "float64",
  integer: "float64",
  boolean: "bool",
  any: "interface {}",
  source: "",
};

/** @param {Field} field */
function typeOf({ type, collection, typeName }) {
  const name = type ? GO_TYPES[type] : (typeName ?? "");
  return collection === "list" ? `[]${name}` : collection === "map" ? `map[string]${name}` : name;
}

/** @param {Value} value */
function goType(value) {
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "object") return "map[string]interface {}";
  return typeof value === "boolean" ? "bool" : typeof value === "number" ? "float64" : "string";
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
    // The engine leaves an empty text out; then its hash tells it from a text that is not known.
    const isEmptyText = !value.uri && (!value.hash || value.hash === HASH_OF_NOTHING);
    if (value.path || value.text || isEmptyText) return [];
    return [{ property: "asset", reason: "asset must be a path-based file asset or a text asset" }];
  }
  if (isArchive(value)) {
    if (value.path) return [];
    return [{ property: "archive", reason: "archive must be a path to a file or directory" }];
  }
  return [{ property: "asset", reason: "either asset or archive must be set" }];
}
