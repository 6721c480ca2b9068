# shellcheck shell=bash
# backups <node>            the archive's own account of its backups: `pgbackrest info` as JSON
# backups <node> due        the same as {"info","schedules"}: when the next backup of each scheduled kind was or is due after the last one
# backups <node> wal        and with "wal": the ranges of WAL files that the archive holds, and "histories": where timelines end, as this node knows it
# backups <node> source     the same of another archive, which a new cluster is made from; with "stanzas", and "arrivals": when the last WAL file of each
#                           timeline came. Parameters: source_pgbackrest_conf source_stanza source_ca_crt

if [[ ${1:-} == source ]]; then
  # shellcheck source=lib-restore.sh
  . "$here/lib-restore.sh"
  run_directory=/run/understudy-restore
  begin_work "$source_pgbackrest_conf" "$source_stanza"
  archive_option=restore.from
  [[ -z $source_ca_crt ]] || printf '%s' "$source_ca_crt" | write_file "$run_directory/ca.crt" root:root 644 || true
fi
held=$(require_archive info --output=json | tr -d '\n')
if [[ -z ${1:-} ]]; then
  printf '%s\n' "$held" >&3
  return 0
fi

# next_after SECONDS CALENDAR: when the calendar next comes after that moment, in seconds; empty: never.
next_after() {
  local answer
  answer=$(systemd-analyze calendar --base-time="@$1" --iterations=1 "$2" 2>/dev/null) || return 0
  answer=$(sed -n 's/^ *(in UTC): //p; t; s/^ *Next elapse: //p' <<<"$answer" | tail -n 1)
  [[ -z $answer || $answer == never ]] || date -d "$answer" +%s 2>/dev/null || true
}

# last_start TYPES: when the last backup of one of these types (separated by |) began, in seconds.
last_start() {
  grep -oE "\"timestamp\":\{\"start\":[0-9]{1,11},\"stop\":[0-9]{1,11}\},\"type\":\"($1)\"" <<<"$held" |
    grep -oE '"start":[0-9]+' | tr -dc '0-9\n' | sort -n | tail -n 1
}

# A backup of a higher kind stands in for one of a lower kind.
declare -A stands_in=([full]=full [diff]='full|diff' [incr]='full|diff|incr')
schedules=''
for type in full diff incr; do
  timer=/etc/systemd/system/understudy-backup-$type.timer
  [[ -f $timer ]] || continue
  calendar=$(sed -n 's/^OnCalendar=//p' "$timer")
  [[ $calendar =~ ^[[:alnum:]\ :.,*/~_+-]{1,200}$ ]] || continue
  last=$(last_start "${stands_in[$type]}" || true)
  due=''
  if is_number "$last"; then due=$(next_after "$last" "$calendar"); fi
  is_number "$due" || due=null
  schedules+=",{\"type\":\"$type\",\"calendar\":\"$calendar\",\"due\":$due}"
done

# ranges SIZE: of names of segments on standard input, one a line and in order, "first last" of each unbroken row.
ranges() {
  local per name number first='' last='' expected=''
  per=$((0x100000000 / $1))
  while IFS= read -r name; do
    number=$((16#${name:8:8} * per + 16#${name:16:8}))
    if [[ "${name:0:8} $number" != "$expected" ]]; then
      [[ -z $first ]] || printf '%s %s\n' "$first" "$last"
      first=$name
    fi
    last=$name expected="${name:0:8} $((number + 1))"
  done
  [[ -z $first ]] || printf '%s %s\n' "$first" "$last"
}

# Sets `listed`: the names of all that the archive has beside backups.
list_archive() {
  listed=$(require_archive repo-ls "archive/${archive_stanza:-$stanza}" --recurse)
}

wal_held() {
  local id json='' row
  while IFS= read -r id; do
    [[ -n $id ]] || continue
    json+=",{\"id\":\"$id\",\"ranges\":["
    row=$(sed -nE "s#^$id/[0-9A-F]{16}/([0-9A-F]{24})-.*#\\1#p" <<<"$listed" | sort -u | ranges "$segment_size" |
      sed -E 's/(.{24}) (.{24})/["\1","\2"]/' | paste -sd,)
    json+="$row]}"
  done < <(sed -nE 's#^([0-9]{1,4}-[0-9]{1,4})/.*#\1#p' <<<"$listed" | sort -uV)
  printf '[%s]' "${json#,}"
}

# The history file of each timeline that this node knows: on which timelines it comes, and where each of them ends.
histories() {
  local file json='' timeline until parents
  for file in "$pgdata"/pg_wal/*.history; do
    [[ ${file##*/} =~ ^([0-9A-F]{8})\.history$ ]] || continue
    json+=",{\"timeline\":$((16#${BASH_REMATCH[1]})),\"parents\":["
    parents=''
    while read -r timeline until _; do
      if is_number "$timeline" && is_lsn "$until"; then parents+=",{\"timeline\":$timeline,\"until\":\"$until\"}"; fi
    done < <(as_postgres timeout 5 head -c 100000 "$file")
    json+="${parents#,}]}"
  done
  printf '[%s]' "${json#,}"
}

