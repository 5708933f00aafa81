import { printable } from "../format/printable.ts";

/** Text as HTML has it, also within an attribute. */
export function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** What a page begins with. */
export interface PageHead {
  readonly title: string;
  /** Rules beside those that all pages have. */
  readonly style: string;
  readonly hasScript: boolean;
}

/** A page up to its body, complete in itself: nothing is loaded from anywhere, and no script runs that isn't the page's own. */
export function pageHead({ title, style, hasScript }: PageHead): string {
  const scripts = hasScript ? "; script-src 'unsafe-inline'" : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${scripts}">
<title>${escaped(title)}</title>
<style>${commonStyle}${style}</style>
</head>
<body>
`;
}

/** How pages look: light and dark, and on a narrow screen too. */
const commonStyle = `
:root { color-scheme: light dark; --ground: #fff; --text: #1d2430; --faint: #5c6675; --line: #dde2e9; --kept: #2f6fb3; --lost: #d9822b; --bad: #b3362f; --good: #2c7d46; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14181f; --text: #e3e8ef; --faint: #98a3b3; --line: #2d3542; --kept: #3d7fc4; --lost: #e0903f; --bad: #f08178; --good: #6cc48a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 60rem; background: var(--ground); color: var(--text); font: 16px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
.about, .key, small { color: var(--faint); font-size: 0.875rem; }
.about { margin: 0.25rem 0 0.75rem; }
code { font: 0.875rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
.box { display: inline-block; width: 0.8rem; height: 0.8rem; margin-left: 0.75rem; border-radius: 2px; vertical-align: -1px; }
.box:first-child { margin-left: 0; }
`;
