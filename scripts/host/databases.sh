# shellcheck shell=bash
# Users and databases that config declares. What config does not name is left alone.
#
# parameters: users (a line each: name verifier connection_limit member,member) databases (a line each: name owner)
# outcome: {"databases","users"}

require_volume
in_recovery && refuse "this node is a standby" "Run 'pulumi up' again."

while read -r name verifier limit _; do
  [[ -n $name ]] || continue
  sql -v name="$name" -v verifier="$verifier" -v limit="$limit" <<'SQL'
select format('create role %I login', :'name') where not exists (select from pg_roles where rolname = :'name') \gexec
select format('alter role %I login password %L connection limit %s', :'name', :'verifier', :'limit')
  where not exists (select from pg_authid
    where rolname = :'name' and rolcanlogin and rolpassword = :'verifier' and rolconnlimit = :'limit'::int) \gexec
SQL
done <<<"$users"

# A user may be a member of another one: so all of them are there first.
while read -r name _ _ members; do
  [[ -n ${members:-} ]] || continue
  sql -v name="$name" -v members="$members" <<'SQL'
select format('grant %I to %I', role, :'name')
  from unnest(string_to_array(:'members', ',')) as role where not pg_has_role(:'name', role, 'member') \gexec
SQL
done <<<"$users"

while read -r name owner; do
  [[ -n $name ]] || continue
  sql -v name="$name" -v owner="$owner" <<'SQL'
select format('create database %I owner %I', :'name', :'owner') where not exists (select from pg_database where datname = :'name') \gexec
select format('alter database %I owner to %I', :'name', :'owner') where not exists
  (select from pg_database d join pg_roles r on r.oid = d.datdba where datname = :'name' and rolname = :'owner') \gexec
SQL
done <<<"$databases"

result databases "$(awk '{print $1}' <<<"$databases" | paste -sd' ')" users "$(awk '{print $1}' <<<"$users" | paste -sd' ')"
