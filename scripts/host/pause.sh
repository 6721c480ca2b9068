# shellcheck shell=bash
# Clients of this node's pooler are to wait while the primary changes: from the moment on at which it is about to stop, for which the router
# attends, until its lease is over at the latest. Here it is tried whether they can be held back. Where they can't, the update ends before anything
# happened: the target is told that it will not take over, by which the other nodes' poolers know that they may go on.
#
# parameters: intent kind (switchover: the one kind that is waited for) primary primary_address primary_port (who is about to lead)
#             from_address from_port (who leads) timeout_ms (for open transactions) lease_seconds (after which the router ends the pause by itself)
# outcome: {"node","attends"}

# shellcheck source=lib-pooler.sh
. "$library/lib-pooler.sh"
require_intent
load_pooler || refuse "this node has no pooler" "Run 'pulumi up' without --target."
if [[ $kind != switchover || $pool_mode != transaction ]]; then
  result node "$node" 'attends#' false
  return 0
fi

call_off() {
  target_says "$primary" revoke || true
}

for pooler_part in "$pooler_unit" "$router_unit"; do
  if ! systemctl is-active --quiet "$pooler_part"; then
    call_off
    refuse "the pooler does not run ($pooler_part)" \
      "See 'journalctl -u $pooler_part' on the host, or set pooler.enabled to false. The primary was not touched."
  fi
done

# Whose they are: PgBouncer's columns differ from version to version.
open_transactions() {
  console 2 'SHOW SERVERS' | awk -F'|' '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
    $column["state"] == "active" { print $column["user"] " in " $column["database"] ", last query at " $column["request_time"] }
  ' | head -n 5 | indented
}

# The lease comes first: from here on the router ends the pause, whatever becomes of this step.
printf '%d %s %s %s %s %s %s\n' "$(($(uptime_seconds) + lease_seconds))" "$primary" "$primary_address" "$primary_port" \
  "$from_address" "$from_port" "$timeout_ms" >"$lease.new"
mv -f "$lease.new" "$lease"
ring_router

said=$(pause_pooler "$timeout_ms" RESUME) || true
case $said in
  *RESUME*) ;;
  *)
    if ! console 2 'SHOW VERSION' >/dev/null; then
      call_off
      # Its console may hold a PAUSE that it has not read yet, so the lease stays: the router resumes it once it answers.
      refuse "the pooler does not answer" \
        "See 'systemctl status $pooler_unit' on the host; 'systemctl restart $pooler_unit' cuts its clients. The primary was not touched."
    fi
    open=$(open_transactions)
    console 2 RESUME >/dev/null || true
    rm -f "$lease"
    call_off
    refuse "transactions through the pooler were still open after $timeout_ms ms
$open" "Let them end, or give them more time: pulumi config set --path pooler.pauseTimeout 10s. The primary was not touched."
    ;;
esac

attends() {
  [[ -f $attending || ! -f $lease ]]
}
await 15 "the pooler's router to reach the primary" attends
result node "$node" 'attends#' true
