# shellcheck shell=bash
# Users and databases that config declares. What config does not name is left alone.
#
# parameters: users (a line each: name verifier connection_limit member,member) databases (a line each: name owner)
#             pooler_verifier (empty: no poolers) pooler_everywhere (yes: PgBouncer looks up in the database that the client wants)
# outcome: {"databases","users"}

require_volume
in_recovery && refuse "this node is a standby" "Run 'pulumi up' again."

while read -r name verifier limit _; do
  [[ -n $name ]] || continue
  {
    psql_variable verifier "$verifier"
    cat <<'SQL'
select format('create role %I login', :'name') where not exists (select from pg_roles where rolname = :'name') \gexec
select format('alter role %I login password %L connection limit %s', :'name', :'verifier', :'limit')
  where not exists (select from pg_authid
    where rolname = :'name' and rolcanlogin and rolpassword = :'verifier' and rolconnlimit = :'limit'::int) \gexec
SQL
  } | sql -v name="$name" -v limit="$limit"
done <<<"$users"

# A user may be a member of another one: so all of them are there first.
while read -r name _ _ members; do
  [[ -n ${members:-} ]] || continue
  sql -v name="$name" -v members="$members" <<'SQL'
select format('grant %I to %I', role, :'name')
  from unnest(string_to_array(:'members', ',')) as role where not pg_has_role(:'name', role, 'member') \gexec
SQL
done <<<"$users"

# Up to 14, everybody may make objects in a new database's schema public. As from 15 on, only its owner may; nobody connects before.
close_schema_public() {
  [[ $(sql -v name="$name" <<<"select datconnlimit from pg_database where datname = :'name'") == 0 ]] || return 0
  sql -d "$(database "$name")" -v name="$name" -v owner="$owner" <<'SQL'
revoke create on schema public from public;
grant create on schema public to :"owner";
alter database :"name" connection limit -1;
SQL
}

# database NAME: for psql -d, which takes names for connection strings.
database() {
  local name=${1//\\/\\\\}
  printf "dbname='%s'" "${name//\'/\\\'}"
}

while read -r name owner; do
  [[ -n $name ]] || continue
  sql -v name="$name" -v owner="$owner" <<'SQL'
select format('create database %I owner %I connection limit %s', :'name', :'owner',
  case when current_setting('server_version_num')::int < 150000 then 0 else -1 end) where not exists (select from pg_database where datname = :'name') \gexec
select format('alter database %I owner to %I', :'name', :'owner') where not exists
  (select from pg_database d join pg_roles r on r.oid = d.datdba where datname = :'name' and rolname = :'owner') \gexec
SQL
  ((major >= 15)) || close_schema_public
done <<<"$databases"

# Poolers look verifiers up as a role that can do nothing else, of nobody who is more than a user.
lookup_for_poolers() {
  sql -d "$(database "$1")" <<'SQL'
set client_min_messages = warning;
create schema if not exists understudy;
-- Who owns the database may have made it before.
alter schema understudy owner to current_user;
select 'drop function understudy.pooler_lookup(text)' from pg_proc
  where oid = to_regprocedure('understudy.pooler_lookup(text)') and proowner <> current_user::regrole \gexec
create or replace function understudy.pooler_lookup(wanted text, out name text, out verifier text)
  returns setof record language sql stable security definer set search_path = pg_catalog as $$
    select rolname::text, rolpassword from pg_authid
    where rolname = wanted and rolcanlogin and not rolsuper and not rolreplication and rolname not like 'understudy\_%'
      and rolpassword like 'SCRAM-SHA-256$%' and (rolvaliduntil is null or rolvaliduntil > now())
  $$;
revoke all on function understudy.pooler_lookup(text) from public;
grant usage on schema understudy to understudy_pooler;
grant execute on function understudy.pooler_lookup(text) to understudy_pooler;
SQL
}

if [[ -n $pooler_verifier ]]; then
  {
    psql_variable verifier "$pooler_verifier"
    cat <<'SQL'
select 'create role understudy_pooler login' where not exists (select from pg_roles where rolname = 'understudy_pooler') \gexec
select format('alter role understudy_pooler login password %L', :'verifier')
  where not exists (select from pg_authid where rolname = 'understudy_pooler' and rolpassword = :'verifier') \gexec
SQL
  } | sql
  everywhere=postgres
  [[ $pooler_everywhere == no ]] || everywhere=$(sql -c "select datname from pg_database where datallowconn and datname !~ '[[:cntrl:]]' order by 1")
  while read -r name; do lookup_for_poolers "$name"; done <<<"$everywhere"
fi

result databases "$(awk '{print $1}' <<<"$databases" | paste -sd' ')" users "$(awk '{print $1}' <<<"$users" | paste -sd' ')"
