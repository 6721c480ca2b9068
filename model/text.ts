/** What a host or a server said, made fit for a terminal: nothing in it moves the cursor, forges lines or reverses text. */

const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** One line. */
export function printable(text: string): string {
  return text.replace(unprintable, " ");
}

/** The same, line by line. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** JSON that a terminal may show: `JSON.stringify` leaves some of these characters as they are. */
export function printableJson(json: string): string {
  return json.replace(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/gu, (found) =>
    [...found.split("")].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}
