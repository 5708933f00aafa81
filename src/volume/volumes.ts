import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { CheckOptions, Garbage, Problem } from "../base/problem.ts";
import { namesIn } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import type { Database, Sql } from "../metadata/database.ts";

/** Data that outlives containers: a directory below the engine's root. */
export interface Volume {
  readonly name: string;
  readonly driver: "local";
  /** The directory that is mounted. */
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly created: string;
  /** Made for one container, without a name of its own. */
  readonly anonymous: boolean;
}

/** What {@link Volumes.create} takes. */
export interface VolumeRequest {
  /** 64 random hex digits when absent: an anonymous volume. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * The engine's volumes. Who uses one is the containers' matter: ask them before {@link Volumes.remove}.
 *
 * Copy-up is theirs too, since it needs the image: when a container with `copyUp` is created and `mountpoint` is empty,
 * what the image has at the target (content, and the directory's own mode and owner) is copied into it.
 */
export interface Volumes {
  /** Make a volume, or find the one of that name. @throws {BerthError} invalid-argument, with Docker's text, for a name that can't be */
  create(request?: VolumeRequest): Promise<Volume>;
  /** @throws {BerthError} not-found, with Docker's text */
  get(name: string): Volume;
  /** In the order of their names. */
  list(): readonly Volume[];
  /** Delete a volume and all that is in it. @throws {BerthError} not-found, with Docker's text, unless `force` is given, as in Docker */
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>;
  /** Check that every volume has its directory. */
  check(options: CheckOptions): Iterable<Problem>;
  /** Directories that no volume has: what a removal that was cut short has left. */
  garbage(): readonly Garbage[];
}

/** Open the volumes of an engine. */
export function openVolumes(host: Pick<Host, "root">, database: Database): Volumes {
  const directory = join(host.root, "volumes");
  const find = (sql: Sql, name: string): Volume | undefined => {
    const row = sql.get<VolumeRow>("SELECT * FROM volume WHERE name = ?", name);
    return row && toVolume(directory, row);
  };
  return {
    create: async (request = {}) => {
      const { name = randomID(), labels = {} } = request;
      checkName(name);
      const found = database.read((sql) => find(sql, name));
      if (found !== undefined) return found;
      const anonymous = request.name === undefined;
      return database.write((sql) => find(sql, name) ?? make(sql, directory, { name, labels, anonymous }));
    },
    get: (name) => database.read((sql) => find(sql, name)) ?? noSuchVolume(name),
    list: () =>
      database
        .read((sql) => sql.all<VolumeRow>("SELECT * FROM volume ORDER BY name"))
        .map((row) => toVolume(directory, row)),
    remove: async (name, { force = false } = {}) => {
      const { changes } = await database.write((sql) => sql.run("DELETE FROM volume WHERE name = ?", name));
      if (changes === 0 && !force) noSuchVolume(name);
      await removeFiles(host.root, database, name);
    },
    check: ({ looked }) => {
      const volumes = database.read((sql) => sql.all<VolumeRow>("SELECT * FROM volume ORDER BY name"));
      looked("volumes", volumes.length);
      return volumes.flatMap((row) => checkVolume(toVolume(directory, row)));
    },
    garbage: () => {
      const names = namesIn(directory);
      const unowned = database.read((sql) => names.filter((name) => find(sql, name) === undefined));
      return unowned.map((name) => ({
        what: `volumes/${name}`,
        remove: () => removeFiles(host.root, database, name),
      }));
    },
  };
}

function checkVolume({ name, mountpoint }: Volume): readonly Problem[] {
  if (statSync(mountpoint, { throwIfNoEntry: false })?.isDirectory() === true) return [];
  const advice = `What it held is lost. Remove it (or make ${mountpoint}, empty).`;
  return [{ invariant: "V1", what: `volume ${name}: its directory is missing`, advice }];
}

/**
 * Delete the directory of a volume that isn't recorded. Moved away in a transaction, so that it can't be the directory of
 * a new volume of that name.
 */
async function removeFiles(root: string, database: Database, name: string): Promise<void> {
  const doomed = join(root, "tmp", `volume-${randomID()}`);
  mkdirSync(dirname(doomed), { recursive: true, mode: 0o700 });
  await database.write((sql) => {
    if (sql.get("SELECT 1 FROM volume WHERE name = ?", name) !== undefined) return;
    renameIfThere(join(root, "volumes", name), doomed);
  });
  await rm(doomed, { recursive: true, force: true });
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

interface VolumeRow {
  readonly name: string;
  readonly labels: string;
  readonly options: string;
  readonly created: string;
  readonly anonymous: number;
}

/** The directory is made inside the transaction, so that it is there whenever the record is. */
function make(sql: Sql, directory: string, volume: Pick<Volume, "name" | "labels" | "anonymous">): Volume {
  const row = {
    name: volume.name,
    labels: JSON.stringify(volume.labels),
    options: "{}",
    created: new Date().toISOString(),
    anonymous: Number(volume.anonymous),
  };
  const data = join(directory, row.name, "_data");
  // Without a record, a directory of that name is what a removal that was cut short has left.
  rmSync(join(directory, row.name), { recursive: true, force: true });
  mkdirSync(data, { recursive: true, mode: 0o701 });
  // The caller's umask says nothing about who may read a volume.
  chmodSync(data, 0o755);
  const insert =
    "INSERT INTO volume (name, driver, labels, options, created, anonymous) VALUES (?, 'local', ?, ?, ?, ?)";
  sql.run(insert, row.name, row.labels, row.options, row.created, row.anonymous);
  return toVolume(directory, row);
}

function toVolume(directory: string, row: VolumeRow): Volume {
  return {
    name: row.name,
    driver: "local",
    mountpoint: join(directory, row.name, "_data"),
    labels: JSON.parse(row.labels) as Record<string, string>,
    options: JSON.parse(row.options) as Record<string, string>,
    created: row.created,
    anonymous: row.anonymous === 1,
  };
}

/** A name is part of a path: this check also keeps volumes inside their directory. */
function checkName(name: string): void {
  if (name.length < 2) {
    const reason = "volume name is too short, names should be at least two alphanumeric characters";
    throw new BerthError("invalid-argument", `create ${name}: ${reason}`);
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    const allowed = `includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`;
    const reason = `${JSON.stringify(name)} ${allowed}. If you intended to pass a host directory, use absolute path`;
    throw new BerthError("invalid-argument", `create ${name}: ${reason}`);
  }
}

function noSuchVolume(name: string): never {
  throw new BerthError("not-found", `get ${name}: no such volume`);
}
