import { defineConfig, type ViteUserConfig } from "vitest/config";

const root = process.getuid?.() === 0;

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/vm/*.test.ts"],
          exclude: ["**/*.integration.test.ts"],
          testTimeout: 5_000,
        },
      },
      {
        test: {
          name: "integration",
          include: root ? ["src/**/*.integration.test.ts", "test/hostile/**/*.test.ts"] : [],
          testTimeout: 60_000,
          pool: "forks",
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          pool: "forks",
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "differential",
          include: ["test/differential/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          pool: "forks",
          fileParallelism: false,
        },
      },
    ],
  },
});

export default config;
