import type { DeviceRequest } from "../dockerfile/device.ts";
import type { RuleName } from "../dockerfile/rules.ts";
import type { Digest } from "../oci/digest.ts";
import type { HistoryEntry, ImageConfig, RunConfig } from "../oci/image-config.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import type { Entitlements } from "./entitlements.ts";
import type { GraphBuilder, VertexLabel } from "./graph.ts";
import type { StageSource } from "./stages.ts";
import type { GrantedDevices } from "./step-devices.ts";
import type { StepSettings } from "./step-settings.ts";

/** What BuildKit writes into the `comment` of its history entries. */
const historyComment = "buildkit.dockerfile.v0";

/** The PATH of an image that has none. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Arguments that configure the builder and never reach a step. */
export const builderArgs: ReadonlySet<string> = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

/** A line of history, with the vertex that makes its layer when this build makes one. */
export interface LoweredHistory {
  readonly entry: HistoryEntry;
  readonly vertex?: Digest;
}

/** An image as far as it is known before anything ran: everything but layers and times. */
export interface LoweredImage {
  readonly platform: Platform;
  readonly author?: string;
  readonly config: RunConfig;
  readonly history: readonly LoweredHistory[];
}

/** An `ARG` that the stage has declared; it has no value when neither the command line nor a default gives one. */
export interface DeclaredArg {
  readonly name: string;
  readonly value?: string;
}

/** How a stage's steps are named: `[build 2/5] `. */
export interface StepNames {
  /** Empty where the Dockerfile has one stage. */
  readonly stage: string;
  /** What the stage runs on, where a build is for several platforms. */
  readonly platform?: Platform;
  /** Steps of the stage that show in progress. */
  readonly total: number;
  /** Steps that were named so far. */
  readonly used: number;
}

/** A stage up to some instruction. Never changed: each instruction makes a new one. */
export interface StageState {
  /** The vertex whose file system the next step starts from. */
  readonly tip: Digest;
  readonly image: LoweredImage;
  /** What words of the stage expand to, and what `RUN` sees: the image's variables and the stage's arguments. */
  readonly env: ReadonlyMap<string, string>;
  readonly args: readonly DeclaredArg[];
  /** True when this Dockerfile has set `CMD`, so that `ENTRYPOINT` keeps it. */
  readonly cmdSet: boolean;
  /** True when this Dockerfile has set `WORKDIR`, so that a relative one doesn't hang on the base image. */
  readonly workdirSet: boolean;
  /** False where the base image isn't known, and so not all of the variables: no variable can be called undefined. */
  readonly envKnown: boolean;
  readonly names: StepNames;
}

/** What the steps of a stage need to know beside its state. */
export interface StageContext {
  readonly graph: Pick<GraphBuilder, "add">;
  /** The instruction's keyword, as written. */
  readonly keyword: string;
  /** Where the instruction stands, as vertices have it. */
  readonly place: Pick<VertexLabel, "span">;
  /** Values from the command line. */
  readonly buildArgs: ReadonlyMap<string, string>;
  /** `ARG`s before the first `FROM`, and the predefined ones. */
  readonly globalArgs: ReadonlyMap<string, string>;
  /** Network of steps that don't say. */
  readonly network: "default" | "none" | "host";
  /** Whether a step may have the host's network. */
  readonly allowsHostNetwork: boolean;
  /** What steps may be given beyond a plain step; nothing when absent. */
  readonly entitlements?: Entitlements;
  /** The devices that a step gets. Absent where nothing is built: nobody looks which there are. @throws {BerthError} */
  devices?(requests: readonly DeviceRequest[]): GrantedDevices;
  /** What every `RUN` gets; absent where nothing is given. */
  readonly settings?: StepSettings;
  /** The vertex that a step reads from. */
  source(from: StageSource): Digest;
  /** The vertex of the build context. */
  context(): Digest;
  /** True for a path of the build context that the ignore file leaves out. */
  ignores(path: string): boolean;
  /** Tell of something about the instruction that is applied. */
  warn(rule: RuleName, ...values: string[]): void;
}

