# shellcheck shell=bash
# pgBackRest, and what is wrong with the archive in the user's words. Sourced by lib.sh.

# The archive that is worked with: this cluster's own, until a step that restores says another one. `archive_option`: what says so in config.
archive_conf=$etc/pgbackrest.conf archive_stanza='' archive_option=archive

# as_archiver SECONDS COMMAND…: pgBackRest, for a bounded time; 0: for as long as it takes.
as_archiver() {
  as_postgres env PGOPTIONS="$superuser_options" timeout "$1" pgbackrest --config="$archive_conf" --stanza="${archive_stanza:-$stanza}" "${@:2}"
}

# require_archive COMMAND…: runs pgBackRest; says in the user's terms what is wrong with the archive when it fails.
require_archive() {
  local output begin=$SECONDS limit=0
  # One that takes the connection and then says nothing. What is wrong pgBackRest says only once it has tried for its own time.
  case $1 in
    info | repo-ls) limit=30 && set -- "$@" --io-timeout=10 ;;
    check) limit=30 ;;
  esac
  require_archive_answers
  # `info` succeeds with code 99 where it could not look: as if the archive held nothing.
  until output=$(as_archiver "$limit" "$@" 2>&1 || {
    (($? != 124)) || echo "ERROR: timeout, no answer within $limit s"
    exit 1
  }) && [[ $output != *'"code":99,'* ]]; do
    # [050]: the archiver works at the same time, and holds the same lock for a moment. [082]: another session switched segments between the check's
    # restore point and its own switch, so from PostgreSQL 17 on it waits for a segment that is still empty; or the archiver's command had failed three
    # times in a row, and it gave up for a minute.
    if [[ $output != *'[050]'* && $output != *'[082]'* ]] || ((SECONDS - begin >= 60)); then
      refuse_archive "$1" "$output"
    fi
    sleep 0.2
  done
  printf '%s\n' "$output"
}

# pgBackRest itself tries for minutes before it says that nobody answers. Sets `endpoint`, and `message` to why not.
archive_answers() {
  local host port
  host=$(sed -n 's/^repo1-s3-endpoint=//p' "$archive_conf")
  port=$(sed -n 's/^repo1-storage-port=//p' "$archive_conf")
  # The file is of the user who archives.
  [[ $host =~ ^[][A-Za-z0-9.:-]{1,255}$ && ${port:-443} =~ ^[0-9]{1,5}$ ]] ||
    refuse "there is no endpoint in $archive_conf" "Run 'pulumi up' without --target: the step configure writes it."
  endpoint=$host:${port:-443}
  message=$(connects 5 "${host//[][]/}" "${port:-443}")
}

require_archive_answers() {
  local endpoint message begin=$SECONDS
  until archive_answers; do
    if ((SECONDS - begin >= 10)); then
      refuse "the archive cannot be reached from this node
$(indented <<<"$endpoint: ${message:-no answer}" | head -n 1)" \
        "Check $archive_option.endpoint, and that this node may reach it; then run 'pulumi up' again."
    fi
    sleep 0.5
  done
}

# stanza-create and the archiver's own pgBackRest want the same lock, and a push that does not get it gives up for a minute. So
# pushes stand back here (pgbackrest-push), and those that run are waited for.
create_stanza() {
  exec 8<"$state/push.lock"
  flock -w 120 8 || refuse "the archiver has been pushing WAL for two minutes" \
    "See 'ps -ef | grep archive-push' on the host, then run 'pulumi up' again."
  require_archive stanza-create
  exec 8>&-
}

# Before a cluster is made. Not in a condition: there an archive that does not answer would count as one that holds nothing.
require_empty_archive() {
  local held
  held=$(require_archive info --output=json)
  if grep -q '"system-id"' <<<"$held"; then
    refuse "the archive already holds a cluster under stanza '$stanza'" \
      "Use another clusterName, bucket or prefix; or restore that cluster. No database was made."
  fi
}

# What the archiver met in the last minutes, and what of it still runs.
archiver_log() {
  {
    journalctl --no-pager --quiet --output=cat --since=-3min --unit="$unit" | grep -iE 'archiv|pgbackrest|P00' | grep -vE 'restore point|STATEMENT' | tail -n 4
    pgrep -u postgres -af 'archive-push|archiver' | tail -n 4
  } | cut -c1-240 | indented || true
}

refuse_archive() {
  local output=$2
  local detail
  detail=$(grep -oE '.*(ERROR|WARN|HINT).*|\[\w+Error\] [^"\\]*' <<<"$output" | head -n 6 | indented || true)
  case $output in
    *'with 403'* | *AccessDenied* | *InvalidAccessKeyId* | *SignatureDoesNotMatch*)
      refuse "the archive refuses the credentials
