import type { BuildOptions } from "../../build/build.ts";
import type { Diagnostic } from "../../dockerfile/ast.ts";
import { digestOf } from "../../oci/digest.ts";
import { fullName, parseReference, withDefaultTag } from "../../oci/reference.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { rawJSONProgress } from "./raw-json.ts";

/** The steps that warnings of a Dockerfile, and an image's names, belong to. */
const [definition, exporting] = ["[internal] load build definition from Dockerfile", "exporting to image"].map(
  digestOf,
);

type Reporting = Pick<BuildOptions, "report" | "onDiagnostics">;

interface Told {
  readonly image?: { readonly id: string } | undefined;
  readonly names: readonly string[];
  readonly warnings: readonly string[];
}

/** Build, and tell of it on stderr in lines of JSON alone: progress, the Dockerfile's warnings, the image and its names. */
export async function toldAsJSON<T extends Told>(
  { stderr }: Pick<Terminal, "stderr">,
  build: (reporting: Reporting) => Promise<T>,
): Promise<T> {
  const write = (text: string): void => void stderr.write(text);
  using display = rawJSONProgress({ write, time: Date.now });
  const result = await build({
    report: display.report,
    onDiagnostics: (diagnostics, { name: filename }) => {
      if (diagnostics.length === 0) return;
      const warnings = warningsJSON(diagnostics, filename);
      write(`${JSON.stringify({ warnings })}\n`);
    },
  });
  const { image, names, warnings } = result;
  const written = [
    ...(image === undefined ? [] : [`writing image ${image.id}`]),
    ...names.map((name) => `naming to ${fullName(withDefaultTag(parseReference(name)))}`),
  ];
  for (const name of written) display.report({ kind: "status", id: exporting ?? "", name, duration: 0 });
  for (const message of warnings) display.report({ kind: "warning", id: definition ?? "", message });
  return result;
}

/** A Dockerfile's warnings as BuildKit's clients write them. */
export function warningsJSON(diagnostics: readonly Diagnostic[], filename: string): readonly object[] {
  return diagnostics.map(({ rule, message, description, span, url }) => ({
    ...{ vertex: definition, level: 1, short: base64(`${rule}: ${message} (line ${span.start})`) },
    detail: [base64(description)],
    ...(url === undefined ? {} : { url }),
    ...{ sourceInfo: { filename }, range: [{ start: { line: span.start }, end: { line: span.end } }] },
  }));
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
