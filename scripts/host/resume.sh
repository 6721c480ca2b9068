# shellcheck shell=bash
# Clients of this node's pooler go to who leads. Ends a pause, if there is one: mostly the router was faster.
#
# parameters: intent primary_address primary_port
# outcome: {"node","route"}

# shellcheck source=lib-pooler.sh
. "$library/lib-pooler.sh"
require_intent
load_pooler || refuse "this node has no pooler" "Run 'pulumi up' without --target."

leads_to "$route" "$primary_address" "$primary_port" || true
if ! resume_pooler; then
  systemctl is-active --quiet "$pooler_unit" || systemctl start "$pooler_unit" || true
  resume_pooler || refuse "the pooler does not answer: its clients are not led to the primary yet" \
    "See 'systemctl status $pooler_unit' on the host; 'systemctl restart $pooler_unit' helps it, then run 'pulumi up' again."
fi
rm -f "$lease"
ring_router
sync "$route" "$pooler_etc"
result node "$node" route "$primary_address:$primary_port"
