import type { NodeState } from "../clusterConfig.ts";
import type { FenceWord } from "../fenceWord.ts";
import type { Problem } from "../problems.ts";
import { fenceOptions } from "../schema/nodeOptions.ts";
import { readOptions } from "../schema/option.ts";

/**
 * How it is proven that a node's host is off.
 *
 * @param required whether a fenced node has to say so, because nothing else could prove it
 */
export function readFence(
  raw: unknown,
  { state, required }: { readonly state: NodeState; readonly required: boolean },
  path: string,
  problems: Problem[],
): FenceWord | undefined {
  const before = problems.length;
  const { command, statement } = readOptions(fenceOptions, raw, path, problems);
  if (problems.length > before) return undefined;
  const set = `pulumi config set --path '${path}.command' <command>`;
  if (command !== undefined && statement !== undefined) {
    const rule = "has both a command and a statement: only one of them can be the proof";
    problems.push({ key: path, rule, hint: `remove one of them: pulumi config rm --path '${path}.statement'` });
  } else if (required && state === "fenced" && command === undefined && statement === undefined) {
    const rule =
      "is required while the node is fenced: without proof that its host is off, nobody else is made the primary";
    const word = `pulumi config set --path '${path}.statement' '<who has seen that it is off, and how>'`;
    problems.push({ key: path, rule, hint: `${set}; or give your word: ${word}` });
  } else if (state !== "fenced" && statement !== undefined) {
    // It would be taken for the proof of a later fence.
    const rule = `says that the host is off, but the node is ${state}`;
    problems.push({
      key: `${path}.statement`,
      rule,
      hint: `remove it once the host is back: pulumi config rm --path '${path}.statement'`,
    });
  }
  if (command !== undefined) return { command };
  return statement === undefined ? undefined : { statement };
}
