import { ambiguousPrefix } from "../base/ambiguous.ts";
import { BerthError } from "../base/errors.ts";
import { isAlive } from "../host/process.ts";
import type { Database, Sql } from "../metadata/database.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import type {
  ComingImage,
  Container,
  ContainerConfig,
  ContainerEndpoint,
  ContainerExit,
  ContainerState,
} from "./container.ts";
import type { ContainerRequest } from "./request.ts";

/** Where containers are recorded: what lasts, and what runs now. */
export interface Records {
  readonly db: Database;
  readonly state: Database;
  /** Directory of a container's own files, absolute. */
  readonly directoryOf: (id: string) => string;
  /** What the network room knows of a container's address. */
  readonly endpointOf: (id: string) => ContainerEndpoint | undefined;
  /** The same of all containers at once. */
  readonly allEndpoints: () => ReadonlyMap<string, readonly ContainerEndpoint[]>;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly image_id: Digest;
  readonly chain_id: ChainID | null;
  readonly created: string;
  readonly request: string;
  readonly exit: string | null;
}

/** A container's process, recorded for as long as it runs. */
export interface RunRow {
  readonly pid: number;
  /** See `host/process.ts`: tells the process from a later one of the same number. */
  readonly start_time: string;
  /** RFC 3339. */
  readonly started_at: string;
  readonly paused: number;
}

/** What is stored of a new container. */
export interface NewContainer {
  readonly id: string;
  readonly name: string;
  readonly imageID: Digest;
  readonly chainID: ChainID | undefined;
  readonly created: string;
  readonly request: ContainerRequest;
  readonly config: ContainerConfig;
  /** Where the layers of `chainID` may not be here yet. */
  readonly coming?: ComingImage;
}

const columns = "id, name, image_id, chain_id, created, request, exit";

/** Record a new container. @throws {BerthError} conflict, when its name is taken */
export async function insertContainer(records: Records, container: NewContainer): Promise<void> {
  await records.db.write((sql) => {
    const other = sql.get<{ id: string }>("SELECT id FROM container WHERE name = ?", container.name);
    if (other !== undefined) throw nameTaken(container.name, other.id);
    const { request, config, chainID, coming } = container;
    // All layers may have come in meanwhile.
    const isHere = coming === undefined || hasLayer(sql, coming.chainID);
    sql.run(
      `INSERT INTO container (${columns}) VALUES (?, ?, ?, ?, ?, ?, NULL)`,
      container.id,
      container.name,
      container.imageID,
      (isHere ? chainID : coming.below) ?? null,
      container.created,
      JSON.stringify({ request, config, ...(isHere ? {} : { coming }) }),
    );
  });
}

/** Record that all layers of containers are here now that were made before, as far as it is so. */
export async function recordWhole({ db }: Pick<Records, "db">, chainID: ChainID): Promise<void> {
  await db.write((sql) => {
    if (!hasLayer(sql, chainID)) return;
    sql.run(
      `UPDATE container SET chain_id = ?1, request = json_remove(request, '$.coming')
       WHERE json_extract(request, '$.coming.chainID') = ?1`,
      chainID,
    );
  });
}

/** Whether there is a container that was made before all of its layers were here, of which the topmost is this one. */
export function isAwaited({ db }: Pick<Records, "db">, chainID: ChainID): boolean {
  const query = "SELECT 1 FROM container WHERE json_extract(request, '$.coming.chainID') = ?";
  return db.get(query, chainID) !== undefined;
}

function hasLayer(sql: Sql, chainID: ChainID): boolean {
  return sql.get("SELECT 1 FROM layer WHERE chain_id = ?", chainID) !== undefined;
}

/**
 * A container by name, ID or unique ID prefix.
 *
 * @throws {BerthError} not-found `No such container: …`; conflict, when a prefix is ambiguous
 */
export function findContainer(records: Records, nameOrID: string): Container {
  const found = recordedContainer(records, nameOrID);
  if (found === undefined) throw noSuchContainer(nameOrID);
  return found;
}

/** The same; undefined where there is none. @throws {BerthError} conflict, when a prefix is ambiguous */
export function recordedContainer(records: Records, nameOrID: string): Container | undefined {
  const row = records.db.read((sql) => findRow(sql, nameOrID));
  if (row === undefined) return undefined;
  return toContainer(records, row, { run: runOf(records, row.id), endpointOf: records.endpointOf });
}

/** Every container, newest first. */
export function allContainers(records: Records): readonly Container[] {
  const rows = records.db.read((sql) => sql.all<Row>(`SELECT ${columns} FROM container ORDER BY created DESC, id`));
  const runs = new Map(allRuns(records).map((run) => [run.id, run]));
  const endpoints = runs.size === 0 ? undefined : records.allEndpoints();
  const endpointOf = (id: string): ContainerEndpoint | undefined => endpoints?.get(id)?.[0];
  return rows.map((row) => toContainer(records, row, { run: runs.get(row.id), endpointOf }));
}

