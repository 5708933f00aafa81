import { BerthError, isKind, messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { CheckOptions } from "../base/problem.ts";
import type { Sql } from "../metadata/database.ts";
import type { DiffID, Digest } from "../oci/digest.ts";
import { type Descriptor, jsonIn, partsOf } from "../oci/image-index.ts";
import { familiarRepository, parseReference, type Reference } from "../oci/reference.ts";
import type { Registries } from "../registry/registries.ts";
import type { Repository } from "../registry/repository.ts";
import type { ArchiveElsewhere } from "../snapshot/repair-layer.ts";
import type { ImageDeps } from "./images.ts";
import { diffIDsIn, layersIn, packedLayersOf } from "./manifest-records.ts";

/** What heals work with. */
export interface HealDeps extends Pick<ImageDeps, "db" | "content" | "snapshotter"> {
  /** Opened when something is to be fetched. */
  readonly openRegistries: () => Promise<{ readonly registries: Registries }>;
}

/** Whose something is: an image, or an index. */
export type Owner = { readonly imageID: Digest } | { readonly index: Digest };

/**
 * Brings what is damaged again, that alone, from the repositories that the records (RepoDigests) say have it. A registry that can't
 * be reached isn't asked twice.
 */
export class Healer {
  readonly #deps: HealDeps;
  readonly #operation: Operation;
  /** Why a registry can't be reached, by its domain. */
  readonly #unreachable: Map<string, string> = new Map();

  constructor(deps: HealDeps, operation: Operation) {
    this.#deps = deps;
    this.#operation = operation;
  }

  /** Replace a blob: the damaged one stays until the right one is there. @returns true, or why not; false where no repository is known to have it */
  async blob(blob: Pick<Descriptor, "digest" | "size">, owner: Owner): Promise<boolean | string> {
    const { content, snapshotter } = this.#deps;
    await using _held = await snapshotter.holdBlob(blob.digest);
    return await this.#each(this.#repositories(owner), async (repository) => {
      for (let isHere = false; !isHere; ) {
        try {
          await content.store(blob.digest, () => repository.blob(blob, this.#operation));
          isHere = true;
        } catch (error) {
          if (!(error instanceof BerthError) || !repository.distrust(blob.digest)) throw error;
        }
      }
    });
  }

  /** Fetch an image's config again. @returns as {@link Healer.blob} */
  async config(imageID: Digest): Promise<boolean | string> {
    const manifests = this.#deps.db.read((sql) => manifestsFor(sql, imageID));
    const config = manifests
      .flatMap((bytes) => partsOf(jsonIn(bytes))?.config ?? [])
      .find(({ digest }) => digest === imageID);
    return config === undefined ? false : await this.blob(config, { imageID });
  }

  /** Fetch the bytes of a manifest or an index again, and have them recorded. @returns as {@link Healer.blob} */
  async manifest(digest: Digest, owner: Owner, record: (sql: Sql, bytes: Buffer) => void): Promise<boolean | string> {
    return await this.#each(this.#repositories(owner), async (repository) => {
      const { bytes } = await repository.manifest(digest, this.#operation);
      await this.#deps.db.write((sql) => record(sql, bytes));
    });
  }

  /** The archive of a layer: from the blobs of it that are kept, and then from repositories. */
  async *archives(diffID: DiffID): AsyncGenerator<ArchiveElsewhere> {
    const { db, content } = this.#deps;
    for (const { digest } of db.read((sql) => packedLayersOf(sql, diffID))) {
      if (content.verify(digest) === "whole") yield { from: `blob ${digest}`, open: () => content.read(digest) };
    }
    for (const { blob, reference } of db.read((sql) => remoteLayers(sql, diffID))) {
      const from = familiarRepository(reference);
      const open = (): AsyncIterable<Uint8Array> => this.#read(blob, reference);
      yield { from, open, blob: { name: `blob ${blob.digest}`, digest: blob.digest } };
    }
  }

  async *#read(blob: Descriptor, reference: Reference): AsyncGenerator<Uint8Array> {
    const repository = await this.#repository(reference);
    try {
      yield* repository.blob(blob, this.#operation);
    } catch (error) {
      this.#note(reference, error);
      throw error;
    }
  }

  #repositories(owner: Owner): readonly Reference[] {
    return this.#deps.db.read((sql) => repositoriesOf(sql, owner));
  }

  async #each(
    references: readonly Reference[],
    work: (repository: Repository) => Promise<void>,
  ): Promise<boolean | string> {
    let why: string | undefined;
    for (const reference of references) {
      try {
        await work(await this.#repository(reference));
        return true;
      } catch (error) {
        this.#operation.signal?.throwIfAborted();
        if (!(error instanceof BerthError)) throw error;
        this.#note(reference, error);
        why ??= `${familiarRepository(reference)}: ${messageOf(error)}`;
      }
    }
    return why ?? false;
  }

  /** @throws {BerthError} at once, where the registry couldn't be reached before */
  async #repository(reference: Reference): Promise<Repository> {
    const why = this.#unreachable.get(reference.domain);
    if (why !== undefined) throw new BerthError("unavailable", why);
    const { registries } = await this.#deps.openRegistries();
    return registries.repository(reference);
  }

  #note({ domain }: Reference, error: unknown): void {
    if (isKind(error, "unavailable")) this.#unreachable.set(domain, messageOf(error));
  }
}

