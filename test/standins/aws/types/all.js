// @ts-check
/** Every resource type that `components/targets/aws` uses. One that is not here is refused: the stand-in guesses nothing. */
import { bucket } from "./bucket.js";
import { extras } from "./extras.js";
import { hosts } from "./hosts.js";
import { network } from "./network.js";
import { users } from "./users.js";

/** @type {Readonly<Record<string, import("./field.js").ResourceType>>} */
export const types = { ...network, ...hosts, ...bucket, ...users, ...extras };

/** @param {string} type */
export function typeOf(type) {
  const known = types[type];
  if (known === undefined) {
    throw new Error(
      `the stand-in for @pulumi/aws has no type '${type}'\nHINT: describe it in test/standins/aws/types/.`,
    );
  }
  return known;
}