/** The state right after `FROM` of an image (or of another stage, as an image). */
export function startStage(tip: Digest, image: LoweredImage, names: StepNames): StageState {
  const { config } = image;
  const env = config.Env ?? [];
  const withPath = env.some((pair) => pair.startsWith("PATH=")) ? env : [...env, `PATH=${defaultPath}`];
  const state: StageState = {
    tip,
    image: { ...image, config: { ...config, Env: withPath } },
    env: new Map(withPath.map(splitPair)),
    args: [],
    cmdSet: false,
    workdirSet: false,
    envKnown: true,
    names,
  };
  return state;
}

/** An image config without what a child does not inherit. */
export function loweredImage(base: ImageConfig): LoweredImage {
  const { os, architecture, variant, author, config = {}, history = [] } = base;
  return {
    platform: variant === undefined ? { os, architecture } : { os, architecture, variant },
    ...(author === undefined ? {} : { author }),
    config,
    history: history.map((entry) => ({ entry })),
  };
}

/** The image of `FROM scratch`. */
export function emptyImage(platform: Platform): LoweredImage {
  return { platform, config: { Env: [`PATH=${defaultPath}`], WorkingDir: "/" }, history: [] };
}

/** `KEY=value` in its two parts; the value is empty without a `=`. */
export function splitPair(pair: string): readonly [key: string, value: string] {
  const equals = pair.indexOf("=");
  return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

/** What an `ARG` comes to: what the build gives, or its default, or a value for all stages. @param fallback asked only where it counts */
export function argValue(
  { buildArgs, globalArgs }: Pick<StageContext, "buildArgs" | "globalArgs">,
  name: string,
  fallback: () => string | undefined,
): string | undefined {
  return buildArgs.get(name) ?? fallback() ?? globalArgs.get(name);
}

/** The state with some fields of the image's config replaced. */
export function withConfig(state: StageState, config: Partial<RunConfig>): StageState {
  return { ...state, image: { ...state.image, config: { ...state.image.config, ...config } } };
}

/** The state with a variable set, for words and steps. */
export function withVariable(state: StageState, name: string, value: string): StageState {
  const env = new Map(state.env);
  // A variable that is set again moves to the end, as in BuildKit.
  env.delete(name);
  return { ...state, env: env.set(name, value) };
}

/** The state with a line of history that has no layer. */
export function withHistory(state: StageState, createdBy: string): StageState {
  return addHistory(state, { entry: { created_by: createdBy, comment: historyComment, empty_layer: true } });
}

/** The state with a new tip, and a line of history for its layer. */
export function withLayer(state: StageState, vertex: Digest, createdBy: string): StageState {
  return addHistory({ ...state, tip: vertex }, { entry: { created_by: createdBy, comment: historyComment }, vertex });
}

function addHistory(state: StageState, line: LoweredHistory): StageState {
  return { ...state, image: { ...state.image, history: [...state.image.history, line] } };
}

/** The name of the next step, and the state that has used it up. */
export function nameStep(state: StageState, text: string): readonly [name: string, state: StageState] {
  const { total, used } = state.names;
  if (total === 0) return [text, state];
  const prefix = stepPrefix({ ...state.names, platform: shownPlatform(state) }, used + 1);
  return [`${prefix}${text}`, { ...state, names: { ...state.names, used: used + 1 } }];
}

/** What stands in front of a step: `[linux/amd64 build 2/5] `. @param platform absent in a build for one platform */
export function stepPrefix(
  { stage, total, platform }: Pick<StepNames, "stage" | "total"> & { readonly platform: string | undefined },
  step: number,
): string {
  const words = [platform ?? "", stage, String(step).padStart(String(total).length)].filter((word) => word !== "");
  return `[${words.join(" ")}/${total}] `;
}

/** A stage's platform; one that asks what it builds for names that too, as in BuildKit: `linux/amd64->arm64`. */
function shownPlatform({ names: { platform }, env }: StageState): string | undefined {
  if (platform === undefined) return undefined;
  const own = platformText(platform);
  const whole = env.get("TARGETPLATFORM")?.split("/") ?? [];
  const [os = platform.os, architecture = platform.architecture, variant = ""] = [
    whole[0] ?? env.get("TARGETOS"),
    whole[1] ?? env.get("TARGETARCH"),
    whole[2] ?? env.get("TARGETVARIANT"),
  ];
  const target = [architecture, ...(variant === "" ? [] : [variant])].join("/");
  if (os !== platform.os) return `${own}->${os}/${target}`;
  return architecture === platform.architecture ? own : `${own}->${target}`;
}
