# shellcheck shell=bash
# One physical slot of ours per follower, none of ours left over. Slots that others made are not ours to touch.
#
# parameters: intent slots (names, separated by spaces)
# outcome: {"slots"}

require_claim
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."

drop_slots "slot_name <> all (string_to_array('$slots', ' ')) or wal_status = 'lost'"
make_slots "$slots"
result slots "$slots"
