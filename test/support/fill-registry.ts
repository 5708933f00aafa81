import { defaultSettings } from "../../src/host/settings.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { openRegistries } from "../../src/registry/registries.ts";
import type { Credentials, Repository } from "../../src/registry/repository.ts";

/** A manifest that was pushed, and what it is of. */
export interface Pushed {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Writes to one repository of a registry on loopback, for tests; what it writes needn't be images. */
export interface Filler extends AsyncDisposable {
  readonly repository: Repository;
  /** Push a blob. */
  readonly blob: (bytes: Buffer) => Promise<Digest>;
  /** Push a manifest of blobs that are pushed with it, by a tag or by its digest alone. */
  readonly image: (
    layers: readonly Buffer[],
    options?: { readonly tag?: string; readonly more?: object },
  ) => Promise<Pushed>;
  /** Push an index of manifests. */
  readonly index: (manifests: readonly Pushed[], tag?: string) => Promise<Pushed>;
}

const imageType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** @param domain `127.0.0.1:PORT` */
export function fillRepository(domain: string, path: string, credentials?: Credentials): Filler {
  const registries = openRegistries({ settings: defaultSettings, credentials: () => Promise.resolve(credentials) });
  const repository = registries.repository({ domain, path });
  const blob = async (bytes: Buffer): Promise<Digest> => {
    const digest = digestOf(bytes);
    await repository.upload({
      digest,
      size: bytes.length,
      body: () => ({ bytes: only(bytes), digest: () => digest }),
    });
    return digest;
  };
  const put = async (value: object, mediaType: string, tag: string | undefined): Promise<Pushed> => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value }));
    const digest = digestOf(bytes);
    await repository.putManifest(tag ?? digest, { bytes, mediaType });
    return { digest, bytes, mediaType };
  };
  const described = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return {
    repository,
    blob,
    image: async (layers, { tag, more = {} } = {}) => {
      const config = Buffer.from("{}");
      for (const each of [config, ...layers]) await blob(each);
      const value = {
        config: described("application/vnd.oci.image.config.v1+json", config),
        layers: layers.map((layer) => described("application/vnd.oci.image.layer.v1.tar", layer)),
        ...more,
      };
      return await put(value, imageType, tag);
    },
    index: async (manifests, tag) =>
      await put({ manifests: manifests.map(({ mediaType, bytes }) => described(mediaType, bytes)) }, indexType, tag),
    [Symbol.asyncDispose]: () => registries[Symbol.asyncDispose](),
  };
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
