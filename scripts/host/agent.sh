# shellcheck shell=bash
# The agent of this host: its program and runtime by version, its keys, its config, and the units of the agent and of PostgreSQL. PostgreSQL goes on
# meanwhile. Where the new agent does not run, the one before is put back.
#
# parameters: agent_files (a directory of root's with `node` and `understudy-agent.cjs`, unless they are in place; it is gone afterwards)
#             node_version node_sha256 (of what was sent) agent_sha256
#             agent_conf (see agent/real/config.ts) agent_ca agent_crt agent_key ledger_key ledger_credentials (empty: the ledger is a directory)
#             ledger_ca (empty: those that the host trusts)
# outcome: {"node","agent"}: the version that runs

require_volume
readonly agent_unit=understudy-agent.service
readonly agent_etc=$etc/agent

[[ -d $agent_files ]] || refuse "the agent's program did not arrive: $agent_files is missing" "Run 'pulumi up' again."

# in_place NAME SHA256 DIRECTORY: once a file is there, it never changes, and is not sent any more.
in_place() {
  [[ ! -f $3/$1 ]] || return 0
  [[ $(sha256sum <"$agent_files/$1") == "$2  -" ]] ||
    refuse "$1 is not what was sent to this host" "Run 'pulumi up' again; if it fails again, look for a full disk on the host."
  rm -rf "$3.new"
  install -d -m 755 "${3%/*}" "$3.new"
  mv "$agent_files/$1" "$3.new/$1"
  chown root:root "$3.new/$1"
  chmod 755 "$3.new/$1"
  sync "$3.new/$1" "$3.new"
  mv -T "$3.new" "$3"
  sync "${3%/*}"
}
readonly runtime=$library/node/$node_version
readonly program=$library/agent/${agent_sha256:0:16}
in_place node "$node_sha256" "$runtime"
in_place understudy-agent.cjs "$agent_sha256" "$program"
version=$(env -i "$runtime/node" "$program/understudy-agent.cjs" --version) || version=''
if [[ ! $version =~ ^understudy-agent\ [0-9A-Za-z.+-]+$ ]]; then
  refuse "the agent's program does not run on this host" \
    "See /var/log/understudy/$step.log on the host; Node needs glibc 2.28 or newer. The agent of before goes on, if there was one."
fi

# What is there is kept until the new agent runs.
before=$(mktemp -d /run/understudy-agent-before.XXXXXX)
readonly before
# Whether the agent has to be started with what is there; also where a run was killed before it had.
changed=yes
readonly settled=/run/understudy-agent-settled
if [[ -f $settled ]]; then
  changed=no
  rm "$settled"
fi
# put PATH MODE: stdin becomes the file.
put() {
  [[ ! -f $1 ]] || cp -p --parents "$1" "$before"
  if write_file "$1" root:root "$2"; then changed=yes; fi
}

install -d -m 700 -o root -g root "$agent_etc" "$data_directory/agent"
chmod 700 "$agent_etc" "$data_directory/agent"
put "$agent_etc/agent.json" 600 <<<"$agent_conf"
put "$agent_etc/ca.crt" 600 <<<"$agent_ca"
put "$agent_etc/agent.crt" 600 <<<"$agent_crt"
put "$agent_etc/agent.key" 600 <<<"$agent_key"
put "$agent_etc/ledger.key" 600 < <(printf '%s' "$ledger_key")
[[ -z $ledger_credentials ]] || put "$agent_etc/ledger-credentials.json" 600 <<<"$ledger_credentials"
[[ -z $ledger_ca ]] || put "$agent_etc/ledger-ca.crt" 600 <<<"$ledger_ca"
# A standby's settings: the agent writes them before each start.
[[ -f $etc/standby.conf ]] || write_file "$etc/standby.conf" root:root 644 </dev/null || true

trust=''
[[ -n $ledger_ca ]] || trust=' --use-system-ca'
put "$agent_etc/command" 755 <<COMMAND
#!/bin/sh
exec /usr/bin/env -i LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin $runtime/node$trust $program/understudy-agent.cjs "\$@"
COMMAND
ln -sfn "$agent_etc/command" /usr/local/sbin/understudy-agent

# Before the first agent of this host. Where there is its unit, the store was looked at.
if [[ ! -f /etc/systemd/system/$agent_unit ]]; then
  said=$("$agent_etc/command" check-ledger "$agent_etc/agent.json" 2>&1) || {
    rm -rf "$agent_etc"
    refuse "the archive's store cannot hold the ledger, which decides who leads
$(indented <<<"$said")" "Give the archive a store that knows 'If-None-Match: *', and that says which object is missing (the credentials have to be allowed to list)."
  }
  printf '%s\n' "$said"
