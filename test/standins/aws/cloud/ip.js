// @ts-check
/** IPv4 addresses and networks as numbers. */

/** @param {string} address */
export const number = (address) => address.split(".").reduce((value, part) => value * 256 + Number(part), 0);

/** @param {number} value */
export const text = (value) => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/** @param {string} cidr */
export function network(cidr) {
  const [address = "", prefix = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(prefix));
  return { first: number(address), size };
}

/**
 * The first address of a network that nobody has; AWS keeps the first four and the last one of each for itself.
 *
 * @param {string} cidr
 * @param {readonly string[]} taken
 */
export function freeAddress(cidr, taken) {
  const { first, size } = network(cidr);
  for (let offset = 4; offset < size - 1; offset++) {
    const address = text(first + offset);
    if (!taken.includes(address)) return address;
  }
  throw new Error(`InsufficientFreeAddressesInSubnet: ${cidr} is full`);
}
