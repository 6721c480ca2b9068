import { closest, keyPath, type Problem } from "../config/problems.ts";
import type { PostgresMajor } from "../majors.ts";
import type { SettingDefinition } from "./settingDefinition.ts";
import { settingsData } from "./settingsData.ts";
import { builtInPrefixes, libraryPrefixes, multiplesOf16, ours, refusedValues, removed } from "./settingsPolicy.ts";
import { parseSettingValue } from "./settingValue.ts";

/** By name in lower case: names of settings don't heed case. */
const definitions = new Map<string, SettingDefinition[]>();
for (const line of settingsData.trim().split("\n")) {
  const definition = parseLine(line);
  const key = definition.name.toLowerCase();
  definitions.set(key, [...(definitions.get(key) ?? []), definition]);
}

function parseLine(line: string): SettingDefinition {
  const [name = "", majors = "", type = "", unit, min, max, values, context = "", developer] = line.split("|");
  const [first, last] = majors.split("-");
  return {
    name,
    firstMajor: Number(first),
    lastMajor: Number(last),
    type: type as SettingDefinition["type"],
    unit: unit || undefined,
    min: min ? Number(min) : undefined,
    max: max ? Number(max) : undefined,
    values: values ? values.split(",") : undefined,
    context,
    developer: developer === "developer",
  };
}

/** The definition of a setting in a major, or undefined where that major has none of that name. */
export function settingDefinition(name: string, major: PostgresMajor): SettingDefinition | undefined {
  return definitions.get(name.toLowerCase())?.find((d) => d.firstMajor <= major && major <= d.lastMajor);
}

/** Every setting that a major knows. */
export function settingDefinitions(major: PostgresMajor): readonly SettingDefinition[] {
  return [...definitions.values()].flat().filter((d) => d.firstMajor <= major && major <= d.lastMajor);
}

export interface CheckedSettings {
  readonly problems: readonly Problem[];
  /** What passed, by the name that PostgreSQL spells it with. */
  readonly values: Readonly<Record<string, string>>;
}

/** Checks the user's settings against PostgreSQL `major` and against what this program decides itself. */
export function checkSettings(settings: Readonly<Record<string, unknown>>, major: PostgresMajor): CheckedSettings {
  const problems: Problem[] = [];
  const values: Record<string, string> = {};
  const prefixes = loadedPrefixes(settings);
  for (const [written, value] of Object.entries(settings)) {
    const name = settingDefinition(written, major)?.name ?? written;
    const result = checkSetting(written, value, major, prefixes);
    if ("rule" in result) problems.push({ key: keyPath("settings", written), ...result });
    else if (Object.hasOwn(values, name)) {
      problems.push({ key: keyPath("settings", written), rule: `is ${name} once more`, hint: "remove one of the two" });
    } else values[name] = result.text;
  }
  return { problems, values };
}

type Checked = { readonly text: string } | { readonly rule: string; readonly hint: string };

function checkSetting(written: string, value: unknown, major: PostgresMajor, prefixes: ReadonlySet<string>): Checked {
  if (written.includes(".")) return checkExtensionSetting(written, value, prefixes);
  const name = written.toLowerCase();
  const refusal = Object.hasOwn(ours, name) ? ours[name] : undefined;
  if (refusal) return { rule: `is not yours to set: ${refusal.reason}`, hint: refusal.hint };
  const definition = settingDefinition(name, major);
  if (!definition) return missing(name, major);
  if (definition.context === "internal") {
    return { rule: "can't be set: PostgreSQL only reports it", hint: "remove it from settings" };
  }
  if (definition.developer) {
    return { rule: "is for developers of PostgreSQL and can destroy data", hint: "remove it from settings" };
  }
  const parsed = parseSettingValue(definition, value);
  if (!parsed.ok) return { rule: parsed.rule, hint: parsed.hint };
  const refused = Object.hasOwn(refusedValues, name) ? refusedValues[name] : undefined;
  if (refused?.values.includes(parsed.text)) {
    return { rule: `must not be ${parsed.text}: ${refused.reason}`, hint: refused.hint };
  }
  if (multiplesOf16.includes(name) && (parsed.number ?? 0) % 16 !== 0) {
    return { rule: "must be a multiple of 16 pages of 8kB", hint: "use a multiple of 128kB" };
  }
  return { text: parsed.text };
}

/** Says why `major` has no setting of that name. */
function missing(name: string, major: PostgresMajor): Checked {
  const known = definitions.get(name);
  const removal = Object.hasOwn(removed, name) ? removed[name] : undefined;
  const last = known?.filter((d) => d.lastMajor < major).at(-1);
  if (removal) return { rule: `was removed in PostgreSQL ${removal.in}`, hint: removal.hint };
  if (last) return { rule: `was removed in PostgreSQL ${last.lastMajor + 1}`, hint: "remove it from settings" };
  const next = known?.find((d) => d.firstMajor > major);
  if (next) {
    const hint = `remove it from settings, or set postgresVersion to ${next.firstMajor} or above`;
    return { rule: `is unknown before PostgreSQL ${next.firstMajor}; this is ${major}`, hint };
  }
  const names = settingDefinitions(major).filter((d) => d.context !== "internal" && !d.developer);
  const suggestion = closest(
    name,
    names.map((d) => d.name).filter((candidate) => !Object.hasOwn(ours, candidate)),
  );
  return {
    rule: `is no setting of PostgreSQL ${major}`,
    hint: suggestion ? `did you mean ${suggestion}?` : "look its name up in PostgreSQL's manual, or remove it",
  };
}

const extensionSetting = /^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)+$/;

function checkExtensionSetting(name: string, value: unknown, prefixes: ReadonlySet<string>): Checked {
  const prefix = name.slice(0, name.indexOf(".")).toLowerCase();
  if (!extensionSetting.test(name)) {
    return { rule: "is no valid name", hint: "use prefix.name of letters, digits and underscores" };
  }
  if (!prefixes.has(prefix)) {
    const rule = `belongs to '${prefix}', which is not loaded`;
    return { rule, hint: `add the library to settings.shared_preload_libraries, or remove the setting` };
  }
  const parsed = parseSettingValue({ ...anyText, name }, value);
  return parsed.ok ? { text: parsed.text } : { rule: parsed.rule, hint: parsed.hint };
}

const anyText: SettingDefinition = {
  name: "",
  firstMajor: 0,
  lastMajor: Number.POSITIVE_INFINITY,
  type: "string",
  unit: undefined,
  min: undefined,
  max: undefined,
  values: undefined,
  context: "user",
  developer: false,
};

/** Prefixes that the libraries which the settings load may define. */
function loadedPrefixes(settings: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const prefixes = new Set(builtInPrefixes);
  for (const name of ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"]) {
    const list = settings[name];
    if (typeof list !== "string") continue;
    for (const entry of list.split(",")) {
      const library = entry.trim().replace(/^"|"$/g, "").replace(/^.*\//, "").replace(/\.so$/, "");
      if (library) prefixes.add(libraryPrefixes[library] ?? library.toLowerCase());
    }
  }
  return prefixes;
}
