# shellcheck shell=bash
# A standby that receives WAL from the primary.
#
# parameters: intent primary primary_address primary_port (as for `follow`) request (of the agent's step, as JSON)
# outcome: {"node","role","upstream"}

require_intent
require_volume
if [[ $node == "$primary" ]]; then
  result node "$node" role primary upstream ''
  return 0
fi
# shellcheck source=lib-follow.sh
. "$library/lib-follow.sh"

# What a former primary has of its own: to be archived, kept aside, and counted before it goes. Sets `rejoins` and `lost`.
rejoins=no lost=null
look_at_own() {
  local epoch=$token_epoch fork=everything timeline='' theirs='' history='' server='' writable='' reached='' runs_with=''
  server=$(systemctl is-active "$unit") || true
  [[ $server != active ]] || ask_server
  ask_primary || lets_nobody_in
  find_fork
  if has_diverged; then
    rejoins=yes
    save_unarchived true
    count_loss
  else
    save_unarchived false
  fi
}

began=$EPOCHREALTIME
read_token
if has_data && [[ $agent_joined != yes || $token_to != "$primary" ]]; then look_at_own; fi
agent_step follow "$request"
[[ $rejoins == no ]] || journal rejoin finished "$began" "{\"how\":\"$(sed -nE 's/^\{"how":"([a-z]+)"\}$/\1/p' <<<"$agent_said")\",\"lost\":$lost}"
result node "$node" role standby upstream "$primary"
