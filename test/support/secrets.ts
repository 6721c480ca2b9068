/**
 * The forms in which a secret could stand somewhere: itself, and in base64 wherever it starts in what was encoded. Of a key in
 * PEM format, each of its lines: a JSON string or a dump has other line ends between them.
 */
export function formsOf(secret: string): string[] {
  const texts = secret.includes("-----BEGIN")
    ? secret.split("\n").filter((line) => line.length >= 40 && !line.startsWith("-----"))
    : [secret];
  return texts.flatMap((text) => [text, ...base64Forms(text)]);
}

/** In base64 three bytes are four characters, so that a text has three forms; at its ends they depend on what stands beside it. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString("base64");
    const certain = whole.slice(offset === 0 ? 0 : 4);
    return certain.length >= 12 ? [certain] : [];
  });
}

/** Names of those secrets that stand in `text` in any form. */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some((form) => text.includes(form)))
    .map(([name]) => name);
}
