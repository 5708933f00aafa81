import type { Engine } from "../../engine/engine.ts";
import { align } from "../format/align.ts";

type OwnerUsage = Awaited<ReturnType<Engine["owners"]>>[number];

/** Who has how many bytes of the store, one owner a line, and the sum. */
export function ownersTable(rows: readonly OwnerUsage[]): string {
  const sum = (field: "bytes" | "files"): string => String(rows.reduce((total, row) => total + row[field], 0));
  return align([
    ["OWNER", "ID", "FILES", "BYTES"],
    ...rows.map(({ kind, owner, files, bytes }) => [kind, owner, String(files), String(bytes)]),
    ["all", "", sum("files"), sum("bytes")],
  ]);
}
