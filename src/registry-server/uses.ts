import { noteUse } from "../image/cache-records.ts";
import type { ImageDeps } from "../image/images.ts";
import type { Digest } from "../oci/digest.ts";

/** Milliseconds between two writes. */
const interval = 10_000;

/** When things were last asked for: kept in memory and recorded now and then, for a request needn't wait for the disk. */
export interface Uses extends AsyncDisposable {
  note(digest: Digest): void;
  /** Record what was noted. */
  flush(): Promise<void>;
}

/** @param failed told where recording fails, which harms nobody */
export function openUses({ db }: Pick<ImageDeps, "db">, failed: (error: unknown) => void): Uses {
  let noted = new Map<Digest, number>();
  const flush = async (): Promise<void> => {
    if (noted.size === 0) return;
    const uses = noted;
    noted = new Map();
    await db.write((sql) => {
      for (const [digest, used] of uses) noteUse(sql, digest, used);
    });
  };
  const timer = setInterval(() => void flush().catch(failed), interval);
  return {
    note: (digest) => noted.set(digest, Date.now()),
    flush,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}
