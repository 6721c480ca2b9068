# shellcheck shell=bash
# What is true on this host now. Reads only; preflight and status ask for it.

data_state=empty system_identifier='' timeline=0 control_state=''
if [[ ! -f $marker ]]; then
  data_state=missing-volume
elif has_data; then
  data_state=cluster
  control=$("$pgbin/pg_controldata" -D "$pgdata")
  value() { sed -n "s/^$1: *//p" <<<"$control"; }
  system_identifier=$(value 'Database system identifier')
  timeline=$(value "Latest checkpoint's TimeLineID")
  control_state=$(value 'Database cluster state')
fi

recovery=null
if is_active; then
  case $(sql -c 'select pg_is_in_recovery()' || true) in
    t) recovery=true ;;
    f) recovery=false ;;
  esac
fi

read_token
token=null
[[ -n $token_epoch ]] && token=$(printf '{"epoch":%d,"from":"%s","to":"%s","state":"%s"}' \
  "$token_epoch" "${token_from#-}" "$token_to" "$token_state")

ready=$(find "$pgdata/pg_wal/archive_status" -name '*.ready' 2>/dev/null | wc -l || true)
volume=''
[[ -f $marker ]] && volume=$(<"$marker")
claimed=''
[[ -f $state/intent ]] && claimed=$(<"$state/intent")
read -r total free < <(df --output=size,avail -B1 "$data_directory" | tail -n 1)

result node "$node" clusterId "$volume" intent "$claimed" \
  'data#' "{\"state\":\"$data_state\",\"systemIdentifier\":\"$system_identifier\",\"timeline\":$timeline,\"controlState\":\"$control_state\"}" \
  'postgres#' "{\"unit\":\"$(systemctl is-active "$unit" || true)\",\"inRecovery\":$recovery}" \
  'token#' "$token" \
  'disk#' "{\"totalBytes\":$total,\"freeBytes\":$free}" \
  'archive#' "{\"ready\":$ready}"
