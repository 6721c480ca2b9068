# shellcheck shell=bash
# What comes from a file that others may write, from a peer, from PostgreSQL or from a program is text until it fits one of these patterns. Bash evaluates
# text in (( )), $(( )), [[ -eq ]] and subscripts: nothing gets there that did not fit before. docs/decisions/trust.md says who may write what.
# Sourced by lib.sh and by `peer`.

is_number() {
  [[ $1 =~ ^(0|[1-9][0-9]{0,17})$ ]]
}

# The number of a change of primary has at most nine digits.
is_epoch() {
  [[ $1 =~ ^(0|[1-9][0-9]{0,8})$ ]]
}

is_pid() {
  [[ $1 =~ ^[1-9][0-9]{0,9}$ ]]
}

# A position in the WAL, as PostgreSQL writes it.
is_lsn() {
  [[ $1 =~ ^[0-9A-F]{1,8}/[0-9A-F]{1,8}$ ]]
}

# A timeline, as the names of WAL files begin.
is_timeline() {
  [[ $1 =~ ^[0-9A-F]{8}$ ]]
}

is_word() {
  [[ $1 =~ ^[A-Za-z]{1,20}$ ]]
}

is_segment() {
  [[ $1 =~ ^[0-9A-F]{24}$ ]]
}

# The id of an update.
is_intent() {
  [[ $1 =~ ^[0-9A-Za-z:.-]{1,64}$ ]]
}

readonly node_pattern='[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?'
readonly epoch_pattern='(0|[1-9][0-9]{0,8})'

# EPOCH FROM TO STATE [TOOK], see lib-token.sh
is_token() {
  [[ $1 =~ ^$epoch_pattern\ (-|$node_pattern)\ $node_pattern\ (armed|candidate|taken|leads|revoked|yielding)(\ $epoch_pattern)?$ ]]
}

# What runs with settings that a standby needs at least: "max_connections 100,…"
is_capacity() {
  [[ $1 =~ ^[a-z_]{1,40}\ [0-9]{1,10}(,[a-z_]{1,40}\ [0-9]{1,10}){0,9}$ ]]
}
