# shellcheck shell=bash
# Packages, users, directories, the service. Writes nothing before everything that it can look at is in order.
#
# parameters: cluster major data_directory port stanza pooler_ports (separated by a space; empty: no pooler)
#             agent (yes: an agent decides who leads, and brings its own units)
#             further_packages (separated by a space) peer_public_key (by which the other nodes ask this one)
# outcome: what the host has; stable from run to run, because `configure` renders from it

# shellcheck source=lib-owner.sh
. "$library/lib-owner.sh"
derive_paths

if [[ ! -d /run/systemd/system ]]; then
  refuse "systemd does not run on this host" "Understudy needs a host that systemd booted."
fi
if ! command -v apt-get >/dev/null; then
  refuse "this host has no apt-get" "Understudy installs on Debian and Ubuntu."
fi

recorded=''
[[ -f $marker ]] && recorded=$(<"$marker")
if [[ -n $recorded && $recorded != "$cluster" ]]; then
  refuse "the data directory $data_directory is in use by another cluster ($recorded)" \
    "Give this node another dataDirectory or volume. If it is what a destroyed stack left, and is not needed: remove it on the host. Nothing was changed."
fi
if [[ -z $recorded ]]; then
  if [[ -f $host_file ]]; then
    refuse "the data volume is not mounted: $marker is missing" \
      "Mount the data volume at $data_directory. Nothing was written into the empty mount point."
  fi
  if has_data || [[ -n $(find "$data_directory" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit 2>/dev/null) ]]; then
    refuse "the data directory $data_directory is in use: it is not empty and carries no mark of this cluster" \
      "Give this node an empty dataDirectory, or move what is there. Nothing was changed."
  fi
fi
# By what lies beside the data, too: the host may be a new one.
by_agent=no
if has_agent || [[ -n $(find "$data_directory/agent" -mindepth 1 -print -quit 2>/dev/null) ]]; then by_agent=yes; fi
if has_data && [[ $agent != "$by_agent" ]]; then
  refuse "who leads is decided on this node by $(if [[ $by_agent == yes ]]; then echo its agent; else echo the host scripts; fi), and config says otherwise" \
    "Set agent back. A cluster that is there does not change that yet. Nothing was changed."
fi
before=$(recorded_value node)
if [[ -n $before && $before != "$node" ]]; then
  refuse "this host is node $before" "Two nodes lead to one host: see their 'host' and 'port' in config. A node is not renamed."
fi
for name in data_directory stanza; do
  before=$(recorded_value "$name")
  if [[ -n $before && $before != "${!name}" && -f $(recorded_value data_directory)/$(recorded_value major)/data/PG_VERSION ]]; then
    refuse "this node has data with $name '$before', '${!name}' is declared" \
      "Set it back (stanza: clusterName). Backups and data are found by it; neither is moved by this program."
  fi
done
for other in "$data_directory"/[0-9]*/data; do
  if [[ -d $other && $other != "$pgdata" ]]; then
    refuse "$other holds a cluster of another major version, $major is declared" \
      "Set postgresVersion back. Upgrading to another major version is not something that this program does."
  fi
done

# Debian's own clusters: one that has the port, or takes it at the next start of this host.
require_no_debian_cluster() {
  local version name its_port status its_start
  command -v pg_lsclusters >/dev/null || return 0
  while read -r version name its_port status _; do
    its_start=/etc/postgresql/$version/$name/start.conf
    [[ $its_port == "$port" ]] || continue
    [[ $status == online* || ! -f $its_start ]] || grep -qE '^ *auto' "$its_start" || continue
    refuse "Debian's cluster $version/$name has port $port" \
      "If somebody needs it, set another postgresPort for this node. If nobody does: 'pg_dropcluster --stop $version $name' as root removes it with its data. Nothing was changed."
  done < <(pg_lsclusters -h)
}

# require_free_port PORT UNIT HINT: UNIT is ours, and may have it already.
require_free_port() {
  local listener
  ! systemctl is-active --quiet "$2" || return 0
  listener=$(ss -Hltnp "sport = :$1" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -n 1)
  [[ -z $listener ]] || refuse "port $1 is in use by '$listener'" "$3"
}
# Where there is data, its server has the port, whoever started it.
if ! has_data || [[ $(recorded_value port) != "$port" ]]; then
  require_no_debian_cluster
  require_free_port "$port" "$unit" "Stop it, or set another postgresPort."
fi
for pooler_port in $pooler_ports; do
  require_free_port "$pooler_port" understudy-pooler.service \
    "Stop it (Debian's own PgBouncer: 'systemctl disable --now pgbouncer'), or set another pooler.port and pooler.readOnlyPort."
done

require_roots_above
has_data || require_free_space $((256 * 1024 * 1024)) "for an empty cluster"

# Debian's package makes and starts a cluster of its own, on the port that ours is to have. What its user wants it to do otherwise is not changed.
readonly createcluster=/etc/postgresql-common/createcluster.conf
put_createcluster_back() {
  [[ ! -f $createcluster.understudy ]] || mv -f "$createcluster.understudy" "$createcluster"
}

