const pending = new Set<() => Promise<void>>();
let ending = false;

/** Whether the run was interrupted: then nothing more is to be made. */
export const interrupted = () => ending;

/**
 * Has `remove` run if this process is interrupted before it was called. Gives the function to call instead of it: whoever calls it,
 * it runs once.
 */
export function removedAtTheEnd(remove: () => Promise<void>): () => Promise<void> {
  let removal: Promise<void> | undefined;
  const once = () => {
    removal ??= remove().finally(() => pending.delete(once));
    return removal;
  };
  pending.add(once);
  return once;
}

for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
  process.once(signal, async () => {
    ending = true;
    console.error("interrupted: removing what was made");
    for (const remove of pending) await remove().catch((error) => console.error(String(error)));
    process.exit(code);
  });
}
