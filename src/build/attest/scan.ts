import { resolve } from "node:path/posix";
import { BerthError, messageOf } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { platformText } from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import { type ExecOp, type Graph, GraphBuilder, type StepMount } from "../graph.ts";
import type { PlatformTarget } from "../lower-platforms.ts";
import type { BaseImage } from "../resolve-stages.ts";
import { loweredImage, type StageState, startStage } from "../stage-state.ts";
import { stageName } from "../stages.ts";
import type { SbomGenerator } from "./options.ts";
import { scanResults } from "./scan-results.ts";

// A generator is an image whose command lists what is in file systems that it is shown. To a build it is one more step.
// @see BuildKit, docs/attestations/sbom-protocol.md

const sources = "/run/src";
/** What the file system of the target is called there, with `-` and a name that of another stage. */
const coreName = "sbom";

/** Steps that scan targets. */
export interface Scans {
  readonly generator: BaseImage;
  readonly graph: Graph;
  /** What each target's generator leaves, below {@link scanResults}. */
  readonly vertices: ReadonlyMap<PlatformTarget["lowered"], Digest>;
}

/** How targets are scanned. */
export interface ScanOptions extends SbomGenerator {
  readonly network: ExecOp["network"];
  /** Looks an image up, by its name. */
  readonly find: (name: string) => Promise<BaseImage>;
}

/**
 * The steps that run a generator on targets.
 *
 * @throws {BerthError} invalid-argument, for an image that has no command or a name that is none; as `find`
 */
export async function scansOf(targets: readonly PlatformTarget[], options: ScanOptions): Promise<Scans> {
  const { find, generator: name, ...others } = options;
  checkName(name);
  const generator = await find(name);
  const builder = new GraphBuilder();
  const scan = { ...others, image: generator };
  const vertices = new Map(targets.map((target) => [target.lowered, scanOf(builder, target, scan)]));
  return { generator, graph: builder.graph, vertices };
}

/** In BuildKit's words. */
function checkName(name: string): void {
  try {
    parseReference(name);
  } catch (error) {
    const message = `failed to parse sbom generator ${name}: ${messageOf(error)}`;
    throw new BerthError("invalid-argument", message, { cause: error });
  }
}

/** A generator whose image is known. */
interface Scanner extends Pick<ScanOptions, "parameters" | "network"> {
  readonly image: BaseImage;
}

function scanOf(builder: GraphBuilder, { platform, lowered }: PlatformTarget, scanner: Scanner): Digest {
  const { id: imageID, chainID, name } = scanner.image;
  const generator = builder.add({ kind: "image", imageID, chainID }, [], { name: `docker-image://${name}` });
  const place = builder.add({ kind: "mkdir", path: scanResults, user: "" }, [generator], {
    name: `[sbom] make ${scanResults}`,
  });
  const others = othersOf(builder, lowered);
  const { noCache } = lowered.graph.get(lowered.output) ?? {};
  return builder.add(scanOp(scanner, [...others.keys()]), [place, lowered.output, ...others.values()], {
    name: `[${platformText(platform)}] generating sbom using ${name}`,
    ...(noCache === undefined ? {} : { noCache }),
  });
}

/** The image's command as a step. @param others what it is shown beside the target, in the order of the step's inputs */
function scanOp({ image, parameters = {}, network }: Scanner, others: readonly string[]): ExecOp {
  const { config = {} } = image.config;
  const { Entrypoint, Cmd, WorkingDir = "" } = config;
  const args = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  if (args.length === 0) throw new BerthError("invalid-argument", `scanner ${image.name} does not have cmd`);
  const { env } = startStage(image.id, loweredImage(image.config), { stage: "", total: 0, used: 0 });
  const variables = {
    ...Object.fromEntries(env),
    BUILDKIT_SCAN_DESTINATION: `${scanResults}/`,
    BUILDKIT_SCAN_SOURCE: `${sources}/core/${coreName}`,
    ...(others.length === 0 ? {} : { BUILDKIT_SCAN_SOURCE_EXTRAS: `${sources}/extras` }),
    ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [`BUILDKIT_SCAN_${name}`, value])),
  };
  const targets = [`core/${coreName}`, ...others.map((name) => `extras/${coreName}-${name}`)];
  return {
    kind: "exec",
    args,
    env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    cwd: resolve("/", WorkingDir),
    user: "",
    network,
    mounts: [{ type: "tmpfs", target: "/tmp" }, ...targets.map((name, place) => shown(name, place + 1))],
    scripts: [],
  };
}

function shown(name: string, input: number): StepMount {
  return { type: "bind", input, source: "/", target: `${sources}/${name}`, readonly: true };
}

/** Other stages that the target is made of, and the context, where a stage's arguments or those for all stages ask for them. */
function othersOf(builder: GraphBuilder, lowered: PlatformTarget["lowered"]): ReadonlyMap<string, Digest> {
  const { plan, stages } = lowered;
  const isAsked = (name: string, stage: Pick<StageState, "args"> | undefined, own: string): boolean => {
    const declared = stage?.args.findLast((arg) => arg.name === name && arg.value !== undefined);
    return isEnabled(declared?.value ?? plan.args.get(name) ?? "", own);
  };
  const others = new Map<string, Digest>();
  if (isAsked("BUILDKIT_SBOM_SCAN_CONTEXT", stages.get(plan.target), stageName(plan.target)))
    others.set("context", usedContext(builder, lowered));
  for (const [planned, stage] of stages) {
    const own = stageName(planned);
    if (planned !== plan.target && isAsked("BUILDKIT_SBOM_SCAN_STAGE", stage, own)) others.set(own, stage.tip);
  }
  return others;
}

/** `true`, `false`, or the names of stages with commas between them. */
function isEnabled(value: string, stage: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  return !/^(?:0|f|F|FALSE|false|False)$/.test(value) && value.split(",").includes(stage);
}

/** What the target takes of the context; all of it where that is nothing. */
function usedContext(builder: GraphBuilder, { graph }: PlatformTarget["lowered"]): Digest {
  const context = builder.add({ kind: "context" }, [], { name: "[internal] load build context" });
  const used = [...graph.values()].flatMap(({ op, inputs }) => {
    const isRead = (input: number): boolean => inputs[input] === context;
    if (op.kind === "exec")
      return op.mounts.flatMap((mount) => (mount.type === "bind" && isRead(mount.input) ? mount.source : []));
    if (op.kind !== "copy") return [];
    return op.sources.filter((_source, place) => isRead(op.origins?.[place]?.input ?? 1));
  });
  const isWhole = used.length === 0 || used.some((path) => resolve(path) === "/");
  const copied = { kind: "copy", inline: [], destination: "/", parents: !isWhole, exclude: [], unpack: false } as const;
  const nothing = builder.add({ kind: "scratch" }, [], { name: "" });
  const paths = isWhole ? ["/"] : [...new Set(used)].toSorted();
  return builder.add({ ...copied, sources: paths }, [nothing, context], {
    name: "[sbom] copy what is used of the context",
  });
}
