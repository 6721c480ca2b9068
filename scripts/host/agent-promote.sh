# shellcheck shell=bash
# This node is the one writable primary.
#
# parameters: intent from (who led before; empty: nobody) fresh (yes: no node has data, see preflight) replication_verifier monitor_verifier
#             restore_id (what a new cluster is made from, as `restore` has left it; empty: from nothing)
#             fenced claims (numbers of the entries that fences are for; empty: there are none)
#             initialize promote members (requests of the agent's steps, as JSON)
# outcome: {"primary","from","systemIdentifier","timeline","epoch","restored"}

# shellcheck source=lib-roles.sh
. "$library/lib-roles.sh"
# shellcheck source=lib-restored.sh
. "$library/lib-restored.sh"
require_intent
require_volume

# Who leads by the last change that is recorded with the data; empty: none is.
last_recorded() {
  sql <<'SQL'
select to_regclass('understudy.handover') is not null as known \gset
\if :known
select to_node from understudy.handover order by epoch desc limit 1
\endif
SQL
}

made=no
if ! has_data; then
  [[ $fresh == yes ]] || refuse "this node has no data, but the cluster is not new" \
    "Restore the data volume of $node, or make a node that has data the primary: pulumi config set primary <node>"
  require_empty_archive
  if [[ -n $restore_id ]]; then
    require_restored
    become_data "$pgdata.restore"
  else
    require_free_space $((256 * 1024 * 1024)) "for an empty cluster"
  fi
  made=yes
fi
require_same_restore
if [[ $fresh == yes ]]; then agent_step initialize "$initialize"; fi
[[ -z $claims ]] || fenced_are_silent
agent_step promote "$promote"
await 600 "crash recovery to end" is_writable
make_own_roles
[[ $made == no ]] || create_stanza
agent_step members "$members"

# The change is written down where the data are, with what was promised for it.
read_token
token_from=${from:--}
if [[ $(last_recorded) != "$node" ]]; then
  record_change
  # By which update, for `preflight` of the next one.
  note changed "$token_epoch $intent"
fi
if [[ -f $state/promise ]]; then
  read -r began kind at_risk <"$state/promise"
  journal promise finished "$began" "{\"kind\":\"$kind\",\"epoch\":$token_epoch,\"atRisk\":$at_risk}"
  rm -f "$state/promise"
fi
result primary "$node" from "$from" \
  systemIdentifier "$(control_value 'Database system identifier')" \
  'timeline#' "$(timeline_now)" \
  'epoch#' "$token_epoch" \
  restored "$restored"
