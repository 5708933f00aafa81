import { dirname, join } from "node:path";

/**
 * The program of a thread: in the sources a neighbour of the file that starts it, else a bundle of its own beside the one that this file is
 * part of.
 *
 * @param file absolute path of the file that starts the thread
 * @param name of the program, without its ending
 */
export function threadProgram(file: string, name: string): string {
  return join(dirname(file), `${name}${file.endsWith(".ts") ? ".ts" : ".cjs"}`);
}
