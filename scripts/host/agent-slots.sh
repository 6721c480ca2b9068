# shellcheck shell=bash
# The agent keeps the slots of its followers, and no others of ours.
#
# outcome: {"slots"}

require_intent
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."
result slots ''
