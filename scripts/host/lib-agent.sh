# shellcheck shell=bash
# The agent of this host, where it has one: it decides who leads, and operates PostgreSQL (docs/decisions/agent.md). Sourced by lib.sh.

# agent_step STEP REQUEST: sets `agent_said`, one line of JSON. Whatever the agent refuses it has said itself then.
agent_step() {
  local status=0
  agent_said=$("$etc/agent/command" step "$1" <<<"$2" 2>&4) || status=$?
  ((status == 0)) || exit_as_said
}

# The step has failed, and the user knows why.
exit_as_said() {
  trap - ERR EXIT
  journal_end failed
  exit 1
}

# Who leads, as far as this node knows, in the words of a token (lib-token.sh). Nobody else is asked. `agent_phase` is what its PostgreSQL does.
read_agent() {
  token_epoch=0 token_from='' token_to='' token_state='' token_took=0 agent_phase='' agent_joined=no
  local epoch='' leader='' phase='' joined=''
  read -r epoch leader phase joined < <("$etc/agent/command" status --words 2>/dev/null) || return 0
  is_epoch "$epoch" && is_word "$phase" && is_word "$joined" || return 0
  agent_phase=$phase agent_joined=$joined
  [[ $leader =~ ^$node_pattern$ ]] || return 0
  token_epoch=$epoch token_from=- token_to=$leader token_state=leads
  [[ $leader != "$node" || $phase == serving ]] || token_state=taken
}
