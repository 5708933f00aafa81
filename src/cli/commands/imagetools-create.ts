import { readFileSync, writeFileSync } from "node:fs";
import { monotonic } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import { type Operation, stoppedBy } from "../../base/operation.ts";
import { fullName, type Reference } from "../../oci/reference.ts";
import { type CopyEnds, copyTree, planTree } from "../../registry/copy-tree.ts";
import type { Registries } from "../../registry/registries.ts";
import type { PlannedBlob } from "../../registry/send.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import { bool, list, text, value } from "../flags/kinds.ts";
import { goJson } from "../format/go-json.ts";
import { parseAnnotations } from "../imagetools/annotations.ts";
import { type Combined, combine } from "../imagetools/combine.ts";
import { buildxError, readLocation } from "../imagetools/located.ts";
import { fetchSource, parseSource, placed } from "../imagetools/sources.ts";
import { copyPlanText, eachOnce } from "../list/copy-plan.ts";
import { chosenProgress, displayOf, type ProgressKind, parseProgressKind } from "../progress/choose.ts";
import { remoteOf } from "../remote.ts";
import { parsePlatforms } from "../request/platforms.ts";
import { interruptible } from "../terminal/interrupt.ts";

interface CreateValues {
  readonly annotation: readonly string[];
  readonly append: boolean;
  readonly "dry-run": boolean;
  readonly file: readonly string[];
  readonly "metadata-file": string | undefined;
  readonly plan: boolean;
  readonly platform: readonly string[];
  readonly "prefer-index": boolean;
  readonly progress: ProgressKind | undefined;
  readonly tag: readonly string[];
}

/** `berth imagetools create` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [SOURCE...]",
  arity: { min: 0 },
  flags: {
    ...builderFlags,
    annotation: list("Add annotation to the image", { valueName: "stringArray" }),
    append: bool("Append to existing manifest"),
    "dry-run": bool("Show final image instead of pushing"),
    file: list("Read source descriptor from file", { short: "f", valueName: "stringArray" }),
    "metadata-file": text("Write create result metadata to a file"),
    plan: bool("Say what would be copied, and change nothing"),
    platform: list("Filter specified platforms of target image", { short: "p", valueName: "stringArray" }),
    "prefer-index": bool(
      "When only a single source is specified, prefer outputting an image index or manifest list instead of performing a carbon copy",
      { on: true },
    ),
    progress: value('Set type of progress output ("auto", "none", "plain", "rawjson", "tty")', parseProgressKind, {
      shownDefault: '"auto"',
    }),
    tag: list("Set reference for new image", { short: "t", valueName: "stringArray" }),
  },
  examples: [
    "imagetools create -t registry.example/app:1 registry.example/app:1-amd64 registry.example/app:1-arm64",
    "imagetools create --dry-run debian:12",
    "imagetools create --plan -t registry.example/debian:12 debian:12",
  ],
  run: create,
});

async function create({ values, args, io }: Call<CreateValues>): Promise<number> {
  if (args.length === 0 && values.file.length === 0) throw new CliError("ERROR: no sources specified");
  if (!values["dry-run"] && values.tag.length === 0) {
    throw new CliError("ERROR: can't push with no tags specified, please set --tag or --dry-run");
  }
  const texts = [...values.file.map(readSource), ...args];
  const targets = values.tag.map(readLocation);
  const given = (values.append ? [...values.tag.slice(0, 1), ...texts] : texts).map(parseSource);
  const annotations = parseAnnotations(values.annotation);
  const platforms = parsePlatforms(values.platform.flatMap((each) => each.split(",")));
  const sources = placed(given, targets);
  using interrupt = interruptible(io);
  await using lazy = remoteOf(io);
  try {
    const { registries, parallelUploads } = await lazy.open();
    const fetched = await Promise.all(sources.map((source) => fetchSource(registries, source)));
    const preferIndex = values["prefer-index"];
    const combined = await combine(registries, fetched, { annotations, preferIndex, platforms });
    if (values["dry-run"]) {
      io.stdout.write(`${combined.top.bytes}\n`);
      return 0;
    }
    if (values.plan) {
      const options = { targets, concurrent: parallelUploads, signal: interrupt.signal };
      for await (const text of planCombined(registries, combined, options)) io.stdout.write(text);
      return 0;
    }
    using display = displayOf(io, chosenProgress(io, values.progress));
    await pushCombined(registries, combined, {
      targets,
      concurrent: parallelUploads,
      signal: interrupt.signal,
      ...(display && { report: display.report }),
    });
    writeMetadata(values["metadata-file"], combined, targets);
  } catch (error) {
    throw buildxError(error);
  }
  return 0;
}

function readSource(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`ERROR: open ${path}: no such file or directory`, { cause: error });
  }
}

interface PushCombined extends Operation {
  readonly targets: readonly Reference[];
  readonly concurrent: number;
}

/** What {@link pushCombined} would bring into each repository. */
async function* planCombined(
  registries: Registries,
  { top, parts }: Combined,
  { targets, concurrent, signal }: PushCombined,
): AsyncGenerator<string> {
  const byRepository = Map.groupBy(targets, ({ domain, path }) => fullName({ domain, path }));
  for (const [name, tags] of byRepository) {
    const [first] = tags;
    if (first === undefined) continue;
    const to = registries.repository(first);
    const blobs: PlannedBlob[] = [];
    for (const { digest, reference } of partsFor(name, parts)) {
      const ends = { ...sourceOf(registries, reference, first), to };
      blobs.push(...(await planTree(ends, { digest }, { concurrent, ...stoppedBy(signal) })));
    }
    yield `${tags.map(fullName).join("\n")}\n${copyPlanText({ digest: top.descriptor.digest, ...eachOnce(blobs) })}`;
  }
}

