/** How the page of `image explore --html` looks beside what all pages have. */
export const style: string = `
.bar { display: flex; gap: 2px; height: 2.75rem; margin-top: 1rem; }
.bar a { position: relative; flex: 0 1 0; min-width: 4px; overflow: hidden; border-radius: 3px; background: var(--kept); color: #fff; }
.bar.dense { gap: 0; overflow: hidden; border-radius: 3px; }
.bar.dense a { min-width: 1px; border-radius: 0; }
.bar.dense b { display: none; }
.bar a:hover, .bar a:focus { filter: brightness(1.15); }
.bar b { position: absolute; left: 0.4rem; top: 0.65rem; z-index: 1; font-size: 0.875rem; }
.bar .lost { position: absolute; right: 0; top: 0; bottom: 0; }
.lost { background: var(--lost) repeating-linear-gradient(45deg, #0000 0 5px, #0003 5px 10px); }
.kept { background: var(--kept); }
button { float: right; padding: 0.2rem 0.6rem; border: 1px solid var(--line); border-radius: 4px; background: none; color: inherit; font: inherit; cursor: pointer; }
details { clear: both; border-top: 1px solid var(--line); padding: 0.6rem 0; }
summary { cursor: pointer; overflow: hidden; }
summary .size { float: right; margin-left: 1rem; }
.number { display: inline-block; min-width: 1.4rem; font-weight: 600; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; color: var(--faint); font-size: 0.8rem; font-weight: 500; }
th, td { padding: 0.2rem 0.75rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:not(:last-child), td:not(:last-child) { width: 1%; white-space: nowrap; }
.size { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.added { color: var(--good); }
.deleted { color: var(--bad); }
.wasted { box-shadow: inset 3px 0 var(--lost); }
td:first-child, th:first-child { padding-left: 0.6rem; }
@media (max-width: 32rem) {
  body { padding: 1rem 0.75rem; font-size: 15px; }
  summary .size { float: none; display: block; margin: 0.15rem 0 0; text-align: left; white-space: normal; }
  button { float: none; display: block; margin-top: 0.5rem; }
  td, th { padding-right: 0.5rem; }
}
`;