/** How images are checked. */
export interface ImageCheckOptions extends CheckOptions {
  /** Fetches again what is damaged; absent where nobody is to be asked. */
  readonly healer?: Healer;
}

/** The repositories that are known to have an image or an index. */
function repositoriesOf(sql: Sql, owner: Owner): readonly Reference[] {
  const rows =
    "index" in owner
      ? sql.all<{ reference: string }>(
          "SELECT reference FROM repo_digest WHERE index_digest = ? ORDER BY 1",
          owner.index,
        )
      : sql.all<{ reference: string }>(
          `SELECT reference FROM repo_digest WHERE image_id = ?1 OR index_digest IN
             (SELECT index_digest FROM image_index_entry WHERE image_id = ?1) ORDER BY 1`,
          owner.imageID,
        );
  return rows.map(({ reference }) => parseReference(reference));
}

/** Every manifest of an image that is in the store: its own, and those of indexes. */
function manifestsFor(sql: Sql, imageID: Digest): readonly Buffer[] {
  const rows = sql.all<{ bytes: Uint8Array }>(
    `SELECT bytes FROM image_manifest WHERE image_id = ?1
     UNION ALL SELECT manifest FROM image_index_entry WHERE image_id = ?1`,
    imageID,
  );
  return rows.map(({ bytes }) => Buffer.from(bytes));
}

/** The blobs of a layer that repositories have, each once for each repository. */
function remoteLayers(
  sql: Sql,
  diffID: DiffID,
): readonly { readonly blob: Descriptor; readonly reference: Reference }[] {
  const images = sql.all<{ id: Digest }>(
    "SELECT DISTINCT image_id AS id FROM image_layer JOIN layer USING (chain_id) WHERE diff_id = ? ORDER BY 1",
    diffID,
  );
  const found = images.flatMap(({ id }) => {
    const diffIDs = diffIDsIn(sql, id) ?? [];
    const layers = manifestsFor(sql, id).flatMap((bytes) => layersIn(bytes, diffIDs) ?? []);
    const references = repositoriesOf(sql, { imageID: id });
    return layers
      .filter((layer) => layer.diffID === diffID)
      .flatMap((blob) => references.map((reference) => ({ blob, reference })));
  });
  const keyOf = ({ blob, reference }: (typeof found)[number]): string =>
    `${familiarRepository(reference)} ${blob.digest}`;
  return [...new Map(found.map((each) => [keyOf(each), each])).values()];
}
