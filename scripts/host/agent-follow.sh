# shellcheck shell=bash
# A standby that receives WAL from the primary.
#
# parameters: intent primary primary_address primary_port standby_conf slot source (as for `follow`) request (of the agent's step, as JSON)
# outcome: {"node","role","upstream"}

require_intent
require_volume
if [[ $node == "$primary" ]]; then
  result node "$node" role primary upstream ''
  return 0
fi
# shellcheck source=lib-follow.sh
. "$library/lib-follow.sh"
theirs='' history='' server='' writable='' reached='' runs_with=''
# shellcheck disable=SC2034  # lib-follow.sh's
fork=everything timeline='' epoch=''

began=$EPOCHREALTIME rejoins=no lost=null
read_token
ask_primary || lets_nobody_in
if ! has_data; then
  require_room_for_copy
elif [[ $agent_joined != yes || $token_to != "$primary" ]]; then
  # A former primary's own WAL is archived, or kept aside, and counted before it goes.
  epoch=$token_epoch
  server=$(systemctl is-active "$unit") || true
  [[ $server != active ]] || ask_server
  find_fork
  if has_diverged; then
    rejoins=yes
    save_unarchived true
    count_loss
  else
    save_unarchived false
  fi
fi
agent_step follow "$request"
[[ $rejoins == no ]] || journal rejoin finished "$began" "{\"how\":\"$(sed -nE 's/^\{"how":"([a-z]+)"\}$/\1/p' <<<"$agent_said")\",\"lost\":$lost}"
ask_server
if runs_with_less; then
  say "restarting PostgreSQL, because $primary runs with more (max_connections and its kin)"
  agent_step restart '{}'
fi
await 600 "WAL from $primary" receives_wal_of_primary
result node "$node" role standby upstream "$primary"
