import type { Digest } from "../oci/digest.ts";
import type { Endpoint } from "./endpoint.ts";

/** Which servers gave bytes of which blob, and whose were wrong: a mirror may have other bytes than the registry that it stands for. */
export interface Givers {
  /** Say that a server gave some of a blob. */
  gave(digest: Digest, server: Endpoint): void;
  /** Whether a server hasn't given wrong bytes of a blob. */
  isTrusted(digest: Digest, server: Endpoint): boolean;
  /**
   * Say that what came of a blob was wrong, of whichever of its givers.
   *
   * @param servers those that can be done without
   * @returns true where one of these was among the givers: another is asked the next time
   */
  distrust(digest: Digest, servers: readonly Endpoint[]): boolean;
}

/** For as long as the registries are open. */
export function openGivers(): Givers {
  const givers = new Map<Digest, Set<Endpoint>>();
  const wrong = new Map<Digest, Set<Endpoint>>();
  return {
    gave: (digest, server) => void setIn(givers, digest).add(server),
    isTrusted: (digest, server) => wrong.get(digest)?.has(server) !== true,
    distrust: (digest, servers) => {
      const found = servers.filter((server) => givers.get(digest)?.has(server) === true);
      for (const server of found) setIn(wrong, digest).add(server);
      givers.delete(digest);
      return found.length > 0;
    },
  };
}

function setIn(sets: Map<Digest, Set<Endpoint>>, digest: Digest): Set<Endpoint> {
  const set = sets.get(digest) ?? new Set();
  sets.set(digest, set);
  return set;
}
