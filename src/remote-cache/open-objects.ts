import { openCloud } from "./cloud.ts";
import type { GitHubPlace } from "./github.ts";
import type { ObjectStore } from "./object-store.ts";
import type { S3Place } from "./s3.ts";

/** Open an object store; nobody is contacted yet. @throws {BerthError} invalid-argument, for a token that isn't one */
export async function openObjects(place: S3Place | GitHubPlace): Promise<ObjectStore & Disposable> {
  using stack = new DisposableStack();
  const cloud = stack.use(openCloud());
  const store = await (async () => {
    if (place.type === "s3") return (await import("./s3.ts")).s3Store(place, cloud);
    return (await import("./github.ts")).githubStore(place, cloud);
  })();
  const owned = stack.move();
  return { ...store, [Symbol.dispose]: () => owned.dispose() };
}
