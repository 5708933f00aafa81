import { setTimeout as sleep } from "node:timers/promises";

/** Look every 50 ms until `look` gives something. @throws when that takes longer than `seconds`, which a busy machine must not reach */
export async function eventually<T>(look: () => Promise<T | undefined>, seconds = 180): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`nothing after ${seconds} s: ${look}`);
    await sleep(50);
  }
}
