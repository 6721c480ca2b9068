import { parseSourceHoldings } from "../../model/archive/holdings.ts";
import { type Asked, planRestore, type RestorePlan } from "../../model/archive/restorePlan.ts";
import type { ArchiveSource, RestoreFrom } from "../../model/archive/source.ts";
import type { Moment } from "../../model/config/config.ts";
import { parseHttpsEndpoint } from "../../model/config/network.ts";
import type { PostgresMajor } from "../../model/majors.ts";
import { renderParameters } from "../../model/render/parameters.ts";
import { renderSourceConf } from "../../model/render/pgbackrest.ts";
import { renderRecoveryConf } from "../../model/render/recovery.ts";
import type { DockerCluster } from "./dockerCluster.ts";

export interface Scratch {
  readonly cluster: DockerCluster;
  readonly host: string;
  readonly from: RestoreFrom;
  readonly major: PostgresMajor;
}

export interface Wanted {
  readonly target: Moment;
  readonly inclusive?: boolean;
  readonly timeline?: number;
  /** Further lines for the server that recovers. */
  readonly settings?: string;
}

/** On a node's data volume, beside all that is the cluster's. */
const dataDirectory = "/var/lib/understudy/scratch";

function sourceOf(from: RestoreFrom): ArchiveSource {
  const endpoint = parseHttpsEndpoint(from.endpoint) as ArchiveSource["endpoint"];
  return { ...from, endpoint, accessKey: from.accessKey ?? "", secretKey: from.secretKey ?? "", container: "" };
}

function parametersOf({ from, major }: Scratch) {
  return {
    source_pgbackrest_conf: renderSourceConf({ source: sourceOf(from), major, dataDirectory, cpus: 2 }),
    source_stanza: from.stanza,
    source_ca_crt: from.caCertificate,
  };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** What the step `source` finds out, asked on a host. */
export function planOn(scratch: Scratch, { target, timeline }: Wanted): RestorePlan {
  const { cluster, host, from, major } = scratch;
  const line = `echo ${base64(renderParameters(parametersOf(scratch)))} | base64 -d | understudy backups ${host} source`;
  const held = parseSourceHoldings(cluster.exec(host, "bash", "-c", line), from.stanza);
  if (held === undefined) throw new Error("what the host says of the archive is not understood");
  const asked: Asked = { target, timeline, backup: undefined, major, stanza: from.stanza };
  const plan = planRestore(held, asked, new Date());
  if ("what" in plan) throw new Error(`${plan.what}\n${plan.hint}`);
  return plan;
}

/**
 * The answer to a query of what the step `restore` would make, restored and recovered by the same functions on a host that has a cluster already.
 *
 * @throws with what they refused
 */
export function restoredTo(scratch: Scratch, wanted: Wanted, query: string, database = "app"): string {
  const { cluster, host, major } = scratch;
  const plan = planOn(scratch, wanted);
  const restore = { target: wanted.target, inclusive: wanted.inclusive ?? true };
  const recovery = renderRecoveryConf({ restore, plan, dataDirectory, major }) + (wanted.settings ?? "");
  const { source_pgbackrest_conf, source_stanza, source_ca_crt } = parametersOf(scratch);
  const script = `
    set -euo pipefail
    cd /
    step=restore node=${host} library=/usr/local/lib/understudy
    exec 3>&1 4>&2 >>/var/log/understudy/scratch.log
    . $library/lib.sh
    load_host
    . $library/lib-restore.sh
    text() { base64 -d <<<"$1" && printf x; }
    work=${dataDirectory}/$major/data.restore run_directory=/run/understudy-restore
    install -d -o postgres -g postgres ${dataDirectory} ${dataDirectory}/$major
    conf=$(text ${base64(source_pgbackrest_conf)}) recovery=$(text ${base64(recovery)}) ca=$(text ${base64(source_ca_crt)})
    begin_work "\${conf%x}" ${source_stanza}
    printf '%s' "\${ca%x}" | write_file "$run_directory/ca.crt" root:root 644 || true
    restore_backup ${plan.backup} ${plan.dataBytes} ${dataDirectory}/tablespaces
    forget_source
    recover "\${recovery%x}"
    read_reached
    require_reached "${plan.last}"
    user_sql ${database} -c "$(base64 -d <<<${base64(query)})" >&3
    stop_work fast
    rm -rf "$run_directory" ${dataDirectory}/$major
    exit 0`;
  return cluster.exec(host, "bash", "-c", script).trim();
}
