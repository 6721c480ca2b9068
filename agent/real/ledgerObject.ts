/** What an object of the ledger may be, wherever it lies. */

/** Bytes: longer than any entry, and than any error of a store's. */
export const largestObject = 64 * 1024;

/** @throws where the key could lead out of the ledger, or mean something to a store */
export function checkedKey(key: string): string {
  if (key.length > 200 || !/^[a-z0-9-][a-z0-9.-]*(?:\/[a-z0-9-][a-z0-9.-]*)*$/.test(key)) {
    throw new Error(`'${key}' is no key of the ledger`);
  }
  return key;
}
