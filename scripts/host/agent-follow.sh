# shellcheck shell=bash
# A standby that receives WAL from the primary.
#
# parameters: intent primary request (of the agent's step, as JSON)
# outcome: {"node","role","upstream"}

require_intent
require_volume
if [[ $node == "$primary" ]]; then
  result node "$node" role primary upstream ''
  return 0
fi
agent_step follow "$request"
result node "$node" role standby upstream "$primary"
