import { writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { BerthError, isKind } from "../../base/errors.ts";
import type { BuildOptions, BuildResult } from "../../build/build.ts";
import { BuildError } from "../../build/build-error.ts";
import { fullName, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { ProgressDisplay } from "../progress/display.ts";
import { failureText } from "../progress/failure.ts";
import { plainProgress } from "../progress/plain.ts";
import { ttyProgress } from "../progress/tty.ts";
import { type BuildValues, buildFlags, buildOptions, missingBuildFlags } from "../request/build-flags.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** `berth build` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] PATH | URL | -",
  arity: { min: 1, max: 1 },
  flags: { ...missingBuildFlags, ...buildFlags },
  examples: [
    "build -t my-app .",
    "build -f Dockerfile.dev --build-arg VERSION=2 --target test .",
    "build -t tools - < Dockerfile",
  ],
  run: buildImage,
});

async function buildImage({ values, args: [path = ""], io, engine }: Call<BuildValues>): Promise<number> {
  using interrupt = interruptible(io);
  const place = await placeOf(path, values.file, io);
  const opened = await engine();
  const options = { ...buildOptions(values, io.env), ...place, signal: interrupt.signal };
  const quiet = values.quiet || values.progress === "quiet";
  const result = await shown(io, quiet ? undefined : (values.progress ?? "auto"), (report) =>
    opened.build({ ...options, ...report }),
  );
  const { id } = result.image;
  if (values.iidfile !== undefined) writeFileSync(values.iidfile, id);
  if (quiet) io.stdout.write(`${id}\n`);
  else tell(io, result, values.tag);
  return 0;
}

type Place = Pick<BuildOptions, "context" | "dockerfile" | "dockerfileText">;

/** Where a build reads: `-` is a Dockerfile on standard input without a context, `-f -` one with a context. */
async function placeOf(path: string, file: string | undefined, { stdin }: Terminal): Promise<Place> {
  if (/^(https?:\/\/|git@|git:\/\/|github\.com\/)/.test(path)) {
    throw new CliError(`ERROR: berth can't build from ${path} yet`, { hint: "Download it, and give the directory." });
  }
  if (path === "-") {
    if (file === "-") {
      throw new CliError("ERROR: invalid argument: can't use stdin for both build context and dockerfile");
    }
    if (file !== undefined) {
      throw new CliError("ERROR: ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles");
    }
    return { context: Readable.from([await readDockerfile(stdin)]) };
  }
  if (file === "-") return { context: path, dockerfileText: (await readDockerfile(stdin)).toString() };
  return { context: path, ...(file === undefined ? {} : { dockerfile: file }) };
}

/** First bytes of what is no Dockerfile: gzip, xz, zstd, bzip2. */
const compressed = ["1f8b", "fd37", "28b5", "425a"];

async function readDockerfile(stdin: Terminal["stdin"]): Promise<Buffer> {
  const bytes = await buffer(stdin);
  const archive = bytes.toString("latin1", 257, 262) === "ustar" || compressed.includes(bytes.toString("hex", 0, 2));
  if (archive) {
    throw new CliError("ERROR: berth can't read a build context from standard input yet", {
      hint: "Unpack it, and give the directory.",
    });
  }
  return bytes;
}

type Reporting = Pick<BuildOptions, "report">;

/** Build under a display of its progress; a failure is told in BuildKit's form. */
async function shown(
  io: Terminal,
  kind: "auto" | "plain" | "tty" | undefined,
  build: (reporting: Reporting) => Promise<BuildResult>,
): Promise<BuildResult> {
  try {
    using display = kind === undefined ? undefined : displayOf(io, kind);
    return await build(display === undefined ? {} : { report: display.report });
  } catch (error) {
    throw failureOf(error);
  }
}

function displayOf({ stderr, env }: Terminal, kind: "auto" | "plain" | "tty"): ProgressDisplay {
  const write = (text: string): void => void stderr.write(text);
  const now = (): number => performance.now();
  if (kind === "plain" || (kind === "auto" && stderr.isTTY !== true)) return plainProgress({ write, now });
  const size = () => ({ rows: stderr.rows ?? 24, columns: stderr.columns ?? 80 });
  return ttyProgress({ write, now, size, colour: !env["NO_COLOR"] });
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof BerthError) || isKind(error, "canceled")) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  if (error.message.startsWith("unable to prepare context"))
    return new CliError(`ERROR: ${error.message}`, { cause: error, ...hint });
  const { step, output, source, span } = error instanceof BuildError ? error : noPlace;
  const text = failureText({
    message: error.message,
    ...(step === undefined ? {} : { step: { name: step, output } }),
    ...(source === undefined || span === undefined ? {} : { source: { ...source, lines: span } }),
  });
  return new CliError(text, { cause: error, ...hint });
}

const noPlace = { step: undefined, output: [], source: undefined, span: undefined };

/** What BuildKit's exporter and linter say at the end. */
function tell({ stderr }: Terminal, { image, diagnostics, warnings }: BuildResult, tags: readonly string[]): void {
  stderr.write(` => => writing image ${image.id}\n`);
  for (const tag of tags) stderr.write(` => => naming to ${fullName(withDefaultTag(parseReference(tag)))}\n`);
  for (const warning of warnings) stderr.write(`WARNING: ${warning}\n`);
  if (diagnostics.length === 0) return;
  const count = `${diagnostics.length} warning${diagnostics.length === 1 ? "" : "s"}`;
  const lines = diagnostics.map(({ rule, message, span }) => ` - ${rule}: ${message} (line ${span.start})\n`);
  stderr.write(`\n ${count} found:\n${lines.join("")}`);
}
