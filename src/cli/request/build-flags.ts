import { readFileSync } from "node:fs";
import { codeOf } from "../../base/errors.ts";
import type { BuildOptions } from "../../build/build.ts";
import { CliError } from "../cli-error.ts";
import type { Flag } from "../flags/flag.ts";
import { parseBool, parseBytes, parseMemorySwap } from "../flags/go-values.ts";
import { bool, integer, list, text, value } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { labelsOf } from "./environment.ts";
import { parseName } from "./name.ts";

/** How progress is shown. */
export type ProgressKind = "auto" | "plain" | "tty" | "quiet";

/** Values of the flags of `build`, by the flags' names. */
export interface BuildValues {
  readonly allow: readonly "network.host"[];
  readonly "build-arg": readonly string[];
  readonly compress: boolean;
  readonly "cpu-shares": number | undefined;
  readonly "cpuset-cpus": string | undefined;
  readonly "cpuset-mems": string | undefined;
  readonly "disable-content-trust": boolean | undefined;
  readonly file: string | undefined;
  readonly "force-rm": boolean;
  readonly iidfile: string | undefined;
  readonly label: readonly string[];
  /** Bytes. */
  readonly memory: number | undefined;
  /** Bytes, or -1. */
  readonly "memory-swap": number | undefined;
  readonly network: string | undefined;
  readonly "no-cache": boolean;
  readonly platform: string | undefined;
  readonly progress: ProgressKind | undefined;
  readonly pull: boolean;
  readonly quiet: boolean;
  readonly rm: boolean;
  readonly secret: readonly SecretFlag[];
  readonly tag: readonly string[];
  readonly target: string | undefined;
}

/** One `--secret`. */
export interface SecretFlag {
  readonly id: string;
  readonly file?: string;
  readonly env?: string;
}

/** The flags of `build`. Some of Docker's hold for every build here, and are taken for that: nothing is sent, and no containers are left. */
export const buildFlags: { readonly [Name in keyof BuildValues]: Flag<BuildValues[Name]> } = {
  allow: list("Allow what a step asks for beyond a plain step (network.host)", { read: parseEntitlement }),
  "build-arg": list("Set build-time variables"),
  compress: bool("Compress the build context using gzip"),
  "cpu-shares": integer("CPU shares (relative weight)", { short: "c" }),
  "cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
  "disable-content-trust": {
    description: "Skip image verification",
    alone: "true",
    initial: undefined,
    shownDefault: "true",
    read: readContentTrust,
  },
  file: text('Name of the Dockerfile (Default is "PATH/Dockerfile")', { short: "f" }),
  "force-rm": bool("Always remove intermediate containers"),
  iidfile: text("Write the image ID to the file"),
  label: list("Set metadata for an image", { read: checkLabel }),
  memory: value("Memory limit", parseBytes, { short: "m", valueName: "bytes" }),
  "memory-swap": value("Swap limit equal to memory plus swap: -1 to enable unlimited swap", parseMemorySwap, {
    valueName: "bytes",
  }),
  network: text("Set the networking mode for the RUN instructions during build", { shownDefault: '"default"' }),
  "no-cache": bool("Do not use cache when building the image"),
  platform: text("Set platform, which is this machine's"),
  progress: value('Set type of progress output ("auto", "plain", "tty", "quiet")', parseProgress, {
    shownDefault: '"auto"',
  }),
  pull: bool("Always attempt to pull a newer version of the image (registries are to come)"),
  quiet: bool("Suppress the build output and print image ID on success", { short: "q" }),
  rm: bool("Remove intermediate containers after a successful build", { on: true }),
  secret: list("Secret to expose to the build (format: id=mysecret[,src=/local/secret])", { read: parseSecret }),
  tag: list('Name and optionally a tag in the "name:tag" format', { short: "t", read: checkTag }),
  target: text("Set the target build stage to build."),
};

/** Flags that Docker's `build` has and berth's has not. */
export const missingBuildFlags: Readonly<Record<string, Flag<undefined>>> = notYet({
  withValue: [
    ..."add-host annotation attest build-context builder cache-from cache-to call cgroup-parent cpu-period".split(" "),
    ..."cpu-quota isolation metadata-file no-cache-filter output/o provenance sbom security-opt shm-size ssh ulimit".split(
      " ",
    ),
  ],
  alone: ["check", "load", "push", "squash"],
});

function parseEntitlement(given: string): "network.host" {
  if (given === "network.host") return given;
  const isKnown = given === "security.insecure" || /^device(=|$)/.test(given);
  throw new Error(isKnown ? `berth has no ${given} yet` : `unknown entitlement ${given}`);
}

function readContentTrust(given: string): boolean {
  if (parseBool(given)) return true;
  throw new Error("berth doesn't verify images yet");
}

function checkLabel(given: string): string {
  if (given === "" || given.startsWith("=")) throw new Error(`invalid label '${given}': empty name`);
  return given;
}

function checkTag(given: string): string {
  parseName(given);
  return given;
}

function parseProgress(given: string): ProgressKind {
  if (given === "auto" || given === "plain" || given === "tty" || given === "quiet") return given;
  throw new Error(`invalid progress mode ${given}`);
}

function parseSecret(given: string): SecretFlag {
  const fields = new Map(
    given.split(",").map((field) => {
      const equals = field.indexOf("=");
      if (equals < 0) throw new Error(`invalid field '${field}' must be a key=value pair`);
      return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)] as const;
    }),
  );
  const id = fields.get("id");
  const file = fields.get("src") ?? fields.get("source");
  const env = fields.get("env");
  if (id === undefined || id === "") throw new Error("secret without an id");
  return { id, ...(file === undefined ? {} : { file }), ...(env === undefined ? {} : { env }) };
}

/** The build that a command line means, without its context. @throws {CliError} when a secret isn't there */
export function buildOptions(values: BuildValues, user: Terminal["env"]): Omit<BuildOptions, "context"> {
  const { target, platform, network } = values;
  return {
    tags: values.tag,
    allow: values.allow,
    buildArgs: buildArgs(values["build-arg"], user),
    labels: labelsOf({ files: [], labels: values.label }),
    noCache: values["no-cache"],
    pull: values.pull,
    resources: resourcesOf(values),
    secrets: new Map(values.secret.map((secret) => [secret.id, readSecret(secret, user)])),
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
    ...(network === undefined ? {} : { network }),
  };
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

/** Zero means "no limit" in each of Docker's flags. */
function resourcesOf(values: BuildValues): NonNullable<BuildOptions["resources"]> {
  const { memory, "memory-swap": memorySwap, "cpu-shares": cpuShares } = values;
  const { "cpuset-cpus": cpusetCpus, "cpuset-mems": cpusetMems } = values;
  return {
    ...(memory ? { memory } : {}),
    ...(memorySwap ? { memorySwap } : {}),
    ...(cpuShares ? { cpuShares } : {}),
    ...(cpusetCpus ? { cpusetCpus } : {}),
    ...(cpusetMems ? { cpusetMems } : {}),
  };
}

/** A secret comes from a file, or from the variable of its name where no file is given. */
function readSecret({ id, file, env }: SecretFlag, user: Terminal["env"]): Uint8Array {
  if (file === undefined) {
    const value = user[env ?? id];
    if (value === undefined) throw new CliError(`ERROR: secret ${id}: there is no variable ${env ?? id}`);
    return Buffer.from(value);
  }
  try {
    return readFileSync(file);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new CliError(`ERROR: failed to stat ${file}: stat ${file}: no such file or directory`, { cause: error });
  }
}
