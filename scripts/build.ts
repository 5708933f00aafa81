import { build } from "esbuild";

/** Bundle the command and the library, each into one file of `dist/`. */
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
