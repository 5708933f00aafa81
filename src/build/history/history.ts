import { ambiguousPrefix } from "../../base/ambiguous.ts";
import { BerthError } from "../../base/errors.ts";
import type { Database, Sql } from "../../metadata/database.ts";
import { type LoggedEvent, unpackLog } from "./build-log.ts";
import { type ListedFile, unpackFiles } from "./file-list.ts";
import { pack, unpack } from "./packed.ts";
import type { BuildSummary, PastBuild, PastStep } from "./past-build.ts";

/** What is kept of earlier builds at most. */
export const historyBounds: { readonly builds: number; readonly bytes: number; readonly steps: number } = {
  builds: 100,
  /** Of all records, logs and lists of files together, as they are kept. */
  bytes: 64 << 20,
  /** Of one build. */
  steps: 1000,
};

/** A build as it is to be kept. */
export interface NewRecord {
  readonly build: Omit<PastBuild, "omitted">;
  /** Compared with others of it: the digest of what was built. */
  readonly subject: string;
  readonly log: Uint8Array | undefined;
  /** Lists of files that are new, by their keys. */
  readonly lists: ReadonlyMap<string, Uint8Array>;
}

interface SummaryRow {
  readonly summary: string;
}

/**
 * Keep what is known of a build, and drop the oldest builds beyond {@link historyBounds}. It may be lost with the machine's power, as it
 * is not waited for.
 */
export async function saveBuild(db: Database, { build, subject, log, lists }: NewRecord): Promise<void> {
  const { summary, detail } = rowOf({ ...build, omitted: 0 });
  const read = new Set(build.recorded.flatMap(({ inputs }) => inputs?.files.map(({ key }) => key) ?? []));
  await db.write(
    (sql) => {
      sql.run(
        "INSERT INTO build (id, subject, image_id, bytes, summary, detail) VALUES (?, ?, ?, ?, ?, ?)",
        build.id,
        subject,
        build.image ?? null,
        detail.length + (log?.length ?? 0),
        summary,
        detail,
      );
      if (log !== undefined) sql.run("INSERT INTO build_log (build_id, log) VALUES (?, ?)", build.id, log);
      for (const [key, files] of lists)
        sql.run("INSERT OR IGNORE INTO build_files (key, bytes, files) VALUES (?, ?, ?)", key, files.length, files);
      for (const key of read)
        sql.run("INSERT INTO build_read SELECT ?1, key FROM build_files WHERE key = ?2", build.id, key);
      dropOldest(sql);
    },
    { durable: false },
  );
}

/** A build as its row has it. */
function rowOf({ recorded, omitted, unneeded, buildArgs, noCache, asked, ...summary }: PastBuild): DetailRow {
  const kept = recorded.slice(0, historyBounds.steps);
  const lost = omitted + recorded.length - kept.length;
  return {
    summary: JSON.stringify(summary),
    detail: pack([{ omitted: lost, unneeded, buildArgs, noCache, asked }, ...kept]),
  };
}

/** Change what is kept of a build; it may be gone. */
export async function replaceBuild(db: Database, build: PastBuild): Promise<void> {
  const { summary, detail } = rowOf(build);
  await db.write((sql) => sql.run("UPDATE build SET summary = ?, detail = ? WHERE id = ?", summary, detail, build.id), {
    durable: false,
  });
}

/** Drop the oldest builds beyond {@link historyBounds}. */
export function dropOldest(sql: Sql): void {
  const oldest = "SELECT seq FROM build ORDER BY seq DESC LIMIT -1 OFFSET ?";
  sql.run(`DELETE FROM build WHERE seq IN (${oldest})`, historyBounds.builds);
  while (usedBytes(sql) > historyBounds.bytes) {
    const { changes } = sql.run("DELETE FROM build WHERE seq = (SELECT min(seq) FROM build)");
    if (changes === 0) return;
  }
}

function usedBytes(sql: Sql): number {
  const row = sql.get<{ bytes: number }>(
    `SELECT (SELECT coalesce(sum(bytes), 0) FROM build) + (SELECT coalesce(sum(bytes), 0) FROM build_files) AS bytes`,
  );
  return row?.bytes ?? 0;
}

/** Whether a build is recorded. @param id whole */
export function hasBuild(db: Database, id: string): boolean {
  return db.read((sql) => sql.get("SELECT 1 FROM build WHERE id = ?", id)) !== undefined;
}

/** Whether there is a list of files of this name. */
export function hasFiles(db: Database, key: string): boolean {
  return db.read((sql) => sql.get("SELECT 1 FROM build_files WHERE key = ?", key)) !== undefined;
}

/** Earlier builds, the one that ended last first. Those that were imported ended long before they came. */
export function listBuilds(db: Database): readonly BuildSummary[] {
  const rows = db.read((sql) => sql.all<SummaryRow>("SELECT summary FROM build ORDER BY seq DESC"));
  const endOf = ({ started, duration }: BuildSummary): number => started + duration;
  return rows.map(({ summary }) => readSummary(summary)).toSorted((a, b) => endOf(b) - endOf(a));
}

/** @throws {Error} for what is none */
export function readSummary(text: string): BuildSummary {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("id" in value) || !("steps" in value))
    throw new Error("no record of a build");
  return value as BuildSummary;
}

