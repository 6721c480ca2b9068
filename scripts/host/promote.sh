# shellcheck shell=bash
# This node is the one writable primary, with a physical slot of ours for each of its followers.
#
# parameters: intent slots (of its followers, separated by spaces) fresh (yes: no node has data, see preflight) replication_verifier monitor_verifier
#             restore_id (what a new cluster is made from, as `restore` has left it; empty: from nothing)
#             armed (what `prepare` reported)
#             fenced (nodes that are proven to be off, a line each: name, intent of the proof, address, SSH port, PostgreSQL's port)
# outcome: {"primary","from","systemIdentifier","timeline","epoch","restored"}: restored is the restore_id, once the cluster is made from it

# shellcheck source=lib-roles.sh
. "$library/lib-roles.sh"
# shellcheck source=lib-restored.sh
. "$library/lib-restored.sh"
require_intent
require_volume

# Killed half-way, initdb leaves a directory of its own name; it becomes PGDATA only when it is whole.
initialize() {
  local unfinished=$pgdata.initdb
  require_free_space $((256 * 1024 * 1024)) "for an empty cluster"
  as_postgres rm -rf "$unfinished" "$pgdata.restore"
  say "initdb"
  attempt "initdb failed" "See the lines above; then run 'pulumi up' again." \
    as_postgres "$pgbin/initdb" -D "$unfinished" --data-checksums --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --username=postgres
}

# lead_with DIRECTORY: what is in it is this node's data, and it leads with them.
lead_with() {
  lock_token
  put_token 1 '' "$node" leads
  unlock_token
  printf '1\n' | write_file "$state/joined" root:root 600 || true
  become_data "$1"
}

made=no decided_now=no
if ! has_data; then
  [[ $fresh == yes ]] || refuse "this node has no data, but the cluster is not new" \
    "Restore the data volume of $node, or make a node that has data the primary: pulumi config set primary <node>"
  require_empty_archive
  if [[ -n $restore_id ]]; then
    require_restored
    lead_with "$pgdata.restore"
  else
    initialize
    lead_with "$pgdata.initdb"
  fi
  made=yes
fi
require_same_restore

# --- a change of primary ---------------------------------------------------------------------------------------------

is_decided() {
  read_token
  [[ $token_state != armed ]]
}

# Everybody who may lead is off, or has given its role up for this very change.
take_over() {
  local name proof answer known witness off=' '
  local -a said
  while read -r name proof _; do
    [[ -n $name ]] || continue
    [[ $proof == "$intent:$token_epoch" ]] || refuse "there is no proof for this update that $name is off" \
      "Run 'pulumi up' without --target and --exclude."
    off+="$name "
  done <<<"$fenced"
  fenced_are_silent
  known=$(witnesses 0) || refuse "the archive cannot be asked who else took over" "Bring the archive back, then run 'pulumi up' again."
  while read -r name _; do
    [[ $name != "$node" && $off != *" $name "* ]] || continue
    if ! answer=$(ask_peer "$name" token); then
      # Who was never to take over does not lead, unless it is the first primary; that one led last, where nobody has taken over.
      if [[ $token_from != - && $token_from != "$name" && $known$'\n' != *" $name"$'\n'* ]]; then continue; fi
      refuse "$name cannot be asked whether it leads" \
        "Bring it back, or declare it fenced, which proves that it is off: pulumi config set --path 'nodes.$name.state' fenced"
    fi
    read -ra said <<<"$answer" || said=()
    case ${said[3]:-} in
      armed | candidate)
        ask_peer "$name" "revoke ${said[0]} ${said[1]} ${said[2]}" | grep -q ' revoked ' || refuse "$name is about to take over itself" "Run 'pulumi up' again."
        ;;
      taken | leads)
        if [[ ${said[2]} == "$name" || ${said[0]} -ge $token_epoch ]]; then
          refuse "$name says that ${said[2]} leads by change ${said[0]}" "Run 'pulumi up' again."
        fi
        ;;
      yielding)
        [[ ${said[0]} == "$token_epoch" && ${said[2]} == "$node" ]] || refuse "$name has handed over to ${said[2]}" "Run 'pulumi up' again."
        off+="$name "
        ;;
    esac
  done <"$etc/peers"
  [[ $token_from == - || $token_from == "$node" || $off == *" $token_from "* ]] || refuse "nothing proves that $token_from, which led last, is off" \
    "Declare it: pulumi config set --path 'nodes.$token_from.state' fenced"
  witness=$(witnesses "$token_epoch") || refuse "the archive cannot be asked who else took over" "Bring the archive back, then run 'pulumi up' again."
  [[ -z $witness ]] || refuse "the archive knows of another change of primary ($witness)" "Run 'pulumi up' again."
  move_token "$token_epoch" "$token_from" "$node" candidate taken || refuse "this node is no candidate any more" "Run 'pulumi up' again."
  journal take finished "$journal_start" "{\"fenced\":\"$(awk 'NF {print $1}' <<<"$fenced" | paste -sd' ')\"}"
}

if ! leads_by_token && [[ $token_to == "$node" && $token_state == armed ]]; then
  await 90 "the handover to end" is_decided
fi
if ! leads_by_token && [[ $token_to == "$node" && $token_state == candidate ]]; then
  take_over
  decided_now=yes
fi
leads_by_token || refuse "this node does not lead${token_epoch:+ (change $token_epoch: $token_state, ${token_to:-nobody})}" \
  "Run 'pulumi up' again; without --target and --exclude."

is_promoted() {
  read_token
  [[ $token_state == leads ]]
}

start_postgres
if ! is_promoted; then
  if [[ $decided_now == yes ]]; then
    if ! is_writable; then
      resume_own_timeline
      promote
    fi
    finish_promotion
  else
    # Cut off by a restart: it goes on through the guard, if nobody else has taken over since.
    if ! systemctl is-active --quiet "$handover_unit" && ! systemctl is-active --quiet understudy-finish; then
      systemctl restart "$unit"
    fi
    await 600 "the promotion to end" is_promoted
  fi
fi
if ! is_writable; then
  why=$("$here/guard" may-lead 2>&1)
  [[ ${why##*$'\n'} != wait ]] || refuse "this node may not take writes yet, and stays read-only
$(head -n -1 <<<"$why" | indented)" "Bring back who does not answer, or the archive: then it goes on by itself. Whoever is lost for good: pulumi config set --path 'nodes.<node>.state' fenced"
  # It came up read-only, and nothing asks on its behalf any more.
  if [[ $(cat "$verdict_file" 2>/dev/null) == wait ]] && ! systemctl is-active --quiet understudy-settle.service; then
    systemctl restart "$unit"
  fi
fi
await 600 "crash recovery to end" is_writable

make_own_roles
make_slots "$slots"
[[ $made == no ]] || record_change

# Before the first standby asks the archive for WAL; `archive` makes up for it if this step is cut off here.
[[ $made == no ]] || create_stanza

read_token
result primary "$node" from "${token_from#-}" \
  systemIdentifier "$(control_value 'Database system identifier')" \
  'timeline#' "$(timeline_now)" \
  'epoch#' "$token_epoch" \
  restored "$restore_id"
