# shellcheck shell=bash
# The timer by which a node sends figures for alarms (see `metrics`). Sourced by `configure`.

metrics_unit=/etc/systemd/system/understudy-metrics

# It may do what `metrics` does as postgres, and nothing else that postgres may.
schedule_metrics() {
  local changed=no
  printf '%s' "$1" | write_file "$etc/metrics.conf" root:postgres 640 || true
  write_file "$metrics_unit.service" root:root 644 <<UNIT && changed=yes
# Written by Understudy.
[Unit]
Description=Figures of node $node for alarms (Understudy)

[Service]
Type=oneshot
User=postgres
ExecStart=$library/metrics
StandardInput=null
TimeoutStartSec=55
Nice=10
RuntimeDirectory=understudy-metrics
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
$sandbox
UNIT
  write_file "$metrics_unit.timer" root:root 644 <<UNIT && changed=yes
# Written by Understudy.
[Timer]
OnCalendar=minutely
AccuracySec=1s
[Install]
WantedBy=timers.target
UNIT
  [[ $changed == no ]] || systemctl daemon-reload
  systemctl enable --quiet --now understudy-metrics.timer
}

unschedule_metrics() {
  [[ -f $metrics_unit.timer ]] || return 0
  systemctl disable --quiet --now understudy-metrics.timer
  rm -f "$metrics_unit".{timer,service} "$etc/metrics.conf"
  systemctl daemon-reload
}
