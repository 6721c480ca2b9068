# shellcheck shell=bash
# This node knows the intent; whatever still runs for an older one stops at its next look.
#
# parameters: intent
# outcome: {"node","intent"}

require_volume
printf '%s\n' "$intent" | write_file "$state/intent" root:root 600 || true
result node "$node" intent "$intent"
