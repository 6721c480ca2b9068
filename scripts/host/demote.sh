# shellcheck shell=bash
# Whoever is primary and not declared to be, is not any more.
#
# parameters: intent primary (declared) kind epoch (of the change, as `prepare` reported it)
#             primary_address primary_port system_identifier standby_conf slot source (to follow it by: as for `follow`)
# outcome: {"node","yielded"}: no, given (the target has taken over) or conceded (this node did not serve)

require_intent
require_volume

# concede: it leads by its token but does not serve: it gives its role up for good, so that the declared primary may take it.
concede() {
  local answer
  answer=$(ask_peer "$primary" token) || refuse "$primary cannot be asked by this node" \
    "See that $primary can be reached on its SSH port from here, then run 'pulumi up' again."
  [[ $answer == "$epoch "*" $primary candidate "* ]] || refuse "$primary is no candidate for change $epoch (it says: ${answer:-nothing})" \
    "Run 'pulumi up' again."
  if is_active && is_writable; then
    refuse "this node takes writes, so nobody can be made the primary in its place without it" \
      "If it is alive and well, set its state to active and change the primary as planned; if not, set its state to fenced."
  fi
  systemctl stop "$unit"
  lock_token
  put_token "$epoch" "$node" "$primary" yielding
  unlock_token
  result node "$node" yielded conceded
}

# The file says so; a unit that ended without it is looked for now and then only: clients wait for what it does.
looks=0
has_ended() {
  [[ -f /run/understudy-given ]] || { ((++looks % 25 == 0)) && ! systemctl is-active --quiet "$handover_unit"; }
}

# give: a planned change. The unit goes on whatever becomes of this step.
give() {
  local state_of='' reason
  is_active || refuse "PostgreSQL does not run on the primary, so that it cannot hand over" \
    "Start it (systemctl start $unit), or declare a failover: pulumi config set --path 'nodes.$node.state' fenced"
  if ! systemctl is-active --quiet "$handover_unit"; then
    rm -f /run/understudy-given
    declare -p primary_address primary_port system_identifier standby_conf slot source >"$join_file"
    say "handing over to $primary"
    systemd-run --quiet --collect --unit="$handover_unit" "$here/handover" give "$intent" "$epoch" "$primary"
  fi
  await 120 "the handover to $primary" has_ended
  read -r state_of reason </run/understudy-given 2>/dev/null || reason="see 'journalctl -u $handover_unit' on this node"
  case $state_of in
    taken) result node "$node" yielded given ;;
    revoked)
      await 600 "this node to serve again" is_writable
      refuse "$primary did not take over; this node is the primary again" \
        "See 'journalctl -u understudy-handover' on both; then run 'pulumi up' again."
      ;;
    unknown)
      refuse "this node has stopped for $primary, which cannot be asked whether it has taken over: it stays down, and goes on asking" \
        "Bring $primary back. If it is lost: pulumi config set --path 'nodes.$primary.state' fenced && pulumi config set primary $node && pulumi up"
      ;;
    *)
      refuse "the handover did not begin: $reason" "Nothing was changed; run 'pulumi up' again."
      ;;
  esac
}

if [[ $node == "$primary" ]] || ! has_data || ! leads_by_token; then
  # Nothing is in the archive that it will not get from the next primary. After the change this is run again where an input of another kind changes.
  if [[ $kind == switchover && $node != "$primary" && $token_epoch -lt $epoch && -n $(receiver_pid) ]]; then
    hold_still 20
  fi
  result node "$node" yielded no
elif [[ $kind == switchover ]]; then
  give
else
  concede
fi
