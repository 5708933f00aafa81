import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import { jsonIn } from "../oci/image-index.ts";
import type { HttpResponse } from "../registry/connection.ts";
import { type Cloud, rangeReader, refused, smallBody } from "./cloud.ts";
import { type ObjectFile, type ObjectStore, objectOf } from "./object-store.ts";

/** Where a cache is in GitHub's: names as BuildKit's attributes. @see BuildKit cache/remotecache/gha/gha.go */
export interface GitHubPlace {
  readonly type: "gha";
  /** Of the cache; not the branch's. */
  readonly scope: string;
  /** Of the service, version 2. */
  readonly url: string;
  /** What a job gets to ask the service. */
  readonly token: string;
}

/** Every entry has this version: there is one kind of them. @see go-actions-cache cache.go */
const entryVersion = hexOf(digestOf("|go-actionscache-1.0"));

/** Bytes of an answer that is looked at. */
const answerSize = 32 << 10;

/** Bytes that go with one request, and are held by the service as one block. */
const blockSize = 64 << 20;

/** How often the config is written under another number, where others write theirs. */
const mostTries = 20;

/** GitHub's cache, in the version 2 of its protocol. @throws {BerthError} invalid-argument, for a token that says nothing of branches */
export function githubStore(place: GitHubPlace, cloud: Cloud): ObjectStore {
  const service = new Service(place, cloud);
  const scopes = scopesIn(place.token);
  const writable = scopes.findLast(({ permission }) => (permission & 2) !== 0)?.scope ?? "";
  const indexKey = (branch: string): string => `index-${place.scope}-1-${hexOf(digestOf(branch)).slice(0, 8)}`;
  const blobKey = (digest: string): string => `buildkit-blob-1-${digest}`;
  return {
    most: 4,
    reader: rangeReader(async (digest, offset, signal) => {
      const entry = await service.find(blobKey(digest), signal);
      if (entry === undefined) throw new BerthError("not-found", `blob ${digest} is not in the cache any more`);
      return await service.download(entry.url, offset, signal);
    }),
    hasBlob: async (digest, { signal }) => (await service.find(blobKey(digest), signal)) !== undefined,
    putBlob: async (digest, file, operation) => {
      // Who writes the same at the same time writes the same bytes.
      await service.save(blobKey(digest), file, operation);
    },
    configs: async ({ signal }) => {
      const found: Buffer[] = [];
      for (const { scope } of scopes) {
        const entry = await service.find(`${indexKey(scope)}#`, signal);
        if (entry === undefined) continue;
        const response = await service.download(entry.url, 0, signal);
        if (response.status !== 200) throw refused(response, "GET");
        found.push(await smallBody(response, limits.json));
      }
      return found;
    },
    putConfig: async (bytes, operation) => {
      const key = `${indexKey(writable)}#`;
      const last = await service.find(key, operation.signal);
      const number = Number(last?.key.slice(key.length) ?? 0);
      if (!Number.isSafeInteger(number)) throw new BerthError("unavailable", `corrupt index for ${key}`);
      for (let next = number + 1; next <= number + mostTries; next++)
        if (await service.save(`${key}${next}`, objectOf(bytes), operation)) return;
      throw new BerthError("unavailable", `${key} is written by others all the time`);
    },
  };
}

/** The branches that a token is for, with 1 for reading and 2 for writing: a claim in it, which the service checks. */
function scopesIn(token: string): readonly { readonly scope: string; readonly permission: number }[] {
  const claims = jsonIn(Buffer.from(token.split(".")[1] ?? "", "base64url"));
  const text = typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>)["ac"] : undefined;
  const list = typeof text === "string" ? jsonIn(Buffer.from(text)) : undefined;
  if (!Array.isArray(list)) throw new BerthError("invalid-argument", "invalid token without access controls");
  return list.flatMap((each: unknown) => {
    const { Scope: scope, Permission: permission } = (each ?? {}) as Record<string, unknown>;
    return typeof scope === "string" && typeof permission === "number" ? [{ scope, permission }] : [];
  });
}

/** The calls of the service. @see GitHub actions/toolkit, packages/cache */
class Service {
  readonly #place: GitHubPlace;
  readonly #cloud: Cloud;

