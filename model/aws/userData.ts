/** User data: what an instance is told before anybody can log in. Rendered from plain values; JSON is YAML to cloud-init. */

/** The user that this program logs in as. */
export const loginUser = "understudy";
/** Where the data volume is mounted. */
export const dataMount = "/var/lib/understudy";
/** EC2 takes no more, before base64. */
export const mostUserDataBytes = 16_384;

const library = "/usr/local/lib/understudy-host";
/** What `boot` runs on the host (scripts/steps/boot.ts). */
export const hostCommands = {
  dataVolume: `${library}/data-volume`,
  takeHostKey: `${library}/take-host-key`,
  bastionKeys: `${library}/bastion-keys`,
  /** As root, with lines of `nodeLogin` on its standard input: they take the place of those of ours, and other lines stay. */
  takeLogins: [
    "set -eu; directory=/home/understudy/.ssh; new=$(mktemp $directory/.understudy.XXXXXX)",
    "{ grep -v ' understudy$' $directory/authorized_keys || true; cat; } >$new",
    "chown understudy:understudy $new; mv -f $new $directory/authorized_keys",
  ].join("; "),
} as const;

/** Line for `authorized_keys` of a node, by a key's type and base64. */
export function nodeLogin(publicKey: string): string {
  return `${publicKey} understudy`;
}

/** The same of a bastion: it forwards to port 22 of the nodes, and the one thing that it runs takes keys. */
export function bastionLogin(publicKey: string): string {
  return `restrict,port-forwarding,permitopen="*:22",command="sudo -n ${hostCommands.bastionKeys}" ${publicKey} understudy`;
}

/** User data without what `boot` changes on the host in any case: the key that operators log in with. */
export function apartFromLogins(userDataBase64: string): string {
  return Buffer.from(userDataBase64, "base64")
    .toString()
    .replaceAll(/ssh-ed25519 [A-Za-z0-9+/=]+ understudy\b/g, "KEY");
}

/** The scripts that `scripts/aws/` holds, by file name. */
export interface AwsHostScripts {
  readonly "bastion-keys": string;
  readonly "data-volume": string;
  readonly "metadata-guard": string;
  readonly "take-host-key": string;
}

interface HostKey {
  /** OpenSSH format. */
  readonly privateKey: string;
  /** Type and base64. */
  readonly publicKey: string;
}

export interface NodeUserData {
  readonly hostName: string;
  /** Line for `authorized_keys`. */
  readonly operatorKey: string;
  /** For the first connection only. */
  readonly bootKey: HostKey;
  readonly volumeId: string;
  readonly scripts: AwsHostScripts;
  readonly services: NetworkServices;
}

/** A node's user data: a secret as a whole. The host key in it is good until `boot` has put the lasting one in its place. */
export function renderNodeUserData({
  hostName,
  operatorKey,
  bootKey,
  volumeId,
  scripts,
  services,
}: NodeUserData): string {
  const resolver = ownResolver(services.dns);
  return cloudConfig({
    ...login(nodeLogin(operatorKey), bootKey, "ALL=(ALL) NOPASSWD:ALL"),
    hostname: hostName,
    ...(services.ntp.length > 0 ? { ntp: { enabled: true, servers: services.ntp } } : {}),
    ...(services.proxy === undefined ? {} : { apt: { http_proxy: services.proxy, https_proxy: services.proxy } }),
    // Else `sudo`, which every step begins with, asks the name servers for a name that they do not know.
    manage_etc_hosts: "localhost",
    write_files: [
      file(hostCommands.dataVolume, "0755", scripts["data-volume"]),
      file(hostCommands.takeHostKey, "0755", scripts["take-host-key"]),
      ...metadataGuard(scripts, "postgres"),
      file(`/etc/systemd/system/${mountUnit}`, "0644", mount(volumeId)),
      ...resolver.files,
    ],
    runcmd: [
      ...resolver.commands,
      // As postgresql-common would: the guard has to know whom to let through before anything is installed.
      "getent passwd postgres >/dev/null || adduser --system --quiet --group --home /var/lib/postgresql --no-create-home --shell /bin/bash --gecos 'PostgreSQL administrator' postgres",
      ...startGuard,
      `systemctl enable ${mountUnit}`,
    ],
  });
}

