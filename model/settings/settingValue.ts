import { durationUnits, sizeUnits } from "../config/units.ts";
import type { SettingDefinition } from "./settingDefinition.ts";

export type ValueResult =
  | {
      readonly ok: true;
      readonly text: string;
      /** What it is in the setting's own unit, where it is a number. */
      readonly number?: number;
    }
  | { readonly ok: false; readonly rule: string; readonly hint: string };

/** Reads a value by PostgreSQL's own rules (`guc.c`) and gives it back as text for `postgresql.conf`. */
export function parseSettingValue(definition: SettingDefinition, value: unknown): ValueResult {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    return refuse(
      `must be text, a number or a boolean, not ${describe(value)}`,
      "write the value as in postgresql.conf",
    );
  }
  const text = typeof value === "boolean" ? (value ? "on" : "off") : String(value).trim();
  if (/[\0\r\n]/.test(text)) return refuse("must not hold a line break or NUL", "write the value on one line");
  switch (definition.type) {
    case "bool":
      return parseBoolean(text);
    case "enum":
      return parseEnum(definition, text);
    case "integer":
    case "real":
      return parseNumber(definition, text);
    case "string":
      return { ok: true, text };
    default:
      throw new Error(`unknown type ${definition.type satisfies never}`);
  }
}

/** PostgreSQL takes every unambiguous beginning of these words. */
function parseBoolean(text: string): ValueResult {
  const lower = text.toLowerCase();
  const begins = (word: string, least = 1) => lower.length >= least && word.startsWith(lower);
  if (begins("true") || begins("yes") || begins("on", 2) || lower === "1") return { ok: true, text: "on" };
  if (begins("false") || begins("no") || begins("off", 2) || lower === "0") return { ok: true, text: "off" };
  return refuse(`must be on or off, not '${text}'`, "use on or off");
}

function parseEnum(definition: SettingDefinition, text: string): ValueResult {
  const values = definition.values ?? [];
  const found = values.find((candidate) => candidate === text.toLowerCase());
  if (found !== undefined) return { ok: true, text: found };
  return refuse(`must be one of ${values.join(", ")}, not '${text}'`, `use one of ${values.join(", ")}`);
}

const numeric = /^([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)$/;

function parseNumber(definition: SettingDefinition, text: string): ValueResult {
  const kind = definition.type === "integer" ? "a whole number" : "a number";
  const units = unitsOf(definition.unit);
  const withUnit = units ? `, with a unit of ${Object.keys(units).join(", ")}` : "";
  const match = numeric.exec(text);
  if (!match) return refuse(`must be ${kind}${withUnit}, not '${text}'`, `use ${example(definition)}`);
  const [, digits = "", unit = ""] = match;
  const plain = parseDigits(digits);
  if (unit === "") return bounded(definition, text, round(definition, plain));
  if (!units) return refuse(`takes no unit, not '${text}'`, `use ${example(definition)}`);
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined) {
    const names = Object.keys(units).join(", ");
    return refuse(`has the unit '${unit}', which is none of ${names}`, `use one of ${names}: units heed case`);
  }
  // "30.1GB" is as many whole megabytes as come closest.
  const smaller = Math.max(0, ...Object.values(units).filter((each) => each < factor));
  const absolute = smaller === 0 ? plain * factor : rint((plain * factor) / smaller) * smaller;
  return bounded(definition, text, round(definition, absolute / baseFactor(definition.unit as string, units)));
}

/** As strtol with base 0 and strtod: a whole number with a leading zero is octal. */
function parseDigits(digits: string): number {
  const sign = digits.startsWith("-") ? -1 : 1;
  const bare = digits.replace(/^[+-]/, "");
  return sign * (/^0[0-7]+$/.test(bare) ? Number.parseInt(bare, 8) : Number(bare));
}

function round(definition: SettingDefinition, value: number): number {
  return definition.type === "integer" ? rint(value) : value;
}

/** C's rint(): halves go to the even neighbour. */
function rint(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

function bounded(definition: SettingDefinition, text: string, value: number): ValueResult {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, unit } = definition;
  if (value >= min && value <= max) return { ok: true, text, number: value };
  const range = `${min} to ${max}${unit ? ` (in units of ${unit})` : ""}`;
  return refuse(`must be in the range ${range}, not '${text}'`, `use a value from ${range}`);
}

/** The units that a value may carry, by its setting's own; undefined: none. */
function unitsOf(unit: string | undefined): Readonly<Record<string, number>> | undefined {
  if (unit === undefined) return undefined;
  return Object.hasOwn(durationUnits, unit) ? durationUnits : sizeUnits;
}

/** The setting's own unit in terms of `units`: 8kB is 8192. */
function baseFactor(unit: string, units: Readonly<Record<string, number>>): number {
  const [, count = "", name = ""] = /^(\d*)(\w+)$/.exec(unit) ?? [];
  return Number(count || 1) * (units[name] as number);
}

function example(definition: SettingDefinition): string {
  const value = definition.min !== undefined && definition.min > 0 ? definition.min : 1;
  if (definition.unit === undefined) return `a number such as ${value}`;
  return Object.hasOwn(durationUnits, definition.unit) ? "a duration such as 30s" : "a size such as 64MB";
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? "a list" : "an object";
}

function refuse(rule: string, hint: string): ValueResult {
  return { ok: false, rule, hint };
}
