import { shortID } from "../../base/ids.ts";
import type { PastBuild, PastStep } from "../engine-types.ts";
import { buildDuration } from "../format/build-duration.ts";
import { linesOf, startOf } from "../list/build-row.ts";
import { escaped, pageHead } from "./html.ts";

/** What a bar stands for. */
type Kind = "cached" | "ran" | "exported" | "failed" | "canceled" | "skipped";

const kindNames: Readonly<Record<Kind, string>> = {
  cached: "cached",
  ran: "ran",
  exported: "exported",
  failed: "failed",
  canceled: "canceled",
  skipped: "skipped",
};

/** Marks on the axis. */
const marks = 5;

/** `builds timeline`: a page with a bar for every step of a build, complete in itself, in pieces. */
export function* timelinePage(build: PastBuild): Generator<string> {
  const { name, status, duration, steps, tags, recorded, error } = build;
  const title = tags[0] ?? name;
  const end = Math.max(1, duration, ...recorded.map(endOf));
  const facts = [
    shortID(build.id),
    startOf(build).slice(0, 19).replace("T", " "),
    buildDuration(duration),
    `${steps.completed} of ${steps.total} steps, ${steps.cached} cached`,
    ...(status === "completed" ? [] : [status]),
  ];
  yield `${pageHead({ title: `${title}: timeline`, style, hasScript: false })}<h1>${escaped(title)}</h1>
<p class="about">${facts.map(escaped).join(" · ")}</p>
`;
  if (error !== undefined) yield `<p class="error"><code>${escaped(error)}</code></p>\n`;
  yield `<p class="key"><span class="box waited"></span> waited ${keyOf(recorded)}</p>\n<div class="chart">\n${axisOf(end)}`;
  for (const step of recorded) yield rowOf(step, end);
  yield "</div>\n";
  if (build.omitted > 0) yield `<p class="about">and ${build.omitted} more that are not recorded</p>\n`;
  if (build.unneeded.length > 0)
    yield `<p class="about">Stages that the target doesn't need: ${escaped(build.unneeded.join(", "))}</p>\n`;
  yield "</body>\n</html>\n";
}

function endOf({ started = 0, duration = 0 }: PastStep): number {
  return started + duration;
}

function kindOf({ name, outcome }: PastStep): Kind {
  return outcome === "ran" && /^(?:exporting|pushing)\b/.test(name) ? "exported" : outcome;
}

function keyOf(steps: readonly PastStep[]): string {
  const kinds = new Set(steps.map(kindOf));
  const shown = (Object.keys(kindNames) as Kind[]).filter((kind) => kinds.has(kind) && kind !== "skipped");
  return shown.map((kind) => `<span class="box ${kind}"></span> ${kindNames[kind]}`).join(" ");
}

function axisOf(end: number): string {
  const times = Array.from({ length: marks + 1 }, (_, index) => {
    const place = (100 * index) / marks;
    return `<span style="left:${place}%">${buildDuration((end * index) / marks)}</span>`;
  });
  return `<div class="row axis"><span></span><span class="track">${times.join("")}</span><span></span></div>\n`;
}

function rowOf(step: PastStep, end: number): string {
  const kind = kindOf(step);
  const { name, started, duration = 0 } = step;
  const line = linesOf(step);
  const place = line === "" ? "" : ` <small>line ${line}</small>`;
  const time = started === undefined ? "" : duration === 0 ? kindNames[kind] : buildDuration(duration);
  const text = [name, kindNames[kind], ...(duration > 0 ? [buildDuration(duration)] : [])].join(", ");
  const shown = started === undefined ? "skipped" : time;
  return `<div class="row" title="${escaped(text)}"><span class="name"><code>${escaped(name)}</code>${place}</span><span class="track">${barsOf(step, kind, end)}</span><span class="time">${shown}</span></div>\n`;
}

function barsOf({ ready, started, duration = 0 }: PastStep, kind: Kind, end: number): string {
  if (started === undefined) return "";
  const waited = ready !== undefined && started > ready ? bar("waited", { from: ready, to: started, end }) : "";
  return `${waited}${bar(kind, { from: started, to: started + duration, end })}`;
}

function bar(
  kind: string,
  { from, to, end }: { readonly from: number; readonly to: number; readonly end: number },
): string {
  const percent = (time: number): string => ((100 * time) / end).toFixed(3);
  return `<i class="${kind}" style="left:${percent(from)}%;width:${percent(to - from)}%"></i>`;
}

const style = `
body { max-width: 80rem; }
.error { color: var(--bad); white-space: pre-wrap; }
.chart { margin-top: 0.75rem; }
.row { display: grid; grid-template-columns: minmax(8rem, 26rem) 1fr 4.5rem; gap: 0 1rem; align-items: center; padding: 0.2rem 0; border-top: 1px solid var(--line); }
.row:hover { background: color-mix(in srgb, var(--line) 40%, transparent); }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.time { text-align: right; white-space: nowrap; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1.1rem; }
.track i { position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: 2px; }
.axis { border-top: 0; color: var(--faint); font-size: 0.75rem; }
.axis .track span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.axis .track span:first-child { transform: none; }
.axis .track span:last-child { transform: translateX(-100%); }
.ran { background: var(--kept); }
.cached { background: var(--good); }
.exported { background: var(--made); }
.failed { background: var(--bad); }
.canceled { background: var(--lost); }
.waited { background: var(--line) repeating-linear-gradient(45deg, #0000 0 4px, #0002 4px 8px); }
:root { --made: #7a55a8; }
@media (prefers-color-scheme: dark) { :root { --made: #a583d3; } }
@media (max-width: 40rem) {
  .row { grid-template-columns: 1fr 4.5rem; }
  .name { grid-column: 1 / 3; white-space: normal; }
  .axis span:first-child:not(.track span) { display: none; }
}
`;
