import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import type { HttpResponse } from "../registry/connection.ts";
import { type Cloud, rangeReader, refused, smallBody } from "./cloud.ts";
import { type ObjectFile, type ObjectStore, objectOf } from "./object-store.ts";
import { encoded, type S3Identity, signed } from "./s3-sign.ts";

/** Where a cache is in a store that speaks S3: names as BuildKit's attributes. @see BuildKit cache/remotecache/s3/s3.go */
export interface S3Place extends S3Identity {
  readonly type: "s3";
  readonly bucket: string;
  readonly prefix: string;
  readonly manifestsPrefix: string;
  readonly blobsPrefix: string;
  /** At least one; the first one is read, all are written. */
  readonly names: readonly string[];
  /** Milliseconds after which a blob that is there is made young again, for stores that delete what is old. */
  readonly touchRefresh: number;
  /** Amazon's when absent. */
  readonly endpoint?: string;
  /** The bucket is part of the path, and not of the host's name. */
  readonly usePathStyle: boolean;
  readonly parallelism: number;
}

/** Bytes that one request writes at most. */
const largestObject = 5 * 2 ** 30;

/** Bodies aren't signed: layers are known by their digests. */
const unsigned = "UNSIGNED-PAYLOAD";

interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly file?: ObjectFile;
  readonly signal?: AbortSignal | undefined;
}

/** A store that speaks S3. @throws {BerthError} as `Cloud.send`; permission-denied */
export function s3Store(place: S3Place, cloud: Cloud): ObjectStore {
  const { prefix, blobsPrefix, manifestsPrefix, names } = place;
  const blobKey = (digest: string): string => `${prefix}${blobsPrefix}${digest}`;
  const send = (method: string, key: string, { headers = {}, file, signal }: Ask): Promise<HttpResponse> => {
    const url = urlOf(place, key);
    const body = file && (() => ({ bytes: file.open(), length: file.size }));
    return cloud.send({
      method,
      url,
      headers: signed({ method, url, headers, payload: unsigned }, place),
      ...(body === undefined ? {} : { body }),
      signal,
    });
  };
  const put = async (key: string, ask: Ask): Promise<void> => {
    const response = await send("PUT", key, ask);
    response.discard();
    if (response.status !== 200) throw refused(response, "PUT");
  };
  const touch = (key: string, { signal }: Operation): Promise<void> =>
    put(key, {
      headers: {
        "x-amz-copy-source": encodedPath(`/${place.bucket}/${key}`),
        "x-amz-metadata-directive": "REPLACE",
        "x-amz-meta-updated-at": new Date().toISOString(),
      },
      signal,
    });
  return {
    most: place.parallelism,
    reader: rangeReader((digest, offset, signal) =>
      send("GET", blobKey(digest), { headers: offset === 0 ? {} : { range: `bytes=${offset}-` }, signal }),
    ),
    hasBlob: async (digest, operation) => {
      const response = await send("HEAD", blobKey(digest), operation);
      response.discard();
      if (response.status === 404) return false;
      if (response.status !== 200) throw refused(response, "HEAD");
      const age = Date.now() - Date.parse(response.headers["last-modified"] ?? "");
      if (age > place.touchRefresh) await touch(blobKey(digest), operation);
      return true;
    },
    putBlob: async (digest, file, { signal }) => {
      if (file.size > largestObject)
        throw new BerthError("failed-precondition", `blob ${digest} is larger than ${largestObject} bytes`);
      await put(blobKey(digest), { file, signal });
    },
    configs: async (operation) => {
      const [name = ""] = names;
      const response = await send("GET", `${prefix}${manifestsPrefix}${name}`, operation);
      if (response.status === 200) return [await smallBody(response, limits.json)];
      response.discard();
      if (response.status === 404) return [];
      throw refused(response, "GET");
    },
    putConfig: async (bytes, { signal }) => {
      for (const name of names) await put(`${prefix}${manifestsPrefix}${name}`, { file: objectOf(bytes), signal });
    },
  };
}

function urlOf({ endpoint, bucket, region, usePathStyle }: S3Place, key: string): URL {
  const base = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  const root = base.pathname.replace(/\/$/, "");
  if (!usePathStyle || endpoint === undefined) base.hostname = `${bucket}.${base.hostname}`;
  const path = usePathStyle && endpoint !== undefined ? `/${bucket}/${key}` : `/${key}`;
  base.pathname = `${root}${encodedPath(path)}`;
  return base;
}

function encodedPath(path: string): string {
  return path.split("/").map(encoded).join("/");
}
