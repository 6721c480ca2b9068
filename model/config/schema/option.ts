import * as z from "zod";
import { closest, keyPath, type Problem } from "../problems.ts";
import { type Duration, isDuration, isSize, parseSize, type Size } from "../units.ts";

/**
 * One option of the config, defined once: parser, message, reference and Pulumi.yaml are made from it.
 */
export interface Option<T = unknown> {
  readonly schema: z.ZodType<T>;
  /** What it is. A sentence. */
  readonly description: string;
  /** Read after the key in a message, and after "Rule:" in the reference: "must be …". */
  readonly rule: string;
  /** What to do where the rule is broken. */
  readonly hint: string;
  /** What a change of it does to a running cluster. */
  readonly effect: string;
  /** In words, for the reference; undefined where it is required or has none. */
  readonly default?: string;
  readonly required?: boolean;
  readonly secret?: boolean;
  /** Options of the object that it holds, for the reference. */
  readonly options?: OptionTable;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** What was read: an option that is missing, or broken its rule, is undefined. */
export type OptionValues<Table> = {
  readonly [Key in keyof Table]: (Table[Key] extends Option<infer T> ? T : never) | undefined;
};

/**
 * Reads every option of `table` from `raw` and tells every problem there is: broken rules, missing and unknown keys.
 *
 * @param path of `raw` itself; "" at the top
 * @param elsewhere why a key that is not in `table` is not, for keys of which that is known
 */
export function readOptions<Table extends OptionTable>(
  table: Table,
  raw: unknown,
  path: string,
  problems: Problem[],
  elsewhere: (key: string) => Omit<Problem, "key"> | undefined = () => undefined,
): OptionValues<Table> {
  const object = asObject(raw);
  if (!object) {
    problems.push({ key: path, rule: "must be an object", hint: `set its keys: ${Object.keys(table).join(", ")}` });
    return {} as OptionValues<Table>;
  }
  for (const key of Object.keys(object)) {
    if (Object.hasOwn(table, key)) continue;
    const suggestion = closest(key, Object.keys(table));
    const hint = suggestion ? `did you mean ${suggestion}?` : `remove it; known are ${Object.keys(table).join(", ")}`;
    problems.push({ key: keyPath(path, key), ...(elsewhere(key) ?? { rule: "is an unknown key", hint }) });
  }
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(table)) {
    values[key] = readOption(
      option,
      Object.hasOwn(object, key) ? object[key] : undefined,
      keyPath(path, key),
      problems,
    );
  }
  return values as OptionValues<Table>;
}

function readOption(option: Option, value: unknown, key: string, problems: Problem[]): unknown {
  if (value === undefined || value === null || value === "") {
    if (option.required) problems.push({ key, rule: "is required", hint: option.hint });
    return undefined;
  }
  const result = option.schema.safeParse(value);
  if (result.success) return result.data;
  const own = result.error.issues.filter((issue) => issue.code === "custom");
  if (own.length === 0) problems.push({ key, rule: option.rule, hint: option.hint });
  for (const issue of own) {
    const hint = (issue.params?.hint as string | undefined) ?? option.hint;
    problems.push({ key, rule: issue.message === ownRule ? option.rule : issue.message, hint });
  }
  return undefined;
}

/** Message of an issue that says no more than the option's own rule. */
export const ownRule = "own rule";

/** An object, also where it comes as JSON or as YAML's empty value; undefined for anything else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === null || value === undefined || value === "") return {};
  if (typeof value === "string") {
    try {
      const parsed: unknown = JSON.parse(value);
      return typeof parsed === "string" ? undefined : asObject(parsed);
    } catch {
      return undefined;
    }
  }
  return typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

/** A schema for text that `check` finds nothing wrong with: what it returns is the rule that is broken. */
export function text(check: (value: string) => string | undefined): z.ZodType<string> {
  return z.string().superRefine((value, context) => {
    const rule = check(value);
    if (rule !== undefined) context.addIssue({ code: "custom", message: rule });
  });
}

/** Text that has to match, told by the option's own rule. */
export function matching(test: (value: string) => boolean): z.ZodType<string> {
  return z.string().refine(test, { message: ownRule });
}

export function flag(): z.ZodType<boolean> {
  return z.preprocess((value) => (value === "true" ? true : value === "false" ? false : value), z.boolean());
}

export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const number = (value: unknown) => (typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value);
  return z.preprocess(number, z.number().int().min(min).max(max));
}

export function oneOf<const Values extends readonly [string, ...string[]]>(
  ...values: Values
): z.ZodType<Values[number]> {
  const suggest = (value: unknown) => (typeof value === "string" ? closest(value, values) : undefined);
  return z.custom<Values[number]>().superRefine((value, context) => {
    if (values.includes(value)) return;
    const suggestion = suggest(value);
    const hint = suggestion ? `did you mean ${suggestion}?` : undefined;
    context.addIssue({ code: "custom", message: ownRule, params: { hint } });
  });
}

export function duration(): z.ZodType<Duration> {
  return z.custom<Duration>((value) => typeof value === "string" && isDuration(value), { message: ownRule });
}

export function size(): z.ZodType<Size> {
  return z.custom<Size>((value) => typeof value === "string" && isSize(value), { message: ownRule });
}

/** A number of bytes: a plain whole number, or a size. */
export function bytes(): z.ZodType<number> {
  const number = (value: unknown) => (typeof value === "string" ? (parseSize(value) ?? value) : value);
  return z.preprocess(number, wholeNumber(0, Number.MAX_SAFE_INTEGER)) as z.ZodType<number>;
}

/** A list of texts; from the CLI it comes as its JSON, or as words. */
export function list(): z.ZodType<readonly string[]> {
  return z.preprocess(asList, z.array(z.string()).readonly());
}

function asList(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (!value.trimStart().startsWith("[")) return value.split(/[\s,]+/).filter(Boolean);
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** For options whose shape a reader of its own looks at. */
export function anything(): z.ZodType<unknown> {
  return z.unknown();
}
