/**
 * Waits, looking every `everyMs`, until `condition` gives something truthy, and gives that back. Errors of `condition` count as "not yet".
 *
 * @throws when `seconds` have passed, with what was waited for and the last answer or error
 */
export async function until<T>(
  what: string,
  seconds: number,
  condition: () => Promise<T> | T,
  everyMs = 500,
): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const answer = await condition();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(
    `gave up waiting for ${what} after ${seconds} s; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  );
}
