import { until } from "../../support/until.ts";
import type { Contender } from "./contender.ts";
import { hbaFile, nodeNames, PeerHosts, pgbin, pgdataDirectory, settingsFile } from "./peerHosts.ts";

const log = "/var/log/postgresql/postgresql.log";
const start = `pg_ctl start --wait --log=${log}`;

/**
 * repmgr, without its daemon: PostgreSQL is started and stopped by pg_ctl, which takes less time than systemctl by sudo. As the
 * others have it, and once more with standbys that don't ask the archive, which makes its promotion faster.
 */
export const repmgr: readonly Contender[] = [
  contender("repmgr", "repmgr", true),
  contender("repmgr-streaming", "repmgr, no restore_command", false),
];

function contender(name: string, title: string, restores: boolean): Contender {
  const setup = "replication slots; PostgreSQL by pg_ctl; no repmgrd, no sudo";
  return {
    name,
    title,
    command: "repmgr standby switchover --siblings-follow",
    setup: restores ? setup : `${setup}; standbys fetch nothing from the archive`,
    start: () => PeerHosts.start([], (hosts) => setUp(hosts, restores)),
  };
}

async function setUp(hosts: PeerHosts, restores: boolean) {
  for (const [index, name] of nodeNames.entries()) {
    await hosts.write(name, "/etc/repmgr.conf", configuration(index + 1, name));
  }
  await letIn(hosts);
  await hosts.postgres("a", "initdb --data-checksums --auth=trust --encoding=UTF8 --locale=C.UTF-8");
  const settings = ["listen_addresses = '*'", `include '${settingsFile}'`, `hba_file = '${hbaFile}'`];
  if (!restores) settings.push("restore_command = ''");
  await hosts.postgres("a", `cat >>${pgdataDirectory}/postgresql.conf`, `${settings.join("\n")}\n`);
  await hosts.postgres("a", start);
  await hosts.sql("a", "create role repmgr login superuser");
  await hosts.sql("a", "create database repmgr owner repmgr");
  await hosts.createClient("a");
  await hosts.createStanza("a");
  await hosts.postgres("a", "repmgr primary register");
  for (const name of nodeNames.slice(1)) {
    await hosts.postgres(name, "repmgr -h a -U repmgr -d repmgr standby clone --fast-checkpoint");
    await hosts.postgres(name, start);
    const attached = `select count(*) from pg_stat_replication where application_name = '${name}'`;
    await until(`${name} to stream`, 60, async () => (await hosts.sql("a", attached)) === "1");
    await hosts.postgres(name, "repmgr standby register --wait-sync=60");
  }
  return hosts.cluster(["repmgr"], {
    switchover: (_from, to) => hosts.postgres(to, "repmgr standby switchover --siblings-follow 2>&1"),
  });
}

const configuration = (id: number, name: string) => `node_id=${id}
node_name='${name}'
conninfo='host=${name} user=repmgr dbname=repmgr connect_timeout=2'
data_directory='${pgdataDirectory}'
pg_bindir='${pgbin}'
use_replication_slots=yes
pg_ctl_options='--log=${log}'
ssh_options='-q -o ConnectTimeout=5 -o StrictHostKeyChecking=no'
`;

/** repmgr works on other hosts by SSH, as PostgreSQL's user. */
async function letIn(hosts: PeerHosts): Promise<void> {
  const directory = "/var/lib/postgresql/.ssh";
  await hosts.postgres("a", `mkdir -m 700 ${directory} && ssh-keygen -q -t ed25519 -N "" -f ${directory}/id_ed25519`);
  const privateKey = await hosts.postgres("a", `cat ${directory}/id_ed25519`);
  const publicKey = await hosts.postgres("a", `cat ${directory}/id_ed25519.pub`);
  for (const name of nodeNames) {
    await hosts.postgres(name, `mkdir -p -m 700 ${directory}`);
    await hosts.write(name, `${directory}/id_ed25519`, privateKey);
    await hosts.write(name, `${directory}/authorized_keys`, publicKey);
  }
}
