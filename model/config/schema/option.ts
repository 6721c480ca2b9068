import * as z from "zod";
import { type Given, isLater, type Later } from "../later.ts";
import { ConfigError, closest, keyPath, type Problem } from "../problems.ts";
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
  /** Whether a program may give the output of another resource. Not where the graph depends on the value. */
  readonly later?: boolean;
  /** TypeScript's type of it in a program, where the schema does not tell. */
  readonly type?: string;
  /** Options of the object that it holds, for the reference. */
  readonly options?: OptionTable;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** What was read: an option that is missing, or broken its rule, is undefined. */
export type OptionValues<Table> = {
  readonly [Key in keyof Table]: OptionValue<Table[Key]> | undefined;
};

type OptionValue<Row> = Row extends Option<infer T> ? (Row extends { readonly later: true } ? Given<T> : T) : never;

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
  if (isLater(value)) return readLater(option, value, key, problems);
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

/** The same rules, once the value is known. The graph is made by then: what is wrong ends the update, and is told alone. */
function readLater(option: Option, value: Later<unknown>, key: string, problems: Problem[]): unknown {
  if (option.later) {
    return value.apply((known) => {
      const found: Problem[] = [];
      const read = readOption({ ...option, required: true }, known, key, found);
      if (found.length > 0) throw new ConfigError(found);
      return read;
    });
  }
  const rule = "must be a plain value: what there is to make depends on it";
  problems.push({ key, rule, hint: "give the value itself, not the output of another resource" });
  return undefined;
}

/** Message of an issue that says no more than the option's own rule. */
export const ownRule = "own rule";

/** An object, also where it comes as JSON or as YAML's empty value; undefined for anything else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === null || value === undefined || value === "") return {};
  if (isLater(value)) return undefined;
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
  const given = (value: unknown) => (value === "true" ? true : value === "false" ? false : value);
  return z.preprocess(given, z.boolean()).meta({ type: "boolean" });
}

export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const number = (value: unknown) => (typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value);
  return z.preprocess(number, z.number().int().min(min).max(max)).meta({ type: "number" });
}

export function oneOf<const Values extends readonly [string, ...string[]]>(
  ...values: Values
): z.ZodType<Values[number]> {
  const suggest = (value: unknown) => (typeof value === "string" ? closest(value, values) : undefined);
  return z
    .custom<Values[number]>()
    .superRefine((value, context) => {
      if (values.includes(value)) return;
      const suggestion = suggest(value);
      const hint = suggestion ? `did you mean ${suggestion}?` : undefined;
      context.addIssue({ code: "custom", message: ownRule, params: { hint } });
    })
    .meta({ type: values.map((value) => JSON.stringify(value)).join(" | ") });
}

export function duration(): z.ZodType<Duration> {
  const isOne = (value: unknown) => typeof value === "string" && isDuration(value);
  return z.custom<Duration>(isOne, { message: ownRule }).meta({ type: "Duration" });
}

export function size(): z.ZodType<Size> {
  const isOne = (value: unknown) => typeof value === "string" && isSize(value);
  return z.custom<Size>(isOne, { message: ownRule }).meta({ type: "Size" });
}

export const bytesRule = "must be a whole number of bytes, or a size: a number and one of B, kB, MB, GB, TB";

/** A number of bytes: a plain whole number, or a size. */
export function bytes(): z.ZodType<number> {
  const number = (value: unknown) => (typeof value === "string" ? (parseSize(value) ?? value) : value);
  const all = z.preprocess(number, wholeNumber(0, Number.MAX_SAFE_INTEGER)) as z.ZodType<number>;
  return all.meta({ type: "number | Size" });
}

/** A list of texts; from the CLI it comes as its JSON, or as words. */
export function list(): z.ZodType<readonly string[]> {
  return z.preprocess(asList, z.array(z.string()).readonly()).meta({ type: "readonly string[]" });
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