fi

put "/etc/systemd/system/$unit" 644 <<UNIT
# Written by Understudy.
[Unit]
Description=PostgreSQL $major of node $node (Understudy): $agent_unit starts it, and nothing else
After=network-online.target
Wants=network-online.target
RequiresMountsFor=$data_directory

[Service]
Type=notify
User=postgres
ExecStartPre=+$library/trial before
ExecStart=$pgbin/postgres --config-file=$etc/postgresql.conf
ExecStartPost=+$library/trial after
ExecReload=/bin/kill -HUP \$MAINPID
KillMode=mixed
KillSignal=SIGINT
TimeoutStartSec=infinity
TimeoutStopSec=3600
Restart=no
LimitNOFILE=65536
OOMScoreAdjust=-900
Environment=LC_ALL=C PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj PG_OOM_ADJUST_VALUE=0
UNIT

# It ends before PostgreSQL when the host goes down, and starts nothing any more. Of its capabilities: CHOWN, DAC_OVERRIDE and FOWNER for the signal and the
# like in PGDATA, SETUID and SETGID for programs as user postgres, KILL for the server, SYS_PTRACE to see which processes are a server's.
put "/etc/systemd/system/$agent_unit" 644 <<UNIT
# Written by Understudy.
[Unit]
Description=Agent of node $node (Understudy): it decides with the others who leads
After=network-online.target understudy-signal.service $unit
Wants=network-online.target
RequiresMountsFor=$data_directory
StartLimitIntervalSec=0

[Service]
Type=exec
# PostgreSQL reads what it may do with the archive there, and goes on while the agent is exchanged.
ExecStartPre=+/usr/bin/install -d -m 755 -o root -g root /run/understudy-wal
ExecStart=$runtime/node$trust $program/understudy-agent.cjs run $agent_etc/agent.json
Restart=always
RestartSec=1
RuntimeDirectory=understudy-agent
RuntimeDirectoryMode=0700
OOMScoreAdjust=-950
Environment=LC_ALL=C
UMask=0022
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_PTRACE
ProtectSystem=strict
ReadWritePaths=$data_directory $etc -/run/understudy-wal
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
UNIT

# A power cut in the middle of a start may have left the data directory without its signal: it is back before anybody can log in.
put /etc/systemd/system/understudy-signal.service 644 <<UNIT
# Written by Understudy.
[Unit]
Description=PostgreSQL comes up read-only, whoever starts it (Understudy)
Before=ssh.service ssh.socket $unit
RequiresMountsFor=$data_directory

[Service]
Type=oneshot
ExecStart=$runtime/node $program/understudy-agent.cjs signal $agent_etc/agent.json

[Install]
WantedBy=multi-user.target
UNIT

agent_answers() {
  "$agent_etc/command" status --json >/dev/null 2>&1
}

# systemd starts it anew a second after it has ended.
ends_again() {
  local restarts
  restarts=$(systemctl show --property=NRestarts --value "$agent_unit")
  is_number "$restarts" && ((restarts >= 5))
}

# The journal has the reason.
agent_log() {
  journalctl --no-pager --quiet --output=cat --lines=8 --unit="$agent_unit" | indented
}

# put_back: the files of before, and the agent that they start.
put_back() {
  (cd "$before" && find . -type f) | while IFS= read -r file; do cp -p "$before/$file" "/${file#./}.back" && mv -f "/${file#./}.back" "/${file#./}"; done
  systemctl daemon-reload
  if [[ -f $before/etc/systemd/system/$agent_unit ]]; then
    systemctl restart "$agent_unit"
  else
    systemctl disable --now --quiet "$agent_unit"
    rm -f "/etc/systemd/system/$agent_unit"
  fi
}

# Earlier versions let systemd start PostgreSQL.
rm -f "/etc/systemd/system/multi-user.target.wants/$unit"
if [[ $changed == yes ]]; then
  systemctl daemon-reload
  systemctl enable --quiet "$agent_unit" understudy-signal.service
  say "starting $version"
  systemctl restart "$agent_unit"
fi
began=$SECONDS
until agent_answers; do
  if ((SECONDS - began >= 60)) || ends_again; then
    lines=$(agent_log)
    put_back
    refuse "the agent does not run
$lines" "Mend what the lines above name, then run 'pulumi up' again. The agent of before is back, if there was one."
  fi
  nap 0.2
done

# Earlier ones are not needed any more.
find "$library/node" "$library/agent" -mindepth 1 -maxdepth 1 ! -path "$runtime" ! -path "$program" -exec rm -rf {} +
rm -rf "$before" "$agent_files"
: >"$settled"
result node "$node" agent "${version#understudy-agent }"
