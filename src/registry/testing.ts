import { onTestFinished } from "vitest";
import { defaultSettings, type Settings } from "../host/settings.ts";
import { digestOf } from "../oci/digest.ts";
import type { Patience } from "./connection.ts";
import type { RangeOptions } from "./ranges.ts";
import { openRegistries, type Registries } from "./registries.ts";
import type { Credentials, Repository, Upload } from "./repository.ts";

/** What a test's registries differ in from the usual. */
export interface TestRegistries {
  readonly settings?: Partial<Settings>;
  /** By host. */
  readonly credentials?: Readonly<Record<string, Credentials>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly patience?: Partial<Patience>;
  /** Told of what registries warn of. */
  readonly warn?: (message: string) => void;
  readonly ranges?: Partial<RangeOptions>;
  /** Addresses by name; there are no others. */
  readonly addresses?: Readonly<Record<string, string>>;
}

/** Registries that know nothing of this machine's users, and are closed when the test has ended. */
export function registriesOfTest(options: TestRegistries = {}): Registries {
  const { settings, credentials = {}, env, patience = {}, ranges = {}, addresses = {}, warn } = options;
  const registries = openRegistries({
    settings: { ...defaultSettings, ...settings },
    credentials: ({ domain }) => Promise.resolve(credentials[domain]),
    env: { HOME: "/nonexistent", ...env },
    patience,
    ...(warn && { warn }),
    ranges,
    lookup: (name) => Promise.resolve([{ address: addresses[name] ?? "", family: 4 }]),
  });
  onTestFinished(() => registries[Symbol.asyncDispose]());
  return registries;
}

/** The repository `app` of a registry. */
export function repositoryOfTest(domain: string, options: TestRegistries = {}): Repository {
  return registriesOfTest(options).repository({ domain, path: "app" });
}

/** Bytes as an upload of known digest. */
export function uploadOf(
  bytes: Buffer,
): Upload & { readonly digest: ReturnType<typeof digestOf>; readonly size: number } {
  const digest = digestOf(bytes);
  return { digest, size: bytes.length, body: () => ({ bytes: streamOf(bytes), digest: () => digest }) };
}

/** Bytes in pieces. */
export async function* streamOf(bytes: Buffer, size: number = 64 << 10): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All bytes of a stream. */
export async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bytes));
}

/** A manifest of one layer, which needn't be there. */
export function manifestOf(config: Buffer, layers: readonly Buffer[], more: object = {}): Buffer {
  const part = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: part("application/vnd.oci.image.config.v1+json", config),
      layers: layers.map((bytes) => part("application/vnd.oci.image.layer.v1.tar", bytes)),
      ...more,
    }),
  );
}

/** Of {@link manifestOf}. */
export const manifestType = "application/vnd.oci.image.manifest.v1+json";
