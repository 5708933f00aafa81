import { writeFileSync } from "node:fs";
import { BerthError } from "../../base/errors.ts";
import type { MultiArch } from "../../copy/copy.ts";
import { type Location, parseLocation } from "../../copy/location.ts";
import type { CopyRequest } from "../../engine/copies.ts";
import type { LayerCompression } from "../../oci/image-index.ts";
import { hostPlatform, type Platform } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { Flag } from "../flags/flag.ts";
import { parseBool } from "../flags/go-values.ts";
import { bool, text, value } from "../flags/kinds.ts";
import { copyPlanText } from "../list/copy-plan.ts";
import { copyProgress } from "../progress/copy.ts";
import { compressionFlag } from "../request/compression.ts";
import { parsePlatforms } from "../request/platforms.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { warnOn } from "../terminal/warn.ts";
import { asStreamed } from "./pull-image.ts";

interface CopyValues {
  readonly all: boolean;
  readonly "dest-compress-format": LayerCompression | undefined;
  readonly "dest-tls-verify": boolean | undefined;
  readonly digestfile: string | undefined;
  readonly format: "oci" | "v2s2" | undefined;
  readonly "multi-arch": MultiArch | undefined;
  readonly "override-arch": string | undefined;
  readonly "override-os": string | undefined;
  readonly "override-variant": string | undefined;
  readonly plan: boolean;
  readonly platform: string | undefined;
  readonly "preserve-digests": boolean;
  readonly quiet: boolean;
  readonly "src-tls-verify": boolean | undefined;
}

/** `berth copy` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] SOURCE-IMAGE DESTINATION-IMAGE",
  arity: { min: 2, max: 2 },
  flags: {
    all: bool("Copy all images if SOURCE-IMAGE is a list", { short: "a" }),
    "dest-compress-format": compressionFlag("How the layers of the copy are compressed"),
    "dest-tls-verify": tls("Require HTTPS and verify certificates of the destination registry"),
    digestfile: text("Write the digest of the copied image to the file"),
    format: value('Manifest type of the copy ("oci", "v2s2"); that of the source by default', readFormat, {
      short: "f",
    }),
    "multi-arch": value('What is copied of a list of images ("system", "all", "index-only")', readMultiArch),
    "override-arch": text("Choose the image for this architecture, instead of this machine's"),
    "override-os": text("Choose the image for this system, instead of this machine's"),
    "override-variant": text("Choose the image for this variant of the architecture"),
    plan: bool("Say what would be copied, and change nothing"),
    platform: text('Choose the image for this platform: "os[/arch[/variant]]"'),
    "preserve-digests": bool("Fail where the digest of the copy would be another"),
    quiet: bool("Suppress output information when copying images", { short: "q" }),
    "src-tls-verify": tls("Require HTTPS and verify certificates of the source registry"),
  },
  examples: [
    "copy docker://debian:12 docker://registry.example/debian:12",
    "copy --all docker://debian:12 oci-archive:debian.tar:12",
    "copy docker-archive:images.tar:app:1 store:app:1",
    "copy --plan store:app:1 docker://registry.example/app:1",
  ],
  run: copy,
});

async function copy({ values, args: [from = "", to = ""], io, engine }: Call<CopyValues>): Promise<number> {
  const source = readLocation(from, "source");
  const destination = readLocation(to, "destination");
  const { quiet, digestfile } = values;
  using interrupt = interruptible(io);
  const request: CopyRequest = {
    ...requestOf(values),
    ...trustOf([
      [source, values["src-tls-verify"]],
      [destination, values["dest-tls-verify"]],
    ]),
    signal: interrupt.signal,
  };
  const warn = warnOn(io);
  const usesStore = [source, destination].some(({ transport }) => transport === "store");
  const copies = usesStore ? (await engine()).images : (await import("../../engine/copies.ts")).copyBetween;
  using progress = copyProgress(io.stdout, { quiet });
  try {
    if (values.plan) {
      const plan = await copies.planCopy(from, to, { ...request, warn });
      io.stdout.write(quiet ? `${plan.bytes}\n` : copyPlanText(plan));
      return 0;
    }
    const { digest } = await copies.copy(from, to, { ...request, warn, report: progress.report });
    progress.end();
    if (!quiet) io.stdout.write("Writing manifest to image destination\n");
    if (digestfile !== undefined) writeFileSync(digestfile, digest);
  } catch (error) {
    progress.end();
    // No daemon is between: the text stands alone.
    throw asStreamed(error);
  }
  return 0;
}

/** `--src-tls-verify`, `--src-tls-verify=false`: absent, the settings say. */
function tls(description: string): Flag<boolean | undefined> {
  return { description, alone: "true", initial: undefined, read: parseBool };
}

function readFormat(given: string): "oci" | "v2s2" {
  if (given === "oci" || given === "v2s2") return given;
  throw new CliError('must be "oci" or "v2s2"');
}

function readMultiArch(given: string): MultiArch {
  if (given === "system" || given === "all" || given === "index-only") return given;
  throw new CliError('must be "system", "all" or "index-only"');
}

/** @throws {CliError} in skopeo's words */
function readLocation(name: string, which: "source" | "destination"): Location {
  try {
    return parseLocation(name);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new CliError(`Invalid ${which} name ${name}: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

function requestOf(values: CopyValues): CopyRequest {
  const { all, format, "multi-arch": multiArch, "dest-compress-format": compression } = values;
  if (all && multiArch !== undefined) throw new CliError("Cannot use --all and --multi-arch flags at the same time");
  const what = all ? "all" : multiArch;
  const platform = platformOf(values);
  if (platform !== undefined && what !== undefined && what !== "system") {
    throw new CliError("a platform is of one image alone: leave it out, or --all and --multi-arch");
  }
  return {
    ...(what && { multiArch: what }),
    ...(platform && { platform }),
    ...(format && { format }),
    ...(compression && { compression }),
    preserveDigests: values["preserve-digests"],
  };
}

function platformOf(values: CopyValues): Platform | undefined {
  const { platform, "override-os": os, "override-arch": architecture, "override-variant": variant } = values;
  const isOverridden = os !== undefined || architecture !== undefined || variant !== undefined;
  if (platform !== undefined && isOverridden) throw new CliError("conflicting options: --platform and --override-…");
  if (platform !== undefined) return parsePlatforms([platform])[0];
  if (!isOverridden) return undefined;
  return {
    os: os ?? hostPlatform.os,
    architecture: architecture ?? hostPlatform.architecture,
    ...(variant !== undefined && { variant }),
  };
}

/** Which registries are trusted as the flags say. */
function trustOf(
  ends: readonly (readonly [Location, boolean | undefined])[],
): Pick<CopyRequest, "insecure" | "secure"> {
  const verify = new Map<string, boolean>();
  for (const [location, flag] of ends) {
    if (flag === undefined) continue;
    if (location.transport !== "docker") throw new CliError("--src-tls-verify and --dest-tls-verify are for docker://");
    const { domain } = location.reference;
    if ((verify.get(domain) ?? flag) !== flag) throw new CliError(`${domain} can't be verified and not verified`);
    verify.set(domain, flag);
  }
  const hosts = (flag: boolean): readonly string[] =>
    [...verify].flatMap(([host, each]) => (each === flag ? [host] : []));
  return { insecure: hosts(false), secure: hosts(true) };
}
