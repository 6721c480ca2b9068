# shellcheck shell=bash
# The declared primary gets ready to take over. Nothing to do where it leads already, or where there is no cluster yet.
#
# parameters: intent fresh
# outcome: {"node","armed"}

require_claim
require_volume
if has_data && ! leads_by_token; then
  refuse_change_of_primary
fi
result node "$node" 'armed#' false
