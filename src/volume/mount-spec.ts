import { isAbsolute, join, normalize, resolve } from "node:path";
import { BerthError } from "../base/errors.ts";

/** How mounts spread between the container and the host. @see mount_namespaces(7) */
export type Propagation = "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";

/** One `-v` or one image `VOLUME`, read. */
export type MountSpec =
  | {
      readonly type: "bind";
      /** Absolute path on the host. */
      readonly source: string;
      /** Absolute path in the container. */
      readonly target: string;
      readonly readonly: boolean;
      readonly propagation: Propagation;
      /** The options as they were written: `inspect` shows them. */
      readonly mode: string;
    }
  | {
      readonly type: "volume";
      /** Name of the volume; undefined for an anonymous one. */
      readonly source: string | undefined;
      readonly target: string;
      readonly readonly: boolean;
      /** An empty new volume gets what the image has at `target`. */
      readonly copyUp: boolean;
      readonly mode: string;
    };

const propagations: ReadonlySet<string> = new Set(["private", "rprivate", "slave", "rslave", "shared", "rshared"]);

/** At most one option of each group may be given. */
const optionGroups: readonly ReadonlySet<string>[] = [
  new Set(["ro", "rw"]),
  new Set(["z", "Z"]),
  propagations,
  new Set(["nocopy"]),
  new Set(["consistent", "cached", "delegated", "default"]),
];

/**
 * Read the grammar of `-v`: `/path`, `name:/path[:options]`, `/host:/path[:options]`. A path alone need not be absolute, and
 * what has no more than two characters is a path.
 *
 * @param cwd where a source that starts with `.` is looked for: the user's directory, on the command line only
 * @throws {BerthError} invalid-argument, with Docker's text
 */
export function parseVolume(text: string, cwd?: string): MountSpec {
  const fields = text.length <= 2 ? [text] : text.split(":");
  if (fields.includes("") || fields.length > 3) throw invalidSpec(text);
  const [source, target, mode] =
    fields.length === 1
      ? [undefined, text === "" ? text : join("/", text), ""]
      : [fields[0], fields[1] ?? "", fields[2] ?? ""];
  if (fields.length === 2 && isMode(target)) throw invalidSpec(text);
  if (!isMode(mode)) throw new BerthError("invalid-argument", `invalid mode: ${mode}`);
  const here = source !== undefined && cwd !== undefined && source.startsWith(".") ? resolve(cwd, source) : source;
  return specOf(text, { source: here, target, mode });
}

interface Fields {
  readonly source: string | undefined;
  readonly target: string;
  readonly mode: string;
}

function specOf(text: string, { source, target, mode }: Fields): MountSpec {
  const options = mode.split(",");
  const propagation = options.find(isPropagation);
  const bind = source !== undefined && isAbsolute(source);
  const type = bind ? "bind" : "volume";
  const wrong = (reason: string): BerthError => invalidSpec(text, `invalid mount config for type "${type}": ${reason}`);
  if (!bind && propagation !== undefined) throw wrong("field BindOptions must not be specified");
  if (bind && options.includes("nocopy")) throw wrong("field VolumeOptions must not be specified");
  if (!isAbsolute(target)) throw wrong(`invalid mount path: '${target}' mount path must be absolute`);
  const common = { target: cleanPath(target), readonly: options.includes("ro"), mode };
  if (common.target === "/") throw wrong("invalid specification: destination can't be '/'");
  if (bind) return { type: "bind", source: cleanPath(source), propagation: propagation ?? "rprivate", ...common };
  return { type: "volume", source, copyUp: !options.includes("nocopy"), ...common };
}

/** True for options that may stand behind the second colon: known ones, and one of a kind. */
function isMode(mode: string): boolean {
  if (mode === "") return true;
  const groups = mode.split(",").map((option) => optionGroups.findIndex((group) => group.has(option)));
  return !groups.includes(-1) && new Set(groups).size === groups.length;
}

function isPropagation(option: string): option is Propagation {
  return propagations.has(option);
}

function invalidSpec(text: string, reason?: string): BerthError {
  const message = `invalid volume specification: '${text}'`;
  return new BerthError("invalid-argument", reason === undefined ? message : `${message}: ${reason}`);
}

/** An absolute path without what leads nowhere: `/a//b/../c/` as `/a/c`. `..` stops at the top. */
export function cleanPath(path: string): string {
  const normal = normalize(join("/", path));
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}
