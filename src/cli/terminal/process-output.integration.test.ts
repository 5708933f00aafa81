import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { scratchOfFile } from "../../base/testing.ts";

const module = JSON.stringify(join(import.meta.dirname, "process-output.ts"));
const directory = scratchOfFile("process-output");

/** A process that does `body` with its `output`, and ends as the command does. Its standard output is a pipe or a socket unless given. */
function start(body: string, { to = "pipe", through = "" }: { to?: "pipe" | number; through?: string } = {}) {
  const program = `
    import { setInterval } from "node:timers/promises";
    import { processOutput } from ${module};
    const output = processOutput(1);
    ${body}
    if (!output.isBehind) process.exit();
  `;
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program];
  const argv = through === "" ? node : ["sh", "-c", `"$@" | ${through}`, "sh", ...node];
  return spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", to, "inherit"] });
}

async function outcome(child: ChildProcess): Promise<{ readonly code: number | null; readonly text: string }> {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk)).resume();
  await once(child, "close");
  return { code: child.exitCode, text: Buffer.concat(chunks).toString() };
}

const lines = Array.from({ length: 50_000 }, (_, line) => `line ${line}, é\n`);
const writeLines = 'for (let line = 0; line < 50000; line++) output.write("line " + line + ", é\\n");';

test("all is written in its order where the reader is slow, to a socket and to a pipe", async () => {
  const socket = start(`${writeLines} output.write(Buffer.from("bytes"));`);
  socket.stdout?.pause();
  await sleep(300);
  expect(await outcome(socket)).toEqual({ code: 0, text: `${lines.join("")}bytes` });
  expect((await outcome(start(writeLines, { through: "(sleep 0.3; cat)" }))).text).toBe(lines.join(""));
});

test("who writes isn't kept from anything else by a reader that doesn't read", async () => {
  const child = start(`${writeLines} process.on("SIGTERM", () => process.exit(7));`);
  child.stdout?.pause();
  await sleep(500);
  child.kill("SIGTERM");
  await once(child, "exit");
  expect(child.exitCode).toBe(7);
});

test("a stream that is opened goes on behind what was written", async () => {
  const child = start(`output.write("one, "); output.stream.write("two, "); output.write("three");`);
  expect((await outcome(child)).text).toBe("one, two, three");
});

test("a file gets all at once, and is no terminal", async () => {
  const path = join(directory, "file");
  const fd = openSync(path, "w");
  const child = start(`${writeLines} output.write(String(output.isTTY)); process.exit();`, { to: fd });
  closeSync(fd);
  await once(child, "exit");
  expect(readFileSync(path, "utf8")).toBe(`${lines.join("")}false`);
});

test("a reader that has gone ends the process as SIGPIPE would", async () => {
  const child = start(`for await (const _ of setInterval(10)) output.write("again\\n");`);
  child.stdout?.destroy();
  await once(child, "exit");
  expect(child.exitCode).toBe(141);
});
