import { spreadOf } from "../../support/auditLogic.ts";

export interface Series {
  readonly title: string;
  /** Ours: drawn in the colour that leads. */
  readonly ours: boolean;
  /** Milliseconds; never empty. */
  readonly values: readonly number[];
}

const width = 920;
const rowHeight = 44;
const left = 270;
const right = 110;
const top = 64;
const bottom = 56;

/** A row for each series: a dot for each value on a logarithmic axis, a bar at the median, and the median as a number. */
export function plot(title: string, series: readonly Series[], limitMs: number): string {
  const values = series.flatMap((each) => each.values);
  const ticks = axis(Math.min(...values), Math.max(...values, limitMs));
  const [first, last] = [ticks[0] as number, ticks.at(-1) as number];
  const x = (value: number) =>
    round(left + (Math.log(value / first) / Math.log(last / first)) * (width - left - right));
  const height = top + series.length * rowHeight + bottom;
  const floor = height - bottom;

  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${x(tick)}" y1="${top}" x2="${x(tick)}" y2="${floor}"/><text class="dim" x="${x(tick)}" y="${floor + 20}" text-anchor="middle">${label(tick)}</text>`,
  );
  const limit = `<line class="limit" x1="${x(limitMs)}" y1="${top - 8}" x2="${x(limitMs)}" y2="${floor}"/><text class="dim" x="${x(limitMs)}" y="${top - 14}" text-anchor="middle">${label(limitMs)}: our limit for the median</text>`;
  const rows = series.map(({ title: name, ours, values: row }, index) => {
    const y = top + index * rowHeight + rowHeight / 2;
    const { median } = spreadOf(row);
    // Spread over the row's height, so that equal values stay apart.
    const dots = row.map(
      (value, i) => `<circle cx="${x(value)}" cy="${round(y + (((i * 7) % 11) - 5) * 1.5)}" r="3.5"/>`,
    );
    return `<g class="${ours ? "ours" : "theirs"}">
    <text x="${left - 16}" y="${y + 5}" text-anchor="end">${escaped(name)}</text>
    ${dots.join("")}
    <line class="median" x1="${x(median)}" y1="${y - 15}" x2="${x(median)}" y2="${y + 15}"/>
    <text x="${width - 16}" y="${y + 5}" text-anchor="end">${Math.round(median)} ms</text>
  </g>`;
  });
  const words = series.map(({ title: name, values: row }) => `${name}: median ${Math.round(spreadOf(row).median)} ms`);

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
  <title id="title">${escaped(title)}</title>
  <desc id="desc">${escaped(words.join("; "))}.</desc>
  <style>
    svg { --back: #ffffff; --line: #d1d9e0; --text: #1f2328; --dim: #59636e; --lead: #0969da; --other: #9a6700; --limit: #cf222e; }
    @media (prefers-color-scheme: dark) {
      svg { --back: #0d1117; --line: #30363d; --text: #e6edf3; --dim: #9da7b3; --lead: #58a6ff; --other: #d29922; --limit: #f85149; }
    }
    .back { fill: var(--back); }
    .grid { stroke: var(--line); stroke-width: 1; }
    .limit { stroke: var(--limit); stroke-width: 1.5; stroke-dasharray: 5 4; }
    text { fill: var(--text); font: 14px ui-sans-serif, system-ui, sans-serif; }
    text.dim { fill: var(--dim); font-size: 12px; }
    text.head { font-weight: 600; }
    circle { fill-opacity: 0.55; }
    .median { stroke-width: 3; }
    .ours circle { fill: var(--lead); } .ours .median { stroke: var(--lead); }
    .theirs circle { fill: var(--other); } .theirs .median { stroke: var(--other); }
  </style>
  <rect class="back" width="${width}" height="${height}"/>
  <text class="head" x="16" y="26">${escaped(title)}</text>
  <text class="dim" x="${width - 16}" y="${top - 14}" text-anchor="end">median</text>
  ${grid.join("\n  ")}
  ${limit}
  ${rows.join("\n  ")}
  <text class="dim" x="${left}" y="${height - 12}">write gap of a planned change of primary, logarithmic: each dot is one change</text>
</svg>
`;
}

/** 1, 2, 5, 10, … around the values. */
function axis(least: number, most: number): number[] {
  const steps = [0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
  const from = steps.findLastIndex((step) => step <= least);
  const to = steps.findIndex((step) => step >= most);
  return steps.slice(Math.max(from, 0), to < 0 ? undefined : to + 1);
}

const label = (ms: number) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);
const round = (value: number) => Math.round(value * 10) / 10;
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
