import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { databaseOptions, userOptions } from "../../model/config/schema/accountOptions.ts";
import { commonNodeOptions } from "../../model/config/schema/nodeOptions.ts";
import type { OptionTable } from "../../model/config/schema/option.ts";
import { topOptions } from "../../model/config/schema/topOptions.ts";
import { targets } from "../../model/config/targets/registry.ts";
import { renderRunbookGraph, withStepTable } from "../../scripts/docs/runbook.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

function markdownBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownBelow(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "offline/README.md", ...markdownBelow("docs")];
const examples = readdirSync(join(root, "examples"))
  .filter((file) => file.endsWith(".yml"))
  .map((file) => join("examples", file));
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = ""]) => found);

/** As GitHub makes the anchor of a heading. */
function anchor(heading: string): string {
  const words = heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "");
  return words.replaceAll(" ", "-");
}

function anchorsOf(page: string): string[] {
  const withoutCode = read(page).replace(/^```[\s\S]*?^```/gm, "");
  return matches(withoutCode, /^#{1,6} (.+)$/gm).map(anchor);
}

/** Every key that config knows, as the reference writes it: `nodes.<name>.proxy.host`. */
function knownKeys(): Set<string> {
  const keys = new Set<string>();
  const add = (prefix: string, table: OptionTable) => {
    for (const [key, option] of Object.entries(table)) {
      keys.add(prefix + key);
      if (option.options) add(`${prefix}${key}.`, option.options);
    }
  };
  add("", topOptions);
  for (const table of [commonNodeOptions, ...Object.values(targets).map(({ nodeOptions }) => nodeOptions)])
    add("nodes.<name>.", table);
  add("databases.<name>.", databaseOptions);
  add("users.<name>.", userOptions);
  return keys;
}

const isKnown = (key: string, known = knownKeys()) =>
  known.has(key) ||
  known.has(key.replace(/^(nodes|databases|users)\.[^.]+/, "$1.<name>")) ||
  /^(nodes|databases|users|settings|drill\.query)\.[^.]+$/.test(key);

describe("README.md and docs", () => {
  for (const page of pages) {
    it(`${page}: every relative link leads somewhere`, () => {
      const links = matches(read(page), /\]\(([^)\s]+)\)/g).filter((link) => !/^[a-z]+:/.test(link));
      const broken = links.filter((link) => {
        const [path = "", fragment] = link.split("#");
        const target = path === "" ? join(root, page) : resolve(dirname(join(root, page)), path);
        if (!existsSync(target)) return true;
        return fragment !== undefined && !anchorsOf(relative(root, target)).includes(fragment);
      });
      assert.deepEqual(broken, []);
    });
  }

  it("name commands that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const missing = [...pages, ...examples].flatMap((page) => {
      const text = read(page);
      const npm = matches(text, /\bnpm run (?:--?\w+ )*([\w:]+)/g).filter((name) => !(name in scripts));
      const files = matches(text, /(?<![\w/])\.?\/?(scripts\/[\w./-]*\w)/g).filter(
        (path) => !existsSync(join(root, path)),
      );
      return [...npm, ...files].map((name) => `${page}: ${name}`);
    });
    assert.deepEqual(missing, []);
    for (const command of ["up", "down", "test", "check", "pulumi"]) {
      assert.ok(statSync(join(root, "scripts", command)).mode & 0o100, `scripts/${command} can be run`);
    }
  });

  it("examples set keys that exist", () => {
    for (const page of ["README.md", "docs/operations.md", "docs/getting-started-ssh.md", ...examples]) {
      const text = read(page);
      const set = matches(
        text,
        /(?:config (?:set|rm)|^ *configure) (?:--(?:secret|path) )*'?([a-z][\w.[\]-]*)/gim,
      ).filter((key) => !["set", "rm"].includes(key));
      const declared = matches(text, /^ +understudy:(\w+):/gm);
      assert.ok(set.length > 0, page);
      assert.deepEqual(
        [...set, ...declared].filter((key) => !isKnown(key)),
        [],
        page,
      );
    }
  });

  it("architecture.md and its picture are made from the table of steps: npm run docs", () => {
    const page = read("docs/architecture.md");
    assert.equal(page, withStepTable(page));
    assert.equal(read("docs/runbook-graph.svg"), renderRunbookGraph());
  });

  it("architecture.md names all host scripts, and none that does not exist", () => {
    const scripts = readdirSync(join(root, "scripts/host")).filter((file) => file.endsWith(".sh"));
    const named = matches(read("docs/architecture.md"), /`([\w-]+\.sh)`/g);
    assert.deepEqual(
      named.filter((script) => !scripts.includes(script)),
      [],
    );
    assert.deepEqual(
      scripts.filter((script) => !named.includes(script)),
      [],
    );
  });
});

describe("docs/troubleshooting.md", () => {
  const [, ...sections] = read("docs/troubleshooting.md").split(/^## /m);
  const ours = sections.filter((section) => !section.startsWith("From the Pulumi CLI"));
  const quoted = ours
    .flatMap((section) => matches(section, /^\| (`.*?) \|/gm))
    .flatMap((cell) => matches(cell, /`([^`]+)`/g));
  /** What of a quoted message is always the same: `…` stands for the rest, and quotes are around values. */
  const partsOf = (message: string) =>
    message
      .split(/…|ENOENT|'/)
      .map((part) => part.trim())
      .filter((part) => part.length > 2);

  it("quotes messages that the program has", () => {
    const folders = [
      "scripts/host",
      "scripts/docker",
      "scripts/ssh",
      "scripts/setup",
      "scripts/steps/lib",
      "components",
    ];
    const files = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { withFileTypes: true })
        .filter((file) => file.isFile())
        .map((file) => join(folder, file.name)),
    );
    const rules = readdirSync(join(root, "model/preflight")).map((file) => `preflight/${file.slice(0, -3)}`);
    const models = [
      ...rules,
      "archive/encryption",
      "config/problems",
      "config/schema/sshOptions",
      "config/read/nodes",
      "config/targets/ssh",
    ];
    const source = [...files, ...models.map((file) => `model/${file}.ts`)].map(read).join("\n");
    assert.ok(quoted.length > 40, String(quoted.length));
    const unknown = quoted
      .filter((message) => message !== "privateKeyFile")
      .filter((message) => !partsOf(message).every((part) => source.includes(part)));
    assert.deepEqual(unknown, []);
  });

  it("has a row for every message with which a host script refuses", () => {
    const scripts = readdirSync(join(root, "scripts/host")).map((file) => read(join("scripts/host", file)));
    const refusals = scripts.flatMap((script) => matches(script, /\b(?:refuse|attempt) "((?:[^"\\]|\\.)+)/g));
    assert.ok(refusals.length > 30, String(refusals.length));
    const has = (message: string) => quoted.some((row) => partsOf(row).every((part) => message.includes(part)));
    // `attempt` itself passes on the message that it was given.
    const missing = refusals.filter((message) => !message.startsWith("$what") && !has(message));
    assert.deepEqual(missing, []);
  });
});
