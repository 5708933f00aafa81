import { statSync } from "node:fs";
import { resolve } from "node:path";
import { BerthError } from "../base/errors.ts";
import { familiar, parseReference, withDefaultTag } from "../oci/reference.ts";
import { parseGitReference } from "./git-reference.ts";
import type { GitOp, HttpOp } from "./graph.ts";
import { layoutPrefix } from "./layout-reference.ts";
import { withoutCredentials } from "./redact.ts";

/** What a name of `FROM` and `--from` stands for, whatever the Dockerfile or a registry has under it. */
export type NamedContext =
  | { readonly kind: "local"; readonly name: string; readonly directory: string }
  | { readonly kind: "image"; readonly reference: string }
  | { readonly kind: "fetched"; readonly name: string; readonly address: string; readonly op: GitOp | HttpOp };

/** By {@link contextName}. */
export type NamedContexts = ReadonlyMap<string, NamedContext>;

/**
 * Read `--build-context`s: a directory, `docker-image://REFERENCE`, `oci-layout://PATH[:TAG][@DIGEST]`, a git repository, or an http or https address, which gives the
 * file `context`; or one of the results of other builds.
 *
 * @throws {BerthError} invalid-argument, for a name that none can have; not-found, without the directory; unimplemented, for a source
 *   that berth doesn't read yet
 */
export function parseContexts(
  given: Readonly<Record<string, string>>,
  links: ReadonlyMap<string, unknown> = new Map(),
): NamedContexts {
  return new Map(
    Object.entries(given).map(([name, value]) => {
      const known = contextName(name);
      if (known === undefined) throw new BerthError("invalid-argument", `invalid context name ${name}`);
      const linked = links.has(value) ? ({ kind: "image", reference: value } as const) : undefined;
      return [known, linked ?? contextOf(known, value)] as const;
    }),
  );
}

/** The name that a context has: an image's without the default registry and tag. Undefined for what can be none. */
export function contextName(text: string): string | undefined {
  try {
    return familiar(withDefaultTag(parseReference(text))).replace(/:latest$/, "");
  } catch (error) {
    if (error instanceof BerthError) return undefined;
    throw error;
  }
}

function contextOf(name: string, value: string): NamedContext {
  const image = /^docker-image:\/\/(.*)$/.exec(value)?.[1];
  if (image !== undefined) return { kind: "image", reference: image };
  if (value.startsWith(layoutPrefix)) return { kind: "image", reference: value };
  const directory = resolve(value);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return { kind: "local", name, directory };
  const op = fetched(value);
  if (op !== undefined) return { kind: "fetched", name, address: withoutCredentials(value), op };
  const scheme = /^(target|input):/.exec(value)?.[1];
  if (scheme === undefined)
    throw new BerthError("not-found", `failed to get build context ${name}: stat ${value}: no such file or directory`);
  throw new BerthError("unimplemented", `the build context ${name}=${value} is of a kind that berth doesn't read yet`, {
    hint: "Give a directory, docker-image://NAME or oci-layout://PATH for an image, or the address of a repository or a file.",
  });
}

/** A repository; or a file, as BuildKit calls it. */
function fetched(value: string): GitOp | HttpOp | undefined {
  const git = parseGitReference(value);
  if (git !== undefined) {
    const { isLikePath: _, ...reference } = git;
    return { kind: "git", ...reference };
  }
  return /^https?:\/\//.test(value) && URL.canParse(value) ? { kind: "http", url: value, name: "context" } : undefined;
}
