# shellcheck shell=bash
# A standby that receives WAL from the primary. Nothing on the primary itself.
#
# parameters: intent primary primary_address primary_port system_identifier standby_conf slot source (streaming|archive)
#             epoch from (of the change by which the primary leads)
# outcome: {"node","role","upstream"}

require_intent
require_volume

if [[ $node == "$primary" ]]; then
  result node "$node" role primary upstream ''
  return 0
fi
# shellcheck source=lib-follow.sh
. "$here/lib-follow.sh"
join_primary "$primary" "$epoch" "$from"
result node "$node" role standby upstream "$primary"
