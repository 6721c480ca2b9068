import type { DockerCluster } from "./dockerCluster.ts";
import { archiveHost } from "./faults.ts";

/** Segments of 16 MB, counted from the beginning of the WAL. */
type SegmentNumber = number;

const segmentName = /^[0-9A-F]{24}$/;

/** Names of the WAL segments in the archive of a stack, whatever their timeline. */
export function archivedWal(cluster: DockerCluster): string[] {
  const found = cluster.exec(archiveHost, "find", "/var/lib/understudy/buckets", "-type", "f", "-printf", "%f\\n");
  return [...new Set(found.split("\n").map((file) => file.split("-")[0] as string))].filter((name) =>
    segmentName.test(name),
  );
}

/**
 * Segments that a recovery to the end of the present timeline would miss: from the oldest in the archive to `last`, each on the
 * newest timeline that has it by the history of the present one.
 *
 * @param history content of the history file of the timeline of `last`; "" on the first
 */
export function missingWal(archived: readonly string[], history: string, last: string): string[] {
  const beginnings = timelines(history, last);
  const oldest = Math.min(...archived.map(numberOf));
  const expected: string[] = [];
  for (let number = oldest; number <= numberOf(last); number++) {
    const { timeline } = beginnings.findLast(({ begins }) => begins <= number) ?? { timeline: 1 };
    expected.push(nameOf(timeline, number));
  }
  return expected.filter((name) => !archived.includes(name));
}

/** Each timeline with the segment that it begins in, the oldest first. */
function timelines(history: string, last: string): { timeline: number; begins: SegmentNumber }[] {
  const ends = [...history.matchAll(/^(\d+)\t([0-9A-F]+)\/([0-9A-F]+)/gm)].map(
    ([, timeline, high = "0", low = "0"]) => ({
      timeline: Number(timeline),
      end: Number.parseInt(high, 16) * 256 + Math.floor(Number.parseInt(low, 16) / 2 ** 24),
    }),
  );
  const all = [...ends.map(({ timeline }) => timeline), Number.parseInt(last.slice(0, 8), 16)];
  return all.map((timeline, index) => ({ timeline, begins: ends[index - 1]?.end ?? 0 }));
}

function numberOf(segment: string): SegmentNumber {
  return Number.parseInt(segment.slice(8, 16), 16) * 256 + Number.parseInt(segment.slice(16), 16);
}

function nameOf(timeline: number, number: SegmentNumber): string {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return hex(timeline) + hex(Math.floor(number / 256)) + hex(number % 256);
}

/** Restores the archive on a host, beside what runs there, recovers all WAL that it has, and gives the answer to a query. */
export function restoredAnswer(cluster: DockerCluster, host: string, query: string, database: string): string {
  const script = `
    set -euo pipefail
    cd /tmp
    restored=/var/lib/understudy/spool/restored
    bin=$(ls -d /usr/lib/postgresql/*/bin)
    rm -rf "$restored"
    stanza=$(sed -n 's/^\\[\\([^:]*\\)\\]$/\\1/p' /etc/understudy/pgbackrest.conf | grep -v '^global$')
    backrest="pgbackrest --config=/etc/understudy/pgbackrest.conf --stanza=$stanza --pg1-path=$restored"
    install -d -m 700 "$restored"
    $backrest --no-delta --archive-mode=off --recovery-option="restore_command=$backrest --no-archive-async archive-get %f \\"%p\\"" restore >&2
    echo 'local all all peer' >"$restored/hba.conf"
    cat >"$restored/restored.conf" <<END
hba_file = '$restored/hba.conf'
hot_standby = off
listen_addresses = ''
port = 5499
unix_socket_directories = '/tmp'
END
    $bin/pg_ctl start -s -w -t 120 -D "$restored" -l "$restored/log" -o "--config-file=$restored/restored.conf" >&2
    trap '$bin/pg_ctl stop -s -w -m immediate -D "$restored" >&2; rm -rf "$restored"' EXIT
    for i in $(seq 600); do
      if psql -XAtq -h /tmp -p 5499 -d ${database} -c "${query}" 2>"$restored/refused"; then exit; fi
      sleep 0.1
    done
    cat "$restored/refused" "$restored/log" >&2
    exit 1`;
  return cluster.execAsPostgres(host, "bash", "-c", script).trim();
}
