# shellcheck shell=bash
# The receipt of the change by which this node leads is kept with the data. An amended one replaces the one before.
#
# parameters: intent epoch (of the change) receipt (JSON)
# outcome: {"node"}

require_intent
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."
[[ $token_epoch == "$epoch" ]] || refuse "this node leads by another change of primary ($token_epoch)" "Run 'pulumi up' again."
record_change
sql -v epoch="$epoch" -v receipt="$receipt" <<'SQL'
update understudy.handover set receipt = :'receipt' where epoch = :'epoch' and receipt is distinct from :'receipt'::jsonb;
SQL
result node "$node"
