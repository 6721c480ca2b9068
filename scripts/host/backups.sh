# shellcheck shell=bash
# The archive's own account of its backups: `pgbackrest info` as JSON.

require_archive info --output=json >&3
