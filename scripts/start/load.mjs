// @ts-check
/**
 * Runs our TypeScript. It is compiled into `.understudy/compiled/`, one file an entry with what it imports; the folder there is named
 * by a hash of all that goes into it, so that it is never stale, and runs that compile at the same time make the same.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * What is compiled together.
 *
 * @typedef {object} Group
 * @property {readonly string[]} entries
 * @property {readonly string[]} sources folders and files that they are made from
 * @property {string[]} external packages that stay where they are
 * @property {boolean} mapped whether stack traces name lines of the source, which takes time in each run
 */

/**
 * The program, and the steps that run on the operator's machine in each update. The SDK has to be the one that runs the program.
 *
 * @type {Group}
 */
const program = {
  entries: [
    "index.ts",
    "scripts/steps/install.ts",
    "scripts/steps/preflight.ts",
    "scripts/steps/receipt.ts",
    "scripts/steps/boot.ts",
  ],
  sources: ["index.ts", "components", "model", "scripts"],
  external: ["@pulumi/*"],
  mapped: true,
};

/**
 * What stands in for Pulumi's own; apart, so that a mistake in the program is the program's.
 *
 * @type {Group}
 */
const standIns = {
  entries: ["offline/language-host/main.js", "offline/command-plugin/main.js"],
  sources: ["offline"],
  external: [],
  mapped: false,
};

/** What else decides how they are compiled. */
const settings = ["scripts/start/load.mjs", "tsconfig.json", "package-lock.json", "node_modules/.package-lock.json"];

const keptMilliseconds = 24 * 60 * 60 * 1000;

const thisProject = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The module that an entry is, once it has run.
 *
 * @param {string} entry one of a group's
 * @param {string} root the project's folder
 */
export async function load(entry, root = thisProject) {
  const group = standIns.entries.includes(entry) ? standIns : program;
  const file = join(await compiled(root, group), entry.replace(/\.[jt]s$/, ".mjs"));
  if (group.mapped) process.setSourceMapsEnabled(true);
  return import(pathToFileURL(file).href);
}

/**
 * The folder of what is compiled from the sources as they are now.
 *
 * @param {string} root
 * @param {Group} group
 */
export async function compiled(root, group = program) {
  const files = [...group.sources.flatMap((source) => sourcesIn(root, source)), ...settings].sort();
  const hash = createHash("sha256").update(root);
  for (const file of files) {
    const path = join(root, file);
    hash.update(`\0${file}\0`).update(existsSync(path) ? readFileSync(path) : "");
  }
  const parent = join(root, ".understudy", "compiled");
  const folder = join(parent, hash.digest("hex").slice(0, 32));
  if (!existsSync(folder)) await compile(root, group, new Set(files), parent, folder);
  return folder;
}

/**
 * @param {string} root
 * @param {string} source
 * @returns {string[]}
 */
function sourcesIn(root, source) {
  if (source.endsWith(".ts")) return [source];
  return readdirSync(join(root, source), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.[jt]s$/.test(file))
    .map((file) => join(source, file));
}

/**
 * @param {string} root
 * @param {Group} group
 * @param {ReadonlySet<string>} known what the name of the folder is made from
 * @param {string} parent
 * @param {string} folder
 */
async function compile(root, { entries, sources, external, mapped }, known, parent, folder) {
  const { build } = await import("esbuild");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const partial = mkdtempSync(join(parent, "partial-"));
  try {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [...entries],
      outbase: ".",
      outdir: partial,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting: true,
      platform: "node",
      format: "esm",
      sourcemap: mapped,
      sourcesContent: false,
      metafile: true,
      logLevel: "silent",
      // What is native can't be put into a file.
      external: [...external, "cpu-features", "*.node"],
      // What packages of CommonJS expect to be there.
      banner: {
        js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url), __dirname = import.meta.dirname;',
      },
      plugins: [ownAddress],
    });
    const unknown = Object.keys(metafile.inputs).filter(
      (file) => !file.startsWith("node_modules/") && !known.has(file),
    );
    if (unknown.length > 0) throw new Error(`imported from outside of ${sources.join(", ")}: ${unknown.join(", ")}`);
    try {
      renameSync(partial, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  removeOld(parent);
}

/**
 * A compiled file lies elsewhere than its source, which finds files beside itself by `import.meta.url`.
 *
 * @type {import("esbuild").Plugin}
 */
const ownAddress = {
  name: "own-address",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
      loader: "ts",
    }));
  },
};

/**
 * What another run may still load is left.
 *
 * @param {string} parent
 */
function removeOld(parent) {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - modified > keptMilliseconds) rmSync(path, { recursive: true, force: true });
  }
}
