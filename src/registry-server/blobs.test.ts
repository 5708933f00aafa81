import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { serveBlob } from "./blobs.ts";

test("a blob is closed where its repository can't be written down", async () => {
  let isOpen = false;
  const blob = { name: { domain: "registry.test", path: "app" }, digest: digestOf("blob") };
  const content = {
    open: async () => {
      isOpen = true;
      return {
        size: 4,
        read: async function* () {},
        [Symbol.asyncDispose]: async () => {
          isOpen = false;
        },
      };
    },
  };
  const db = { read: () => undefined, write: () => Promise.reject(new Error("disk full")) };
  const deps = { content, db, uses: { note: () => undefined } };
  const upstreams = { answer: async () => ({ value: 4 }) };
  const serving = serveBlob(
    deps as unknown as Parameters<typeof serveBlob>[0],
    blob as unknown as Parameters<typeof serveBlob>[1],
    { upstreams } as unknown as Parameters<typeof serveBlob>[2],
  );
  await expect(serving).rejects.toThrow("disk full");
  expect(isOpen).toBe(false);
});
