import { runCommandLine } from "./command-line.ts";
import { processTerminal } from "./terminal/process-terminal.ts";

/** What a shell reports of a program that wrote to a pipe which nobody reads any more. */
const brokenPipe = 141;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(brokenPipe);
  throw error;
});

// Setting the code lets what is still to be written reach a slow reader.
process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(), async (places) => {
  const { openEngine } = await import("../engine/engine.ts");
  return await openEngine(places);
});
