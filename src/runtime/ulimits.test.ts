import { expect, test } from "vitest";
import { parseLimits, rlimitsOf, ulimitWarnings } from "./ulimits.ts";

const ceiling = { unbounded: false, hard: { nofile: 20_000, core: -1 } };

test.each([
  ["below the ceiling", "nofile", 64, 128, { soft: 64, hard: 128 }],
  ["above the ceiling", "nofile", 1_048_576, 1_048_576, { soft: 20_000, hard: 20_000 }],
  ["soft below, hard above", "nofile", 64, 1_048_576, { soft: 64, hard: 20_000 }],
  ["unlimited above a ceiling", "nofile", -1, -1, { soft: 20_000, hard: 20_000 }],
  ["unlimited where there is no ceiling", "core", -1, -1, { soft: -1, hard: -1 }],
  ["a limit where there is no ceiling", "core", 0, 5, { soft: 0, hard: 5 }],
  ["one that /proc doesn't know", "other", 7, 9, { soft: 7, hard: 9 }],
])("a limit %s", (_, name, soft, hard, expected) => {
  expect(rlimitsOf([{ name, soft, hard }], ceiling)).toEqual([{ type: `RLIMIT_${name.toUpperCase()}`, ...expected }]);
});

test("who holds CAP_SYS_RESOURCE sets what is asked for", () => {
  const [limit] = rlimitsOf([{ name: "nofile", soft: -1, hard: -1 }], { ...ceiling, unbounded: true });
  expect(limit).toMatchObject({ soft: -1, hard: -1 });
});

test("limits are read from /proc", () => {
  const text = [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max core file size        0                    unlimited            bytes     ",
    "Max open files            1024                 20000                files     ",
    "Max nice priority         0                    0                    ",
    "",
  ].join("\n");
  expect(parseLimits(text)).toEqual({ core: -1, nofile: 20_000, nice: 0 });
});

test("a limit that is set lower than it was asked to be is told, and no other", () => {
  const ceiling = { unbounded: false, hard: { nofile: 1024, nproc: 500 } };
  const asked = [
    { name: "nofile", soft: 512, hard: 4096 },
    { name: "nproc", soft: 100, hard: 500 },
    { name: "core", soft: -1, hard: -1 },
  ];
  expect(ulimitWarnings(asked, ceiling)).toEqual([
    "ulimit nofile=512:4096 is more than this machine lets berth set, 512:1024 is used instead",
  ]);
  expect(ulimitWarnings(asked, { unbounded: true, hard: {} })).toEqual([]);
});
