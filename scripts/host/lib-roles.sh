# shellcheck shell=bash
# Sourced by the steps that make a primary.

# Whatever a fence has proven: who answers this node is not off.
#
# of the caller: fenced (nodes that are proven to be off, a line each: name, proof, address, SSH port, PostgreSQL's port)
fenced_are_silent() {
  local name address ssh_port postgres_port asked
  local -a asking=()
  while read -r name _ address ssh_port postgres_port; do
    [[ -n $name ]] || continue
    { connects 2 "$address" "$ssh_port" >/dev/null || exit 1; } &
    asking+=($!)
    { connects 2 "$address" "$postgres_port" >/dev/null || exit 1; } &
    asking+=($!)
  done <<<"$fenced"
  for asked in "${asking[@]}"; do
    if wait "$asked"; then
      refuse "a node that is declared fenced answers this node" \
        "See that it is off, and that nothing starts it again; then run 'pulumi up' again."
    fi
  done
}

# Roles of ours: made where they are missing, changed where they differ. pg_rewind reads files of the primary, as a base backup does.
# https://www.postgresql.org/docs/current/app-pgrewind.html
#
# of the caller: replication_verifier monitor_verifier
make_own_roles() {
  {
    psql_variable replication "$replication_verifier"
    psql_variable monitor "$monitor_verifier"
    cat <<'SQL'
select format('create role %I', name) from (values ('understudy_replication'), ('understudy_monitor')) as ours (name)
  where name not in (select rolname from pg_roles) \gexec
select format('alter role %I %s password %L', name, attributes, verifier)
  from (values ('understudy_replication', 'login replication', :'replication'), ('understudy_monitor', 'login', :'monitor'))
    as ours (name, attributes, verifier)
  where not exists (select from pg_authid where rolname = name and rolpassword = verifier) \gexec
do $$
declare
  needed regprocedure;
begin
  if not pg_has_role('understudy_monitor', 'pg_monitor', 'member') then grant pg_monitor to understudy_monitor; end if;
  foreach needed in array '{"pg_ls_dir(text,boolean,boolean)","pg_stat_file(text,boolean)","pg_read_binary_file(text)","pg_read_binary_file(text,bigint,bigint,boolean)"}'::regprocedure[] loop
    if not has_function_privilege('understudy_replication', needed, 'execute') then
      execute format('grant execute on function %s to understudy_replication', needed);
    end if;
  end loop;
end $$;
SQL
  } | sql
  # Up to 14, everybody may make objects there.
  ((major >= 15)) || sql -c 'revoke create on schema public from public'
}
