# shellcheck shell=bash
# Sessions of ours hold nothing that a user has set: by config, ALTER SYSTEM, ALTER ROLE or ALTER DATABASE. What a client asks for at its start goes before all of
# them. model/sessionSettings.ts has the same list for `status`. Sourced by lib.sh and by `metrics`.

# session_options MAJOR: sets `session_options`, for PGOPTIONS of any role, and `superuser_options`, for those of the superuser. No function or operator is
# looked up where users may make them.
session_options() {
  session_options='-c search_path=pg_catalog,pg_temp -c role=none -c statement_timeout=0 -c lock_timeout=0'
  session_options+=' -c idle_in_transaction_session_timeout=0 -c default_transaction_isolation=read\ committed'
  session_options+=' -c default_transaction_read_only=off -c default_transaction_deferrable=off -c DateStyle=ISO -c IntervalStyle=postgres'
  session_options+=' -c TimeZone=UTC -c bytea_output=hex -c extra_float_digits=1 -c standard_conforming_strings=on'
  session_options+=' -c client_min_messages=warning -c client_encoding=UTF8'
  (($1 < 14)) || session_options+=' -c idle_session_timeout=0'
  (($1 < 17)) || session_options+=' -c transaction_timeout=0'
  # Never waits for a synchronous standby. What it says stands in no log, whatever is logged, audited or counted of others: there are verifiers in it.
  superuser_options="$session_options -c synchronous_commit=local -c log_statement=none -c log_min_error_statement=panic"
  superuser_options+=' -c log_min_duration_statement=-1 -c log_min_duration_sample=-1 -c log_transaction_sample_rate=0 -c log_duration=off'
  superuser_options+=' -c debug_print_parse=off -c debug_print_rewritten=off -c debug_print_plan=off -c session_replication_role=origin'
  superuser_options+=' -c pgaudit.log=none -c pg_stat_statements.track=none -c auto_explain.log_min_duration=-1'
}
