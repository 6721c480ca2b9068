# shellcheck shell=bash
# Whoever is primary and not declared to be, is not any more.
#
# parameters: intent primary
# outcome: {"node","yielded"}

require_claim
require_volume
if [[ $node != "$primary" ]] && has_data && leads_by_token; then
  refuse_change_of_primary
fi
result node "$node" 'yielded#' false
