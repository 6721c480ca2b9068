# shellcheck shell=bash
# The declared primary is ready to take over the moment it may.
#
# parameters: intent kind at_risk (as for `prepare`) fresh (yes: there is no cluster yet) request (of the agent's step, as JSON)
# outcome: {"node","armed","epoch","from","plan"}: as that of `prepare`

require_intent
require_volume

if [[ $fresh == yes ]]; then
  result node "$node" armed no 'epoch#' 0 from '' 'plan#' '{"plan":"leads"}'
  return 0
fi
began=$EPOCHREALTIME
agent_step prepare "$request"
case $agent_said in
  '{"plan":"planned",'*) armed=armed epoch=0 ;;
  '{"plan":"claim",'*) armed=candidate epoch=$(sed -nE 's/^\{"plan":"claim","entry":([1-9][0-9]*),.*/\1/p' <<<"$agent_said") ;;
  *)
    read_token
    armed=no epoch=$token_epoch
    ;;
esac
# For the receipt, which has the number of the change once it is taken.
[[ $armed == no ]] || printf '%s %s %s\n' "$began" "$kind" "$at_risk" | write_file "$state/promise" root:root 600 || true
result node "$node" armed "$armed" 'epoch#' "$(checked epoch "$epoch")" from "$from" 'plan#' "$agent_said"
