import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../base/limits.ts";
import { isAttested } from "../../build/attest/options.ts";
import type { BuildOptions } from "../../build/build.ts";
import { askedPlatforms } from "../../build/platforms.ts";
import { isRemote } from "../../build/remote-context.ts";
import { scopeForLimits } from "../../build/step-limits.ts";
import type { WatchedContext } from "../../build/watch-context.ts";
import type { Engine } from "../../engine/engine.ts";
import { fullName, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import { warningsText } from "../format/build-call.ts";
import { displayOf, type ProgressKind } from "../progress/choose.ts";
import { type BuildCall, parseBuildCall } from "../request/build-call.ts";
import {
  type BuildValues,
  buildFlags,
  buildOptions,
  buildProgress,
  missingBuildFlags,
} from "../request/build-flags.ts";
import { checkResultFiles, metadataOptions, writeResult } from "../request/build-metadata.ts";
import { type BuildOutput, buildOutputs } from "../request/build-outputs.ts";
import { isProgram, Program } from "../request/import-program.ts";
import { sshOption } from "../request/ssh-flag.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { warnOn } from "../terminal/warn.ts";
import { buildAndExport, checkOutputs, type Exported, type Exporting } from "./build-exports.ts";
import { failureOf } from "./build-failure.ts";
import { checkRecordOutputs, recordOutputs } from "./build-record.ts";
import type { WatchedProgram } from "./build-watch.ts";

/** `berth build` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] PATH | URL | -",
  arity: { min: 1, max: 1 },
  flags: { ...builderFlags, ...missingBuildFlags, ...buildFlags },
  examples: [
    "build -t my-app .",
    "build -f Dockerfile.dev --build-arg VERSION=2 --target test .",
    "build -t tools - < Dockerfile",
    "build -f docker/Dockerfile - < context.tar.gz",
    "build -f build.ts --target app .",
    "build --build-context shared=../shared --build-context debian=docker-image://debian:12 .",
    "build -o type=local,dest=out .",
    "build --push -t 127.0.0.1:5000/team/app .",
    "build --platform linux/amd64,linux/arm64 -t my-app .",
    "build --sbom=true --provenance=mode=min -o type=oci,tar=false,dest=layout .",
    "build --annotation org.opencontainers.image.licenses=MIT -t my-app .",
    "build --cache-from 127.0.0.1:5000/team/app:cache --cache-to 127.0.0.1:5000/team/app:cache .",
    "build http://127.0.0.1:8000/context.tar.gz",
    "build https://github.com/docker-library/hello-world.git#master:amd64/hello-world",
    "build --ssh default --ssh deploy=$HOME/.ssh/deploy_key .",
    "build --allow security.insecure --allow device=vendor.com/class=name .",
    "build --check --fix .",
    "build --call outline,format=json .",
    "build --watch -t app .",
  ],
  run: buildImage,
});

async function buildImage({ values, args: [path = ""], io, engine }: Call<BuildValues>): Promise<number> {
  using interrupt = interruptible(io);
  const asked = parseBuildCall(values.call, values.check);
  checkTogether(values, asked);
  const { kind } = buildProgress(values, io);
  if (values.explain && kind === "rawjson")
    throw new CliError("ERROR: progress=rawjson and explain cannot be used together", {
      hint: "`berth why --format json` explains the build afterwards.",
    });
  const { options, outputs } = buildRequest(values, path, io);
  const exporting = { io, outputs, tags: values.tag, guard: values.guard };
  if (asked === undefined) await checkRequest(values, { options, outputs }, io);
  await checkRecordOutputs(io, values);
  await scopeForLimits([options], io.env);
  const program = values.watch ? await watchedProgram(values.file) : undefined;
  const place = program?.place ?? (await buildContextPlace(path, values.file, io));
  const opened = await engine();
  const more = metadataOptions(values, io.env);
  const build = { ...options, context: path, ...place, ...more, signal: interrupt.signal };
  if (values.plan !== undefined) return await planned(opened, io, { form: values.plan, build, tags: values.tag });
  if (asked !== undefined) return await answered(opened, io, { call: asked, build, path, values });
  const once = (now: typeof build): Promise<number> =>
    buildOnce({ values, io, exporting: { ...exporting, engine: opened } }, now);
  if (!values.watch) return await once(build);
  const { watchBuild } = await import("./build-watch.ts");
  const contexts = watchedContexts(values, path, outputs);
  const again = program === undefined ? {} : { program };
  return await watchBuild({
    ...{ io, contexts, signal: interrupt.signal, ...again },
    build: (now) => once({ ...build, ...now }),
  });
}

interface Building {
  readonly values: BuildValues;
  readonly io: Terminal;
  readonly exporting: Exporting;
}

async function buildOnce(
  { values, io, exporting }: Building,
  options: Parameters<typeof buildAndExport>[1],
): Promise<number> {
  const { quiet, kind } = buildProgress(values, io);
  const record = recordOutputs(exporting.engine, io, values);
  const result = await shown(io, { kind, tags: values.tag }, (reporting) =>
    buildAndExport(exporting, { ...options, ...reporting, ...record.reporting(reporting) }),
  ).finally(record.write);
  writeResult(values, result, io.env);
  if (quiet && result.id !== undefined && !takesStdout(exporting.outputs)) io.stdout.write(`${result.id}\n`);
  return 0;
}

/** What `--watch` watches: the context, and named ones that are directories; not what the build writes. @throws {CliError} */
function watchedContexts(
  values: BuildValues,
  path: string,
  outputs: readonly BuildOutput[],
): readonly [WatchedContext, ...WatchedContext[]] {
  const fetched = values.file === "-" || isRemote(values.file ?? "");
  if (fetched || statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new CliError("ERROR: --watch needs a context and a Dockerfile that are files of this machine");
  const written = outputs.flatMap((output) => ("dest" in output ? output.dest : []));
  const except = [...written, ...[values.iidfile, values["metadata-file"]].flatMap((file) => file ?? [])];
  const named = values["build-context"].filter(([, place]) => !place.includes("://"));
  return [
    { directory: path, except, ...(values.file === undefined ? {} : { dockerfile: values.file }) },
    ...named.map(([, directory]) => ({ directory, except })),
  ];
}

function takesStdout(outputs: readonly BuildOutput[]): boolean {
  return outputs.some((output) => "dest" in output && output.dest === "-");
}

interface Asked {
  readonly call: BuildCall;
  readonly build: BuildOptions;
  /** Of the context, as given. */
  readonly path: string;
  readonly values: BuildValues;
}

/** Answer `--call`, which builds nothing. */
async function answered(engine: Engine, io: Terminal, { call, build, path, values }: Asked): Promise<number> {
  const { answerBuildCall } = await import("./build-call.ts");
  const inContext = existsSync(path) ? join(path, "Dockerfile") : "Dockerfile";
  const shownName = values.file === "-" ? "stdin" : (values.file ?? inContext);
  try {
    return await answerBuildCall(engine, io, { call, build, shownName, fix: values.fix });
  } catch (error) {
    throw failureOf(error);
  }
}

interface Planning {
  readonly form: "table" | "json";
  readonly build: BuildOptions;
  readonly tags: readonly string[];
}

/** Answer `--plan`, which builds nothing either. */
async function planned({ builds }: Engine, io: Terminal, { form, build, tags }: Planning): Promise<number> {
  const { buildPlanJSON, buildPlanText } = await import("../format/build-plan.ts");
  try {
    const plan = await builds.plan({ ...build, tags });
    io.stdout.write(form === "json" ? `${JSON.stringify(buildPlanJSON(plan))}\n` : buildPlanText(plan));
    return 0;
  } catch (error) {
    throw failureOf(error);
  }
}

/** What a command line of `build` asks for, without its context. */
export interface BuildRequest {
  readonly options: Omit<BuildOptions, "context" | "tags">;
  readonly outputs: readonly BuildOutput[];
}

/** Read a command line of `build`. @param path of the context, as given. @throws {CliError} */
export function buildRequest(values: BuildValues, path: string, io: Terminal): BuildRequest {
  const options = buildOptions(values, io.env);
  const outputs = buildOutputs(values, options.buildArgs?.["SOURCE_DATE_EPOCH"] !== undefined);
  return { options: { ...options, ...sshOption(values.ssh, { context: path, user: io.env }) }, outputs };
}

/** Refuse what can't be written before anything is built. @throws {CliError} */
export async function checkRequest(
  values: BuildValues,
  { options, outputs }: BuildRequest,
  io: Terminal,
): Promise<void> {
  checkResultFiles(values);
  await checkOutputs(
    { io, outputs, tags: values.tag, guard: values.guard },
    {
      iidfile: values.iidfile,
      attested: isAttested(options.attestations),
      annotated: values.annotation.length > 0,
      platforms: askedPlatforms(options.platform).length,
    },
  );
}

type Place = Pick<BuildOptions, "context" | "dockerfile" | "dockerfileText" | "graph">;

/**
 * Where a build reads: `-` is an archive or a Dockerfile on standard input, `-f -` a Dockerfile there beside a context, `-f build.ts` a
 * program that has the stages.
 */
export async function buildContextPlace(path: string, file: string | undefined, io: Terminal): Promise<Place> {
  const named = file === undefined || file === "-" ? {} : await namedFile(file);
  if (path === "-") {
    if (file === "-") {
      throw new CliError("ERROR: invalid argument: can't use stdin for both build context and dockerfile");
    }
    return { context: io.stdin, ...named };
  }
  return { context: path, ...named, ...(file === "-" ? { dockerfileText: await readDockerfile(io.stdin) } : {}) };
}

/** A Dockerfile, or what a program says in its place. @throws {CliError} */
export async function namedFile(file: string): Promise<Pick<BuildOptions, "dockerfile" | "graph">> {
  if (!isProgram(file)) return { dockerfile: file };
  const { loadBuildGraph } = await import("../request/build-graph.ts");
  return { dockerfile: file, graph: await loadBuildGraph(file) };
}

/** @throws {CliError} for flags of which one leaves nothing to do for another */
function checkTogether({ file, fix, watch, plan }: BuildValues, asked: BuildCall | undefined): void {
  if (fix && asked?.name !== "check") throw new CliError("ERROR: --fix needs --check");
  if (fix && isProgram(file ?? "")) throw new CliError(`ERROR: --fix mends Dockerfiles, and ${file} is a program`);
  if (watch && (asked !== undefined || plan !== undefined))
    throw new CliError("ERROR: --watch builds, which --plan, --check and --call don't");
}

/** What `--watch` runs for each build; undefined for a Dockerfile. */
async function watchedProgram(
  file: string | undefined,
): Promise<(WatchedProgram & { readonly place: Pick<BuildOptions, "dockerfile"> }) | undefined> {
  if (file === undefined || !isProgram(file)) return undefined;
  const { loadBuildGraph } = await import("../request/build-graph.ts");
  const program = new Program(file);
  return { place: { dockerfile: file }, sources: program.sources, load: () => loadBuildGraph(file, program) };
}

async function readDockerfile(stdin: Terminal["stdin"]): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > limits.dockerfile) throw new CliError(`ERROR: a Dockerfile has at most ${limits.dockerfile} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

type Reporting = Pick<BuildOptions, "report" | "onDiagnostics">;

/** Build under a display of its progress, and tell what came of it; a failure is told in BuildKit's form. */
async function shown(
  io: Terminal,
  { kind, tags }: { readonly kind: ProgressKind; readonly tags: readonly string[] },
  build: (reporting: Reporting) => Promise<Exported>,
): Promise<Exported> {
  if (kind === "none") return await build({}).catch((error) => Promise.reject(failureOf(error)));
  if (kind === "rawjson") {
    const { toldAsJSON } = await import("../progress/build-json.ts");
    return await toldAsJSON(io, build).catch((error) => Promise.reject(failureOf(error)));
  }
  let found = "";
  const onDiagnostics: Reporting["onDiagnostics"] = (diagnostics, dockerfile) => {
    found = warningsText(diagnostics, io.env["BERTH_DEBUG"] === "1" ? dockerfile : undefined);
  };
  try {
    const result = await displayed(io, kind, (report) => build({ onDiagnostics, ...report }));
    tellResult(io, result, tags);
    return result;
  } catch (error) {
    throw failureOf(error);
  } finally {
    io.stderr.write(found);
  }
}

async function displayed<T>(
  io: Terminal,
  kind: ProgressKind,
  body: (reporting: Pick<BuildOptions, "report">) => Promise<T>,
): Promise<T> {
  using display = displayOf(io, kind);
  return await body(display === undefined ? {} : { report: display.report });
}

/** What BuildKit's exporter says at the end. */
export function tellResult(
  { stderr }: Terminal,
  { image, id, names, warnings }: Exported,
  tags: readonly string[],
): void {
  if (id !== undefined) stderr.write(` => => writing image ${id}\n`);
  for (const tag of names) stderr.write(` => => naming to ${fullName(withDefaultTag(parseReference(tag)))}\n`);
  if (image === undefined && tags.length > 0)
    stderr.write("WARNING: no image was made that a tag could name: the outputs are files alone\n");
  for (const warning of warnings) warnOn({ stderr })(warning);
}
