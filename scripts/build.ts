import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type BuildFailure, type BuildOptions, build } from "esbuild";

const project = join(import.meta.dirname, "..");

/** What CommonJS has in the place of these. */
const places = { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" };

/**
 * Bundle the command (`dist/berth.cjs`) and the library (`dist/index.js`), a file each, and the threads that both start.
 * What is wrong in the sources is printed by esbuild itself.
 */
try {
  await Promise.all([bundleCommand(), bundleLibrary(), bundleThreads()]);
  // What Node kept of an earlier bundle is of no use any more.
  rmSync(join(project, "dist/compile-cache"), { recursive: true, force: true });
} catch (error) {
  if (!isBuildFailure(error)) throw error;
  process.exitCode = 1;
}

/** CommonJS: what a command imports only when it runs is then evaluated only then, and Node starts it sooner than ES modules. */
async function bundleCommand(): Promise<void> {
  await build({
    ...common(),
    entryPoints: { berth: "./src/cli/main.ts" },
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    define: { BERTH_BUILD: JSON.stringify(commit()), ...places },
    // Each start reads the whole file; names stay for what a trace of the stack shows.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
  });
}

async function bundleLibrary(): Promise<void> {
  await build({
    ...common(),
    entryPoints: { index: "./src/index.ts" },
    format: "esm",
    define: { BERTH_BUILD: JSON.stringify(commit()) },
  });
}

async function bundleThreads(): Promise<void> {
  await build({
    ...common(),
    entryPoints: { "unpack-worker": "./src/snapshot/unpack-worker.ts" },
    outExtension: { ".js": ".cjs" },
    format: "cjs",
  });
}

function common(): BuildOptions {
  return {
    absWorkingDir: project,
    outdir: "dist",
    bundle: true,
    platform: "node",
    target: "esnext",
    packages: "external",
    legalComments: "none",
    logLevel: "warning",
  };
}

/** The commit that is bundled, as Docker's `--version` shows it; `source` outside a repository. */
function commit(): string {
  const { status, stdout } = spawnSync("git", ["-C", project, "rev-parse", "--short=7", "HEAD"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "source";
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error;
}
