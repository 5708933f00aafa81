import { readlinkSync } from "node:fs";
import { type ByteString, pathOf, textOf } from "../archive/byte-string.ts";
import { childOf } from "../archive/walk.ts";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { LayerStack } from "./layer-stack.ts";

/**
 * `path` relative to the root, every symlink in it resolved but one in the last place; `..` there is a way, not a name.
 *
 * @throws {BerthError} invalid-argument, when it leads through more than 255 links
 */
export function resolveParents(stack: LayerStack, path: ByteString): ByteString {
  const components = path.split("/").filter((component) => component !== "" && component !== ".");
  const last = components.at(-1);
  if (last === undefined || last === "..") return resolve(stack, components.join("/"));
  return childOf(resolve(stack, components.slice(0, -1).join("/")), last);
}

/**
 * `path` relative to the root, every symlink in it resolved as if the root were `/`: `..` in it stays there.
 *
 * @throws {BerthError} invalid-argument, when it leads through more than 255 links
 */
export function resolve(stack: LayerStack, path: ByteString): ByteString {
  let at: ByteString = "";
  const rest = path.split("/").reverse();
  for (let links = 0; rest.length > 0; ) {
    const component = rest.pop() ?? "";
    if (component === "" || component === ".") continue;
    if (component === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const next = childOf(at, component);
    const file = stack.find(next);
    if (file?.stats.isSymbolicLink() !== true) {
      at = next;
      continue;
    }
    if (++links > limits.links)
      throw new BerthError("invalid-argument", `too many links in /${textOf(path).replace(/^\/+/, "")}`);
    const target = readlinkSync(pathOf(file.source), "latin1");
    if (target.startsWith("/")) at = "";
    rest.push(...target.split("/").reverse());
  }
  return at;
}
