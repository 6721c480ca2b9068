import { isDeepStrictEqual } from "node:util";
import { until } from "../../support/until.ts";
import type { Contender } from "./contender.ts";
import { hbaFile, nodeNames, PeerHosts, pgdataDirectory, settingsFile } from "./peerHosts.ts";

const monitorUri = "postgres://autoctl_node@monitor:5432/pg_auto_failover?sslmode=require";

interface State {
  readonly current_group_state: string;
  readonly assigned_group_state: string;
}

/** pg_auto_failover: its monitor on a host of its own. The third node has priority 0, so that the other two take turns. */
export const pgAutoFailover: Contender = {
  name: "pg_auto_failover",
  title: "pg_auto_failover",
  command: "pg_autoctl perform switchover",
  setup:
    "its monitor on a host of its own; replication quorum off, so that commits wait for no standby, as with the others",
  start: () =>
    PeerHosts.start(["monitor"], async (hosts) => {
      await hosts.root("monitor", "install -d -o postgres -g postgres /var/lib/understudy/17");
      await hosts.postgres(
        "monitor",
        `pg_autoctl create monitor --pgdata ${pgdataDirectory} --hostname monitor --auth trust --ssl-self-signed 2>&1`,
      );
      await run(hosts, "monitor");
      for (const name of nodeNames) {
        const words = [
          `--pgdata ${pgdataDirectory} --name ${name} --hostname ${name} --monitor '${monitorUri}'`,
          `--auth trust --ssl-self-signed --listen '*' --replication-quorum false`,
          name === "c" ? "--candidate-priority 0" : "--candidate-priority 50",
        ];
        await until(`node ${name}`, 60, async () => {
          await hosts.postgres(name, `pg_autoctl create postgres ${words.join(" ")} 2>&1`);
          return true;
        });
        if (name === "a") {
          await hosts.postgres(
            name,
            `printf "include '${settingsFile}'\\nhba_file = '${hbaFile}'\\n" >>${pgdataDirectory}/postgresql.conf`,
          );
        }
        await run(hosts, name);
        await until(`PostgreSQL on ${name}`, 60, () => hosts.sql(name, "select 1"));
        if (name === "a") {
          await hosts.createClient("a");
          await hosts.createStanza("a");
          // The copies ask for a checkpoint at leisure, which with much to write takes minutes.
          await hosts.sql("a", "checkpoint");
        }
      }
      return hosts.cluster(["pg-auto-failover-cli"], {
        async ready() {
          const states = JSON.parse(await hosts.postgres("a", "pg_autoctl show state --json")) as State[];
          const settled = states.filter((state) => state.current_group_state === state.assigned_group_state);
          const named = settled.map((state) => state.current_group_state).sort();
          return isDeepStrictEqual(named, ["primary", "secondary", "secondary"]);
        },
        switchover: (from) => hosts.postgres(from, "pg_autoctl perform switchover 2>&1"),
      });
    }),
};

async function run(hosts: PeerHosts, name: string): Promise<void> {
  const unit = `[Service]
User=postgres
Environment=PGDATA=${pgdataDirectory} HOME=/var/lib/postgresql PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin
ExecStart=/usr/bin/pg_autoctl run
Restart=always
[Install]
WantedBy=multi-user.target
`;
  await hosts.write(name, "/etc/systemd/system/pgautofailover.service", unit, "root:root");
  await hosts.root(name, "systemctl daemon-reload && systemctl enable --now pgautofailover");
}
