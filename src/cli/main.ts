import { linux } from "../host/syscalls.ts";
import { runCommandLine } from "./command-line.ts";
import { processTerminal } from "./terminal/process-terminal.ts";

const terminal = processTerminal();

// A command that waits for what never comes must not look as if it had succeeded.
process.once("beforeExit", () => {
  if (process.exitCode !== undefined) return;
  terminal.stderr.write("berth: the command ended before it was done, which is a bug of berth\n");
  process.exitCode = 1;
});

void runCommandLine(process.argv.slice(2), terminal, async (places, use) => {
  const { openEngine } = await import("../engine/engine.ts");
  return await openEngine(places, { ...use, untilExit: true });
}).then((code) => {
  process.exitCode = code;
  if (terminal.stdout.isBehind || terminal.stderr.isBehind) return;
  // Last of those who listen. Node would free all memory and wait for its threads, which the kernel does sooner; a profile is written then.
  const isProfiled = process.execArgv.some((flag) => flag.includes("-prof"));
  if (!isProfiled) process.once("exit", () => linux.exit(code));
  process.exit();
});
