import type { IncomingMessage, ServerResponse } from "node:http";

/** What a strict registry can do beside what it must. */
export interface StrictOptions {
  /** It has the referrers API. */
  readonly hasReferrers?: boolean;
  /** Bytes of an upload that it takes in one request; any number when absent. */
  readonly mostAtOnce?: number;
  /** Bytes that a chunk has to have at least, but for the last. */
  readonly leastChunk?: number;
  /** Manifests may be deleted. */
  readonly deletes?: boolean;
  /** Blobs are mounted from other repositories. */
  readonly mounts?: boolean;
  /** Tags of a page. */
  readonly pageSize?: number;
}

/** A request, and what becomes of it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  body: Buffer;
}

/** A manifest, as it was sent. */
export interface Manifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** What a repository has. */
export interface Repository {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, Manifest>;
  readonly tags: Map<string, string>;
  readonly uploads: Map<string, Upload>;
}

/** An upload under way. */
export interface Upload {
  bytes: Buffer;
  /** What the place of the upload says: another one after each answer. */
  state: string;
}

/** What a request finds out about the registry that it is for. */
export interface CalledRegistry {
  readonly options: StrictOptions;
  readonly repositories: ReadonlyMap<string, Repository>;
  /** Write down what the client should not have done. */
  wrong(what: string): void;
}

/** A request to an endpoint of a repository. */
export interface Call extends Exchange {
  readonly registry: CalledRegistry;
  readonly path: string;
  readonly repository: Repository;
  readonly method: string;
  readonly query: URLSearchParams;
  /** What the path names last. */
  readonly name: string;
}

/** Answers with an error of the specification. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/** A digest that the registry may have. */
export const digestForm: RegExp = /^sha256:[a-f0-9]{64}$/;

/** Refuse what isn't named by a digest, and write it down. @throws {Refused} */
export function checkDigest({ registry, name, method, path }: Call): void {
  if (digestForm.test(name)) return;
  registry.wrong(`${method} of ${path} by the digest ${name}`);
  throw new Refused(400, "DIGEST_INVALID");
}

/** @throws {Refused} */
export function notAllowed(): never {
  throw new Refused(405, "UNSUPPORTED");
}

/** Answer with bytes, or with the size of them. */
export function sendBytes({ method, response }: Call, bytes: Buffer, headers: Readonly<Record<string, string>>): void {
  response.writeHead(200, { ...headers, "Content-Length": bytes.length });
  response.end(method === "HEAD" ? undefined : bytes);
}