without_debians_cluster() {
  local status=0
  if [[ -f $createcluster ]]; then
    cp -p "$createcluster" "$createcluster.new"
    mv -f "$createcluster.new" "$createcluster.understudy"
    printf '\ncreate_main_cluster = false\n' >>"$createcluster"
  fi
  "$@" || status=$?
  put_createcluster_back
  return "$status"
}

put_createcluster_back # a run may have been cut off
missing=()
for package in "postgresql-$major" pgbackrest ${pooler_ports:+pgbouncer} $further_packages; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  say "installing ${missing[*]}"
  apt() {
    env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold -qq -y "$@"
  }
  attempt "the package lists cannot be read" "Check this host's package sources and its way to them, then run 'pulumi up' again." apt update
  for package in "${missing[@]}"; do
    if [[ -z $(apt-cache search --names-only "^$package\$") ]]; then
      refuse "package $package is not in this host's package sources" \
        "Add PostgreSQL's own (apt install postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh), or set postgresVersion to one that this release has."
    fi
  done
  if [[ " ${missing[*]} " == *" postgresql-$major "* ]]; then
    attempt "postgresql-common cannot be installed" "Mend the package system of this host, then run 'pulumi up' again." apt install postgresql-common
  fi
  # So would its PgBouncer, on the port that ours is to have.
  [[ " ${missing[*]} " != *' pgbouncer '* ]] || systemctl mask --quiet pgbouncer.service
  attempt "${missing[*]} cannot be installed" "Mend the package system of this host, then run 'pulumi up' again." \
    without_debians_cluster apt install --no-install-recommends "${missing[@]}"
fi

# Directories above it are for everybody to pass.
(umask 022 && mkdir -p "$data_directory")
mkdir -p "$etc/tls"
chown root:root "$etc" "$data_directory"
chmod 755 "$etc" "$data_directory"
own_directory "$etc/tls"
install -d -m 755 -o postgres -g postgres "$data_directory/$major" "$data_directory/spool" /var/log/pgbackrest
make_peer_user
own_state
printf '%s\n' "$cluster" | write_file "$marker" root:root 644 || true
for name in node cluster major data_directory port stanza; do
  printf '%s=%q\n' "$name" "${!name}"
done | write_file "$host_file" root:root 644 || true

units_without_agent() {
  # A power cut in the middle of a start may have left the data directory without standby.signal: it is back before anybody can log in.
  cat <<UNIT | write_file /etc/systemd/system/understudy-signal.service root:root 644 && systemctl daemon-reload
# Written by Understudy.
[Unit]
Description=standby.signal in its place before anybody can start PostgreSQL (Understudy)
Before=ssh.service ssh.socket $unit
RequiresMountsFor=$data_directory

[Service]
Type=oneshot
ExecStart=$library/guard signal

[Install]
WantedBy=multi-user.target
UNIT
  systemctl enable --quiet understudy-signal.service

  if write_file "/etc/systemd/system/$unit" root:root 644 <<UNIT; then systemctl daemon-reload; fi
# Written by Understudy.
[Unit]
Description=PostgreSQL $major of node $node (Understudy)
After=network-online.target
Wants=network-online.target
RequiresMountsFor=$data_directory

[Service]
Type=notify
User=postgres
ExecCondition=+$library/guard may-start
ExecStartPre=+$library/guard before
ExecStart=$pgbin/postgres --config-file=$etc/postgresql.conf
ExecStartPost=+$library/guard after
ExecReload=/bin/kill -HUP \$MAINPID
KillMode=mixed
KillSignal=SIGINT
TimeoutStartSec=infinity
TimeoutStopSec=3600
Restart=on-failure
RestartSec=1
LimitNOFILE=65536
OOMScoreAdjust=-900
Environment=LC_ALL=C PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj PG_OOM_ADJUST_VALUE=0

[Install]
WantedBy=multi-user.target
UNIT
}
[[ $agent == yes ]] || units_without_agent

if [[ -z $pooler_ports && -f /etc/systemd/system/understudy-pooler.service ]]; then
  systemctl disable --quiet --now understudy-pooler{-route,,-ro}.service
  rm -rf /etc/systemd/system/understudy-pooler{-route,,-ro}.service "$etc/pooler"
  systemctl daemon-reload
fi

ssh_host_key=''
for kind in rsa ecdsa ed25519; do
  if [[ -f /etc/ssh/ssh_host_${kind}_key ]]; then
    ssh_host_key=$(ssh-keygen -y -f "/etc/ssh/ssh_host_${kind}_key" | cut -d' ' -f1,2)
  fi
done

read -r _ memory_kilobytes _ < <(grep '^MemTotal:' /proc/meminfo)
result node "$node" \
  architecture "$(uname -m)" \
  sshHostKey "$ssh_host_key" \
  'memoryBytes#' "$((memory_kilobytes * 1024))" \
  'cpus#' "$(nproc)" \
  'dataDiskBytes#' "$(df --output=size -B1 "$data_directory" | tail -n 1 | tr -d ' ')" \
  postgresql "$("$pgbin/postgres" --version | awk '{print $3}')" \
  pgbackrest "$(pgbackrest version | awk '{print $2}')" \
  pgbouncer "${pooler_ports:+$(/usr/sbin/pgbouncer --version | awk '/^PgBouncer/ {print $2}')}"
