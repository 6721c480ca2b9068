import type { PostgresMajor } from "./clusterConfig.ts";

/** What a host has, as `install` reports it or the target says. */
export interface HostSize {
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Size of the file system that holds the data directory. */
  readonly dataDiskBytes: number;
}

/** Settings that follow from the host's size. */
export function sizeSettings(host: HostSize & { readonly major: PostgresMajor }): Readonly<Record<string, string>> {
  void host;
  return {};
}
