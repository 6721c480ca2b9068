export interface HbaInput {
  /** Addresses (IP address or host name) of every node that takes part. */
  readonly nodeAddresses: readonly string[];
  /** Networks in CIDR notation that clients may come from. */
  readonly clientNetworks: readonly string[];
}

/** `/etc/understudy/pg_hba.conf`: the same on every node. */
export function renderHba(input: HbaInput): string {
  void input;
  return "";
}