  constructor(place: GitHubPlace, cloud: Cloud) {
    this.#place = place;
    this.#cloud = cloud;
  }

  /** The newest entry whose key begins so. */
  async find(
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly key: string; readonly url: URL } | undefined> {
    const asked = { key, restore_keys: [key], version: entryVersion };
    const answer = await this.#call("GetCacheEntryDownloadURL", asked, { signal });
    const { signed_download_url: url, matched_key: matched } = answer ?? {};
    if (answer?.["ok"] !== true || typeof url !== "string" || typeof matched !== "string") return undefined;
    return URL.canParse(url) ? { key: matched, url: new URL(url) } : undefined;
  }

  download(url: URL, offset: number, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const headers: Readonly<Record<string, string>> = offset === 0 ? {} : { Range: `bytes=${offset}-` };
    return this.#cloud.send({ method: "GET", url, headers, signal });
  }

  /** @returns false, where somebody has written the key, or is about to */
  async save(key: string, file: ObjectFile, { signal }: Operation): Promise<boolean> {
    const created = await this.#call("CreateCacheEntry", { key, version: entryVersion }, { signal, isTaken: true });
    const url = created?.["signed_upload_url"];
    if (created?.["ok"] !== true || typeof url !== "string" || !URL.canParse(url)) return false;
    await this.#upload(new URL(url), file, signal);
    const finished = { key, version: entryVersion, size_bytes: file.size };
    const done = await this.#call("FinalizeCacheEntryUpload", finished, { signal });
    if (done?.["ok"] !== true) throw new BerthError("unavailable", "failed to commit cache");
    return true;
  }

  /** Blocks, and then the list of them. @see Azure Storage, "Put Block" and "Put Block List" */
  async #upload(url: URL, file: ObjectFile, signal: AbortSignal | undefined): Promise<void> {
    const blocks: string[] = [];
    for (let at = 0; at < file.size; at += blockSize) {
      const id = Buffer.from(String(blocks.length).padStart(8, "0")).toString("base64");
      const end = Math.min(at + blockSize, file.size);
      const part = { size: end - at, open: () => file.open(at, end) };
      await this.#put(withQuery(url, { comp: "block", blockid: id }), part, signal);
      blocks.push(id);
    }
    const list = `<?xml version="1.0" encoding="utf-8"?><BlockList>${blocks.map((id) => `<Latest>${id}</Latest>`).join("")}</BlockList>`;
    await this.#put(withQuery(url, { comp: "blocklist" }), objectOf(Buffer.from(list)), signal);
  }

  async #put(url: URL, file: ObjectFile, signal: AbortSignal | undefined): Promise<void> {
    const body = () => ({ bytes: file.open(), length: file.size });
    const response = await this.#cloud.send({ method: "PUT", url, body, signal });
    response.discard();
    if (response.status !== 201) throw refused(response, "PUT");
  }

  /** @returns undefined, where there is no such entry, or where it is taken and may be */
  async #call(
    method: string,
    value: object,
    { signal, isTaken = false }: { readonly signal: AbortSignal | undefined; readonly isTaken?: boolean },
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const base = this.#place.url.replace(/\/+$/, "");
    const bytes = Buffer.from(JSON.stringify(value));
    const response = await this.#cloud.send({
      method: "POST",
      url: new URL(`${base}/twirp/github.actions.results.api.v1.CacheService/${method}`),
      headers: { Authorization: `Bearer ${this.#place.token}`, "Content-Type": "application/json" },
      body: () => ({ bytes: objectOf(bytes).open(), length: bytes.length }),
      signal,
    });
    if (response.status === 404 || (isTaken && response.status === 409)) {
      response.discard();
      return undefined;
    }
    if (response.status !== 200) {
      response.discard();
      throw refused(response, "POST");
    }
    const answer = jsonIn(await smallBody(response, answerSize));
    return typeof answer === "object" && answer !== null ? (answer as Readonly<Record<string, unknown>>) : undefined;
  }
}

function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const made = new URL(url);
  for (const [name, value] of Object.entries(query)) made.searchParams.set(name, value);
  return made;
}
