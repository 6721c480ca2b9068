# shellcheck shell=bash
# journal <node>: the end of what this node did, one JSON object a line; on a node that leads, also {"stored"}: the last changes of
# primary that its database knows. Reads only; `receipt` asks for it.

if leads_by_token && is_active; then
  stored=$(sql -c "select jsonb_agg(row) from (select epoch, from_node as \"from\", to_node as \"to\", timeline, at, receipt
    from understudy.handover order by epoch desc limit 2) as row") || stored=''
  printf '{"stored":%s}\n' "${stored:-[]}" >&3
fi
[[ ! -f $state/journal ]] || tail -n 200 "$state/journal" >&3
