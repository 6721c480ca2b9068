# shellcheck shell=bash
# None of our slots is left over: `promote` has made one for each follower. Slots that others made are not ours to touch.
#
# parameters: intent slots (names, separated by spaces)
# outcome: {"slots"}

require_intent
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."

drop_slots "$slots"
result slots "$slots"
