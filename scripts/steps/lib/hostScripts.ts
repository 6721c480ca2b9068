import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const directory = new URL("../../host/", import.meta.url);

/** The scripts that run on the hosts, by file name. */
export function hostScripts(): Record<string, string> {
  const files = readdirSync(directory).filter((file) => !file.startsWith("."));
  return Object.fromEntries(files.sort().map((file) => [file, readFileSync(new URL(file, directory), "utf8")]));
}

/** What the engine knows the host scripts by: another digest runs `install` again. */
export function digestOf(scripts: Readonly<Record<string, string>>): string {
  return createHash("sha256")
    .update(JSON.stringify(Object.entries(scripts).sort()))
    .digest("hex");
}

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
chmod 755 "$new/understudy" "$new/guard" "$new/handover" "$new/metrics" "$new/peer" "$new/pgbackrest-push"
mkdir -p "$directory"
chmod 755 "$directory"
mv -f "$new"/* "$directory/"
rmdir "$new"
ln -sfn "$directory/understudy" /usr/local/sbin/understudy
exec "$directory/understudy" "$@" <<'${endOfFile}'
${parameters}${endOfFile}
`;
}
