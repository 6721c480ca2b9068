# shellcheck shell=bash
# Two PgBouncers on this node, and the router that leads them. Knows nothing of roles.
#
# parameters: pgbouncer_ini pgbouncer_ro_ini pooler_hba pooler_password candidates pooler_port ro_port pool_mode several_hosts
#             ca_crt server_crt server_key
# outcome: {"node"}

# shellcheck source=lib-pooler.sh
. "$library/lib-pooler.sh"

getent passwd "$pooler_user" >/dev/null ||
  attempt "user $pooler_user cannot be made" "Make it on the host: useradd --system $pooler_user" \
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$pooler_user"
install -d -m 2750 -g "$pooler_user" "$pooler_etc"

changed=no restart=no
# put NAME CONTENT [MODE [OWNER]]
put() {
  if printf '%s' "$2" | write_file "$pooler_etc/$1" "${4:-root}:$pooler_user" "${3:-640}"; then
    echo "changed: $1"
    changed=yes
  fi
}

listens() {
  grep -E '^(listen_|unix_socket_)' "$pooler_etc/$1" 2>/dev/null || true
}

before=$(listens pgbouncer.ini; listens pgbouncer-ro.ini)
put pgbouncer.ini "$pgbouncer_ini"
put pgbouncer-ro.ini "$pgbouncer_ro_ini"
[[ $before == "$(listens pgbouncer.ini; listens pgbouncer-ro.ini)" ]] || restart=yes
put hba.conf "$pooler_hba"
put userlist.txt "\"understudy_pooler\" \"$pooler_password\""$'\n'
put pgpass "*:*:*:understudy_pooler:$pooler_password"$'\n' 600 "$pooler_user"
put candidates "$candidates"
put ca.crt "$ca_crt"
put server.crt "$server_crt"
put server.key "$server_key"
put pooler.conf "pooler_port=$pooler_port ro_port=$ro_port pool_mode=$pool_mode several_hosts=$several_hosts"$'\n'
for file in "$route" "$ro_route"; do
  [[ -f $file ]] || printf '[databases]\n' | write_file "$file" "root:$pooler_user" 640 || true
done
load_pooler

# unit NAME <<TEXT: a unit of systemd's.
unit_file() {
  if write_file "/etc/systemd/system/$1" root:root 644; then
    changed=yes restart=yes
  fi
}

pooler_unit_file() {
  local name=$1 ini=$2 where=$3 runtime=$4 at=$5
  unit_file "$name" <<UNIT
# Written by Understudy.
[Unit]
Description=PgBouncer of node $node, to $where (Understudy)
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User=$pooler_user
ExecStart=/usr/sbin/pgbouncer $pooler_etc/$ini
# Debian 11 builds it without systemd's notifications.
ExecStartPost=/bin/sh -c 'until [ -S /run/$runtime/.s.PGSQL.$at ]; do sleep 0.05; done'
TimeoutStartSec=20
ExecReload=/bin/kill -HUP \$MAINPID
KillSignal=SIGINT
TimeoutStopSec=5
Restart=always
RestartSec=1
LimitNOFILE=65536
RuntimeDirectory=$runtime
RuntimeDirectoryMode=0700
$sandbox
InaccessiblePaths=-/run/postgresql -$data_directory

[Install]
WantedBy=multi-user.target
UNIT
}
pooler_unit_file "$pooler_unit" pgbouncer.ini "the primary" understudy-pooler "$pooler_port"
pooler_unit_file "$pooler_ro_unit" pgbouncer-ro.ini "the standbys" understudy-pooler-ro "$ro_port"
unit_file "$router_unit" <<UNIT
# Written by Understudy.
[Unit]
Description=Where the poolers of node $node lead (Understudy)
After=$pooler_unit $pooler_ro_unit

[Service]
ExecStart=/bin/bash $library/pooler-router
Restart=always
RestartSec=1
RuntimeDirectory=understudy-pooler-route
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=restart

[Install]
WantedBy=multi-user.target
UNIT

units=("$pooler_unit" "$pooler_ro_unit" "$router_unit")
if [[ $restart == yes ]]; then
  systemctl daemon-reload
  systemctl enable --quiet "${units[@]}"
  attempt "the pooler does not start" "See 'journalctl -u $pooler_unit -u $pooler_ro_unit' on the host, then run 'pulumi up' again." \
    systemctl restart "${units[@]}"
else
  attempt "the pooler does not start" "See 'journalctl -u $pooler_unit -u $pooler_ro_unit' on the host, then run 'pulumi up' again." \
    systemctl start "${units[@]}"
  # A step that was cut off after it had written the files would find nothing changed: so this is done each time.
  systemctl reload "$pooler_unit" "$pooler_ro_unit"
  [[ $changed == no ]] || systemctl restart "$router_unit"
fi
result node "$node"
