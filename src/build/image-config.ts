import type { DiffID, Digest } from "../oci/digest.ts";
import type { HistoryEntry, ImageConfig, RunConfig } from "../oci/image-config.ts";
import type { LoweredImage } from "./stage-state.ts";

/** What solving has found out about an image. */
export interface SolvedImage {
  readonly diffIDs: readonly DiffID[];
  /** When a vertex of this build ran, RFC 3339. */
  createdAt(vertex: Digest): string | undefined;
  /** `--label`. */
  readonly labels: Readonly<Record<string, string>>;
  /** SOURCE_DATE_EPOCH as RFC 3339: the latest time that anything gets. */
  readonly epoch?: string;
  /** The time of an image that has none of its own, RFC 3339. */
  readonly now: string;
}

/**
 * The config of an image that was built, in BuildKit's field order and with its rules for times: a layer has the time
 * that its step ran, every other line the time of a layer beside it, the image that of its last line. A build that
 * finds everything in the cache so makes the same image again.
 */
export function builtImageConfig(image: LoweredImage, solved: SolvedImage): ImageConfig {
  const history = withTimes(image, solved);
  const created = history.findLast((entry) => entry.created !== undefined)?.created ?? solved.epoch ?? solved.now;
  const { architecture, os, variant } = image.platform;
  return {
    architecture,
    ...(image.author === undefined ? {} : { author: image.author }),
    config: runConfig(image.config, solved.labels),
    created,
    history,
    os,
    rootfs: { type: "layers", diff_ids: solved.diffIDs },
    ...(variant === undefined ? {} : { variant }),
  };
}

function withTimes(image: LoweredImage, { createdAt, epoch }: SolvedImage): readonly HistoryEntry[] {
  const times = image.history.map(({ entry, vertex }) =>
    vertex === undefined ? entry.created : clamp(createdAt(vertex), epoch),
  );
  const firstUnknown = times.indexOf(undefined);
  // Metadata before the first new layer gets that layer's time; where none follows, the time of the layer before.
  let near =
    (firstUnknown < 0 ? undefined : times.slice(firstUnknown).find((time) => time !== undefined)) ??
    times.findLast((time) => time !== undefined);
  return image.history.map(({ entry }, index) => {
    const own = times[index];
    if (own !== undefined && firstUnknown >= 0 && index > firstUnknown) near = own;
    const created = own ?? clamp(near, epoch) ?? epoch;
    const { created_by, author, comment, empty_layer } = entry;
    return {
      ...(created === undefined ? {} : { created }),
      ...(created_by === undefined ? {} : { created_by }),
      ...(author === undefined ? {} : { author }),
      ...(comment === undefined ? {} : { comment }),
      ...(empty_layer === true ? { empty_layer } : {}),
    };
  });
}

/** Fields in the order of Docker's image specification; what is empty is left out. */
function runConfig(config: RunConfig, labels: Readonly<Record<string, string>>): RunConfig {
  const Labels = Object.fromEntries(
    Object.entries({ ...config.Labels, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const fields: readonly (keyof RunConfig)[] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "Shell",
  ];
  const all = { ...config, Labels };
  return Object.fromEntries(fields.filter((field) => !isEmpty(all[field])).map((field) => [field, all[field]]));
}

function isEmpty(value: RunConfig[keyof RunConfig]): boolean {
  if (value === undefined || value === "" || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** The earlier of a time and the limit. */
function clamp(time: string | undefined, limit: string | undefined): string | undefined {
  if (time === undefined || limit === undefined) return time;
  return Date.parse(time) > Date.parse(limit) ? limit : time;
}
