import { BerthError } from "../base/errors.ts";
import { digestOf, isDigest } from "../oci/digest.ts";
import { familiar, familiarRepository, fullName, type Reference } from "../oci/reference.ts";
import { blobExists, readBlobFrom, sizeOfBlob } from "./blobs.ts";
import type { Givers } from "./givers.ts";
import {
  fetchManifest,
  manifestExists,
  OldManifest,
  removeManifest,
  resolveManifest,
  sendManifest,
} from "./manifests.ts";
import type { Spare } from "./ranges.ts";
import { listInStandIn, listReferrers, subjectOf } from "./referrers.ts";
import { RegistryError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import type { Source } from "./source.ts";
import { listTags } from "./tags.ts";
import { uploadBlob } from "./uploads.ts";

/** What a repository is made of. */
export interface RepositoryParts {
  readonly name: Pick<Reference, "domain" | "path">;
  readonly maxAttempts: number;
  /** The mirrors, as far as they are of use. */
  readonly mirrors: () => readonly Source[];
  /** The registry itself. */
  readonly own: () => Promise<Source>;
  /** Which servers gave which blobs. */
  readonly givers: Givers;
  /** What large blobs that come slowly are fetched over. */
  readonly spare: Spare;
}

/** Put the parts of the protocol together for one repository. */
export function openRepository({ name, maxAttempts, mirrors, own, givers, spare }: RepositoryParts): Repository {
  let last: Source | undefined;
  const self = async (): Promise<Source> => {
    last = await own();
    return last;
  };
  const mirrorsUp = (): readonly Source[] => mirrors().filter(({ endpoint }) => !endpoint.isDown());
  /** Ask the mirrors one after the other, then the registry itself; its error is the one that counts, and so is its `undefined`. */
  const read = async <T>(ask: (source: Source) => Promise<T>): Promise<T> => {
    for (const mirror of mirrorsUp()) {
      try {
        const answer = await ask(mirror);
        if (answer === undefined) continue;
        last = mirror;
        return answer;
      } catch (error) {
        if (!(error instanceof BerthError)) throw error;
      }
    }
    return await ask(await self());
  };
  const pulled = <T>(tagOrDigest: string, ask: (source: Source) => Promise<T>): Promise<T> =>
    inDockersWords({ ...name, ...part(tagOrDigest) }, () => read(ask));
  return {
    manifest: (tagOrDigest, operation) => pulled(tagOrDigest, (each) => fetchManifest(each, tagOrDigest, operation)),
    resolve: (tagOrDigest, operation) => pulled(tagOrDigest, (each) => resolveManifest(each, tagOrDigest, operation)),
    async *blob(blob, { offset = 0, end = blob.size, fleeting = false, partOnly = false, signal } = {}) {
      const { digest, size } = blob;
      const trusted = mirrorsUp().filter(({ endpoint }) => givers.isTrusted(digest, endpoint));
      const servers = [...trusted.map((mirror) => () => Promise.resolve(mirror)), self];
      const onGiver = ({ endpoint }: Source): void => givers.gave(digest, endpoint);
      const range = { blob, offset, end: Math.min(end, size), fleeting, partOnly };
      yield* readBlobFrom(servers, { ...range, maxAttempts, signal, spare, onGiver });
    },
    distrust: (digest) => {
      const endpoints = mirrors().map(({ endpoint }) => endpoint);
      return givers.distrust(digest, endpoints);
    },
    hasBlob: async (digest, operation) => await blobExists(await self(), digest, operation),
    hasManifest: async (digest, operation) => await manifestExists(await self(), digest, operation),
    blobSize: (digest, operation) => pulled(digest, (each) => sizeOfBlob(each, digest, operation)),
    upload: async (blob, operation) => await uploadBlob(await self(), blob, { ...operation, maxAttempts }),
    putManifest: async (tagOrDigest, manifest, operation) => {
      const source = await self();
      // What is changed on its way is found before the tag leads to it.
      if (!isDigest(tagOrDigest))
        await sendManifest(source, { tagOrDigest: digestOf(manifest.bytes), ...manifest }, operation);
      const { knowsSubject } = await sendManifest(source, { tagOrDigest, ...manifest }, operation);
      const subject = subjectOf(manifest.bytes);
      if (subject !== undefined && !knowsSubject) await listInStandIn(source, { subject, manifest }, operation);
    },
    deleteManifest: async (digest, operation) => await removeManifest(await self(), digest, operation),
    async *tags(operation) {
      yield* listTags(await self(), operation);
    },
    referrers: async (digest, options) => (await pulled(digest, (each) => listReferrers(each, digest, options))) ?? [],
    rateLimit: () => last?.endpoint.rateLimit(),
  };
}

function part(tagOrDigest: string): Pick<Reference, "tag" | "digest"> {
  return tagOrDigest.includes(":") ? { digest: tagOrDigest } : { tag: tagOrDigest };
}

async function inDockersWords<T>(reference: Reference, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw pullError(reference, error);
  }
}

/** What Docker makes of a registry's answer when it pulls. @see moby daemon/internal/distribution/errors.go */
function pullError(reference: Reference, error: unknown): unknown {
  if (error instanceof OldManifest) return new OldManifest(fullName(reference));
  if (!(error instanceof RegistryError)) return error;
  const { first: said = error.message, code, bare } = error.facts;
  const notFound = (what: string): BerthError =>
    new BerthError("not-found", `${what} not found: ${said}`, { cause: error });
  const translated = bare === true ? undefined : code;
  if (translated === "DENIED") return denied(reference, said, { cause: error, hint: error.hint });
  if (translated === "MANIFEST_UNKNOWN") return notFound(`manifest for ${familiar(reference)}`);
  if (translated === "NAME_UNKNOWN") return notFound(`repository ${familiarRepository(reference)}`);
  // Of several errors, the first one counts.
  return new RegistryError(error.kind, said, { ...error.facts, cause: error });
}

/** Docker's text for a repository that isn't there for this user. */
export function denied(
  name: Reference,
  said: string,
  details: { readonly cause?: unknown; readonly hint?: string | undefined },
): BerthError {
  const what = `pull access denied for ${familiarRepository(name)}, repository does not exist or may require 'docker login'`;
  const { cause, hint } = details;
  return new BerthError("not-found", `${what}: ${said}`, { cause, ...(hint === undefined ? {} : { hint }) });
}
