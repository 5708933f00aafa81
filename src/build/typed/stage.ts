import { join } from "node:path/posix";
import { BerthError } from "../../base/errors.ts";
import type { CommandLine } from "../../dockerfile/ast.ts";
import type { DeviceRequest } from "../../dockerfile/device.ts";
import { scriptDirectory } from "../apply-run.ts";
import type { InlineFile } from "../graph.ts";
import type { RunStep, TransferStep } from "../steps.ts";
import { callPlaces } from "./call-places.ts";
import {
  type ContextSource,
  type Pairs,
  type StageData,
  stageFormat,
  type TypedContent,
  type TypedSource,
  type TypedStep,
} from "./data.ts";
import { type HealthcheckOptions, healthcheckOf } from "./healthcheck.ts";
import { type FileMode, modeText } from "./modes.ts";
import type { Mount } from "./mounts.ts";
import { triggerOf, triggerText } from "./trigger.ts";

// Builds as values: `from("debian").run("make").copy("out", "/")`. Nothing here is text to be parsed, and no variable is expanded.

/** A command for the stage's shell, or a program with its arguments. */
export type StageCommand = string | readonly [program: string, ...args: string[]];

/** How a command runs. */
export interface RunOptions {
  readonly mounts?: readonly Mount[];
  /** Its network; the build's when absent. `host` has to be allowed. */
  readonly network?: "default" | "none" | "host";
  /** With every privilege, which has to be allowed. */
  readonly security?: "sandbox" | "insecure";
  /** Devices of CDI that it gets where there are any, or has to have. They have to be allowed. */
  readonly devices?: readonly (string | DeviceRequest)[];
  /** Who runs it, for this command alone: `user[:group]`, names or numbers. */
  readonly user?: string;
  /** Where it runs, for this command alone. */
  readonly cwd?: string;
  /** Variables for this command alone. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What is copied: paths and patterns below the source's root, and files that the program itself has. */
export type CopySources = string | InlineFile | readonly [string | InlineFile, ...(string | InlineFile)[]];

/** How files are copied. */
interface TransferOptions {
  /** Their owner, `user[:group]`, names or numbers. */
  readonly chown?: string;
  readonly chmod?: FileMode;
  /** Patterns of what is left out. */
  readonly exclude?: readonly string[];
}

/** How files are copied. */
export interface CopyStageOptions extends TransferOptions {
  /** Where they are: another stage, a {@link context}, an image. In the build context when absent. */
  readonly from?: TypedSource;
  /** Keep the parents of the sources below the destination. */
  readonly parents?: boolean;
}

/** How files are added. */
export interface AddOptions extends TransferOptions {
  /** Digest of the one file that is fetched, or the commit of the one repository. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  /** Extract archives: local ones when absent, fetched ones when true. */
  readonly unpack?: boolean;
}

/** How a stage begins. */
export interface FromOptions {
  /** `os/architecture[/variant]`; what is built for when absent. */
  readonly platform?: string;
  /** What progress and `--no-cache-filter` call the stage, and what a named context may replace. */
  readonly name?: string;
}

/**
 * A file system and what containers of it run: a step of a build up to here. It never changes; each method gives a new one that
 * stands on it, so that several can go on from one.
 */
export class Stage {
  /** What it is, as data. */
  readonly definition: StageData;

  constructor(definition: StageData) {
    this.definition = definition;
  }

  /** Run a command, or a {@link file} that begins with `#!` and its interpreter: one layer with what it changes. */
  run(command: StageCommand | InlineFile, options: RunOptions = {}): Stage {
    const { mounts = [], network = "default", security = "sandbox", devices = [], env, ...others } = options;
    const asked = devices.map((device) => (typeof device === "string" ? { name: device, required: false } : device));
    const confined = { mounts: [...mounts], network, security, devices: asked };
    const own = { ...others, ...(env === undefined ? {} : { env: { ...env } }) };
    return this.#then({ kind: "RUN", ...runOf(command), ...confined, ...own });
  }

  /** Copy files: one layer. @param destination ends in `/` where it is a directory; a relative one begins at the working directory */
  copy(sources: CopySources, destination: string, options: CopyStageOptions = {}): Stage {
    const { from, parents = false } = options;
    const source = from === undefined ? {} : { from };
    return this.#then({ kind: "COPY", ...transferred(sources, destination, options), ...source, parents });
  }

  /** Add files, fetch addresses and git repositories (`https://host/repository.git#ref:directory`), extract archives: one layer. */
  add(sources: CopySources, destination: string, options: AddOptions = {}): Stage {
    const { checksum = "", keepGitDir, unpack } = options;
    const fetched = {
      ...(keepGitDir === undefined ? {} : { keepGitDir }),
      ...(unpack === undefined ? {} : { unpack }),
    };
    return this.#then({ kind: "ADD", ...transferred(sources, destination, options), checksum, ...fetched });
  }

  /** Set variables, of containers and of the commands after it. @param pairs or a function of the variables that there are by then */
  env(pairs: Pairs): Stage {
    return this.#then({ kind: "ENV", pairs: copied(pairs) });
  }

  /** Declare a build argument: the commands after it have it as a variable, the image hasn't. */
  arg(name: string, fallback?: string): Stage {
    return this.#then({ kind: "ARG", name, ...(fallback === undefined ? {} : { fallback }) });
  }

  /** Set labels. */
  label(pairs: Pairs): Stage {
    return this.#then({ kind: "LABEL", pairs: copied(pairs) });
  }

