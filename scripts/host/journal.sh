# shellcheck shell=bash
# journal <node> <intent>: what this node did for an intent, one JSON object a line.

wanted=${1:?an intent}
[[ ! -f $state/journal ]] || grep -F "\"intent\":\"$wanted\"" "$state/journal" >&3 || true