$detail" "Check $archive_option.accessKey and $archive_option.secretKey, then run 'pulumi up' again." ;;
    *'with 404'* | *NoSuchBucket*)
      refuse "the archive's bucket does not exist
$detail" "Create the bucket, or correct $archive_option.bucket and $archive_option.endpoint." ;;
    *'[082]'*)
      refuse "WAL does not reach the archive
$detail
$(archiver_log)" "See 'journalctl -u $unit' and /var/log/pgbackrest on the host, then run 'pulumi up' again." ;;
    # A file that is decrypted with another key is no JSON.
    *CryptoError* | *'[FormatError] unable to load info file'*)
      refuse "what is in the archive is encrypted with another key, or not as declared
$detail" "$(if [[ $archive_option == archive ]]; then
        echo 'Look at archive.encrypted, archive.prefix and clusterName: another cluster may have this place in the bucket.'
      else
        echo "Set $archive_option.key to the output archiveKey of the source's stack; look at bucket and prefix, too."
      fi)" ;;
    *'unable to find hostname'*)
      refuse "the archive's certificate does not name the endpoint
$detail" "Set $archive_option.endpoint to a name that the server's certificate has, or give the server one that names this endpoint." ;;
    *CERTIFICATE* | *certificate*)
      refuse "the archive's certificate is not trusted
$detail" "Set $archive_option.caFile to the certificate authority of the endpoint." ;;
    *HostConnectError* | *'unable to connect'* | *'unable to get address'* | *timeout*)
      refuse "the archive cannot be reached from this node
$detail" "Check $archive_option.endpoint, and that this node may reach it; then run 'pulumi up' again." ;;
    *)
      refuse "pgBackRest $1 failed
$detail" "Look at /var/log/understudy/$step.log on the host, then run 'pulumi up' again." ;;
  esac
}

# --- the witness -----------------------------------------------------------------------------------------------------

# Who is about to take over says so in the archive first: whoever is powered on later and cannot ask it, or is a candidate on the
# strength of an older proof, finds that there. Never removed. It is pushed beside the timelines' history files, because that is the one way
# in which every pgBackRest writes a file of one's own (repo-put was never documented, and is gone from 2.60 on).

# The archive in which this node has looked for witnesses so far. Another one may lack those that are there: it counts once preflight has seen that
# all members take part in the change.
is_known_archive() {
  [[ ! -f $state/archive-known || ! -f $etc/archive ]] || cmp -s "$state/archive-known" "$etc/archive"
}

# leave_witness EPOCH armed|candidate
leave_witness() {
  local file pushed=0
  file=$state/understudy-$(printf '%08d' "$1")-$2-$node
  (umask 022 && printf '%s\n' "$1 $2 $node" >"$file")
  as_archiver 30 archive-push --no-archive-async "$file" </dev/null || pushed=1
  rm -f "$file"
  return "$pushed"
}

# all_witnesses OPTION: as pgBackRest lists them, for each of the stanza's databases (after an upgrade there are several).
all_witnesses() {
  local kept id
  kept=$(as_archiver 15 repo-ls "archive/$stanza" --filter='^[0-9]+-[0-9]+$' </dev/null) || return 1
  for id in $kept; do
    as_archiver 15 repo-ls "archive/$stanza/$id" --filter='^understudy-' "$1" </dev/null || return 1
    echo
  done
}

# witnesses LEAST [KIND]: "EPOCH KIND NODE" of those of other nodes, from change LEAST on. Status not 0: the archive does not say.
witnesses() {
  local listed name epoch by kind number
  local -A retired=()
  is_known_archive || {
    echo "it is another one than before" >&2
    return 1
  }
  listed=$(all_witnesses --output=text) || return 1
  if [[ -f $etc/retired ]]; then
    while read -r name number; do
      if [[ -n $name ]] && is_epoch "$number"; then retired[$name]=$number; fi
    done <"$etc/retired"
  fi
  # Whoever is postgres on a node can write there.
  while IFS= read -r name; do
    [[ -n $name ]] || continue
    if [[ $name =~ ^understudy-([0-9]{8,9})-(armed|candidate)-($node_pattern)$ ]]; then
      epoch=$((10#${BASH_REMATCH[1]})) kind=${BASH_REMATCH[2]} by=${BASH_REMATCH[3]}
      if ! is_far_ahead "$epoch"; then
        if ((epoch >= $1 && epoch > ${retired[$by]:--1})) && [[ $by != "$node" && (-z ${2:-} || $kind == "$2") ]]; then printf '%d %s %s\n' "$epoch" "$kind" "$by"; fi
        continue
      fi
    fi
    ignored "what is no witness, in the archive: ${name:0:80}"
  done <<<"$listed"
}
