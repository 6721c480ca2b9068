# shellcheck shell=bash
# Who was ever about to take over, as the archive has it: a JSON object a line, as pgBackRest lists files. Reads only; preflight asks for it where a
# node can't be asked itself.

require_archive_answers
all_witnesses --output=json >&3 || refuse "the archive cannot be asked who else took over" "Bring the archive back, then run 'pulumi up' again."
