# shellcheck shell=bash
# The stack `dev` of a checkout. Pulumi writes the salt of the passphrase into a stack's config file, and the passphrase is this
# checkout's own: so `dev` works on a copy in .understudy/, and Pulumi.dev.yaml in git is what the copy starts from. Stacks of
# other names, and backends or passphrases of the user's choice, are left as Pulumi has them.
# Sourced after tools.sh, once pulumi_environment has been called.

STACK=dev
DEV_CONFIG=$UNDERSTUDY_LOCAL/Pulumi.$STACK.yaml

dev_is_ours() { [[ ${PULUMI_BACKEND_URL:-} == "$OUR_BACKEND" && -z ${PULUMI_ACCESS_TOKEN:-} ]]; }

# Makes the stack where it is missing, and selects it.
ensure_dev_stack() {
  local tracked=$UNDERSTUDY_ROOT/Pulumi.$STACK.yaml
  if ! dev_is_ours || [[ -f $DEV_CONFIG ]]; then
    "$PULUMI" stack select "$STACK" --create >/dev/null
    return
  fi
  cp "$tracked" "$DEV_CONFIG.tracked"
  # shellcheck disable=SC2064  # the names as they are now
  trap "mv -f '$DEV_CONFIG.tracked' '$tracked'" EXIT
  "$PULUMI" stack select "$STACK" --create >/dev/null
  cp "$tracked" "$DEV_CONFIG.partial"
  mv -f "$DEV_CONFIG.tracked" "$tracked"
  trap - EXIT
  mv -f "$DEV_CONFIG.partial" "$DEV_CONFIG"
}

# run_pulumi ARGUMENTS…: the CLI, in place of this shell. For `dev`, commands that read config are told where it is.
run_pulumi() {
  local verb=${1:-}
  case $verb in
    up | update | preview | pre | refresh | destroy | config | import | watch | logs)
      shift
      if concerns_dev "$@"; then
        exec "$PULUMI" "$verb" --config-file "$DEV_CONFIG" "$@"
      fi
      exec "$PULUMI" "$verb" "$@"
      ;;
  esac
  exec "$PULUMI" "$@"
}

concerns_dev() {
  local named='' before='' word
  dev_is_ours && [[ -f $DEV_CONFIG ]] || return 1
  for word; do
    case $word in
      --config-file | --config-file=*) return 1 ;;
      --stack=*) named=${word#*=} ;;
      -s=*) named=${word#*=} ;;
    esac
    if [[ $before == --stack || $before == -s ]]; then named=$word; fi
    before=$word
  done
  [[ ${named:-$("$PULUMI" stack --show-name 2>/dev/null)} == "$STACK" ]]
}