export interface BastionUserData {
  /** Type and base64. */
  readonly operatorKey: string;
  /** For the first connection only. */
  readonly bootKey: HostKey;
  readonly scripts: Pick<AwsHostScripts, "bastion-keys" | "metadata-guard" | "take-host-key">;
}

/** The bastion's: as a node's, but for a user who takes keys and reaches nothing but port 22. */
export function renderBastionUserData({ operatorKey, bootKey, scripts }: BastionUserData): string {
  return cloudConfig({
    ...login(bastionLogin(operatorKey), bootKey, `ALL=(root) NOPASSWD: ${hostCommands.bastionKeys} ""`),
    write_files: [
      file(hostCommands.bastionKeys, "0755", scripts["bastion-keys"]),
      file(hostCommands.takeHostKey, "0755", scripts["take-host-key"]),
      ...metadataGuard(scripts, ""),
    ],
    runcmd: startGuard,
  });
}

/** What a network of somebody's own has in the place of AWS's. */
export interface NetworkServices {
  /** Addresses of name servers; empty: those that the network gives out. */
  readonly dns: readonly string[];
  /** Addresses of time servers; empty: those of the image. */
  readonly ntp: readonly string[];
  /** URL of the HTTP proxy that packages come through; undefined: none. */
  readonly proxy: string | undefined;
}

/** systemd-resolved asks these name servers for every name. */
function ownResolver(dns: readonly string[]) {
  if (dns.length === 0) return { files: [], commands: [] };
  const text = ["# Written by Understudy.", "[Resolve]", `DNS=${dns.join(" ")}`, "Domains=~.", ""].join("\n");
  return {
    files: [file("/etc/systemd/resolved.conf.d/understudy.conf", "0644", text)],
    commands: ["systemctl restart systemd-resolved"],
  };
}

const mountUnit = "var-lib-understudy.mount";

/** The guard's unit: `boot` goes no further where it does not run. */
export const guardUnit = "understudy-metadata.service";

const startGuard = [
  "command -v nft >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install nftables; }",
  "systemctl daemon-reload",
  `systemctl enable --now ${guardUnit}`,
];

function login(authorizedKey: string, hostKey: HostKey, sudo: string | false) {
  return {
    disable_root: true,
    ssh_pwauth: false,
    // One key only: whoever checks one does not want to be offered another.
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
    users: [{ name: loginUser, shell: "/bin/bash", lock_passwd: true, sudo, ssh_authorized_keys: [authorizedKey] }],
  };
}

function metadataGuard(scripts: Pick<AwsHostScripts, "metadata-guard">, users: string) {
  const script = `${library}/metadata-guard`;
  const unit = [
    "# Written by Understudy.",
    "[Unit]",
    "Description=The metadata service is for root alone, and whoever is named (Understudy)",
    "After=local-fs.target nss-user-lookup.target",
    "Before=ssh.service ssh.socket",
    "",
    "[Service]",
    "Type=oneshot",
    "RemainAfterExit=yes",
    `ExecStart=${`${script} ${users}`.trimEnd()}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
  return [file(script, "0755", scripts["metadata-guard"]), file(`/etc/systemd/system/${guardUnit}`, "0644", unit)];
}

/** By the volume's id: names of devices follow the order in which they were found. */
function mount(volumeId: string): string {
  return [
    "# Written by Understudy.",
    "[Unit]",
    "Description=Data volume (Understudy)",
    "",
    "[Mount]",
    `What=${deviceOf(volumeId)}`,
    `Where=${dataMount}`,
    "Type=ext4",
    "Options=noatime",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

/** What udev calls an EBS volume, on Nitro. */
export function deviceOf(volumeId: string): string {
  return `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volumeId.replace("-", "")}`;
}

function file(path: string, permissions: string, content: string) {
  return { path, owner: "root:root", permissions, content };
}

function cloudConfig(config: object): string {
  const text = `#cloud-config\n${JSON.stringify(config)}\n`;
  const bytes = Buffer.byteLength(text);
  if (bytes > mostUserDataBytes) throw new Error(`user data has ${bytes} bytes, ${mostUserDataBytes} are allowed`);
  return text;
}
