import { setTimeout as sleep } from "node:timers/promises";
import type { Registries } from "../registry/registries.ts";

/** Milliseconds between two looks whether somebody still waits. */
const pause = 5;

/** Milliseconds that a piece is held back at most: the whole is what ends the waiting for good. */
const longest = 500;

/** Registries whose blobs come as long as nobody waits for a part of one. @param isWaiting whether somebody does */
export function politeRegistries(registries: Registries, isWaiting: () => boolean): Registries {
  const goOn = async (): Promise<void> => {
    for (let waited = 0; waited < longest && isWaiting(); waited += pause) await sleep(pause);
  };
  return {
    ...registries,
    repository: (name) => {
      const repository = registries.repository(name);
      return {
        ...repository,
        blob: async function* (blob, options) {
          for await (const piece of repository.blob(blob, options)) {
            await goOn();
            yield piece;
          }
        },
      };
    },
  };
}
