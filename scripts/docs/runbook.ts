import { type StepName, steps } from "../../model/steps.ts";

const names = Object.keys(steps) as readonly StepName[];

/** `announce-<node>`: what the engine calls it. */
export function resourceName(name: StepName): string {
  const step = steps[name];
  return step.on === "every node" || "forEachNode" in step ? `${name}-<node>` : name;
}

/** The table of docs/architecture.md. */
function renderStepTable(): string {
  const rows = names.map((name) => {
    const step = steps[name];
    const only = "only" in step ? ` (${step.only})` : "";
    const after = step.after.map((other) => `\`${other}\``).join(", ") || "–";
    const lock = "lock" in step ? `\`${step.lock}\`` : "–";
    return `| \`${resourceName(name)}\` | ${step.on}${only} | ${step.makesTrue} | ${after} | ${lock} |`;
  });
  return ["| step | on | what it makes true | comes after | lock |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** docs/architecture.md, with that table between its marks. */
export function withStepTable(page: string): string {
  return page.replace(
    /(<!-- steps: .*? -->\n)[\s\S]*?(<!-- end of steps -->)/,
    (_, head: string, tail: string) => `${head}\n${renderStepTable()}\n\n${tail}`,
  );
}

const rowHeight = 52;
const box = { x: 24, width: 190, height: 34 };
const header = 64;

/**
 * docs/runbook-graph.svg: the steps from top to bottom. Steps in one row of boxes run side by side: they come after the same ones.
 */
export function renderRunbookGraph(): string {
  const height = header + names.length * rowHeight + 16;
  const y = (name: StepName) => header + names.indexOf(name) * rowHeight;
  const boxes = names.map((name) => {
    const step = steps[name];
    const style = { "every node": "every", "declared primary": "primary", "operator's machine": "here" }[step.on];
    const shadow =
      step.on === "every node"
        ? `<rect class="under" x="${box.x + 6}" y="${y(name) + 6}" width="${box.width}" height="${box.height}" rx="6"/>`
        : "";
    const only = "only" in step ? `<tspan class="only"> — ${escaped(step.only)}</tspan>` : "";
    return [
      `${shadow}<rect class="${style}" x="${box.x}" y="${y(name)}" width="${box.width}" height="${box.height}" rx="6"/>`,
      `<text class="step" x="${box.x + box.width / 2}" y="${y(name) + 22}">${escaped(resourceName(name))}</text>`,
      `<text class="says" x="${box.x + box.width + 130}" y="${y(name) + 15}">${escaped(step.makesTrue)}</text>`,
      `<text class="says" x="${box.x + box.width + 130}" y="${y(name) + 33}"><tspan class="only">${escaped(afterWords(name))}</tspan>${only}</text>`,
    ].join("\n");
  });
  const line = y("preflight") + rowHeight - 9;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${height}" width="1000" height="${height}" role="img" aria-labelledby="title">
  <title id="title">The runbook: ${names.map(resourceName).map(escaped).join(", ")}</title>
  <!-- Written by \`npm run docs\` from model/steps.ts. -->
  <style>
    svg { --back: #ffffff; --box: #f6f8fa; --line: #57606a; --text: #1f2328; --dim: #59636e; --lead: #0969da; --leadbox: #ddf4ff; --store: #9a6700; --storebox: #fff8c5; }
    @media (prefers-color-scheme: dark) {
      svg { --back: #0d1117; --box: #161b22; --line: #8b949e; --text: #e6edf3; --dim: #9da7b3; --lead: #58a6ff; --leadbox: #10243e; --store: #d29922; --storebox: #2b230f; }
    }
    .back { fill: var(--back); }
    .every, .under { fill: var(--box); stroke: var(--line); stroke-width: 1.4; }
    .primary { fill: var(--leadbox); stroke: var(--lead); stroke-width: 2; }
    .here { fill: var(--storebox); stroke: var(--store); stroke-width: 1.5; }
    .wire { fill: none; stroke: var(--line); stroke-width: 1.4; marker-end: url(#head); }
    .rule { stroke: var(--store); stroke-width: 1.5; stroke-dasharray: 8 5; }
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 14px; fill: var(--text); }
    .step { font-family: ui-monospace, SFMono-Regular, "DejaVu Sans Mono", monospace; font-weight: 600; text-anchor: middle; }
    .says { font-size: 13px; }
    .only, .dim { fill: var(--dim); font-size: 12px; }
    .head { fill: var(--line); }
  </style>
  <defs>
    <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" orient="auto"><path class="head" d="M0 0 10 5 0 10z"/></marker>
  </defs>
  <rect class="back" width="1000" height="${height}" rx="10"/>
  <rect class="under" x="30" y="22" width="22" height="16" rx="4"/><rect class="every" x="24" y="16" width="22" height="16" rx="4"/>
  <text class="dim" x="62" y="32">on every node</text>
  <rect class="primary" x="170" y="18" width="24" height="17" rx="4"/><text class="dim" x="204" y="32">on the declared primary</text>
  <rect class="here" x="370" y="18" width="24" height="17" rx="4"/><text class="dim" x="404" y="32">on the operator's machine</text>
${wires(y)}
  <line class="rule" x1="${box.x}" y1="${line}" x2="976" y2="${line}"/>
  <text class="dim" x="976" y="${line - 5}" text-anchor="end">no role was touched above this line</text>
${boxes.join("\n")}
</svg>
`;
}

function afterWords(name: StepName): string {
  const { after } = steps[name];
  return after.length === 0 ? "first" : `after ${after.join(", ")}`;
}

/** An arrow for each step that does not simply come after the one above it, in a lane of its own beside the boxes. */
function wires(y: (name: StepName) => number): string {
  const right = box.x + box.width;
  let lane = 0;
  return names
    .flatMap((name, index) =>
      steps[name].after.map((before) => {
        const from = y(before as StepName) + box.height / 2;
        const to = y(name) + box.height / 2;
        if (names[index - 1] === before) {
          const x = box.x + box.width / 2;
          return `  <path class="wire" d="M${x} ${from + box.height / 2 + 6}V${y(name) - 2}"/>`;
        }
        const x = right + 16 + (lane++ % 9) * 11;
        return `  <path class="wire" d="M${right + 6} ${from}H${x}V${to}H${right + 3}"/>`;
      }),
    )
    .join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("`", "");
}
