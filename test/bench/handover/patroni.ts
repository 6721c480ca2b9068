import { isDeepStrictEqual } from "node:util";
import { until } from "../../support/until.ts";
import type { Contender } from "./contender.ts";
import { hbaLines, nodeNames, PeerHosts, pgbin, pgdataDirectory } from "./peerHosts.ts";

const file = "/etc/patroni/config.yml";

/** What Patroni keeps in etcd for the whole cluster, as far as the two differ. */
type Timing = Readonly<Record<string, number>>;

// The least that Patroni accepts: loop_wait + 2 * retry_timeout must not exceed ttl.
const tuned: Timing = {
  ttl: 20,
  loop_wait: 1,
  retry_timeout: 3,
  primary_start_timeout: 10,
  primary_stop_timeout: 5,
};

export const patroni: readonly Contender[] = [
  contender("patroni", "Patroni, its defaults", { ttl: 30, loop_wait: 10, retry_timeout: 10 }),
  contender("patroni-tuned", "Patroni, tuned", tuned),
];

function contender(name: string, title: string, timing: Timing): Contender {
  const words = Object.entries(timing).map(([key, value]) => `${key} ${value}`);
  return {
    name,
    title,
    command: "patronictl switchover --primary … --candidate … --force",
    setup: `etcd (one member, on a host of its own); replication slots; pg_rewind; ${words.join(", ")}`,
    start: () =>
      PeerHosts.start(["etcd"], async (hosts) => {
        await hosts.write(
          "etcd",
          "/etc/default/etcd",
          "ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379\nETCD_ADVERTISE_CLIENT_URLS=http://etcd:2379\n",
        );
        await hosts.root("etcd", "systemctl enable --now etcd");
        for (const node of nodeNames) {
          // JSON is YAML.
          await hosts.write(node, file, JSON.stringify(configuration(node, hosts, timing), null, 2));
        }
        await hosts.root("a", "systemctl enable --now patroni");
        await until("Patroni's primary", 60, async () => (await hosts.sql("a", "select pg_is_in_recovery()")) === "f");
        await hosts.createClient("a");
        await hosts.createStanza("a");
        for (const node of nodeNames.slice(1)) await hosts.root(node, "systemctl enable --now patroni");
        const ctl = `patronictl -c ${file}`;
        const ready = async () => {
          const members = JSON.parse(await hosts.postgres("a", `${ctl} list -f json`)) as Record<string, unknown>[];
          const states = members.map(({ State }) => State).sort();
          return isDeepStrictEqual(states, ["running", "streaming", "streaming"]);
        };
        await until("Patroni's standbys", 120, ready);
        return hosts.cluster(["patroni", "etcd-server"], {
          ready,
          switchover: (from, to) =>
            hosts.postgres(from, `${ctl} switchover bench --primary ${from} --candidate ${to} --force 2>&1`),
        });
      }),
  };
}

function configuration(name: string, hosts: PeerHosts, timing: Timing) {
  const { restore_command, ...parameters } = hosts.settings;
  const { address } = hosts.host(name);
  return {
    scope: "bench",
    name,
    restapi: { listen: "0.0.0.0:8008", connect_address: `${address}:8008` },
    etcd3: { hosts: ["etcd:2379"] },
    bootstrap: {
      dcs: { ...timing, postgresql: { use_pg_rewind: true, use_slots: true, parameters } },
      initdb: ["data-checksums", { encoding: "UTF8" }, { locale: "C.UTF-8" }, { auth: "trust" }],
    },
    postgresql: {
      listen: "0.0.0.0:5432",
      connect_address: `${address}:5432`,
      data_dir: pgdataDirectory,
      bin_dir: pgbin,
      authentication: {
        superuser: { username: "postgres" },
        replication: { username: "postgres" },
        rewind: { username: "postgres" },
      },
      basebackup: [{ checkpoint: "fast" }],
      recovery_conf: { restore_command },
      parameters: { unix_socket_directories: "/run/postgresql" },
      pg_hba: hbaLines,
    },
  };
}
