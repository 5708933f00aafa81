import { messageOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import { bool, text } from "../flags/kinds.ts";
import { goJson } from "../format/go-json.ts";
import { printableLines } from "../format/printable.ts";
import { imageDetails } from "../imagetools/details.ts";
import { buildxError, fetchLocated, located } from "../imagetools/located.ts";
import { summaryText } from "../imagetools/summary.ts";
import { anyJson, mayBeAbsent, templateData } from "../imagetools/template-data.ts";
import { remoteOf } from "../remote.ts";
import { evaluate } from "../template/evaluate.ts";
import { functions } from "../template/functions.ts";
import { TemplateError } from "../template/nodes.ts";
import { parseTemplate } from "../template/parse.ts";
import { Nil } from "../template/values.ts";

/** `berth imagetools inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] NAME",
  arity: { min: 1, max: 1 },
  flags: {
    ...builderFlags,
    format: text("Format the output using the given Go template", { shownDefault: '"{{.Manifest}}"' }),
    raw: bool("Show original, unformatted JSON manifest"),
  },
  examples: [
    "imagetools inspect debian:12",
    "imagetools inspect --raw registry.example/team/app",
    "imagetools inspect --format '{{json .Image}}' registry.example/team/app",
  ],
  run: async ({ values: { format = "", raw }, args: [name = ""], io }) => {
    if (format !== "" && raw) throw new CliError("ERROR: format and raw cannot be used together");
    await using lazy = remoteOf(io);
    try {
      const { registries } = await lazy.open();
      const image = located(registries, name);
      const found = await fetchLocated(image);
      if (raw) io.stdout.write(found.bytes);
      else if (/^\s*(?:\{\{\s*\.Manifest\s*\}\})?\s*$/.test(format))
        io.stdout.write(printableLines(summaryText(image.reference, found)));
      else {
        const attested = /SBOM|Provenance/.test(format);
        const details = await imageDetails(image.repository, found, { attested });
        io.stdout.write(filled(format, templateData(name, found, details)));
      }
    } catch (error) {
      throw buildxError(error);
    }
    return 0;
  },
});

/** buildx's `json` is indented. */
const withIndent = new Map([
  ...functions,
  ["json", { parameters: ["any"] as const, call: (value: unknown) => goJson(value, "  ") }] as const,
]);

const noValue = new Nil("<no value>");

function filled(format: string, data: object): string {
  try {
    return evaluate(parseTemplate(format), data, {
      missing: (field) => `can't evaluate field ${field} in type imagetools.tplInput`,
      zero: (field) => (anyJson.has(field) ? noValue : mayBeAbsent.has(field) ? "" : undefined),
      isMap: (field) => anyJson.has(field),
      functions: withIndent,
    });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliError(`ERROR: ${messageOf(error)}`, { cause: error });
  }
}
