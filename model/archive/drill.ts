import { type Drill, drill, parseJson } from "../hostFacts.ts";
import { formatSeconds } from "../status/format.ts";

/** Parses what `understudy drill <node>` printed; undefined where it is something else. */
export function parseDrill(printed: string): Drill | undefined {
  return drill.safeParse(parseJson(printed)).data;
}

/** A drill that proved a restore, in words. */
export function drillInWords({ backup, lsn, recoveredTo, seconds, checks }: Drill, node: string): string {
  const last = recoveredTo === "" ? "" : ` (last transaction: ${recoveredTo})`;
  return `restore proven on ${node} in ${formatSeconds(seconds)}: backup ${backup}, recovered to ${lsn}${last}; checked: ${checks}`;
}
