# shellcheck shell=bash
# The declared primary gets ready to take over by itself, the moment it may. Nothing to do where it leads already, or where there is no cluster yet.
#
# parameters: intent kind (none, switchover, failover, adopt, return) from (who leads now) epoch (the highest that is known)
#             seconds (how long it stays armed) slots (of its future followers, separated by spaces)
#             at_risk (what preflight said of it, as JSON: for the receipt)
#             join (change by which `from` leads, and whom it took over from; empty: this node has joined it already)
#             primary_address primary_port system_identifier standby_conf slot source (to join it by: as for `follow`)
# outcome: {"node","armed","epoch","from"}: armed is no, armed or candidate

require_intent
require_volume

# The update by which `from` leads was cut off before this node had followed it.
if [[ -n $join ]]; then
  # shellcheck source=lib-follow.sh
  . "$here/lib-follow.sh"
  read -r join_epoch join_from <<<"$join"
  say "joins $from first"
  reserve_slot
  join_primary "$from" "$join_epoch" "$join_from"
fi

# Another one took over after this node, and is lost: to go on from here is a change of its own.
resumes() {
  [[ $kind == failover && $from != "$node" ]] && leads_by_token
}

read_token
if [[ $kind == none ]] || { leads_by_token && ! resumes; }; then
  result node "$node" armed no 'epoch#' "$token_epoch" from ''
  return 0
fi
has_data || refuse "this node has no data and cannot take over" "Make a node that has data the primary: pulumi config set primary <node>"

[[ $token_state != yielding || $kind == return ]] || refuse "this node has itself handed over to $token_to, and does not know what became of it" \
  "Run 'pulumi up' again in a moment; if $token_to is lost, set its state to fenced."

if resumes && is_active && is_writable; then
  refuse "this node takes writes, although $from led last" \
    "Look at what was written on both; to stop this one: systemctl stop $unit. Then run 'pulumi up' again."
fi
[[ ! -f $state/rewinding ]] || refuse "the data of this node is not whole: it was being rewound" \
  "Make another node the primary; 'pulumi up' then copies it to this one."

# The number is above every one that this node, preflight and the archive know. The archive is told before the token is written.
announce() {
  local known
  known=$(witnesses 0) || refuse "the archive cannot be asked who else took over" "Bring the archive back, then run 'pulumi up' again."
  epoch=$(printf '%s\n' "$token_epoch" "$epoch" "$(awk '{print $1}' <<<"$known")" | sort -n | tail -n 1)
  epoch=$((epoch + 1))
  is_epoch "$epoch" || refuse "there is no number left for a change of primary after $((epoch - 1))" \
    "Somebody has used up the numbers: no cluster gets there. Restore this one's data under another clusterName."
  leave_witness "$epoch" "$1" || refuse "the archive does not take the word that this node takes over" \
    "Without it, a former primary that is powered on again and reaches only the archive could not know. Bring the archive back, then run 'pulumi up' again."
}

# promise armed|candidate: this node's own token. What was looked at before may have changed until the lock is held.
promise() {
  local said_before=$token_epoch next
  lock_token
  read_token
  if [[ $token_epoch != "$said_before" || $(<"$state/intent") != "$intent" ]]; then
    unlock_token
    require_intent
    refuse "this node knows of another change of primary ($token_epoch: ${token_to:-nobody}, $token_state)" "Run 'pulumi up' again."
  fi
  # However full the disk is by then, the promise can be kept or taken back.
  for next in taken leads revoked; do prepare_token "$epoch" "$from" "$node" "$next"; done
  put_token "$epoch" "$from" "$node" "$1"
  unlock_token
  journal promise finished "$journal_start" "{\"kind\":\"$kind\",\"epoch\":$epoch,\"atRisk\":$at_risk}"
}

if [[ $kind != switchover ]]; then
  announce candidate
  # Its data are from before who led last: it goes on with its own timeline.
  before=$(cat "$state/resumes" 2>/dev/null || true)
  rm -f "$state/resumes"
  # An earlier try of the same was called off before it took over.
  if resumes || [[ $token_state == revoked && $before == "$token_epoch" ]] || [[ $kind == failover && $token_state != revoked && $(cat "$state/joined" 2>/dev/null) != "$token_epoch" ]]; then
    printf '%s\n' "$epoch" | write_file "$state/resumes" root:root 600 || true
  fi
  promise candidate
  result node "$node" armed candidate 'epoch#' "$epoch" from "$from"
  return 0
fi

[[ $token_to == "$from" || $token_state == revoked ]] || refuse "this node does not follow $from (its last change of primary: $token_epoch, to ${token_to:-nobody})" \
  "Set 'primary' back to $from and run 'pulumi up': this node joins it then, and can be made the primary."
[[ -n $(receiver_pid) ]] || refuse "this node does not stream from $from" "See 'journalctl -u $unit' on it; then run 'pulumi up' again."
{ ask_peer "$from" token >/dev/null || exit 1; } &
asking=$!
announce armed
wait "$asking" || refuse "this node cannot ask $from who leads (SSH from node to node, as user understudy-peer)" \
  "See that $from can be reached on its SSH port from here: ssh -i $etc/peer_key -o UserKnownHostsFile=$etc/peer_known_hosts understudy-peer@<address of $from> token"

systemctl stop "$handover_unit" 2>/dev/null || true
# Warm standbys take no SQL; their followers' slots are made when they lead.
if takes_sql; then
  make_slots "$slots"
fi
promise armed
systemd-run --quiet --collect --unit="$handover_unit" "$here/handover" take "$intent" "$epoch" "$from" "$seconds"
result node "$node" armed armed 'epoch#' "$epoch" from "$from"
