import type { Endpoint } from "./endpoint.ts";

/** A repository on one server. */
export interface Source {
  readonly endpoint: Endpoint;
  /** `library/busybox` */
  readonly path: string;
}

/** The status of what isn't there. */
export function isMissing(status: number): boolean {
  return status === 404;
}

/** What a token has to allow. @see distribution, token authentication: scope */
export function scopeOf(path: string, actions: "pull" | "pull,push" | "delete"): string {
  return `repository:${path}:${actions}`;
}
