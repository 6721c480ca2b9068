# shellcheck shell=bash
# The data of a new cluster, out of another one's archive: restored, recovered up to the target and cleared of what is the source's, in a directory of their own.
# `promote` takes them in place of an empty cluster. The source's archive is only read. docs/decisions/restore.md
#
# parameters: intent fresh (yes: no node has data) restore_id source_pgbackrest_conf source_stanza source_ca_crt (empty: the host's trust store does)
#             backup bytes (of it) last (WAL file that has to be reached; empty: the target comes before) recovery_conf
#             statements ("database SQL" a line, both as base64)
# outcome: {"restored","backup","lsn","at"}: restored is yes, or no (nothing had to be)

require_intent
require_volume
# shellcheck source=lib-restore.sh
. "$here/lib-restore.sh"
work=$pgdata.restore run_directory=/run/understudy-restore whole=$pgdata.restore.whole

if has_data || [[ $fresh != yes ]]; then
  result restored no backup '' lsn '' at ''
  return 0
fi
require_empty_archive
if [[ -f $whole ]] && read -r known label reached reached_at <"$whole" && [[ $known == "$restore_id" ]]; then
  result restored yes backup "$label" lsn "$reached" at "$reached_at"
  return 0
fi

# What is to be restored may have changed since an earlier try.
rm -f "$whole"
begin_work "$source_pgbackrest_conf" "$source_stanza"
archive_option=restore.from
[[ -z $source_ca_crt ]] || printf '%s' "$source_ca_crt" | write_file "$run_directory/ca.crt" root:root 644 || true
restore_backup "$backup" "$bytes" "$data_directory/$major/tablespaces"
forget_source
recover "$recovery_conf"
read_reached
require_reached "$last"
say "recovered to $reached${reached_at:+ (last transaction: $reached_at)}"

# Of the source's, in the data: its changes of primary; passwords, which would open this cluster too; and subscriptions, which would take over the source's
# place at their publishers.
work_sql <<'SQL'
set client_min_messages = warning;
drop schema if exists understudy cascade;
select format('alter role %I password null', rolname) from pg_authid where rolpassword is not null \gexec
SQL
subscribed=$(work_sql -c 'select distinct datname from pg_subscription s join pg_database d on d.oid = subdbid')
while IFS= read -r name; do
  [[ -n $name ]] || continue
  user_sql "$name" <<'SQL'
select format('alter subscription %I disable', subname) from pg_catalog.pg_subscription
  where subdbid = (select oid from pg_catalog.pg_database where datname = current_database()) \gexec
select format('alter subscription %I set (slot_name = none)', subname) from pg_catalog.pg_subscription
  where subdbid = (select oid from pg_catalog.pg_database where datname = current_database()) \gexec
SQL
  say "subscriptions of the database $name are disabled"
done <<<"$subscribed"
prepared=$(work_sql -c 'select count(*) from pg_prepared_xacts')
[[ $prepared == 0 ]] || say "WARNING: $prepared prepared transactions were restored: settings.max_prepared_transactions has to have room for them; end each with COMMIT PREPARED or ROLLBACK PREPARED"
while read -r name text; do
  [[ -n $name ]] || continue
  name=$(base64 -d <<<"$name")
  say "running restore.sql.$name"
  output=$(base64 -d <<<"$text" | user_sql "$name" 2>&1) || refuse "SQL on the restored database $name failed
$(tail -n 6 <<<"$output" | indented)" "Correct restore.sql.$name, then run 'pulumi up' again. Nobody was let in."
done <<<"$statements"

stop_work fast
[[ $(as_postgres "$pgbin/pg_controldata" -D "$work" | sed -n 's/^Database cluster state: *//p') == 'shut down' ]] ||
  refuse "the restored data were not shut down cleanly" "Run 'pulumi up' again: it restores them anew."
as_postgres sync "$work" "${work%/*}"
printf '%s %s %s %s\n' "$restore_id" "$backup" "$reached" "$reached_at" | write_file "$whole" root:root 600 || true
result restored yes backup "$backup" lsn "$reached" at "$reached_at"
