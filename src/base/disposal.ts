import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** A directory that is gone when its scope ends, however it ends. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

/** Make an empty directory named `prefix` and six random characters below `parent`, which must exist. */
export async function tempDir(parent: string, prefix: string): Promise<TempDir> {
  const path = await mkdtemp(join(parent, prefix));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
