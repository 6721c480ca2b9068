# shellcheck shell=bash
# The postgresql.conf that waits for a start of PostgreSQL is in force, or the one before is back. Knows nothing of roles: the operator's
# machine asks one node after the other, who leads last.
#
# parameters: waiting (digest of the file, as `configure` reported it)
# outcome: {"node","restarted"}: yes or no

# shellcheck source=lib-trial.sh
. "$library/lib-trial.sh"
require_volume

if [[ ! -f $candidate ]]; then
  result node "$node" restarted no
  return 0
fi
[[ $(digest_of "$candidate") == "$waiting" ]] || refuse "another update has changed what waits for a restart of PostgreSQL" "Run 'pulumi up' again."

streams() {
  [[ $(sql -c "select count(*) from pg_stat_wal_receiver where status = 'streaming'" 2>/dev/null) == 1 ]]
}

began=$EPOCHSECONDS pending='' restarted=no
if is_active; then
  streamed=no
  ! streams || streamed=yes
  if ! has_agent && leads_by_token && [[ -n $(needs_start) && $("$here/guard" may-lead 2>/dev/null) == wait ]]; then
    refuse "a restart would leave this primary read-only: a member does not answer, and neither does the archive" \
      "Bring back the archive, or who does not answer; then run 'pulumi up' again. PostgreSQL runs on with the settings before."
  fi
  begin_trial
  reload_postgres
  if [[ -n $pending ]]; then
    say "restarting PostgreSQL, because this changed: $pending"
    restarted=yes
    # Where it does not start, systemd starts it again, and the guard has put the file before back by then.
    if has_agent; then agent_step restart '{}'; else systemctl restart "$unit" || true; fi
    await 600 "PostgreSQL to start" is_started
    if [[ $(digest_of "$conf") != "$waiting" ]]; then
      said=$(log_since "$began" '^postgres: |(FATAL|PANIC|ERROR|WARNING|DETAIL|HINT): |LOG:  .*(could not|does not exist)')
      refuse "PostgreSQL does not start with the new settings: those before are in force again
${said:-$(recent_log)}" "Correct 'settings' in the stack's config, then run 'pulumi up' again."
    fi
    # One node at a time: it receives WAL again before the next one is away.
    for ((look = 0; look < 100; look++)); do
      [[ $streamed == yes ]] || break
      ! streams || break
      nap 0.1
    done
  else
    end_trial
  fi
else
  # It is tried when `promote` or `follow` start it.
  begin_trial
fi
result node "$node" restarted "$restarted"
