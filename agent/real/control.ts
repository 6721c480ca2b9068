/**
 * `pg_control`, read as the few fields that decisions need. Little-endian machines only: all that the agent runs on (x86-64, ARM64) are.
 *
 * @see https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_control.h
 */
import { endianness } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { WalEnd } from "../../model/leadership/index.ts";
import type { Control, ControlState } from "../surroundings.ts";
import { crc32c } from "./crc32c.ts";
import { readSmall } from "./files.ts";
import { requireWalSizes } from "./wal.ts";

/** What `pg_control` says; the part that the agent's core asks for is {@link Control}. */
export interface ControlFile extends Control {
  readonly controlVersion: number;
  /** Where replay has to begin after a crash. */
  readonly redo: bigint;
  /** Of a standby: it was replayed up to here, at least; exactly so in the state "shut down in recovery". 0: it is none. */
  readonly minRecovery: WalEnd;
  /** Bytes. */
  readonly walBlockSize: number;
  /** Bytes. */
  readonly walSegmentSize: number;
  /** 0: there are none. */
  readonly dataChecksums: number;
}

/** In the order of PostgreSQL's `DBState`. */
const states: readonly ControlState[] = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
];

/** Offsets in bytes, measured on files that each major's own `initdb` made. `checkpointCopy` is the body of the latest checkpoint's record. */
interface Layout {
  readonly checkpointCopy: number;
  readonly minRecovery: number;
  readonly walBlockSize: number;
  readonly dataChecksums: number;
  readonly crc: number;
}

const from12 = { checkpointCopy: 40, minRecovery: 136, walBlockSize: 224, dataChecksums: 252, crc: 288 };

const layouts: Readonly<Record<number, Layout>> = {
  // 9.6 and 10 keep the checkpoint before the latest one, too.
  960: { checkpointCopy: 48, minRecovery: 136, walBlockSize: 224, dataChecksums: 252, crc: 256 },
  1002: { checkpointCopy: 48, minRecovery: 136, walBlockSize: 224, dataChecksums: 252, crc: 288 },
  1100: { checkpointCopy: 40, minRecovery: 128, walBlockSize: 216, dataChecksums: 244, crc: 280 },
  1201: from12,
  1300: from12,
  1700: from12,
  1800: { ...from12, crc: 292 },
};

/** The file is torn or damaged: another reading may find it whole. */
class DamagedControlFile extends Error {}

const controlFileSize = 8192;

/**
 * @throws `DamagedControlFile` where its checksum does not fit; another error where it is of no version that is known here
 */
export function parseControl(bytes: Buffer): ControlFile {
  if (bytes.length < controlFileSize) throw new DamagedControlFile(`pg_control has ${bytes.length} bytes`);
  const controlVersion = bytes.readUInt32LE(8);
  const layout = layouts[controlVersion];
  if (!layout) {
    const swapped = bytes.readUInt32BE(8) in layouts ? ": it was written by a big-endian machine" : "";
    throw new Error(`pg_control has the version ${controlVersion}, which is not known here${swapped}`);
  }
  if (crc32c(bytes.subarray(0, layout.crc)) !== bytes.readUInt32LE(layout.crc)) {
    throw new DamagedControlFile("pg_control's checksum does not fit its content");
  }
  const state = states[bytes.readUInt32LE(16)];
  if (!state) throw new Error(`pg_control names the state ${bytes.readUInt32LE(16)}, which is not known here`);
  const walBlockSize = bytes.readUInt32LE(layout.walBlockSize);
  const walSegmentSize = bytes.readUInt32LE(layout.walBlockSize + 4);
  requireWalSizes("pg_control", { walBlockSize, walSegmentSize });
  return {
    controlVersion,
    systemIdentifier: bytes.readBigUInt64LE(0).toString(),
    state,
    checkpoint: { lsn: bytes.readBigUInt64LE(32), timeline: bytes.readUInt32LE(layout.checkpointCopy + 8) },
    redo: bytes.readBigUInt64LE(layout.checkpointCopy),
    minRecovery: {
      lsn: bytes.readBigUInt64LE(layout.minRecovery),
      timeline: bytes.readUInt32LE(layout.minRecovery + 8),
    },
    walBlockSize,
    walSegmentSize,
    dataChecksums: bytes.readUInt32LE(layout.dataChecksums),
  };
}

/** PostgreSQL writes it in place: a reading may meet it half-written. */
const readings = 10;
const betweenReadingsMs = 5;

/**
 * Of a data directory, as it is now.
 *
 * @returns undefined where there is no `pg_control`
 * @throws where it cannot be read whole, or is of a version that is not known here
 */
export async function readControl(dataDirectory: string): Promise<ControlFile | undefined> {
  if (endianness() !== "LE") throw new Error("pg_control can be read on little-endian machines only");
  for (let reading = 1; ; reading += 1) {
    const bytes = await readSmall(`${dataDirectory}/global/pg_control`, controlFileSize);
    if (!bytes) return undefined;
    try {
      return parseControl(bytes);
    } catch (error) {
      if (!(error instanceof DamagedControlFile) || reading === readings) throw error;
      await sleep(betweenReadingsMs);
    }
  }
}
