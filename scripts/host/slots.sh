# shellcheck shell=bash
# One physical slot of ours per follower, none of ours left over. Slots that others made are not ours to touch.
#
# parameters: intent slots (names, separated by spaces)
# outcome: {"slots"}

require_claim
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."

sql -v wanted="$slots" <<'SQL'
create temp table wanted as select unnest(string_to_array(nullif(:'wanted', ''), ' ')) as name;

-- The wal sender of a standby that is gone, or of one whose slot is lost, holds the slot: end it, then drop.
create function pg_temp.drop_slot(slot name) returns void language plpgsql as $$
begin
  for attempt in 1..200 loop
    perform pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = slot and active;
    begin
      perform pg_drop_replication_slot(slot);
      return;
    exception when object_in_use then
      perform pg_sleep(0.02);
    when undefined_object then
      return;
    end;
  end loop;
  raise 'slot % is still in use', slot;
end $$;

select pg_temp.drop_slot(slot_name) from pg_replication_slots
  where slot_type = 'physical' and starts_with(slot_name, 'understudy_')
    and (slot_name not in (select name from wanted) or wal_status = 'lost');
SQL
make_slots "$slots"
result slots "$slots"
