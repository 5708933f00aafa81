import { join } from "node:path";
import { runProgram } from "../../support/program.ts";
import type { Report } from "../ledger.ts";

/** Where archives and build contexts lie: in memory, so that they are no part of what is tested. */
export const scratch = "/run/scratch";

/** What `/mark` holds in the image that the others are made of. */
export const baseMark = "busybox";

const command = join(import.meta.dirname, "../../../bin/berth");

/** Run berth on the disk that loses power, and give its stdout without the last line end. @throws with what it printed */
export async function berth(...args: readonly string[]): Promise<string> {
  return await output(command, ...args);
}

/** The same for any program. */
export async function output(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args);
  if (code !== 0) throw new Error(`${[program, ...args].join(" ")} ended with ${code}: ${stderr}${stdout}`);
  return stdout.trimEnd();
}

/** Tell the host. */
export function report(line: Report): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Every image by its name; one without a name as `<none>`. */
export async function shownImages(): Promise<ReadonlyMap<string, string>> {
  const lines = await berth("image", "ls", "-a", "--no-trunc", "--format", "{{.Repository}} {{.ID}}");
  const pairs = lines.split("\n").filter((line) => line !== "");
  return new Map(pairs.map((line) => [line.split(" ")[0] ?? "", line.split(" ")[1] ?? ""]));
}
