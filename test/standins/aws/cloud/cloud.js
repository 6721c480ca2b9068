// @ts-check
/** A cloud that a test has made: a folder with what is in it (`cloud.json`), and what happened to it (`events.jsonl`), in order. */
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} Thing
 * @property {string} type
 * @property {string} id
 * @property {string} name that of the resource in the program
 * @property {Record<string, any>} properties inputs and outputs
 * @property {Record<string, any>} [hidden] what AWS would not show
 */

/**
 * @typedef {object} State
 * @property {string} name of the Docker objects that belong to it, as a prefix
 * @property {string} account
 * @property {string} region
 * @property {string} internet network of the public addresses, in CIDR notation
 * @property {{ certificate: string, privateKey: string }} ca that the cloud's own servers are known by
 * @property {readonly Image[]} images
 * @property {readonly Thing[]} things
 */

/** @typedef {{ id: string, name: string, architecture: string, owner: string, published: number }} Image */

export class Cloud {
  /** @readonly */
  folder;

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /** @param {string | undefined} folder */
  static open(folder) {
    if (folder === undefined || !existsSync(join(folder, "cloud.json"))) {
      throw new Error(
        "this is no plugin for AWS but a stand-in for tests, and there is no cloud in UNDERSTUDY_AWS_STANDIN\nHINT: take test/standins/aws off your PATH.",
      );
    }
    return new Cloud(folder);
  }

  /** @returns {State} */
  get state() {
    return JSON.parse(readFileSync(join(this.folder, "cloud.json"), "utf8"));
  }

  /**
   * Changes the state at once: nothing else comes in between.
   *
   * @param {(state: State) => State} change
   */
  change(change) {
    this.alone(() => {
      const partial = join(this.folder, `cloud.${randomBytes(4).toString("hex")}`);
      writeFileSync(partial, JSON.stringify(change(this.state), null, 1), { mode: 0o600 });
      renameSync(partial, join(this.folder, "cloud.json"));
    });
  }

  /**
   * Runs `work` while no other process does anything of the kind: the plugin and the API are two.
   *
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  alone(work) {
    const lock = join(this.folder, "lock");
    for (let attempt = 0; ; attempt++) {
      try {
        mkdirSync(lock);
        break;
      } catch (error) {
        if (/** @type {{ code?: string }} */ (error).code !== "EEXIST" || attempt > 5000) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
    try {
      return work();
    } finally {
      rmdirSync(lock);
    }
  }

  /**
   * Refuses who would work elsewhere, as the real one does by the account of the credentials.
   *
   * @param {{ region: string, allowedAccountIds: string[] }} config
   */
  admit({ region, allowedAccountIds }) {
    const { account, region: own } = this.state;
    if (allowedAccountIds.length > 0 && !allowedAccountIds.includes(account)) {
      throw new Error(`AWS account ID not allowed: ${account}`);
    }
    if (region !== own) throw new Error(`the stand-in's cloud is in ${own}, not in '${region}'`);
  }

  /** @param {string} type */
  all(type) {
    return this.state.things.filter((thing) => thing.type === type);
  }

  /**
   * @param {string} type
   * @param {string} id
   */
  find(type, id) {
    return this.state.things.find((thing) => thing.type === type && thing.id === id);
  }

  /**
   * @param {string} type
   * @param {string} id
   * @returns {Thing}
   */
  get(type, id) {
    const found = this.find(type, id);
    if (found === undefined) throw new Error(`NotFound: there is no ${type} ${id}`);
    return found;
  }

  /** @param {Thing} thing */
  put(thing) {
    this.change((state) => ({
      ...state,
      things: [...state.things.filter(({ type, id }) => type !== thing.type || id !== thing.id), thing],
    }));
  }

  /**
   * Notes of something what AWS would not show.
   *
   * @param {string} type
   * @param {string} id
   * @param {Record<string, unknown>} hidden undefined: forgotten
   */
  note(type, id, hidden) {
    this.change((state) => ({
      ...state,
      things: state.things.map((thing) =>
        thing.type === type && thing.id === id ? { ...thing, hidden: { ...thing.hidden, ...hidden } } : thing,
      ),
    }));
  }

  /**
   * @param {string} type
   * @param {string} id
   */
  remove(type, id) {
    this.change((state) => ({
      ...state,
      things: state.things.filter((thing) => thing.type !== type || thing.id !== id),
    }));
  }

  /**
   * @param {string} what
   * @param {Pick<Thing, "type" | "id" | "name">} of
   * @param {Record<string, unknown>} [more]
   */
  record(what, { type, id, name }, more = {}) {
    const event = { time: new Date().toISOString(), event: what, type: type.split(":").at(-1), name, id, ...more };
    appendFileSync(join(this.folder, "events.jsonl"), `${JSON.stringify(event)}\n`, { mode: 0o600 });
  }
}

/** @param {string} prefix */
export const newId = (prefix) => `${prefix}0${randomBytes(8).toString("hex")}`;
