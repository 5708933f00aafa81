import { readFileSync } from "node:fs";
import { parseSecret as readSecretFields } from "../../bake/definition/entries.ts";
import { codeOf, messageOf } from "../../base/errors.ts";
import type { BuildOptions } from "../../build/build.ts";
import { parseEntitlements } from "../../build/entitlements.ts";
import type { CacheImport } from "../../remote-cache/options.ts";
import { CliError } from "../cli-error.ts";
import { contentTrust } from "../flags/content-trust.ts";
import type { Flag } from "../flags/flag.ts";
import { bool, csvList, list, readLate, text, value } from "../flags/kinds.ts";
import { chosenProgress, type ProgressKind, parseProgressKind } from "../progress/choose.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { attestOptions } from "./attestations.ts";
import { type CacheTo, cacheOptions, parseCacheFrom, parseCacheTo } from "./build-cache.ts";
import { labelsOf } from "./environment.ts";
import { parseName } from "./name.ts";
import { buildAnnotations } from "./output-attributes.ts";
import { parseSsh, type SshFlag } from "./ssh-flag.ts";
import { type StepValues, stepFlags, stepOptions } from "./step-flags.ts";

/** Values of the flags of `build`, by the flags' names. */
export interface BuildValues extends StepValues {
  readonly annotation: readonly string[];
  readonly allow: readonly string[];
  readonly attest: readonly string[];
  readonly "build-arg": readonly string[];
  readonly "build-context": readonly (readonly [name: string, value: string])[];
  readonly "cache-from": readonly (readonly CacheImport[])[];
  readonly "cache-to": readonly (readonly CacheTo[])[];
  readonly call: string | undefined;
  readonly check: boolean;
  readonly compress: boolean;
  readonly "disable-content-trust": boolean | undefined;
  readonly explain: boolean;
  readonly file: string | undefined;
  readonly fix: boolean;
  readonly "force-rm": boolean;
  readonly guard: boolean;
  readonly iidfile: string | undefined;
  readonly label: readonly string[];
  readonly load: boolean;
  readonly "metadata-file": string | undefined;
  readonly network: string | undefined;
  readonly "no-cache": boolean;
  readonly "no-cache-filter": readonly string[];
  readonly output: readonly string[];
  readonly plan: "table" | "json" | undefined;
  readonly platform: readonly string[];
  readonly progress: ProgressKind | "quiet" | undefined;
  readonly provenance: string | undefined;
  readonly pull: boolean;
  readonly push: boolean;
  readonly quiet: boolean;
  readonly rm: boolean;
  readonly sbom: string | undefined;
  readonly secret: readonly SecretFlag[];
  readonly ssh: readonly SshFlag[];
  readonly tag: readonly string[];
  readonly target: string | undefined;
  readonly timeline: string | undefined;
  readonly watch: boolean;
}

/** One `--secret`. */
export interface SecretFlag {
  readonly id: string;
  readonly file?: string;
  readonly env?: string;
}

const planFlag: Flag<"table" | "json" | undefined> = {
  description: "Say what the build would do, and do nothing (--plan=json for programs)",
  initial: undefined,
  read: parsePlan,
};

