import { expect, test } from "vitest";
import { LogEntries } from "./log-entries.ts";

const at = (second: number): string => `2026-11-28T10:00:0${second}.123456789+00:00`;

/** `stream time text` of the entries in a log whose records come in two chunks. */
function entriesOf(log: string, cut = log.length): readonly string[] {
  const found: string[] = [];
  const entries = new LogEntries(({ stream, bytes, start, end, timeStart, timeEnd }) => {
    const time = bytes
      .toString("latin1", timeStart, timeEnd)
      .slice("2026-11-28T10:00:0".length, -".123456789+00:00".length);
    found.push(`${stream} ${time} ${bytes.toString("latin1", start, end)}`);
  });
  const bytes = Buffer.from(log, "latin1");
  const used = entries.read(bytes.subarray(0, cut));
  entries.read(bytes.subarray(used));
  entries.finish();
  return found;
}

test.each([
  {
    name: "lines",
    log: `${at(1)} stdout F one\n${at(2)} stderr F two\n`,
    entries: ["stdout 1 one\n", "stderr 2 two\n"],
  },
  { name: "an empty line", log: `${at(1)} stdout F \n`, entries: ["stdout 1 \n"] },
  {
    name: "a line that came in parts, with the time of the last",
    log: `${at(1)} stdout P on\n${at(2)} stdout P \n${at(3)} stdout F e\n`,
    entries: ["stdout 3 one\n"],
  },
  {
    name: "parts of both streams",
    log: `${at(1)} stdout P on\n${at(2)} stderr P tw\n${at(3)} stdout F e\n${at(4)} stderr F o\n`,
    entries: ["stdout 3 one\n", "stderr 4 two\n"],
  },
  {
    name: "a line without an end",
    log: `${at(1)} stdout F one\n${at(2)} stdout P two\n`,
    entries: ["stdout 1 one\n", "stdout 2 two"],
  },
  { name: "bytes that are no text", log: `${at(1)} stdout F \x00\xff\r \n`, entries: ["stdout 1 \x00\xff\r \n"] },
  { name: "a record that is cut off", log: `${at(1)} stdout F one\n${at(2)} stdout F tw`, entries: ["stdout 1 one\n"] },
  {
    name: "lines that are no records",
    log: `\0\0\0\n\n${at(1)} std\n${at(1)} stdout F one\n`,
    entries: ["stdout 1 one\n"],
  },
])("$name", ({ log, entries }) => {
  expect(entriesOf(log)).toEqual(entries);
  expect(entriesOf(log, 50)).toEqual(entries);
});

test.each([
  { name: "a line that just fits with its end", length: 16383, pieces: [16384] },
  { name: "a line whose end is one too many", length: 16384, pieces: [16384, 1] },
  { name: "a longer line", length: 40_000, pieces: [16384, 16384, 7233] },
])("$name is cut as Docker does, and all of it has one time", ({ length, pieces }) => {
  const parts = Array.from(
    { length: Math.floor(length / 8192) },
    (_, index) => `${at(index)} stdout P ${"x".repeat(8192)}\n`,
  );
  const found = entriesOf(`${parts.join("")}${at(9)} stdout F ${"x".repeat(length % 8192)}\n`);
  expect(found.map((entry) => entry.length - "stdout 1 ".length)).toEqual(pieces);
  expect(new Set(found.map((entry) => entry.slice(0, "stdout 1".length))).size).toBe(1);
});