/**
 * The ID of the build that a text means: a whole ID or the beginning of one, or `^N`, the one N before the newest.
 *
 * @throws {BerthError} not-found; invalid-argument, where more than one begins so
 */
export function findBuild(db: Database, text: string): string {
  const builds = listBuilds(db);
  if (text.startsWith("^") || text === "") {
    const offset = text.length <= 1 ? 0 : Number(text.slice(1));
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new BerthError("invalid-argument", `invalid offset ${JSON.stringify(text)}`);
    const found = builds[offset];
    if (found !== undefined) return found.id;
    if (text === "") throw new BerthError("not-found", "no records found");
    throw new BerthError("not-found", `no completed build found with offset ${offset}`);
  }
  const candidates = builds.filter(({ id }) => id.startsWith(text));
  const [found] = candidates;
  if (found === undefined) throw new BerthError("not-found", `no record found for ref ${JSON.stringify(text)}`);
  if (candidates.length === 1 || found.id === text) return found.id;
  const message = `multiple builds found with provided prefix: ${text}`;
  throw ambiguousPrefix({ kind: "invalid-argument", message, candidates });
}

/** The newest build that an image came of; undefined where none is recorded. */
export function buildOfImage(db: Database, imageID: string): string | undefined {
  const query = "SELECT id FROM build WHERE image_id = ? ORDER BY seq DESC LIMIT 1";
  return db.read((sql) => sql.get<{ id: string }>(query, imageID))?.id;
}

/** A build with its steps. @throws {BerthError} not-found */
export function readBuild(db: Database, id: string): PastBuild {
  const row = db.read((sql) => sql.get<DetailRow>("SELECT summary, detail FROM build WHERE id = ?", id));
  if (row === undefined) throw new BerthError("not-found", `no record found for ref ${JSON.stringify(id)}`);
  return { ...readSummary(row.summary), ...readDetail(row.detail) };
}

interface DetailRow extends SummaryRow {
  readonly detail: Uint8Array;
}

/** @throws {Error} for what is none */
export function readDetail(bytes: Uint8Array): Omit<PastBuild, keyof BuildSummary> {
  const [head, ...recorded] = unpack(bytes);
  if (typeof head !== "object" || head === null || !("omitted" in head)) throw new Error("no record of a build");
  return { ...(head as Omit<PastBuild, keyof BuildSummary | "recorded">), recorded: recorded as readonly PastStep[] };
}

/**
 * Builds before one that it can be compared with, the newest first: those of the same context, Dockerfile and target; where there is none,
 * those that got one of its names.
 */
export function earlierBuilds(
  db: Database,
  before: Pick<BuildSummary, "id" | "tags">,
  most: number,
): readonly PastBuild[] {
  const rows = db.read((sql) =>
    sql.all<{ readonly id: string; readonly same: number; readonly summary: string }>(
      `SELECT build.id, build.subject = this.subject AS same, build.summary FROM build, build AS this
       WHERE this.id = ? AND build.seq < this.seq ORDER BY build.seq DESC`,
      before.id,
    ),
  );
  return chosen(db, rows, { tags: before.tags, most });
}

/** The same for a build that isn't recorded: builds of this subject, or with these names. */
export function buildsLike(
  db: Database,
  { subject, tags }: { readonly subject: string; readonly tags: readonly string[] },
  most: number,
): readonly PastBuild[] {
  const query = "SELECT id, subject = ? AS same, summary FROM build ORDER BY seq DESC";
  const rows = db.read((sql) => sql.all<Candidate>(query, subject));
  return chosen(db, rows, { tags, most });
}

interface Candidate extends SummaryRow {
  readonly id: string;
  readonly same: number;
}

function chosen(
  db: Database,
  rows: readonly Candidate[],
  { tags, most }: { readonly tags: readonly string[]; readonly most: number },
): readonly PastBuild[] {
  const same = rows.filter(({ same: isSame }) => isSame === 1);
  const named = (): readonly Candidate[] =>
    rows.filter(({ summary }) => readSummary(summary).tags.some((tag) => tags.includes(tag)));
  return (same.length > 0 ? same : named()).slice(0, most).map(({ id }) => readBuild(db, id));
}

/** What the steps of a build told and wrote, in order. */
export function readLog(db: Database, id: string): readonly LoggedEvent[] {
  const row = db.read((sql) => sql.get<{ log: Uint8Array }>("SELECT log FROM build_log WHERE build_id = ?", id));
  return row === undefined ? [] : unpackLog(row.log);
}

/** The files of a content key; undefined where no list of them is kept. */
export function readFiles(db: Database, key: string): ReadonlyMap<string, ListedFile> | undefined {
  const row = db.read((sql) => sql.get<{ files: Uint8Array }>("SELECT files FROM build_files WHERE key = ?", key));
  return row === undefined ? undefined : unpackFiles(row.files);
}

/** Forget builds; their images and what they left in the cache stay. */
export async function removeBuilds(db: Database, ids: readonly string[] | "all"): Promise<void> {
  await db.write((sql) => {
    if (ids === "all") sql.run("DELETE FROM build");
    else for (const id of ids) sql.run("DELETE FROM build WHERE id = ?", id);
  });
}
