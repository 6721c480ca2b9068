#!/usr/bin/env bash
# The yardstick: what an engineer's shell script over SSH would do to get the same pair, with the same commands and files.
#
# plain.sh DIRECTORY: holds the files of both nodes (a/…, b/…), `ssh_config` with the hosts a and b, and `parameters`:
#   major, stanza, primary_address, replication_verifier, monitor_verifier, app_verifier
# shellcheck disable=SC2154  # they come from the file of parameters
set -euo pipefail
cd "$1"
# shellcheck source=/dev/null
. ./parameters
bin=/usr/lib/postgresql/$major/bin
data=/var/lib/understudy/$major/data
on() { ssh -F ssh_config "$@"; }
as_postgres="setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql"
sql="$as_postgres $bin/psql -XAtq -v ON_ERROR_STOP=1 -h /run/postgresql -d postgres"
backrest="$as_postgres pgbackrest --config=/etc/understudy/pgbackrest.conf --stanza=$stanza"

for host in a b; do
  on $host "dpkg-query -W postgresql-$major pgbackrest >/dev/null
    mkdir -p /etc/understudy/tls && install -d -o postgres -g postgres /var/lib/understudy/$major /var/lib/understudy/spool /var/log/pgbackrest"
  tar -C $host -cf - . | on $host "tar -C / -xf - --no-same-owner && chown -R postgres:postgres /etc/understudy && systemctl daemon-reload"
done

on a "cd / && $as_postgres $bin/initdb -D $data --data-checksums --auth-local=peer \
    --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null &&
  systemctl enable -q --now plain-postgresql"
on a "cd / && $sql" <<SQL
create role understudy_replication login replication password '$replication_verifier';
create role understudy_monitor login password '$monitor_verifier';
grant pg_monitor to understudy_monitor;
create role app login password '$app_verifier';
create database app owner app;
select pg_create_physical_replication_slot('understudy_b', true);
SQL
on a "cd / && $backrest stanza-create"

on b "set -e
  cd / && $as_postgres $bin/pg_basebackup -D $data --slot=understudy_b --wal-method=stream \
    --checkpoint=fast -d 'host=$primary_address port=5432 user=understudy_replication passfile=/etc/understudy/pgpass sslmode=verify-full sslrootcert=/etc/understudy/tls/ca.crt'
  $as_postgres touch $data/standby.signal
  systemctl enable -q --now plain-postgresql
  until [ \"\$($sql -c \"select count(*) from pg_stat_wal_receiver where status = 'streaming'\")\" = 1 ]; do sleep 0.05; done"

on a "cd / && $backrest check && $backrest backup --type=full"
