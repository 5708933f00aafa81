import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { expect, test } from "vitest";
import { rooms } from "./rooms.ts";

const src = import.meta.dirname;
const roomOf = (file: string): string => relative(src, file).split(sep)[0] ?? "";

/** Type-only imports count: a type that points the wrong way is a design that points the wrong way. */
const specifiers = /(?:from\s*|import\s*\(?\s*)["'](\.[^"']+)["']/g;

const files = globSync("*/**/*.ts", { cwd: src }).map((name) => join(src, name));
const edges = files
  .flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(specifiers)].map((match) => ({
      file,
      target: join(dirname(file), match[1] ?? ""),
    })),
  )
  .filter(({ file, target }) => !(file.endsWith(".test.ts") && relative(src, target).startsWith("..")));

test("every room imports only the rooms it is allowed to", () => {
  const wrong = edges
    .filter(({ file, target }) => roomOf(file) !== roomOf(target) && !rooms[roomOf(file)]?.includes(roomOf(target)))
    .map(({ file, target }) => `${relative(src, file)} -> ${relative(src, target)}`);
  expect(wrong).toEqual([]);
});

test("a room's internal/ folder is closed to other rooms", () => {
  const wrong = edges
    .filter(({ file, target }) => target.includes(`${sep}internal${sep}`) && roomOf(file) !== roomOf(target))
    .map(({ file, target }) => `${relative(src, file)} -> ${relative(src, target)}`);
  expect(wrong).toEqual([]);
});

test("the room table has no cycle", () => {
  const done = new Set<string>();
  const visit = (room: string, path: readonly string[]): void => {
    if (path.includes(room)) throw new Error([...path, room].join(" -> "));
    if (done.has(room)) return;
    for (const next of rooms[room] ?? []) visit(next, [...path, room]);
    done.add(room);
  };
  for (const room of Object.keys(rooms)) visit(room, []);
});

test("no source file is longer than 600 lines", () => {
  const long = files.filter((file) => readFileSync(file, "utf8").split("\n").length > 600);
  expect(long.map((file) => relative(src, file))).toEqual([]);
});