  /** Set the directory that commands and containers start in, and make it. */
  workdir(path: string): Stage {
    return this.#then({ kind: "WORKDIR", value: path });
  }

  /** Set who runs commands and containers: `user[:group]`, names or numbers. */
  user(user: string): Stage {
    return this.#then({ kind: "USER", value: user });
  }

  /** Set what containers run. A command of the base image is dropped. */
  entrypoint(command: StageCommand): Stage {
    return this.#then({ kind: "ENTRYPOINT", command: commandLine(command) });
  }

  /** Set what containers run where nothing else is asked for, or the arguments of the entrypoint. */
  cmd(command: StageCommand): Stage {
    return this.#then({ kind: "CMD", command: commandLine(command) });
  }

  /** Tell of ports that containers listen on: `8080`, `"53/udp"`, `"8000-8010"`. */
  expose(...ports: readonly [number | string, ...(number | string)[]]): Stage {
    return this.#then({ kind: "EXPOSE", words: ports.map(String).toSorted() });
  }

  /** Tell of directories that containers keep in volumes. */
  volume(...paths: readonly [string, ...string[]]): Stage {
    return this.#then({ kind: "VOLUME", words: paths });
  }

  /** Set the shell of commands that are texts. */
  shell(shell: readonly [program: string, ...args: string[]]): Stage {
    return this.#then({ kind: "SHELL", shell: [...shell] });
  }

  /** Set how containers are found to be well; `false` for not at all. */
  healthcheck(command: StageCommand | false, options: HealthcheckOptions = {}): Stage {
    return this.#then({ kind: "HEALTHCHECK", healthcheck: healthcheckOf(command, options) });
  }

  /** Set the signal that stops containers: a name or a number. */
  stopSignal(signal: string): Stage {
    return this.#then({ kind: "STOPSIGNAL", value: signal });
  }

  /**
   * Have whatever is built on the image do this first: the steps that a function adds, or an instruction of a Dockerfile, whose
   * variables are those of that build. The image keeps instructions, so that other builders do it, too.
   *
   * @throws {BerthError} invalid-argument, for what no trigger can be
   */
  onBuild(trigger: string | ((stage: Stage) => Stage)): Stage {
    const texts = typeof trigger === "string" ? [trigger] : trigger(nothing).definition.steps.map(triggerOfStep);
    let stage: Stage = this;
    for (const text of texts) stage = stage.#then({ kind: "ONBUILD", expression: triggerOf(text) });
    return stage;
  }

  /** Set who made the image. A label says more: `org.opencontainers.image.authors`. */
  maintainer(author: string): Stage {
    return this.#then({ kind: "MAINTAINER", value: author });
  }

  #then(content: TypedContent): Stage {
    const { steps } = this.definition;
    return new Stage({ ...this.definition, steps: [...steps, { content, places: callPlaces(3) }] });
  }
}

/**
 * Start from an image, another stage, or a {@link context}. What an image's `ONBUILD` says is done first.
 *
 * @throws {BerthError} invalid-argument, for a name that no stage can have
 */
export function from(base: TypedSource, options: FromOptions = {}): Stage {
  return started(base, options);
}

/** Start from the empty file system. @throws {BerthError} as {@link from} */
export function scratch(options: FromOptions = {}): Stage {
  return started("scratch", options);
}

/** A named context: a directory, an image or a repository that `contexts` of the build (`--build-context`) has under this name. */
export function context(name: string): ContextSource {
  return { kind: "context", name };
}

/** A file that the program has: a source of {@link Stage.copy}. @param name below the destination */
export function file(name: string, content: string): InlineFile {
  return { name, data: content };
}

function started(base: TypedSource, { platform, name }: FromOptions): Stage {
  if (name !== undefined && !/^[a-z][a-z0-9-_.]*$/i.test(name))
    throw new BerthError(
      "invalid-argument",
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
    );
  const said = { ...(platform === undefined ? {} : { platform }), ...(name === undefined ? {} : { name }) };
  return new Stage({ format: stageFormat, start: { base, ...said, places: callPlaces(3) }, steps: [] });
}

/** What a trigger's steps are added to: nothing is known of the stage that they will run in. */
const nothing = new Stage({ format: stageFormat, start: { base: "scratch", places: [] }, steps: [] });

function triggerOfStep({ content }: TypedStep): string {
  return triggerText(content);
}

function runOf(command: StageCommand | InlineFile): Pick<RunStep, "command" | "scripts"> {
  if (typeof command === "string" || !("data" in command)) return { command: commandLine(command), scripts: [] };
  return { command: { form: "shell", command: join(scriptDirectory, command.name) }, scripts: [command] };
}

function commandLine(command: StageCommand): CommandLine {
  return typeof command === "string" ? { form: "shell", command } : { form: "exec", args: [...command] };
}

/** What a program does to its object later changes no stage. */
function copied(pairs: Pairs): Pairs {
  return typeof pairs === "function" ? pairs : { ...pairs };
}

function transferred(given: CopySources, destination: string, options: TransferOptions): TransferStep {
  const all: readonly (string | InlineFile)[] = typeof given === "string" || "data" in given ? [given] : given;
  const { chown = "", chmod, exclude = [] } = options;
  return {
    sources: all.filter((source) => typeof source === "string"),
    files: all.filter((source) => typeof source !== "string"),
    destination,
    chown,
    chmod: typeof chmod === "number" ? modeText(chmod) : (chmod ?? ""),
    exclude: [...exclude],
  };
}
