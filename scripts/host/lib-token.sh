# shellcheck shell=bash
# The token: who leads, as far as this node knows, and what it has promised (docs/decisions/handover.md). Sourced by lib.sh and by
# `peer`, which runs as a user of its own: so the directory of the token is writable for that group, and for nobody else.

# Whether an agent decides here who leads; then it has what a token says (lib-agent.sh).
has_agent() {
  [[ -f /etc/understudy/agent/agent.json ]]
}

# `took` is the last change in which this node took over: a token that has moved on still answers for it. The first token of a node that was made
# anew knows nothing of the changes before it: of none of them the node can say that it did not take over.
# Empty variables where there is none, and where the file holds something else.
read_token() {
  local rest=''
  if has_agent; then
    read_agent
    return
  fi
  token_epoch=0 token_from='' token_to='' token_state='' token_took=0
  [[ -f $state/token ]] || return 0
  IFS=' ' read -r token_epoch token_from token_to token_state token_took rest <"$state/token" || true
  if ! is_token "$token_epoch $token_from $token_to $token_state${token_took:+ $token_took}${rest:+ $rest}"; then
    ignored "what is no token, in $state/token"
    token_epoch=0 token_from='' token_to='' token_state='' token_took=0
  fi
  token_took=${token_took:-0}
}

ignored_before=''
# ignored WHAT: says so once.
ignored() {
  [[ $ignored_before != *"$1"* ]] || return 0
  ignored_before+="$1"$'\n'
  printf 'understudy: ignored %s\n' "${1//[[:cntrl:]]/ }" >&2
}

# A number that no cluster gets to in its life, if it has not jumped there: nobody can use up the numbers.
readonly most_epochs_ahead=1000000

# is_far_ahead EPOCH: of all that this node knows.
is_far_ahead() {
  read_token
  (($1 > token_epoch + most_epochs_ahead))
}

# only_tokens NODE: passes on the lines of an answer of that node. Status 1: it is none.
only_tokens() {
  local line
  while IFS= read -r -n 256 line || [[ -n $line ]]; do
    if ! is_token "$line" || is_far_ahead "${line%% *}"; then
      ignored "an answer of $1 that is no token"
      return 1
    fi
    printf '%s\n' "$line"
  done
}

leads_by_token() {
  read_token
  is_leaders_token
}

# Whether the token that was read last says that this node leads.
is_leaders_token() {
  [[ $token_to == "$node" && ($token_state == taken || $token_state == leads) ]]
}

lock_token() {
  exec 7<>"$state/token.lock"
  flock 7
}

unlock_token() {
  exec 7>&-
}

# token_line EPOCH FROM TO STATE: what the file says then.
token_line() {
  local took
  read_token
  took=$token_took
  [[ -n $token_to ]] || took=$(($1 - 1))
  case $4 in
    taken | leads) [[ $3 != "$node" || $2 == "$node" || -z $2 ]] || took=$1 ;;
  esac
  printf '%s %s %s %s %s' "$1" "${2:--}" "$3" "$4" "$took"
}

# prepare_token EPOCH FROM TO STATE: on disk already; put_token has only to give it its name. For a change that clients wait for, and for
# one that must not fail because the disk is full. Called with the lock held.
prepare_token() {
  local prepared=$state/token.$4
  rm -f "$prepared"
  { (umask 022 && printf '%s\n' "$(token_line "$@")" >"$prepared") && sync "$prepared"; } || cannot_write "$prepared"
}

# put_token EPOCH FROM TO STATE: durable, or the process ends and the token is as before. Called with the lock held. Its group is that of
# the directory. It stands in conditions, where a command that fails would not end anything by itself.
put_token() {
  local line prepared=$state/token.$4
  line=$(token_line "$@")
  [[ -f $prepared && $(<"$prepared") == "$line" ]] || prepare_token "$@"
  { mv -f "$prepared" "$state/token" && sync "$state"; } || cannot_write "$state/token"
}

# move_token EPOCH FROM TO OLD NEW: the one way in which a token's state changes. Status 1: it is not (any more) as named.
move_token() {
  local moved=1
  lock_token
  read_token
  if [[ $token_epoch == "$1" && $token_from == "${2:--}" && $token_to == "$3" && $token_state == "$4" ]]; then
    put_token "$1" "$2" "$3" "$5"
    moved=0
  fi
  unlock_token
  read_token
  return "$moved"
}

# adopt_token EPOCH FROM TO STATE: what somebody who leads says of the change with this number. Never goes back, never touches a
# promise of this node's own that is still open.
adopt_token() {
  local adopted=1
  lock_token
  read_token
  if ((token_epoch < $1)) || [[ $token_epoch == "$1" && $token_state != armed && $token_state != candidate && $token_to$token_state != "$node"taken && $token_to$token_state != "$node"leads ]]; then
    put_token "$1" "$2" "$3" "$4"
    adopted=0
  fi
  unlock_token
  read_token
  return "$adopted"
}

# Ends a promise to take over that was not kept yet. Status 1: there is none.
revoke_token() {
  read_token
  case $token_state in
    armed | candidate) move_token "$token_epoch" "$token_from" "$token_to" "$token_state" revoked ;;
    *) return 1 ;;
  esac
}

# became ANSWER: what became of the change in which this node has yielded, by its target's token: taken, revoked or open.
became() {
  local epoch state took
  read -r epoch _ _ state took <<<"$1"
  if ((${took:-0} >= token_epoch)); then
    echo taken
  elif [[ ${epoch:-0} -gt $token_epoch || (${epoch:-0} == "$token_epoch" && $state == revoked) ]]; then
    echo revoked
  else
    echo open
  fi
}
