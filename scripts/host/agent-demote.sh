# shellcheck shell=bash
# Whoever is primary, and not declared to be, hands over to the declared one.
#
# parameters: intent fenced claims (as for `agent-promote`) request (of the agent's step, as JSON)
# outcome: {"node","yielded"}: no, given, or open (nobody has said yet that it took over)

# shellcheck source=lib-roles.sh
. "$library/lib-roles.sh"

require_intent
require_volume
# A primary that gets rid of what is open takes its own claim first.
[[ -z $claims ]] || ! leads_by_token || fenced_are_silent
agent_step demote "$request"
case $agent_said in
  '{"kind":"notPrimary"}') yielded=no ;;
  '{"kind":"taken",'*) yielded=given ;;
  *) yielded=open ;;
esac
result node "$node" yielded "$yielded"
