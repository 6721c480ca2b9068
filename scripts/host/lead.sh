# shellcheck shell=bash
# This node is the one writable primary.
#
# parameters: intent fresh (yes: no node has data, see preflight) replication_verifier monitor_verifier
# outcome: {"primary","systemIdentifier","timeline","epoch"}

require_claim
require_volume

# Killed half-way, initdb leaves a directory of its own name; it becomes PGDATA only when it is whole.
initialize() {
  local unfinished=$pgdata.initdb held
  [[ $fresh == yes ]] || refuse "this node has no data, but the cluster is not new" \
    "Restore the data volume of $node, or make a node that has data the primary: pulumi config set primary <node>"
  # Not in a condition: there an archive that does not answer would count as one that holds nothing.
  held=$(require_archive info --output=json)
  if grep -q '"system-id"' <<<"$held"; then
    refuse "the archive already holds a cluster under stanza '$stanza'" \
      "Use another clusterName, bucket or prefix; or restore that cluster. No database was made."
  fi
  require_free_space $((256 * 1024 * 1024)) "for an empty cluster"
  rm -rf "$unfinished"
  say "initdb"
  attempt "initdb failed" "See the lines above; then run 'pulumi up' again." \
    as_postgres "$pgbin/initdb" -D "$unfinished" --data-checksums --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --username=postgres
  write_token 1 '' "$node" taken
  mv "$unfinished" "$pgdata"
  sync "$(dirname "$pgdata")"
}

made=no
if ! has_data; then
  initialize
  made=yes
fi
leads_by_token || refuse_change_of_primary
start_postgres

is_writable() {
  ! in_recovery
}
await 600 "crash recovery to end" is_writable

# role NAME ATTRIBUTES VERIFIER: made where it is missing, changed where it differs.
role() {
  sql -v name="$1" -v verifier="$3" <<SQL
select format('create role %I', :'name') where not exists (select from pg_roles where rolname = :'name') \gexec
select format('alter role %I $2 password %L', :'name', :'verifier')
  where not exists (select from pg_authid where rolname = :'name' and rolpassword = :'verifier') \gexec
SQL
}
role understudy_replication 'login replication' "$replication_verifier"
role understudy_monitor 'login' "$monitor_verifier"
sql -c "do \$\$ begin
  if not pg_has_role('understudy_monitor', 'pg_monitor', 'member') then grant pg_monitor to understudy_monitor; end if;
end \$\$"

# Before the first standby asks the archive for WAL; `archive` makes up for it if this step is cut off here.
[[ $made == no ]] || create_stanza

read_token
result primary "$node" \
  systemIdentifier "$(control_value 'Database system identifier')" \
  'timeline#' "$(sql -c "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int")" \
  'epoch#' "$token_epoch"
