// @ts-check
/**
 * Property values as the engine sends them: plain JSON in which marked objects stand for secrets, assets and archives, and
 * marked strings for what is not known yet.
 */

/**
 * @typedef {Value[]} Values
 */
/** @typedef {null | boolean | number | string | Values | Properties} Value */
/** @typedef {{ [key: string]: Value }} Properties */

const MARK = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";

export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** One for each type: string, boolean, number, array, asset, archive, object. */
const UNKNOWNS = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** @param {Value | undefined} value @returns {value is Properties} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {Value | undefined} value @returns {value is { value: Value }} */
export const isSecret = (value) => isObject(value) && value[MARK] === SECRET;

/** @param {Value | undefined} value @returns {value is Properties} */
export const isAsset = (value) => isObject(value) && value[MARK] === ASSET;

/** @param {Value | undefined} value @returns {value is Properties} */
export const isArchive = (value) => isObject(value) && value[MARK] === ARCHIVE;

/** @param {Value | undefined} value @returns {value is Properties} an object without a mark */
export const isRecord = (value) => isObject(value) && value[MARK] === undefined;

/** @param {Value | undefined} value */
export const isUnknown = (value) => typeof value === "string" && UNKNOWNS.has(value);

/** @param {Value} value @returns {Value} */
export const asSecret = (value) => (isSecret(value) ? value : { [MARK]: SECRET, value });

/** @param {Value | undefined} value @returns {Value | undefined} the value without a mark of secrecy on its outside */
export const revealed = (value) => (isSecret(value) ? revealed(value.value) : value);

/**
 * The value with no mark of secrecy anywhere, as a command needs it.
 *
 * @param {Value | undefined} value
 * @returns {any}
 */
export function plain(value) {
  if (isSecret(value)) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, plain(inner)]])),
    );
  }
  return value ?? undefined;
}

/**
 * Equal, secrecy included. Assets and archives are what their content is.
 *
 * @param {Value | undefined} a
 * @param {Value | undefined} b
 * @returns {boolean}
 */
export function equal(a, b) {
  if (a === b) return true;
  if ((a ?? null) === null || (b ?? null) === null) return (a ?? null) === (b ?? null);
  if (isSecret(a) || isSecret(b)) return isSecret(a) && isSecret(b) && equal(a.value, b.value);
  if (isAsset(a) || isArchive(a)) {
    return isObject(b) && a[MARK] === b[MARK] && (a.hash || b.hash ? a.hash === b.hash : sameEntries(a, b));
  }
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  return isObject(a) && isObject(b) && sameEntries(a, b);
}

/** @param {Properties} a @param {Properties} b */
function sameEntries(a, b) {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => equal(a[key], b[key]));
}

/** @param {string} path @param {string} hash @returns {Value} */
export const fileAsset = (path, hash) => ({ [MARK]: ASSET, hash, path });

/** @param {Properties} assets @returns {Value} */
export const assetArchive = (assets) => ({ [MARK]: ARCHIVE, assets });
