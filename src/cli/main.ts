import { runCommandLine } from "./command-line.ts";
import { processTerminal } from "./terminal/process-terminal.ts";

/** What a shell reports of a program that wrote to a pipe which nobody reads any more. */
const brokenPipe = 141;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(brokenPipe);
  throw error;
});

const [verb, root, runRoot, id] = process.argv.slice(2);

/** What a container's monitor calls when the container has ended: no command for people. */
async function settleEnded(): Promise<number> {
  if (root === undefined || runRoot === undefined || id === undefined) return 1;
  const { openEngine } = await import("../engine/engine.ts");
  await using engine = await openEngine({ root, runRoot });
  await engine.containers.settle(id);
  return 0;
}

// Setting the code lets what is still to be written reach a slow reader.
process.exitCode =
  verb === "internal-exited"
    ? await settleEnded()
    : await runCommandLine(process.argv.slice(2), processTerminal(), async (places) => {
        const { openEngine } = await import("../engine/engine.ts");
        return await openEngine(places);
      });
