import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { compiled, load } from "../../scripts/start/load.mjs";

describe("start: our TypeScript as it is now", () => {
  let root: string;
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  const answer = async () => ((await load("index.ts", root)) as { default: unknown }).default;
  const leftOver = () => readdirSync(join(root, ".understudy/compiled"));

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "understudy-start-")));
    write("index.ts", 'import { value } from "./components/deep/value.ts";\nexport default value;\n');
    write("components/deep/value.ts", "export const value: number = 1;\n");
    write("scripts/steps/preflight.ts", "export {};\n");
    write("scripts/steps/receipt.ts", "export {};\n");
    write("scripts/steps/boot.ts", "export {};\n");
    write("model/nothing.ts", "export {};\n");
    write("scripts/steps/install.ts", "export {};\n");
    write("tsconfig.json", "{}\n");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("is compiled once", async () => {
    assert.equal(await answer(), 1);
    const folder = await compiled(root);
    writeFileSync(join(folder, "mark"), "");
    assert.equal(await compiled(root), folder);
    assert.ok(existsSync(join(folder, "mark")));
  });

  it("takes up a change of any source at once, also one that is changed back", async () => {
    const first = await compiled(root);
    write("components/deep/value.ts", "export const value: number = 2;\n");
    assert.equal(await answer(), 2);
    write("components/deep/value.ts", "export const value: number = 1;\n");
    assert.equal(await answer(), 1);
    assert.equal(await compiled(root), first);
  });

  it("is another one when packages or compiler options change", async () => {
    const first = await compiled(root);
    write("package-lock.json", "{}\n");
    const second = await compiled(root);
    write("tsconfig.json", '{ "compilerOptions": {} }\n');
    assert.equal(new Set([first, second, await compiled(root)]).size, 3);
  });

  it("refuses what it would not see changes of", async () => {
    write("test/value.ts", "export const value = 1;\n");
    write("index.ts", 'export { value as default } from "./test/value.ts";\n');
    await assert.rejects(
      compiled(root),
      /imported from outside of index\.ts, components, model, scripts: test\/value\.ts/,
    );
    assert.deepEqual(leftOver(), []);
  });

  it("runs at the same time make one", async () => {
    const script = `import { compiled } from ${JSON.stringify(new URL("../../scripts/start/load.mjs", import.meta.url).href)};
      console.log((await Promise.all([1, 2, 3].map(() => compiled(${JSON.stringify(root)})))).join("\\n"));`;
    const other = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    const folders = [...other.trim().split("\n"), ...(await Promise.all([1, 2, 3].map(() => compiled(root))))];
    assert.equal(new Set(folders).size, 1);
    assert.equal(leftOver().length, 1);
  });

  it("removes what was made long ago", async () => {
    const old = await compiled(root);
    utimesSync(old, new Date(0), new Date(0));
    write("index.ts", "export default 3;\n");
    assert.equal(await answer(), 3);
    assert.equal(existsSync(old), false);
  });

  it("sources find what lies beside them, and stack traces name their lines", async () => {
    write(
      "components/deep/value.ts",
      "interface Nothing {}\n\nexport const value = { address: import.meta.url, stack: new Error().stack };\n",
    );
    const { address, stack } = (await answer()) as { address: string; stack: string };
    assert.equal(address, pathToFileURL(join(root, "components/deep/value.ts")).href);
    assert.match(stack, /components\/deep\/value\.ts:3:/);
  });
});

describe("start: what of the SDK is loaded", () => {
  const node = (script: string) =>
    JSON.parse(
      execFileSync(process.execPath, ["--require", "./scripts/start/leanSdk.cjs", "--eval", script], {
        encoding: "utf8",
      }),
    ) as unknown;

  it("neither a compiler nor npm's tree", () => {
    const loaded = node(`require("@pulumi/command"); require("@pulumi/pulumi/cmd/run/tracing");
      console.log(JSON.stringify(Object.keys(require.cache)))`) as string[];
    for (const heavy of [
      "/typescript/lib/",
      "/@npmcli/arborist/",
      "/@pulumi/pulumi/automation/",
      "/exporter-zipkin/",
      "/normalize-package-data/",
      "/js-yaml/",
      "/runtime/closure/createClosure.js",
    ]) {
      assert.deepEqual(
        loaded.filter((file) => file.includes(heavy)),
        [],
      );
    }
    assert.ok(loaded.some((file) => file.includes("/@pulumi/pulumi/runtime/")));
  });

  it("the rest when it is used", () => {
    const used = node(`const pulumi = require("@pulumi/pulumi");
      pulumi.runtime.serializeFunction(() => 42).then(({ text }) => console.log(JSON.stringify([
        typeof pulumi.automation.LocalWorkspace.create, text.includes("42"),
        Object.keys(require("@pulumi/pulumi/provider/experimental"))])))`) as [string, boolean, string[]];
    assert.deepEqual(used.slice(0, 2), ["function", true]);
    assert.ok(used[2].includes("componentProviderHost"));
  });

  it("no stack trace for each resource", () => {
    const script = `console.log(JSON.stringify(require("@pulumi/pulumi").Resource.stackTrace(0)))`;
    assert.deepEqual(node(script), []);
  });
});
