import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { Engine } from "../../engine/engine.ts";
import { align } from "../format/align.ts";

type Difference = Awaited<ReturnType<Engine["images"]["diff"]>>;
type Names = readonly [string, string];

/** `image diff` for programs. */
export function differenceJSON({ before, after, files, config }: Difference, names: Names): object {
  const [from, to] = [before, after].map(({ id, size }, index) => ({ Name: names[index], Id: id, Size: size }));
  return {
    From: from,
    To: to,
    Files: files.map(({ kind, path, ...sizes }) => ({ Kind: kind, Path: path, From: sizes.before, To: sizes.after })),
    Config: config.map(({ field, ...values }) => ({
      Field: field,
      From: values.before ?? null,
      To: values.after ?? null,
    })),
  };
}

/** `image diff` for people: the images, the files and the settings that differ, each where there is something to show. */
export function drawDifference(difference: Difference, names: Names): string {
  return [imageTable(difference, names), fileTable(difference), configTable(difference)]
    .filter((table) => table !== "")
    .join("\n");
}

function imageTable({ before, after }: Difference, [from, to]: Names): string {
  const change = after.size === before.size ? "" : signed(after.size - before.size);
  return align([
    ["", "IMAGE", "IMAGE ID", "SIZE", "CHANGE"],
    ["from", from, shortID(before.id), humanSize(before.size, 3), ""],
    ["to", to, shortID(after.id), humanSize(after.size, 3), change],
  ]);
}

function fileTable({ files }: Difference): string {
  if (files.length === 0) return "No files differ.\n";
  const rows = files.map(({ kind, path, before, after }) => [
    kind,
    before === after ? "" : signed(after - before),
    path,
  ]);
  const counts = (["A", "C", "D"] as const).map((kind) => files.filter((file) => file.kind === kind).length);
  const [added, changed, deleted] = counts;
  return `${align([["KIND", "CHANGE", "PATH"], ...rows])}${added} added, ${changed} changed, ${deleted} deleted\n`;
}

function configTable({ config }: Difference): string {
  if (config.length === 0) return "No settings differ.\n";
  const rows = config.map(({ field, before, after }) => [field, shown(before), shown(after)]);
  return align([["SETTING", "FROM", "TO"], ...rows]);
}

function shown(value: unknown): string {
  if (value === undefined) return "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function signed(bytes: number): string {
  return bytes < 0 ? `-${humanSize(-bytes, 3)}` : `+${humanSize(bytes, 3)}`;
}
