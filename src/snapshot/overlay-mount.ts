import { relative } from "node:path";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Mount } from "../host/mount.ts";

/** What mount(2) takes: a page, less the final NUL. */
const optionsLimit = 4095;

/** The error of a layer above as many as can be mounted. */
export function tooDeep(layers: number): BerthError {
  return new BerthError("failed-precondition", `max depth exceeded: ${layers} layers, at most ${limits.layers}`, {
    hint: "Join RUN and COPY instructions, or export a container's file system and import that: it has one layer.",
  });
}

/** Where the directories of an overlay lie, absolute; one that is only read has no place to work. */
export interface OverlayPaths {
  /** The topmost first. */
  readonly lower: readonly string[];
  readonly upper?: string;
  readonly work?: string;
}

/** The directories of one overlay that can be written. */
export interface OverlayParts extends Required<OverlayPaths> {
  /** Directory that the layers are in. */
  readonly directory: string;
  /** True where what it notes in files has names that users may set. False when absent. */
  readonly userXattrs?: boolean;
}

/**
 * The mount that shows an upper directory over layers; a bind mount where there is no layer. Paths are relative to the
 * layers' directory, so that many fit.
 *
 * Features by which the upper directory says things that no reader but the kernel understands are off.
 *
 * @throws {BerthError} failed-precondition, when there are too many layers for one mount
 */
export function overlayMount({ directory, lower, upper, work, userXattrs = false }: OverlayParts): Mount {
  if (lower.length === 0) return { type: "bind", source: upper, options: ["bind"] };
  const names = lower.map((path) => relative(directory, path));
  const options = [
    `lowerdir=${names.join(":")}`,
    `upperdir=${relative(directory, upper)}`,
    `workdir=${relative(directory, work)}`,
    "metacopy=off",
    // With attributes of users the kernel has no redirects, and takes no word about them.
    userXattrs ? "userxattr" : "redirect_dir=off",
    "index=off",
  ];
  if (lower.length > limits.layers + 1 || options.join(",").length > optionsLimit) {
    throw new BerthError("failed-precondition", "max depth exceeded", {
      hint: `${lower.length} layers don't fit one mount: squash the image, or join RUN instructions.`,
    });
  }
  return { type: "overlay", source: "overlay", options, cwd: directory };
}
