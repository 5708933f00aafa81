import { chmodSync, constants, lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type ByteString, pathOf, textOf } from "./byte-string.ts";

/** Flags to open a file that isn't there yet, for writing; a link in its place is none. */
export const createFlags: number = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * An archive's name as a path relative to the root, `""` for the root itself: no `.`, no `..`, no doubled slash.
 * An absolute name begins at the root.
 *
 * @throws {BerthError} invalid-argument, when `..` leaves the root or the name is too long
 */
export function cleanName(name: ByteString): ByteString {
  if (name.length > limits.name)
    throw new BerthError("invalid-argument", `file name too long: ${textOf(name.slice(0, 80))}…`);
  if (!unclean.test(name)) return name;
  const absolute = name.startsWith("/");
  const parts: ByteString[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined && !absolute) throw breakout(name);
  }
  return parts.join("/");
}

const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** The error of an entry that would land outside. */
function breakout(name: ByteString): BerthError {
  return new BerthError("invalid-argument", `${JSON.stringify(textOf(name))} is outside of the root of the archive`, {
    hint: "The archive tries to write outside of the directory that it is unpacked in.",
  });
}

/** A clean name as the name of its directory and its last component. */
export function splitName(name: ByteString): readonly [ByteString, ByteString] {
  const slash = name.lastIndexOf("/");
  return slash < 0 ? ["", name] : [name.slice(0, slash), name.slice(slash + 1)];
}

/**
 * Directories below a root, found by names that an archive gives. Symbolic links are followed as if the root were `/`,
 * never out of it. Only its user may change what lies below the root, and says so by {@link forget}.
 */
export class RootDirectories {
  readonly #root: ByteString;
  readonly #onMade: (path: ByteString) => void;
  /** Clean name to the directory that it leads to, both relative to the root. */
  readonly #known: Map<ByteString, ByteString> = new Map();
  #links = 0;

  /** @param onMade told the absolute path of each directory that {@link make} made */
  constructor(root: ByteString, onMade: (path: ByteString) => void = () => {}) {
    this.#root = root;
    this.#onMade = onMade;
  }

  /**
   * Absolute path of the directory `name`, made with its parents (mode 0755) where it isn't there.
   *
   * @throws {BerthError} invalid-argument, when something else is in its place, or a loop of links
   */
  make(name: ByteString): ByteString {
    return this.#absolute(this.#resolve(name, true) ?? name);
  }

  /** Absolute path of the directory `name`, or undefined. */
  find(name: ByteString): ByteString | undefined {
    const found = this.#resolve(name, false);
    return found === undefined ? undefined : this.#absolute(found);
  }

  /** Say that something below the root was removed. */
  forget(): void {
    this.#known.clear();
  }

  #absolute(name: ByteString): ByteString {
    return name === "" ? this.#root : `${this.#root}/${name}`;
  }

  #resolve(name: ByteString, make: boolean): ByteString | undefined {
    if (name === "") return "";
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const [parent, last] = splitName(name);
    const above = this.#resolve(parent, make);
    if (above === undefined) return undefined;
    this.#links = 0;
    const found = this.#step(above, last, make);
    if (found !== undefined) this.#known.set(name, found);
    return found;
  }

  #step(from: ByteString, component: ByteString, make: boolean): ByteString | undefined {
    if (component === "" || component === ".") return from;
    if (component === "..") return splitName(from)[0];
    const name = from === "" ? component : `${from}/${component}`;
    const path = pathOf(this.#absolute(name));
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return make ? this.#imply(name) : undefined;
    if (stats.isDirectory()) return name;
    if (!stats.isSymbolicLink()) return this.#notDirectory(name, make);
    return this.#follow(from, readlinkSync(path, "latin1"), make);
  }

  #follow(from: ByteString, target: ByteString, make: boolean): ByteString | undefined {
    if (++this.#links > limits.links) {
      throw new BerthError("invalid-argument", `too many levels of symbolic links: ${textOf(target)}`);
    }
    let at: ByteString | undefined = target.startsWith("/") ? "" : from;
    for (const component of target.split("/")) {
      at = this.#step(at, component, make);
      if (at === undefined) return undefined;
    }
    return at;
  }

  #imply(name: ByteString): ByteString {
    const path = this.#absolute(name);
    mkdirSync(pathOf(path));
    chmodSync(pathOf(path), 0o755);
    this.#onMade(path);
    return name;
  }

  #notDirectory(name: ByteString, make: boolean): undefined {
    if (make) throw new BerthError("invalid-argument", `not a directory: ${textOf(name)}`);
  }
}

/** Tells of absolute paths below `root` whether they are directories with no link on the way. The tree must stay as it is. */
export function realDirectories(root: ByteString): (path: ByteString) => boolean {
  const known = new Map<ByteString, boolean>([[root, true]]);
  const isReal = (path: ByteString): boolean => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const above = isReal(splitName(path)[0]);
    const real = above && lstatSync(pathOf(path), { throwIfNoEntry: false })?.isDirectory() === true;
    known.set(path, real);
    return real;
  };
  return isReal;
}
