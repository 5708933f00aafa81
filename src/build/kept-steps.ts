import type { Database, Sql } from "../metadata/database.ts";
import type { ChainID } from "../oci/digest.ts";
import type { Resources } from "../runtime/spec.ts";
import type { ExecOp } from "./graph.ts";
import type { StepSecurity } from "./step-settings.ts";

/** What a step read: a file system of the store (null is the empty one), or a build context, of which no more is here than its mounts show. */
export type KeptInput = { readonly chainID: ChainID | null } | { readonly context: true };

/** A `RUN` that failed, as it is written down. */
export interface KeptDetail {
  /** As progress shows it: `[2/4] RUN make`. */
  readonly name: string;
  /** Line of the Dockerfile. */
  readonly line?: number;
  readonly exitCode?: number;
  readonly op: ExecOp;
  /** Of its programs, where that isn't this machine's. */
  readonly architecture?: string;
  /** The first is the file system that the step's lies on. */
  readonly inputs: readonly KeptInput[];
  /** What the step's result is recorded under. */
  readonly keys: readonly string[];
  /** Latest time of files, nanoseconds, as digits: JSON has no such numbers. */
  readonly latest?: string;
  readonly proxy: readonly string[];
  readonly resources?: Resources;
  readonly security?: StepSecurity;
}

/** A `RUN` that failed and is kept. */
export interface KeptStep extends KeptDetail {
  readonly id: string;
  readonly buildID: string;
  /** RFC 3339. */
  readonly created: string;
  /** Key of the active snapshot that is its file system. */
  readonly files: string;
  /** The same of what was written below its mounts. */
  readonly mounts?: string;
}

interface Row {
  readonly id: string;
  readonly build_id: string;
  readonly created: string;
  readonly files_key: string;
  readonly mounts_key: string | null;
  readonly detail: string;
}

/** The steps that are kept, the newest first. */
export function keptSteps(db: Database): readonly KeptStep[] {
  return db.read(keptRows);
}

/** The same within a transaction. */
export function keptRows(sql: Sql): readonly KeptStep[] {
  return sql.all<Row>("SELECT * FROM kept_step ORDER BY created DESC, id").map((row) => ({
    ...(JSON.parse(row.detail) as KeptDetail),
    id: row.id,
    buildID: row.build_id,
    created: row.created,
    files: row.files_key,
    ...(row.mounts_key === null ? {} : { mounts: row.mounts_key }),
  }));
}

/** Record a step whose files are there. @returns false, and nothing is recorded, where a layer is gone that it needs */
export function insertKept(sql: Sql, { id, buildID, created, files, mounts, ...detail }: KeptStep): boolean {
  const chains = new Set(detail.inputs.flatMap((input) => ("chainID" in input ? (input.chainID ?? []) : [])));
  for (const chain of chains) if (sql.get("SELECT 1 FROM layer WHERE chain_id = ?", chain) === undefined) return false;
  sql.run(
    "INSERT INTO kept_step (id, build_id, created, files_key, mounts_key, detail) VALUES (?, ?, ?, ?, ?, ?)",
    ...[id, buildID, created, files, mounts ?? null, JSON.stringify(detail)],
  );
  for (const chain of chains) sql.run("INSERT INTO kept_step_layer (step_id, chain_id) VALUES (?, ?)", id, chain);
  return true;
}

/** Forget a step; its files are garbage then. */
export function deleteKept(sql: Sql, id: string): void {
  sql.run("DELETE FROM kept_step WHERE id = ?", id);
}
