/**
 * Where WAL ends: records are followed from one that `pg_control` names, by their lengths and checksums, as PostgreSQL's own recovery does it.
 *
 * @see https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/access/transam/xlogreader.c
 */
import type { FileHandle } from "node:fs/promises";
import { crc32c } from "./crc32c.ts";
import { openRegular, readAt } from "./files.ts";

/** How WAL is cut; all in bytes. */
export interface WalSizes {
  readonly walBlockSize: number;
  readonly walSegmentSize: number;
}

const isPowerOfTwo = (value: number, from: number, to: number): boolean =>
  value >= from && value <= to && (value & (value - 1)) === 0;

/** @throws where no server is made or built with these */
export function requireWalSizes(who: string, { walBlockSize, walSegmentSize }: WalSizes): void {
  if (!isPowerOfTwo(walBlockSize, 1024, 65_536) || !isPowerOfTwo(walSegmentSize, 1 << 20, 1 << 30))
    throw new Error(`${who} says that WAL has blocks of ${walBlockSize} and segments of ${walSegmentSize} bytes`);
}

export interface WalRecord {
  readonly start: bigint;
  /** Where the next one begins, if that is not at a page's header. It is what PostgreSQL calls the record's end. */
  readonly end: bigint;
  readonly previous: bigint;
  readonly resourceManager: number;
  readonly info: number;
}

const longHeader = 40;
const shortHeader = 24;
const recordHeader = 24;
/** Beyond this, no record of PostgreSQL's is that long (`XLogRecordMaxSize`). */
const longestRecord = 1020 * 1024 * 1024;
const alignment = 8;

const continuesRecord = 0x01;
const hasLongHeader = 0x02;
const overwritesRecord = 0x08;

const hex = (value: bigint | number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, "0");

/** The name of the segment that holds this position: `0000000100000000000000A4`. */
export function segmentName(timeline: number, lsn: bigint, { walSegmentSize }: WalSizes): string {
  const number = lsn / BigInt(walSegmentSize);
  const perId = 0x1_0000_0000n / BigInt(walSegmentSize);
  return `${hex(timeline, 8)}${hex(number / perId, 8)}${hex(number % perId, 8)}`;
}

const align = (value: number): number => Math.ceil(value / alignment) * alignment;

const headerSize = (page: bigint, { walSegmentSize }: WalSizes): number =>
  page % BigInt(walSegmentSize) === 0n ? longHeader : shortHeader;

/** Where the segment begins that holds this position. */
export const segmentOf = (lsn: bigint, { walSegmentSize }: WalSizes): bigint => lsn - (lsn % BigInt(walSegmentSize));

/** Whether the record that begins here is the first one of its segment, and no other one goes on in it before. */
export const isFirstRecord = (start: bigint, sizes: WalSizes): boolean =>
  start - segmentOf(start, sizes) === BigInt(longHeader);

export interface WalReader {
  /** The record that begins at `start`; undefined: none does that is whole. */
  record(start: bigint): Promise<WalRecord | undefined>;
  /** Where the first record of a segment begins, after the rest of one from before; undefined: none does. */
  firstIn(segment: bigint): Promise<bigint | undefined>;
  /** The page after a record that a crash cut off, where the next primary went on (from 13 on, in minor releases). */
  overwrittenAt(start: bigint): Promise<bigint | undefined>;
  close(): Promise<void>;
}

const readAheadPages = 64;

/** What the first page of a segment says of itself. */
export interface SegmentHeader extends WalSizes {
  readonly systemIdentifier: string;
  /** Where it begins. */
  readonly start: bigint;
}

/** @throws where the file is no segment */
export async function readSegmentHeader(path: string): Promise<SegmentHeader> {
  const file = await openRegular(path);
  if (!file) throw new Error(`${path} is not there`);
  try {
    const page = await readAt(file, 0, longHeader);
    if (page.length < longHeader || (page.readUInt16LE(2) & hasLongHeader) === 0)
      throw new Error(`${path} does not begin as WAL does`);
    const [walSegmentSize, walBlockSize] = [page.readUInt32LE(32), page.readUInt32LE(36)];
    requireWalSizes(path, { walBlockSize, walSegmentSize });
    const systemIdentifier = page.readBigUInt64LE(24).toString();
    return { systemIdentifier, start: page.readBigUInt64LE(8), walSegmentSize, walBlockSize };
  } finally {
    await file.close();
  }
}

