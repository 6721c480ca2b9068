import { formatSize, sizeUnits } from "../config/units.ts";
import type { PostgresMajor } from "../majors.ts";

/** What a host has, as `install` reports it or the target says. */
export interface HostSize {
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Size of the file system that holds the data directory. */
  readonly dataDiskBytes: number;
}

const { MB, GB, TB } = sizeUnits;

/**
 * Settings that follow from the host's size; the user's settings win.
 *
 * | setting | rule | least | most |
 * |---|---|---|---|
 * | `shared_buffers` | 25 % of memory | 32MB | 32GB |
 * | `effective_cache_size` | 75 % of memory | 64MB | |
 * | `maintenance_work_mem` | 1/16 of memory | 16MB | 2GB |
 * | `work_mem` | 1/400 of memory: 100 sessions at once take a quarter of it | 4MB | 64MB |
 * | `max_parallel_workers` | CPUs | 2 | 8 |
 * | `max_parallel_workers_per_gather` | half the CPUs | 1 | 4 |
 * | `max_wal_size` | 10 % of the data disk | 256MB | 64GB |
 * | `min_wal_size` | a quarter of `max_wal_size` | 80MB | 4GB |
 * | `wal_keep_size` | 2 % of the data disk, for rejoins without the archive | 64MB | 1GB |
 * | `max_slot_wal_keep_size` | 20 % of the data disk: a standby that is gone can't fill it | 512MB | 1TB |
 *
 * Settings that a standby must not have less of than its primary (`max_connections`, `max_worker_processes`, …) are not
 * among them: nodes may differ in size, and any of them may become the primary.
 */
export function sizeSettings(host: HostSize & { readonly major: PostgresMajor }): Readonly<Record<string, string>> {
  const { memoryBytes: memory, dataDiskBytes: disk, cpus } = host;
  const maxWalSize = clamp(disk * 0.1, 256 * MB, 64 * GB);
  return {
    effective_cache_size: size(clamp(memory * 0.75, 64 * MB)),
    maintenance_work_mem: size(clamp(memory / 16, 16 * MB, 2 * GB)),
    max_parallel_workers: String(clamp(Math.floor(cpus), 2, 8)),
    max_parallel_workers_per_gather: String(clamp(Math.floor(cpus / 2), 1, 4)),
    max_slot_wal_keep_size: size(clamp(disk * 0.2, 512 * MB, TB)),
    max_wal_size: size(maxWalSize),
    min_wal_size: size(clamp(maxWalSize / 4, 80 * MB, 4 * GB)),
    shared_buffers: size(clamp(memory / 4, 32 * MB, 32 * GB)),
    wal_keep_size: size(clamp(disk * 0.02, 64 * MB, GB)),
    work_mem: size(clamp(memory / 400, 4 * MB, 64 * MB)),
  };
}

function clamp(value: number, least: number, most = Number.POSITIVE_INFINITY): number {
  return Math.min(Math.max(value, least), most);
}

/** In whole megabytes, so that a few bytes more or less change nothing. */
function size(bytes: number): string {
  return formatSize(Math.floor(bytes / MB) * MB);
}
