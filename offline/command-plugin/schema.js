// @ts-check
/** The resources and functions of @pulumi/command 1.2.1: their inputs, and what follows from each. */

/**
 * @typedef {object} Field
 * @property {"string" | "number" | "integer" | "boolean" | "any" | "source"} [type] of a single value
 * @property {"list" | "map"} [collection] of such values
 * @property {Fields} [fields] of an object
 * @property {string} [typeName] how messages name the object
 * @property {boolean} [optional]
 * @property {boolean} [secret] marked as a secret whatever the program says
 * @property {boolean} [replaces] a change of the whole field replaces the resource
 * @property {string | number} [byDefault]
 * @property {readonly string[]} [oneOf]
 */
/** @typedef {Readonly<Record<string, Field>>} Fields */

/** @type {Field} */
const text = { type: "string", optional: true };
/** @type {Field} */
const texts = { type: "string", collection: "list", optional: true };
/** @type {Field} */
const flag = { type: "boolean", optional: true };
/** @type {Field} */
const triggers = { type: "any", collection: "list", optional: true, replaces: true };
/** @type {Field} */
const logging = { ...text, oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] };
/** @type {Field} */
const environment = { type: "string", collection: "map", optional: true };

/** @type {Fields} */
const endpoint = {
  user: { ...text, byDefault: "root" },
  password: { ...text, secret: true },
  host: { type: "string" },
  port: { type: "number", optional: true, byDefault: 22 },
  privateKey: { ...text, secret: true },
  privateKeyPassword: { ...text, secret: true },
  agentSocketPath: text,
  dialErrorLimit: { type: "integer", optional: true, byDefault: 10 },
  perDialTimeout: { type: "integer", optional: true, byDefault: 15 },
  hostKey: text,
};

/** @type {Field} */
const connection = {
  fields: { ...endpoint, proxy: { fields: endpoint, typeName: "remote.ProxyConnection", optional: true } },
  typeName: "remote.Connection",
  secret: true,
};

const steps = { triggers, create: text, update: text, delete: text };

const localInputs = {
  stdin: text,
  logging,
  interpreter: texts,
  dir: text,
  environment,
  assetPaths: texts,
  archivePaths: texts,
  addPreviousOutputInEnv: flag,
};

/** @type {Readonly<Record<string, { typeName: string, fields: Fields, updates: boolean }>>} */
export const resources = {
  "command:local:Command": { typeName: "local.CommandInputs", fields: { ...steps, ...localInputs }, updates: true },
  "command:remote:Command": {
    typeName: "remote.CommandInputs",
    fields: { ...steps, stdin: text, logging, connection, environment, addPreviousOutputInEnv: flag },
    updates: true,
  },
  "command:remote:CopyToRemote": {
    typeName: "remote.CopyToRemoteInputs",
    fields: { connection, triggers, source: { type: "source" }, remotePath: { type: "string" } },
    updates: true,
  },
};

/** @type {Readonly<Record<string, { typeName: string, fields: Fields }>>} */
export const functions = {
  "command:local:run": { typeName: "local.RunInputs", fields: { ...localInputs, command: { type: "string" } } },
};