/** WAL of one timeline in a directory. */
export function walReader(directory: string, timeline: number, sizes: WalSizes): WalReader {
  const block = BigInt(sizes.walBlockSize);
  const segment = BigInt(sizes.walSegmentSize);
  let open: { name: string; file: FileHandle } | undefined;
  let ahead: { at: bigint; bytes: Buffer } | undefined;

  async function fileOf(page: bigint): Promise<FileHandle | undefined> {
    const name = segmentName(timeline, page, sizes);
    if (open?.name === name) return open.file;
    await open?.file.close();
    open = undefined;
    const file = await openRegular(`${directory}/${name}`);
    if (file) open = { name, file };
    return file;
  }

  async function bytesOf(page: bigint): Promise<Buffer | undefined> {
    if (ahead && page >= ahead.at && page + block <= ahead.at + BigInt(ahead.bytes.length)) {
      const from = Number(page - ahead.at);
      return ahead.bytes.subarray(from, from + sizes.walBlockSize);
    }
    const file = await fileOf(page);
    if (!file) return undefined;
    const within = Number(page % segment);
    const length = Math.min(readAheadPages * sizes.walBlockSize, sizes.walSegmentSize - within);
    ahead = { at: page, bytes: await readAt(file, within, length) };
    return ahead.bytes.length < sizes.walBlockSize ? undefined : ahead.bytes.subarray(0, sizes.walBlockSize);
  }

  /** A page, if it was written at this position: segments are used again, and have old pages then. */
  async function pageAt(page: bigint): Promise<Buffer | undefined> {
    const bytes = await bytesOf(page);
    return bytes && bytes.readBigUInt64LE(8) === page ? bytes : undefined;
  }

  async function record(at: bigint): Promise<WalRecord | undefined> {
    const start = at % block === 0n ? at + BigInt(headerSize(at, sizes)) : at;
    let page = start - (start % block);
    let bytes = await pageAt(page);
    if (!bytes || start % BigInt(alignment) !== 0n) return undefined;
    let offset = Number(start - page);
    const length = bytes.readUInt32LE(offset);
    if (length < recordHeader || length > longestRecord) return undefined;
    const pieces = [bytes.subarray(offset, Math.min(offset + length, sizes.walBlockSize))];
    let left = length - (pieces[0] as Buffer).length;
    let end = offset + length;
    while (left > 0) {
      page += block;
      bytes = await pageAt(page);
      if (!bytes || !continues(bytes, left)) return undefined;
      offset = headerSize(page, sizes);
      const piece = bytes.subarray(offset, Math.min(offset + left, sizes.walBlockSize));
      pieces.push(piece);
      left -= piece.length;
      end = offset + piece.length;
    }
    return checked(Buffer.concat(pieces), start, page + BigInt(align(end)));
  }

  async function overwrittenAt(start: bigint): Promise<bigint | undefined> {
    for (let page = start - (start % block) + block; ; page += block) {
      const bytes = await pageAt(page);
      const info = bytes?.readUInt16LE(2) ?? 0;
      if ((info & overwritesRecord) !== 0) return page;
      if ((info & continuesRecord) === 0) return undefined;
    }
  }

  async function firstIn(start: bigint): Promise<bigint | undefined> {
    for (let page = start; page < start + segment; page += block) {
      const bytes = await pageAt(page);
      if (!bytes) return undefined;
      const header = headerSize(page, sizes);
      const info = bytes.readUInt16LE(2);
      const isRest = (info & continuesRecord) !== 0 && (info & overwritesRecord) === 0;
      const rest = isRest ? align(bytes.readUInt32LE(16)) : 0;
      if (header + rest < sizes.walBlockSize) return page + BigInt(header + rest);
    }
    return undefined;
  }

  return {
    record,
    firstIn,
    overwrittenAt,
    async close() {
      await open?.file.close();
      open = undefined;
    },
  };
}

