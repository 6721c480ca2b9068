// @ts-check
/** Creating, updating, deleting and reading anything: what holds for all types, and then what this type does besides. */
import { typeOf } from "../types/all.js";
import { addresses } from "./addresses.js";
import { buckets } from "./buckets.js";
import { newId } from "./cloud.js";
import { identity } from "./identity.js";
import { instances } from "./instances.js";
import { networks } from "./networks.js";
import { paper } from "./paper.js";
import { volumes } from "./volumes.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Thing} Thing */
/** @typedef {Record<string, any>} Plain */

/**
 * What a type does besides being written down. Each gives the outputs beside the inputs.
 *
 * @typedef {object} Behaviour
 * @property {(cloud: Cloud, thing: Thing) => Promise<Plain> | Plain} [create]
 * @property {(cloud: Cloud, thing: Thing, inputs: Plain) => Promise<Plain | void> | Plain | void} [update]
 * @property {(cloud: Cloud, thing: Thing) => Promise<void> | void} [remove]
 * @property {(cloud: Cloud, thing: Thing) => Promise<Plain> | Plain} [read]
 */

/** @type {Readonly<Record<string, Behaviour>>} */
const behaviours = { ...paper, ...networks, ...addresses, ...volumes, ...instances, ...identity, ...buckets };

/**
 * @param {Cloud} cloud
 * @param {string} typeName
 * @param {string} name
 * @param {Plain} inputs
 */
export async function createResource(cloud, typeName, name, inputs) {
  const type = typeOf(typeName);
  const id = type.id === undefined ? newId(type.prefix) : inputs[type.id];
  if (typeof id !== "string")
    throw new Error(`${typeName} ${name}: the stand-in makes up no names, and '${type.id}' is not set`);
  requireWhatIsNamed(cloud, typeName, inputs);
  const [same] = cloud.all(typeName).filter((other) => other.id === id || sameIn(type.unique ?? [], other, inputs));
  if (same) throw new Error(`AlreadyExists: ${typeName} ${same.id} has been made as '${same.name}'`);

  const thing = { type: typeName, id, name, properties: inputs };
  cloud.put(thing);
  try {
    const computed = (await behaviours[typeName]?.create?.(cloud, thing)) ?? {};
    cloud.put({ ...cloud.get(typeName, id), properties: { ...inputs, ...computed } });
    cloud.record("create", thing);
    return { id, computed };
  } catch (error) {
    cloud.remove(typeName, id);
    throw error;
  }
}

/**
 * @param {Cloud} cloud
 * @param {string} typeName
 * @param {string} id
 * @param {Plain} olds what the engine remembers of it
 * @param {Plain} inputs
 */
export async function updateResource(cloud, typeName, id, olds, inputs) {
  const known = cloud.get(typeName, id);
  const thing = { ...known, properties: { ...known.properties, ...olds } };
  requireWhatIsNamed(cloud, typeName, inputs);
  const changed = (await behaviours[typeName]?.update?.(cloud, thing, inputs)) ?? {};
  const { properties, ...now } = cloud.get(typeName, id);
  // Only what differs from what is remembered is sent to AWS: what is remembered wrongly stays as it is.
  const names = Object.keys(typeOf(typeName).fields).filter((name) => !same(olds[name], inputs[name]));
  const kept = Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
  const sent = Object.fromEntries(names.flatMap((name) => (name in inputs ? [[name, inputs[name]]] : [])));
  cloud.put({ ...now, properties: { ...kept, ...sent, ...changed } });
  cloud.record("update", thing);
  return changed;
}

/**
 * @param {Cloud} cloud
 * @param {string} typeName
 * @param {string} id
 */
export async function deleteResource(cloud, typeName, id) {
  const thing = cloud.find(typeName, id);
  // Somebody else was quicker: the real one takes that for done.
  if (thing === undefined) return;
  const holder = cloud.state.things.find((other) => holds(other, typeName, id));
  if (holder) {
    throw new Error(
      `DependencyViolation: ${typeName} ${id} ('${thing.name}') is in use by ${holder.type} ${holder.id} ('${holder.name}')`,
    );
  }
  await behaviours[typeName]?.remove?.(cloud, thing);
  cloud.remove(typeName, id);
  cloud.record("delete", thing);
}

/**
 * What is true of it; undefined: it is not there.
 *
 * @param {Cloud} cloud
 * @param {string} typeName
 * @param {string} id
 */
export async function readResource(cloud, typeName, id) {
  const thing = cloud.find(typeName, id);
  return thing && { ...thing.properties, ...((await behaviours[typeName]?.read?.(cloud, thing)) ?? {}) };
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/**
 * @param {Cloud} cloud
 * @param {string} typeName
 * @param {Plain} inputs
 */
function requireWhatIsNamed(cloud, typeName, inputs) {
  for (const [field, { names }] of Object.entries(typeOf(typeName).fields)) {
    if (names === undefined) continue;
    for (const id of [inputs[field] ?? []].flat()) cloud.get(names, id);
  }
}

/**
 * @param {Thing} thing
 * @param {string} typeName
 * @param {string} id
 */
function holds({ type, properties }, typeName, id) {
  return Object.entries(typeOf(type).fields).some(
    ([field, { names, holds: keeps }]) => keeps && names === typeName && [properties[field] ?? []].flat().includes(id),
  );
}

/**
 * @param {readonly string[]} fields
 * @param {Thing} thing
 * @param {Plain} inputs
 */
function sameIn(fields, { properties }, inputs) {
  return fields.length > 0 && fields.every((field) => properties[field] === inputs[field]);
}
