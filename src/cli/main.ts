import { runCommandLine } from "./command-line.ts";
import { processTerminal } from "./terminal/process-terminal.ts";

/** What a shell reports of a program that wrote to a pipe which nobody reads any more. */
const brokenPipe = 141;
/** The same of a program that wrote to a terminal which is gone, and would have been sent SIGHUP. */
const hungUp = 129;

for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(brokenPipe);
    if (error.code === "EIO") process.exit(hungUp);
    throw error;
  });
}

// A command that waits for what never comes must not look as if it had succeeded.
process.once("beforeExit", () => {
  if (process.exitCode !== undefined) return;
  process.stderr.write("berth: the command ended before it was done, which is a bug of berth\n");
  process.exitCode = 1;
});

void runCommandLine(process.argv.slice(2), processTerminal(), async (places, use) => {
  const { openEngine } = await import("../engine/engine.ts");
  return await openEngine(places, { ...use, untilExit: true });
}).then((code) => {
  process.exitCode = code;
  // At once, unless something is still to be written to a slow reader.
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
});
