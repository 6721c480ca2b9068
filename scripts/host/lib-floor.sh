# shellcheck shell=bash
# What a standby needs at least of some settings. Sourced by `guard` and by `trial`.

# whole TEXT: a whole number as PostgreSQL reads it: 0x64 and 1e2, too. Nothing else is one.
whole() {
  if [[ $1 =~ ^0[xX][0-9A-Fa-f]{1,8}$ ]]; then
    printf '%d' "$1"
  elif [[ $1 =~ ^[0-9]{1,10}(\.[0-9]{1,10})?([eE][+]?[0-9])?$ ]]; then
    printf '%.0f' "$1"
  fi
}

# keep VALUES NAME VALUE: in the array VALUES, where it is one of those that a standby may not have less of than its primary.
keep() {
  local -n values=$1
  is_number "$3" || return 0
  [[ -z $2 || -z ${floor_settings[$2]:-} ]] || values[$2]=$3
}

# floor_of_standby: the settings that it needs more of than is configured, a line each. They never go below what the primary had (pg_controldata knows
# that) or has (`follow` has asked): raising and lowering then need no order among the nodes.
floor_of_standby() {
  local line name value
  local -A least=() wanted=() configured=()
  # To ask PostgreSQL itself (-C) takes a tenth of a second for each.
  for name in "${!floor_settings[@]}"; do configured[$name]=${floor_settings[$name]}; done
  while read -r line; do
    if [[ $line =~ ^([a-z_]+)\ *=\ *\'?([^\']*) ]]; then keep configured "${BASH_REMATCH[1]}" "$(whole "${BASH_REMATCH[2]}")"; fi
  done <"$etc/postgresql.conf"
  while IFS=: read -r name value; do
    name=${name% setting}
    keep least "${name/xact/transaction}" "${value// /}"
  done < <(as_postgres "$pgbin/pg_controldata" -D "$pgdata")
  if [[ -f $state/needs ]]; then
    while read -r name value; do
      if is_number "$value"; then keep wanted "$name" "$value"; fi
    done <"$state/needs"
  fi
  for name in "${!configured[@]}"; do
    value=${least[$name]:-0}
    ((${wanted[$name]:-0} <= value)) || value=${wanted[$name]}
    if ((value > ${configured[$name]})); then printf '%s = %s\n' "$name" "$value"; fi
  done
}

# put_floor: stdin is put in force by the next start.
put_floor() {
  { printf '# Written by Understudy before each start: what the primary last had, where it is more than configured.\n' && cat; } |
    write_file "$etc/floor.conf" root:postgres 640 || true
}