/** Whether a container has a volume, running or not. */
export function isMounted({ db }: Pick<Records, "db">, volume: string): boolean {
  const mounts = "json_each(container.request, '$.config.mounts') AS mount";
  return db.read(
    (sql) => sql.get(`SELECT 1 FROM container, ${mounts} WHERE mount.value ->> 'name' = ?`, volume) !== undefined,
  );
}

/** The process of a container, as recorded; it may have ended meanwhile. */
export function runOf(records: Records, id: string): RunRow | undefined {
  return records.state.read((sql) =>
    sql.get<RunRow>("SELECT pid, start_time, started_at, paused FROM run WHERE container_id = ?", id),
  );
}

/** IDs of the containers whose recorded process has ended. */
export function endedRuns(records: Records): readonly string[] {
  return allRuns(records)
    .filter((row) => !isAlive(row.pid, row.start_time))
    .map((row) => row.id);
}

function allRuns(records: Records): readonly (RunRow & { readonly id: string })[] {
  return records.state.read((sql) =>
    sql.all<RunRow & { id: string }>("SELECT container_id AS id, pid, start_time, started_at, paused FROM run"),
  );
}

/** Record that a container's process was made. What `exit` says holds if nobody sees it end. */
export async function recordStart(records: Records, id: string, run: RunRow): Promise<void> {
  const unseen: ContainerExit = { code: 255, oomKilled: false, startedAt: run.started_at, finishedAt: run.started_at };
  await records.state.write((sql) =>
    sql.run(
      "INSERT OR REPLACE INTO run (container_id, pid, start_time, started_at) VALUES (?, ?, ?, ?)",
      id,
      run.pid,
      run.start_time,
      run.started_at,
    ),
  );
  await recordExit(records, id, unseen);
}

/** Record how a container ended, then forget its process. */
export async function recordEnd(records: Records, id: string, exit: ContainerExit): Promise<void> {
  await recordExit(records, id, exit);
  await forgetRun(records, id);
}

/** Record how a container ended (or could not start). */
export async function recordExit(records: Records, id: string, exit: ContainerExit): Promise<void> {
  await records.db.write((sql) => sql.run("UPDATE container SET exit = ? WHERE id = ?", JSON.stringify(exit), id));
}

/** Forget a container's process. */
export async function forgetRun(records: Records, id: string): Promise<void> {
  await records.state.write((sql) => sql.run("DELETE FROM run WHERE container_id = ?", id));
}

/** Record that a container is paused, or no longer. */
export async function recordPaused(records: Records, id: string, paused: boolean): Promise<void> {
  await records.state.write((sql) => sql.run("UPDATE run SET paused = ? WHERE container_id = ?", Number(paused), id));
}

/** Forget containers, all at once. */
export async function deleteContainers(records: Records, ids: readonly string[]): Promise<void> {
  await records.db.write((sql) => {
    for (const id of ids) sql.run("DELETE FROM container WHERE id = ?", id);
  });
}

/** The error for a name that no container has. */
function noSuchContainer(nameOrID: string): BerthError {
  return new BerthError("not-found", `No such container: ${nameOrID}`, { hint: "`berth ps -a` lists all containers." });
}

function findRow(sql: Sql, nameOrID: string): Row | undefined {
  const name = nameOrID.startsWith("/") ? nameOrID.slice(1) : nameOrID;
  const exact =
    sql.get<Row>(`SELECT ${columns} FROM container WHERE id = ?`, name) ??
    sql.get<Row>(`SELECT ${columns} FROM container WHERE name = ?`, name);
  if (exact !== undefined || !/^[a-f0-9]+$/.test(name)) return exact;
  const rows = sql.all<Row>(`SELECT ${columns} FROM container WHERE id >= ? AND id < ?`, name, `${name}g`);
  if (rows.length <= 1) return rows[0];
  throw ambiguousPrefix({
    kind: "invalid-argument",
    message: `multiple IDs found with provided prefix: ${name}`,
    candidates: rows,
  });
}

function toContainer(
  records: Records,
  row: Row,
  { run, endpointOf }: { readonly run: RunRow | undefined } & Pick<Records, "endpointOf">,
): Container {
  const { request, config, coming } = JSON.parse(row.request) as Pick<Container, "request" | "config" | "coming">;
  const state = stateOf(run, row.exit);
  return {
    id: row.id,
    name: row.name,
    imageID: row.image_id,
    chainID: coming?.chainID ?? row.chain_id ?? undefined,
    ...(coming === undefined ? {} : { coming }),
    created: row.created,
    request,
    config,
    state,
    endpoint: state.status === "running" || state.status === "paused" ? endpointOf(row.id) : undefined,
    directory: records.directoryOf(row.id),
  };
}

function stateOf(run: RunRow | undefined, exit: string | null): ContainerState {
  if (run !== undefined && isAlive(run.pid, run.start_time)) {
    return { status: run.paused === 1 ? "paused" : "running", pid: run.pid, startedAt: run.started_at };
  }
  return exit === null ? { status: "created" } : { status: "exited", ...(JSON.parse(exit) as ContainerExit) };
}

function nameTaken(name: string, id: string): BerthError {
  return new BerthError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}
