// @ts-check
/** `assetPaths` and `archivePaths`: files that a local command has left, by pattern. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { assetArchive, fileAsset } from "../lib/values.js";

/** @typedef {import("../lib/values.js").Properties} Properties */

/**
 * Rules apply in order; a `!` in front of one takes away what it matches.
 *
 * @param {string} directory
 * @param {readonly string[]} patterns
 * @returns {Promise<Properties>} assets by their path in the directory
 */
export async function matchingAssets(directory, patterns) {
  const rules = patterns.map((pattern) => ({
    excludes: pattern.startsWith("!"),
    expression: expressionOf(pattern.replace(/^!/, "")),
  }));
  /** @type {Properties} */
  const assets = {};
  for (const path of await filesBelow(directory, "")) {
    const last = rules.findLast((rule) => rule.expression.test(path));
    if (last === undefined || last.excludes) continue;
    const file = join(directory, path);
    assets[path] = fileAsset(
      file,
      createHash("sha256")
        .update(await readFile(file))
        .digest("hex"),
    );
  }
  return assets;
}

/** @param {Properties} assets */
export const archiveOf = (assets) => assetArchive(assets);

/**
 * @param {string} directory
 * @param {string} below
 * @returns {Promise<string[]>}
 */
async function filesBelow(directory, below) {
  const entries = await readdir(join(directory, below), { withFileTypes: true });
  const found = await Promise.all(
    entries.map((entry) => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(directory, path) : [path];
    }),
  );
  return found.flat().sort();
}

/**
 * `*` stays within a folder, `**` does not, `?` is one character, `[a-z]` and `{a,b}` are choices.
 *
 * @param {string} pattern
 */
function expressionOf(pattern) {
  let depth = 0;
  const source = pattern.replace(/\\(.)|\*\*|\*|\?|\[!?|[\]{},]|[.+^$()|/]/g, (token, escaped) => {
    if (escaped !== undefined) return `\\${escaped}`;
    switch (token) {
      case "**":
        return ".*";
      case "*":
        return "[^/]*";
      case "?":
        return "[^/]";
      case "[":
      case "]":
        return token;
      case "[!":
        return "[^";
      case "{":
        depth++;
        return "(?:";
      case "}":
        depth--;
        return ")";
      case ",":
        return depth > 0 ? "|" : ",";
      default:
        return `\\${token}`;
    }
  });
  return new RegExp(`^${source}$`, "su");
}