/** The flags of `build`. Some of Docker's hold for every build here, and are taken for that: nothing is sent, and no containers are left. */
export const buildFlags: { readonly [Name in keyof BuildValues]: Flag<BuildValues[Name]> } = {
  ...stepFlags,
  annotation: list("Add annotation to the image", { valueName: "stringArray" }),
  allow: readLate(
    list("Allow what a step asks for beyond a plain step (network.host, security.insecure, device[=NAME])", {
      read: checkEntitlement,
    }),
  ),
  attest: list('Attestation parameters (format: "type=provenance,mode=max")', { valueName: "stringArray" }),
  "build-arg": readLate(list("Set build-time variables", { read: parseBuildArg })),
  "build-context": readLate(
    list("Additional build contexts (e.g., name=path)", {
      valueName: "stringArray",
      read: parseBuildContext,
    }),
  ),
  "cache-from": readLate(
    list('External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")', {
      valueName: "stringArray",
      read: parseCacheFrom,
    }),
  ),
  "cache-to": readLate(
    list('Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")', {
      valueName: "stringArray",
      read: parseCacheTo,
    }),
  ),
  call: text('Set method for evaluating build ("check", "outline", "targets")', { shownDefault: '"build"' }),
  check: bool('Shorthand for "--call=check"'),
  compress: bool("Compress the build context using gzip"),
  "disable-content-trust": contentTrust("Skip image verification"),
  explain: bool("Say at the end why each step ran that did"),
  file: text('Name of the Dockerfile (Default is "PATH/Dockerfile")', { short: "f" }),
  fix: bool("Write the fixes of warnings into the Dockerfile, with --check"),
  "force-rm": bool("Always remove intermediate containers"),
  guard: bool("Fail when the image has secrets in it, or bytes that a layer has again"),
  iidfile: text("Write the image ID to the file"),
  label: readLate(list("Set metadata for an image", { read: checkLabel })),
  load: bool('Shorthand for "--output=type=docker"'),
  "metadata-file": text("Write build result metadata to a file"),
  network: text("Set the networking mode for the RUN instructions during build", { shownDefault: '"default"' }),
  "no-cache": bool("Do not use cache when building the image"),
  "no-cache-filter": csvList("Do not cache specified stages"),
  output: list('Output destination (format: "type=local,dest=path")', { short: "o", valueName: "stringArray" }),
  plan: { ...planFlag, alone: "table" },
  platform: list("Set target platform for build", { valueName: "stringArray" }),
  progress: readLate(
    value(
      'Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty")',
      (given) => (given === "quiet" ? given : parseProgressKind(given)),
      { shownDefault: '"auto"' },
    ),
  ),
  provenance: text('Shorthand for "--attest=type=provenance"'),
  pull: bool("Always attempt to pull a newer version of the image"),
  push: bool('Shorthand for "--output=type=registry"'),
  quiet: bool("Suppress the build output and print image ID on success", { short: "q" }),
  rm: bool("Remove intermediate containers after a successful build", { on: true }),
  sbom: text('Shorthand for "--attest=type=sbom"'),
  secret: readLate(
    list("Secret to expose to the build (format: id=mysecret[,src=/local/secret])", { read: parseSecret }),
  ),
  ssh: readLate(
    list('SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")', {
      read: parseSsh,
    }),
  ),
  tag: readLate(list('Name and optionally a tag in the "name:tag" format', { short: "t", read: checkTag })),
  target: text("Set the target build stage to build."),
  timeline: text("Write a page with a bar for every step to this file", { valueName: "file" }),
  watch: bool("Build again when a file changes that the build reads"),
};

/** Flags that Docker's `build` has and berth's has not. */
export const missingBuildFlags: Readonly<Record<"isolation" | "policy" | "squash", Flag<undefined>>> = {
  isolation: refused("Linux has one isolation, the default", { unless: ["", "default"] }),
  policy: refused("berth doesn't check policies of what a build is made of yet"),
  squash: refused("berth has a layer for each step; COPY --from=STAGE / / in a stage of its own makes one of many", {
    unless: ["false"],
    alone: "true",
  }),
};

/** A flag of Docker's that is refused. @param unless values that ask for what is so anyway */
function refused(
  why: string,
  { unless = [], ...more }: { readonly unless?: readonly string[]; readonly alone?: string } = {},
): Flag<undefined> {
  const read = (given: string): undefined => {
    if (!unless.includes(given)) throw new Error(why);
  };
  return { description: "", hidden: true, initial: undefined, read, ...more };
}

function checkEntitlement(given: string): string {
  parseEntitlements([given]);
  return given;
}

function parseBuildContext(given: string): readonly [name: string, value: string] {
  const equals = given.indexOf("=");
  if (equals < 1) throw new Error(`invalid context value: ${given}, expected key=value`);
  return [given.slice(0, equals), given.slice(equals + 1)];
}

function checkLabel(given: string): string {
  if (given === "" || given.startsWith("="))
    throw new Error(`invalid key-value pair ${JSON.stringify(given)}: empty key`);
  return given;
}

function checkTag(given: string): string {
  try {
    parseName(given);
  } catch (error) {
    const why = messageOf(error).replace(
      /^.*: repository name \(.*\) must be lowercase$/,
      "repository name must be lowercase",
    );
    throw new Error(`invalid tag ${JSON.stringify(given)}: ${why}`, { cause: error });
  }
  return given;
}

