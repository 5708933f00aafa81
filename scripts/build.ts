import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BuildFailure, type BuildResult, build } from "esbuild";

const project = join(import.meta.dirname, "..");
const chunks = "dist/chunks";
const day = 24 * 60 * 60 * 1000;

/**
 * Bundle the command (`dist/berth.js`) and the library (`dist/index.js`).
 * What a command imports only when it runs stays in files of its own: `berth --version` loads neither engine nor SQLite.
 * What is wrong in the sources is printed by esbuild itself.
 */
try {
  removeOldChunks(await bundle());
} catch (error) {
  if (!isBuildFailure(error)) throw error;
  process.exitCode = 1;
}

function bundle(): Promise<BuildResult<{ metafile: true }>> {
  return build({
    absWorkingDir: project,
    entryPoints: { berth: "./src/cli/main.ts", index: "./src/index.ts" },
    outdir: "dist",
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "esnext",
    packages: "external",
    legalComments: "none",
    define: { BERTH_BUILD: JSON.stringify(commit()) },
    logLevel: "warning",
    metafile: true,
  });
}

/** The commit that is bundled, as Docker's `--version` shows it; `source` outside a repository. */
function commit(): string {
  const { status, stdout } = spawnSync("git", ["-C", project, "rev-parse", "--short=7", "HEAD"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "source";
}

/** Chunks of earlier builds go after a day: a command that was started before may still want one. */
function removeOldChunks({ metafile }: BuildResult<{ metafile: true }>): void {
  const old = readdirSync(join(project, chunks))
    .map((name) => join(chunks, name))
    .filter((path) => !(path in metafile.outputs) && Date.now() - statSync(join(project, path)).mtimeMs > day);
  for (const path of old) rmSync(join(project, path), { force: true });
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error;
}
