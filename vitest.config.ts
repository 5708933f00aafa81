import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const root = process.getuid?.() === 0;

/** Files at the same time, also where there are two processors: those that test the whole command wait for it most of the time. */
const atOnce = { parts: Math.max(2, availableParallelism()), whole: 2 };

/** Milliseconds. Only what hangs takes that long: a machine that is slow, or busy with other things, is no failure. */
const patience = { unit: 60_000, integration: 300_000, whole: 900_000 };

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/vm/*.test.ts"],
          exclude: ["**/*.integration.test.ts"],
          testTimeout: patience.unit,
          hookTimeout: patience.unit,
          maxWorkers: atOnce.parts,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "integration",
          include: root ? ["src/**/*.integration.test.ts", "test/hostile/**/*.test.ts"] : [],
          testTimeout: patience.integration,
          hookTimeout: patience.integration,
          pool: "forks",
          maxWorkers: atOnce.parts,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: patience.whole,
          hookTimeout: patience.whole,
          pool: "forks",
          maxWorkers: atOnce.whole,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "differential",
          include: ["test/differential/**/*.test.ts"],
          testTimeout: patience.whole,
          hookTimeout: patience.whole,
          pool: "forks",
          maxWorkers: atOnce.whole,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

export default config;
