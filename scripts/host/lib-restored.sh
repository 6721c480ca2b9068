# shellcheck shell=bash
# A new cluster whose data `restore` has made whole. Sourced by the steps that make a primary; of the caller: restore_id.

require_restored() {
  local known=''
  [[ ! -f $pgdata.restore.whole ]] || read -r known _ <"$pgdata.restore.whole"
  [[ $known == "$restore_id" && -d $pgdata.restore ]] || refuse "the data that this cluster is to be made from are not restored on this node" \
    "Run 'pulumi up' again; without --target and --exclude."
  printf '%s\n' "$restore_id" | write_file "$state/restored" root:root 600 || true
}

# become_data DIRECTORY: what is in it is this node's data from now on.
become_data() {
  as_postgres mv "$1" "$pgdata"
  as_postgres sync "${pgdata%/*}"
}

# Sets `restored`: what this cluster was made from; empty: from nothing. The way to the source's archive goes.
require_same_restore() {
  restored=$(cat "$state/restored" 2>/dev/null || true)
  [[ -z $restored || -z $restore_id || $restored == "$restore_id" ]] ||
    refuse "this cluster was made from something else than 'restore' says now" "Set 'restore' back, or remove it: pulumi config rm restore. Another target is another cluster."
  rm -rf "$pgdata.restore.whole" /run/understudy-restore "$data_directory/spool/restore"
}
