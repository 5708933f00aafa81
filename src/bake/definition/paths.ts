import { normalize } from "node:path/posix";

/** True for an address that a context, a Dockerfile or a definition may be fetched from. */
export function isRemote(path: string): boolean {
  return /^(https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(path);
}

/** A context as it is built from: without what is needless in a path, and without the mark of the working directory. */
export function cleanContext(context: string): string {
  const local = /^cwd:\/\/(.*)$/s.exec(context)?.[1];
  if (local === undefined && isRemote(context)) return context;
  return cleanPath(local ?? context);
}

/** As Go's path.Clean. */
export function cleanPath(path: string): string {
  const clean = normalize(path === "" ? "." : path);
  return clean.length > 1 ? clean.replace(/\/+$/, "") : clean;
}
