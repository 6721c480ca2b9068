// @ts-check
/** What creating, updating and deleting each resource does. */

import { plain, revealed } from "../lib/values.js";
import { copyToRemote } from "./copy.js";
import { previewed } from "./diff.js";
import { runLocal } from "./local.js";
import { runRemote } from "./remote.js";

/** @typedef {import("./main.js").Call} Call */
/** @typedef {import("../lib/values.js").Properties} Properties */

/**
 * @typedef {object} Controller
 * @property {(call: Call, inputs: Properties, preview: boolean) => Promise<Properties>} create
 * @property {(call: Call, state: Properties, inputs: Properties, preview: boolean) => Promise<Properties>} update
 * @property {(call: Call, state: Properties) => Promise<void>} remove
 */

/** What a command has when none was run. */
const NOTHING_PRINTED = { stdout: "", stderr: "" };

/**
 * @param {readonly string[]} inputNames
 * @param {readonly string[]} outputNames
 * @param {(call: Call, command: string, inputs: any, previous: { stdout?: string, stderr?: string }) => Promise<Properties>} run
 * @returns {Controller}
 */
function commandController(inputNames, outputNames, run) {
  return {
    async create(call, inputs, preview) {
      if (preview) return previewed(inputs, inputNames, NOTHING_PRINTED);
      const { create, ...args } = plain(inputs);
      if (create === undefined) return { ...inputs, ...NOTHING_PRINTED };
      return { ...inputs, ...NOTHING_PRINTED, ...(await run(call, create, args, {})) };
    },
    async update(call, state, inputs, preview) {
      const outputs = Object.fromEntries(
        outputNames.flatMap((name) => (name in state ? [[name, state[name] ?? null]] : [])),
      );
      if (preview) return previewed(inputs, inputNames, outputs, state);
      const { create, update = create, ...args } = plain(inputs);
      if (update === undefined) return { ...inputs, ...outputs };
      return { ...inputs, ...outputs, ...(await run(call, update, args, plain(outputs))) };
    },
    async remove(call, state) {
      const { delete: command, ...args } = plain(state);
      if (command !== undefined) await run(call, command, args, args);
    },
  };
}

/** @param {readonly string[]} inputNames @returns {Controller} */
function copyController(inputNames) {
  return {
    async create(call, inputs, preview) {
      if (preview) return previewed(inputs, inputNames, {});
      await copyToRemote(call, plain(inputs));
      return inputs;
    },
    async update(call, state, inputs, preview) {
      if (preview) return previewed(inputs, inputNames, {}, state);
      const source = /** @type {Properties} */ (revealed(inputs.source));
      const copied = /** @type {Properties} */ (revealed(state.source));
      const moved = plain(inputs.remotePath) !== plain(state.remotePath);
      if (source.hash !== copied.hash || moved) await copyToRemote(call, plain(inputs));
      return inputs;
    },
    async remove() {},
  };
}

/**
 * @param {string} type
 * @param {readonly string[]} inputNames
 * @returns {Controller}
 */
export function controllerOf(type, inputNames) {
  switch (type) {
    case "command:local:Command":
      return commandController(inputNames, ["stdout", "stderr", "assets", "archive"], runLocal);
    case "command:remote:Command":
      return commandController(inputNames, ["stdout", "stderr"], runRemote);
    case "command:remote:CopyToRemote":
      return copyController(inputNames);
    default:
      throw new Error(`unknown resource type '${type}'`);
  }
}

/**
 * `local.run`: at once, in previews too.
 *
 * @param {Call} call
 * @param {Properties} inputs
 */
export async function invokeRun(call, inputs) {
  const { command, ...args } = plain(inputs);
  return { ...inputs, ...(await runLocal(call, command, args, {})) };
}