/** What of an image isn't in the repository itself. */
function partsFor(name: string, parts: Combined["parts"]): Combined["parts"] {
  return parts.filter(({ reference: { domain, path } }) => fullName({ domain, path }) !== name);
}

function sourceOf(registries: Registries, reference: Reference, { domain }: Reference): Omit<CopyEnds, "to"> {
  const mountFrom = reference.domain === domain ? { mountFrom: reference.path } : {};
  return { from: registries.repository(reference), ...mountFrom };
}

/** Bring what the image points to into each repository, and then the image under each tag. */
async function pushCombined(registries: Registries, combined: Combined, options: PushCombined): Promise<void> {
  const { targets, report } = options;
  const byRepository = Map.groupBy(targets, ({ domain, path }) => fullName({ domain, path }));
  for (const [name, tags] of byRepository) {
    const begun = monotonic();
    const step = { kind: "step", id: name, name: `[internal] pushing ${name}` } as const;
    report?.({ ...step, status: "started" });
    try {
      await pushTo(registries, combined, { ...options, name, targets: tags });
      report?.({ ...step, status: "done", duration: monotonic() - begun });
    } catch (error) {
      report?.({ ...step, status: "failed", error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }
}

async function pushTo(
  registries: Registries,
  { top, parts }: Combined,
  { name, targets, concurrent, signal, report }: PushCombined & { readonly name: string },
): Promise<void> {
  const [first] = targets;
  if (first === undefined) return;
  const say = (line: string): void =>
    report?.({ kind: "output", id: name, stream: "stdout", data: Buffer.from(`${line}\n`) });
  const to = registries.repository(first, { isWritten: true });
  const stop = stoppedBy(signal);
  for (const { digest, reference } of partsFor(name, parts)) {
    say(`copying ${digest} from ${fullName(reference)} to ${name}`);
    await copyTree({ ...sourceOf(registries, reference, first), to }, { digest }, { concurrent, ...stop });
  }
  const { digest, mediaType } = top.descriptor;
  for (const target of targets) {
    say(`pushing ${digest} to ${fullName(target)}`);
    await to.putManifest(target.tag ?? digest, { bytes: top.bytes, mediaType }, stop);
  }
}

function writeMetadata(path: string | undefined, { top }: Combined, targets: readonly Reference[]): void {
  if (path === undefined || path === "") return;
  const { mediaType, digest, size } = top.descriptor;
  const names = new Set(targets.map(({ domain, path: repository }) => fullName({ domain, path: repository })));
  const metadata = {
    "containerimage.descriptor": { mediaType, digest, size },
    "image.name": [...names].sort().join(","),
  };
  writeFileSync(path, goJson(metadata, "  "));
}
