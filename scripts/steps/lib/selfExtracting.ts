import { gzipSync } from "node:zlib";

const endOfFile = "UNDERSTUDY_END_OF_FILE";

/** A shell script that puts `scripts` into place, each as a whole, and runs the step with `parameters`. */
export function selfExtracting(scripts: Readonly<Record<string, string>>, parameters: string): string {
  const files = Object.entries(scripts).map(
    ([file, text]) => `cat >"$new/${file}" <<'${endOfFile}'\n${text}${endOfFile}\n`,
  );
  return `set -euo pipefail
directory=/usr/local/lib/understudy
new=$(mktemp -d /usr/local/lib/understudy.XXXXXX)
export new
base64 -d <<'${endOfFile}' | gzip -d | bash -eu
${gzipSync(files.join("")).toString("base64")}
${endOfFile}
chmod 755 "$new/understudy" "$new/backup-reach" "$new/backup-source" "$new/guard" "$new/handover" "$new/metrics" "$new/peer" "$new/pgbackrest-push" "$new/restore-get" "$new/trial"
mkdir -p "$directory"
chmod 755 "$directory"
mv -f "$new"/* "$directory/"
rmdir "$new"
ln -sfn "$directory/understudy" /usr/local/sbin/understudy
exec "$directory/understudy" "$@" <<'${endOfFile}'
${parameters}${endOfFile}
`;
}
