import { type Explanation, explain, type Reading, type Refusal, unread } from "../model/leadership/index.ts";

/** What a step says when it may not act. The program's own words: what is so, and what to do. */
export class Refused extends Error {
  readonly hint: string;

  constructor({ message, hint }: Explanation) {
    super(message);
    this.name = "Refused";
    this.hint = hint;
  }
}

export const refused = (why: Refusal, reading: Reading = unread("it was not read")): Refused =>
  new Refused(explain(why, reading));

export const because = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 500);
