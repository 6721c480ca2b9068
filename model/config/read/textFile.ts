import type { Problem } from "../problems.ts";
import { isCertificate } from "../schema/archiveOptions.ts";

interface FileContext {
  readFile(path: string): string;
}

/** @param what it is, for a hint @returns its content; undefined: it can't be read, and that is told */
export function readTextFile(
  path: string,
  key: string,
  what: string,
  context: FileContext,
  problems: Problem[],
): string | undefined {
  try {
    return context.readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    problems.push({ key, rule: `can't be read: ${reason}`, hint: `give the path of ${what} that you may read` });
    return undefined;
  }
}

/** @returns PEM; "": it is none, and that is told */
export function readCertificateFile(path: string, key: string, context: FileContext, problems: Problem[]): string {
  const content = readTextFile(path, key, "a CA certificate", context, problems);
  if (content === undefined) return "";
  if (isCertificate(content)) return content;
  problems.push({ key, rule: "is no certificate", hint: "give a CA certificate in PEM format" });
  return "";
}
