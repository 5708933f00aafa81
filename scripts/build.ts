import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BuildOptions, build, type OutputChunk } from "rolldown";

const project = join(import.meta.dirname, "..");
const dist = join(project, "dist");

/** What CommonJS has in the place of these. */
const places = { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" };
const berthBuild = { BERTH_BUILD: JSON.stringify(commit()) };

// A file each: the command and what starts it, the library, and the threads that both start.
const command = await bundleCommand();
await bundle("src/cli/launch.ts", "berth.cjs", "cjs", {
  ...places,
  BERTH_COMMAND: JSON.stringify(command.file),
  BERTH_MODULES: JSON.stringify(JSON.stringify(command.modules)),
});
await bundle("src/index.ts", "index.js", "esm", berthBuild);
await bundle("src/snapshot/unpack-worker.ts", "unpack-worker.cjs", "cjs", places);
await bundle("src/archive/hash-worker.ts", "hash-worker.cjs", "cjs", places);
removeEarlier();

async function bundle(
  entry: string,
  file: string,
  format: "cjs" | "esm",
  define: Record<string, string>,
): Promise<void> {
  await build({
    ...from(entry, define),
    output: { file: join(dist, file), format, comments: false, codeSplitting: false },
  });
}

/**
 * Bundle the command: a file of its modules, one after the other. What is imported only when it is needed is a module of its
 * own, so that V8 neither reads nor keeps what is in there before that.
 *
 * @returns the file's name, which is that of its content: what was kept of another one is never taken for it; and where each
 *   module lies in it, bytes
 */
async function bundleCommand(): Promise<{ file: string; modules: Record<string, [at: number, length: number]> }> {
  const { output } = await build({
    ...from("src/cli/main.ts", { ...berthBuild, ...places }),
    output: { format: "cjs", comments: false, entryFileNames: "main", chunkFileNames: "[name]" },
    write: false,
  });
  const modules: Record<string, [number, number]> = {};
  let text = "";
  for (const chunk of output) {
    if (chunk.type !== "chunk") continue;
    const module = moduleOf(chunk);
    modules[`./${chunk.fileName}`] = [text.length, module.length];
    text += `${module}\n`;
  }
  const file = `command-${createHash("sha256").update(text).digest("hex").slice(0, 12)}.js`;
  mkdirSync(dist, { recursive: true });
  writeFileSync(join(dist, file), text);
  return { file, modules };
}

/** A method that makes a CommonJS module: it may require others as `./NAME`, the first of which is `./main`. */
function moduleOf({ fileName, code }: OutputChunk): string {
  const text = `${JSON.stringify(`./${fileName}`)}(exports, require, __filename, __dirname) {\n${code}}`;
  // It is read as Latin-1: with one other character V8 would keep twice as many bytes.
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function from(entry: string, define: Record<string, string>): BuildOptions {
  return {
    cwd: project,
    input: { main: entry },
    platform: "node",
    external: /^[^./]/,
    transform: { define },
    // Imports that wait are for modules that others import at once, too.
    checks: { ineffectiveDynamicImport: false },
    logLevel: "warn",
  };
}

/** Earlier bundles of the command, and what V8 made of them. */
function removeEarlier(): void {
  rmSync(join(dist, "compile-cache"), { recursive: true, force: true });
  for (const name of readdirSync(dist)) {
    if (name.startsWith("command-") && name !== command.file) rmSync(join(dist, name));
  }
}

/** The commit that is bundled, as Docker's `--version` shows it; `source` outside a repository. */
function commit(): string {
  const { status, stdout } = spawnSync("git", ["-C", project, "rev-parse", "--short=7", "HEAD"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "source";
}