function parsePlan(given: string): "table" | "json" {
  if (given === "table" || given === "json") return given;
  throw new Error('it takes no value, or "json"');
}

/** How progress is shown, and whether the image's ID is all that is printed. @throws {CliError} in buildx's words, where both can't be */
export function buildProgress(
  values: Pick<BuildValues, "progress" | "quiet">,
  io: Pick<Terminal, "env">,
): { readonly quiet: boolean; readonly kind: ProgressKind } {
  const { progress = "auto" } = values;
  const quiet = values.quiet || progress === "quiet";
  if (progress !== "quiet" && !quiet) return { quiet, kind: chosenProgress(io, progress) };
  if (["auto", "none", "quiet"].includes(progress)) return { quiet, kind: "none" };
  throw new CliError(`ERROR: progress=${progress} and quiet cannot be used together`);
}

function parseSecret(given: string): SecretFlag {
  const { id = "", src = "", env = "" } = readSecretFields(given);
  if (id === "") throw new Error("secret missing ID");
  return { id, ...(src === "" ? {} : { file: src }), ...(env === "" ? {} : { env }) };
}

function parseBuildArg(given: string): string {
  if (given === "" || given.startsWith("="))
    throw new Error(`invalid key-value pair ${JSON.stringify(given)}: empty key`);
  return given;
}

/** The build that a command line means, without its context. @throws {CliError} when a secret isn't there */
export function buildOptions(values: BuildValues, user: Terminal["env"]): Omit<BuildOptions, "context" | "tags"> {
  const { target, platform, network } = values;
  return {
    allow: values.allow,
    annotations: buildAnnotations(values.annotation),
    attestations: attestOptions(values),
    buildArgs: buildArgs(values["build-arg"], user),
    contexts: Object.fromEntries(values["build-context"]),
    ...cacheOptions(values),
    labels: labelsOf({ files: [], labels: values.label }),
    noCache: values["no-cache"],
    pull: values.pull,
    ...stepOptions(values),
    ...(values["no-cache-filter"].length === 0 ? {} : { noCacheStages: values["no-cache-filter"] }),
    secrets: readSecrets(values.secret, user),
    ...(target === undefined ? {} : { target }),
    ...platformsOf(platform, user),
    ...(network === undefined ? {} : { network }),
  };
}

function platformsOf(given: readonly string[], user: Terminal["env"]): { readonly platform?: string } {
  const platform = given.length === 0 ? user["DOCKER_DEFAULT_PLATFORM"] : given.join(",");
  return platform === undefined || platform === "" ? {} : { platform };
}

/**
 * A bare name takes its value from the user's environment, and is left out where it has none there. SOURCE_DATE_EPOCH comes
 * from there unasked, as with buildx.
 */
function buildArgs(given: readonly string[], user: Terminal["env"]): Readonly<Record<string, string>> {
  const entries = ["SOURCE_DATE_EPOCH", ...given].flatMap((line) => {
    const equals = line.indexOf("=");
    if (equals >= 0) return [[line.slice(0, equals), line.slice(equals + 1)] as const];
    const value = user[line];
    return value === undefined ? [] : [[line, value] as const];
  });
  return Object.fromEntries(entries);
}

/** The secrets that `--secret`s mean, by id; without a variable that isn't set, as with buildx. @throws {CliError} where a file isn't there */
export function readSecrets(secrets: readonly SecretFlag[], user: Terminal["env"]): ReadonlyMap<string, Uint8Array> {
  return new Map(
    secrets.flatMap((secret) => {
      const content = readSecret(secret, user);
      return content === undefined ? [] : [[secret.id, content] as const];
    }),
  );
}

/** Where neither a file nor a variable is named, it is the variable that is named as the secret, or else the file. */
function readSecret({ id, file, env }: SecretFlag, user: Terminal["env"]): Uint8Array | undefined {
  const value = user[env ?? id];
  if (file === undefined && (env !== undefined || value !== undefined))
    return value === undefined ? undefined : Buffer.from(value);
  const path = file ?? id;
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`ERROR: failed to stat ${path}: stat ${path}: no such file or directory`, { cause: error });
  }
}
