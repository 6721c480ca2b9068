/** A position in the WAL, as PostgreSQL writes it: `0/3000148`. */
export type Lsn = `${string}/${string}`;

/** Bytes from `older` to `newer`; negative where it is the other way round. */
export function lsnDistance(newer: Lsn, older: Lsn): number {
  return Number(lsnToBytes(newer) - lsnToBytes(older));
}

/** The position so many bytes from the beginning of the WAL. */
export function lsnOf(bytes: number | bigint): Lsn {
  const position = BigInt(bytes);
  return `${(position >> 32n).toString(16).toUpperCase()}/${(position & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** Bytes from the beginning of the WAL. */
export function lsnToBytes(lsn: string): bigint {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