const continues = (page: Buffer, left: number): boolean => {
  const info = page.readUInt16LE(2);
  return (info & continuesRecord) !== 0 && (info & overwritesRecord) === 0 && page.readUInt32LE(16) === left;
};

function checked(bytes: Buffer, start: bigint, end: bigint): WalRecord | undefined {
  const crcOffset = 20;
  if (crc32c(bytes.subarray(recordHeader), bytes.subarray(0, crcOffset)) !== bytes.readUInt32LE(crcOffset)) {
    return undefined;
  }
  return {
    start,
    end,
    previous: bytes.readBigUInt64LE(8),
    info: bytes.readUInt8(16),
    resourceManager: bytes.readUInt8(17),
  };
}

/** `RM_XLOG_ID`, and two of its kinds: the upper half of `info`. */
const xlogManager = 0;
const shutdownCheckpoint = 0x00;
const segmentSwitch = 0x40;

const isKind = ({ resourceManager, info }: WalRecord, kind: number): boolean =>
  resourceManager === xlogManager && (info & 0xf0) === kind;

async function reading<T>(
  directory: string,
  timeline: number,
  sizes: WalSizes,
  what: (reader: WalReader) => Promise<T>,
): Promise<T> {
  const reader = walReader(directory, timeline, sizes);
  try {
    return await what(reader);
  } finally {
    await reader.close();
  }
}

/**
 * The end of a shutdown checkpoint's record.
 *
 * @param start where `pg_control` says that it begins
 * @throws where there is no such record
 */
export const shutdownCheckpointEnd = (
  directory: string,
  { timeline, lsn: start }: { readonly timeline: number; readonly lsn: bigint },
  sizes: WalSizes,
): Promise<bigint> =>
  reading(directory, timeline, sizes, async (reader) => {
    const record = await reader.record(start);
    if (!record || !isKind(record, shutdownCheckpoint)) {
      const file = `${directory}/${segmentName(timeline, start, sizes)}`;
      throw new Error(`${file} has no shutdown checkpoint where pg_control says that it begins`);
    }
    return record.end;
  });

/**
 * The end of the last whole record of a timeline, followed from one that is there.
 *
 * @throws where no record begins at `start`
 */
export const lastWholeRecordEnd = (
  directory: string,
  { timeline, lsn: start }: { readonly timeline: number; readonly lsn: bigint },
  sizes: WalSizes,
): Promise<bigint> =>
  reading(directory, timeline, sizes, async (reader) => {
    const first = await reader.record(start);
    if (!first)
      throw new Error(`${directory}/${segmentName(timeline, start, sizes)} has no record where one has to begin`);
    return await endBehind(reader, first, sizes);
  });

/**
 * The end of the last whole record of a segment alone, such as one from the archive: whoever wrote that had WAL up to here at least.
 *
 * @param start of the segment
 */
export const lastWholeRecordEndIn = (
  directory: string,
  timeline: number,
  start: bigint,
  sizes: WalSizes,
): Promise<bigint> =>
  reading(directory, timeline, sizes, async (reader) => {
    const first = await reader.firstIn(start);
    if (first === undefined) return start;
    const record = await reader.record(first);
    return record ? await endBehind(reader, record, sizes) : first;
  });

async function endBehind(reader: WalReader, first: WalRecord, sizes: WalSizes): Promise<bigint> {
  let last = first;
  for (;;) {
    const end = endOf(last, sizes);
    const next = (await reader.record(end)) ?? (await behindTheGap(reader, end));
    if (next?.previous !== last.start) return end;
    last = next;
  }
}

async function behindTheGap(reader: WalReader, start: bigint): Promise<WalRecord | undefined> {
  const page = await reader.overwrittenAt(start);
  return page === undefined ? undefined : reader.record(page);
}

/** A switch of segments fills up its own. */
function endOf(record: WalRecord, { walSegmentSize }: WalSizes): bigint {
  if (!isKind(record, segmentSwitch)) return record.end;
  const segment = BigInt(walSegmentSize);
  return ((record.start + segment) / segment) * segment;
}
