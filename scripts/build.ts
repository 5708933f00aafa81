import { type BuildFailure, build } from "esbuild";

/** Bundle the command and the library, each into one file of `dist/`. What is wrong in the sources is printed by esbuild itself. */
try {
  await build({
    absWorkingDir: `${import.meta.dirname}/..`,
    entryPoints: { berth: "./src/cli/main.ts", index: "./src/index.ts" },
    outdir: "dist",
    bundle: true,
    platform: "node",
    format: "esm",
    target: "esnext",
    packages: "external",
    legalComments: "none",
    logLevel: "warning",
  });
} catch (error) {
  if (!isBuildFailure(error)) throw error;
  process.exitCode = 1;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error;
}
