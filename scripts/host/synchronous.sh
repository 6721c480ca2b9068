# shellcheck shell=bash
# Commits wait for this standby, once it streams and has caught up: a copy that is still made holds up nobody. One that does not get there in
# time is left out.
#
# parameters: intent standby (its name) awaited (by this name preflight knows, in the standbys' data, since when commits wait; empty: it does not)
#             promoted (what `promote` reported)
# outcome: {"standby","awaited"}: awaited is yes, no, or primary (it is this node)

require_intent
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."
if [[ $standby == "$node" ]]; then
  result standby "$standby" awaited primary
  return 0
fi

readonly patience=120

has_caught_up() {
  [[ $(
    sql -v standby="$standby" <<'SQL'
select count(*) from pg_stat_replication where application_name = :'standby' and state = 'streaming'
  and pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) <= (select setting::bigint from pg_settings where name = 'wal_segment_size');
SQL
  ) != 0 ]]
}

recorded() {
  sql -v epoch="$token_epoch" <<'SQL'
select to_jsonb(h)->>'synchronous' from understudy.handover h where epoch = :'epoch';
SQL
}

# Commits wait now, and have done so since before this is written: who has it has everything from before. A checkpoint that begins after the reload
# has the checkpointer heed it, which tells all others.
record_awaited() {
  sql -c checkpoint
  sql -v epoch="$token_epoch" -v awaited="$awaited" <<'SQL'
set client_min_messages = warning;
alter table understudy.handover add column if not exists synchronous text;
update understudy.handover set synchronous = :'awaited' where epoch = :'epoch';
SQL
}

standbys=$(awaited_standbys)
if [[ " $standbys " != *" $standby "* ]]; then
  began=$SECONDS
  until has_caught_up; do
    if ((SECONDS - began >= patience)); then
      say "WARNING: $standby does not stream, or is more than a segment of WAL behind: commits do not wait for it. Once it has caught up: pulumi config set reconcile \"\$(date +%s)\" && pulumi up"
      result standby "$standby" awaited no
      return 0
    fi
    nap 0.2
  done
  standbys="${standbys:+$standbys }$standby"
  say "commits wait for ${standbys// / or }"
fi
wait_for_standbys "$standbys"
if [[ -n $awaited ]]; then
  record_change
  [[ $(recorded) == "$awaited" ]] || record_awaited
fi
result standby "$standby" awaited yes
