import { serverName } from "../host/server-name.ts";
import type { Settings } from "../host/settings.ts";
import type { Registries } from "../registry/registries.ts";

/** What an engine asks registries with. */
export interface OpenedRegistries {
  readonly registries: Registries;
  /** Most blobs that are fetched at once. */
  readonly parallel: number;
  /** Most blobs that are sent at once. */
  readonly parallelUploads: number;
}

/** Registries that are opened, and the settings read, when they are first needed; closed with the engine. */
export interface LazyRegistries extends AsyncDisposable {
  /** @throws {BerthError} invalid-argument, when the settings file is malformed */
  open(): Promise<OpenedRegistries>;
  /** Others, by settings that were changed, for whoever closes them. @throws {BerthError} as {@link LazyRegistries.open} */
  openOthers(change: (settings: Settings) => Settings): Promise<Registries>;
  /** Others, for which one more host is as the settings take insecure ones; closed with the engine. @throws {BerthError} as {@link LazyRegistries.open} */
  openInsecure(host: string): Promise<Registries>;
}

/** What {@link lazyRegistries} may be told. */
export interface LazyOptions {
  /** Told of a place of credentials that can't be read, of what is passed over in the settings file, and of what registries warn of. */
  readonly warn?: (message: string) => void;
  /** Hosts that are taken as the settings take insecure ones. */
  readonly insecure?: readonly string[];
  /** Hosts that need a certificate that is worth something, whatever the settings say. */
  readonly secure?: readonly string[];
}

/** Most commands talk to no registry: they load nothing of it. */
export function lazyRegistries({ warn, insecure = [], secure = [] }: LazyOptions = {}): LazyRegistries {
  let opened: Promise<OpenedRegistries> | undefined;
  const others = new Map<string, Promise<OpenedRegistries>>();
  let read: Settings | undefined;
  const openWith = async (change: (settings: Settings) => Settings): Promise<OpenedRegistries> => {
    const [{ readSettings }, { openCredentialStore }, { openRegistries }] = await Promise.all([
      import("../host/settings.ts"),
      import("../registry/credentials.ts"),
      import("../registry/registries.ts"),
    ]);
    read ??= readSettings(undefined, process.env, warn);
    const settings = withHosts(change(read), [
      ...insecure.map((host) => [host, true] as const),
      ...secure.map((host) => [host, false] as const),
    ]);
    const warning = warn === undefined ? {} : { warn };
    const store = openCredentialStore({ env: process.env, ...warning });
    const registries = openRegistries({ settings, credentials: (subject) => store.find(subject), ...warning });
    const { maxConcurrentDownloads: parallel, maxConcurrentUploads: parallelUploads } = settings;
    return { registries, parallel, parallelUploads };
  };
  return {
    open: () => (opened ??= openWith((settings) => settings)),
    openOthers: async (change) => (await openWith(change)).registries,
    openInsecure: async (host) => {
      const known = others.get(host) ?? openWith((settings) => withHosts(settings, [[host, true]]));
      others.set(host, known);
      return (await known).registries;
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of [opened, ...others.values()]) {
        const { registries } = (await each?.catch(() => undefined)) ?? {};
        await registries?.[Symbol.asyncDispose]();
      }
    },
  };
}

function withHosts(settings: Settings, hosts: readonly (readonly [string, boolean])[]): Settings {
  const named = hosts.map(([host, insecure]) => {
    const name = serverName(host);
    return [name, { ...settings.registries.get(name), insecure }] as const;
  });
  return { ...settings, registries: new Map([...settings.registries, ...named]) };
}
