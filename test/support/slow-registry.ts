import { openScriptedRegistry, type ScriptedRegistry } from "./registry.ts";

/** A registry that has one blob in `app`, and gives it away as `send` does. */
export async function openSlowRegistry(
  blob: Buffer,
  send: (range: string | undefined, write: (first: number, end: number) => void) => Promise<void>,
): Promise<ScriptedRegistry> {
  return await openScriptedRegistry(async ({ method, url = "", headers }, response) => {
    if (!url.includes("/blobs/")) return void response.writeHead(200).end("{}");
    const first = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
    const more = first > 0 ? { "content-range": `bytes ${first}-${blob.length - 1}/${blob.length}` } : {};
    response.writeHead(first > 0 ? 206 : 200, { "content-length": blob.length - first, ...more });
    if (method === "HEAD") return void response.end();
    response.flushHeaders();
    await send(headers.range, (from, end) => response.write(blob.subarray(from, end)));
    response.end();
  });
}