# Of another cluster nobody here knows how large its WAL files are: where the second part of their names counts up, the third has begun anew.
guessed_segment_size() {
  local parts last
  parts=$(sed -nE 's#.*/[0-9A-F]{8}([0-9A-F]{8})([0-9A-F]{8})-.*#\1 \2#p' <<<"$listed" | sort -u)
  last=$(cut -d' ' -f2 <<<"$parts" | sort | tail -n 1)
  if [[ -z $last || $(cut -d' ' -f1 <<<"$parts" | sort -u | wc -l) == 1 ]]; then
    printf 16777216
  else
    printf '%d' $((0x100000000 / (16#$last + 1)))
  fi
}

# The history files that the archive has, as `histories` prints those of this node.
archived_histories() {
  local id file json='' timeline until parents
  id=$(sed -nE 's#^([0-9]{1,4}-[0-9]{1,4})/.*#\1#p' <<<"$listed" | sort -uV | tail -n 1)
  while read -r file; do
    [[ -n $file ]] || continue
    json+=",{\"timeline\":$((16#${file%.history})),\"parents\":["
    parents=''
    while read -r timeline until _; do
      if is_number "$timeline" && is_lsn "$until"; then parents+=",{\"timeline\":$timeline,\"until\":\"$until\"}"; fi
    done < <(require_archive repo-get "archive/$archive_stanza/$id/$file" </dev/null)
    json+="${parents#,}]}"
  done < <(sed -nE "s#^$id/([0-9A-F]{8}\.history)\$#\1#p" <<<"$listed" | sort -u)
  printf '[%s]' "${json#,}"
}

arrivals() {
  local json='' timeline at
  while read -r timeline at; do
    json+=",{\"timeline\":$((16#$timeline)),\"at\":$at}"
  done < <(require_archive repo-ls "archive/$archive_stanza" --recurse --output=json | tr '}' '\n' |
    sed -nE 's#.*/([0-9A-F]{8})[0-9A-F]{16}-[^"]*":\{.*"time":([0-9]{1,11}).*#\1 \2#p' |
    awk '$2 > last[$1] + 0 { last[$1] = $2 } END { for (timeline in last) print timeline, last[timeline] }')
  printf '[%s]' "${json#,}"
}

case $1 in
  due) result 'info#' "$held" 'schedules#' "[${schedules#,}]" ;;
  source)
    stanzas=$(require_archive repo-ls archive | grep -xE '[A-Za-z0-9._-]{1,100}' || true)
    listed='' came='[]' known='[]'
    if grep -qxF "$archive_stanza" <<<"$stanzas"; then
      list_archive
      came=$(arrivals)
      known=$(archived_histories)
    fi
    segment_size=$(guessed_segment_size)
    result 'info#' "$held" 'schedules#' '[]' 'walSegmentBytes#' "$segment_size" 'wal#' "$(wal_held)" 'histories#' "$known" \
      'arrivals#' "$came" 'stanzas#' "[$(awk 'NF { printf "%s\"%s\"", n++ ? "," : "", $1 }' <<<"$stanzas")]"
    ;;
  *)
    segment_size=16777216
    ! has_data || segment_size=$(checked number "$(control_value 'Bytes per WAL segment')")
    list_archive
    result 'info#' "$held" 'schedules#' "[${schedules#,}]" 'walSegmentBytes#' "$segment_size" 'wal#' "$(wal_held)" 'histories#' "$(histories)"
    ;;
esac
