import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, onTestFinished } from "vitest";

/** Make an empty directory that is gone when the test which asks for it ends, also where it fails. @returns its path */
export function scratchOfTest(name: string): string {
  const path = makeScratch(name);
  onTestFinished(() => remove(path));
  return path;
}

/** The same for all tests of a file: call it outside of them, before other clean-up is registered, which runs first then. */
export function scratchOfFile(name: string): string {
  const path = makeScratch(name);
  afterAll(() => remove(path));
  return path;
}

function makeScratch(name: string): string {
  return mkdtempSync(join(tmpdir(), `berth-${name}-`));
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
