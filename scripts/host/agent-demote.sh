# shellcheck shell=bash
# Whoever is primary, and not declared to be, hands over to the declared one.
#
# parameters: intent request (of the agent's step, as JSON)
# outcome: {"node","yielded"}: no, given, or open (nobody has said yet that it took over)

require_intent
require_volume
agent_step demote "$request"
case $agent_said in
  '{"kind":"notPrimary"}') yielded=no ;;
  '{"kind":"taken",'*) yielded=given ;;
  *) yielded=open ;;
esac
result node "$node" yielded "$yielded"
