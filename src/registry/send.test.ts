import { expect, test } from "vitest";
import type { ProgressEvent } from "../base/operation.ts";
import { digestOf } from "../oci/digest.ts";
import type { UploadBody } from "./repository.ts";
import { sendShipment } from "./send.ts";
import { imageAsIs } from "./tree.ts";

const blobOf = (text: string) => ({ mediaType: "application/octet-stream", digest: digestOf(text), size: text.length });

test("what is to be sent is told whole before its first byte, and the config isn't", async () => {
  const texts = ["config", "one", "other"];
  const [config, ...layers] = texts.map(blobOf);
  const bytes = Buffer.from(JSON.stringify({ config, layers }));
  const descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(bytes),
    size: bytes.length,
  };
  const reader = {
    manifest: () => Promise.reject(new Error("nobody asks")),
    async *blob({ digest }: { readonly digest: string }) {
      yield Buffer.from(texts.find((text) => digestOf(text) === digest) ?? "");
    },
  };
  const read = async ({ bytes: sent }: UploadBody): Promise<void> => {
    for await (const _ of sent);
  };
  const events: ProgressEvent[] = [];
  await sendShipment(
    {
      hasBlob: () => Promise.resolve(false),
      hasManifest: () => Promise.resolve(false),
      upload: async ({ body }) => {
        await read(body());
        return "pushed";
      },
      putManifest: () => Promise.resolve(),
    },
    { images: [imageAsIs(reader, { bytes, descriptor })], indexes: () => [] },
    { most: 1, report: (event) => events.push(event) },
  );
  const told = events.flatMap((event) => (event.kind === "bytes" ? [[event.id, event.current, event.total]] : []));
  const [one, other] = layers.map(({ digest }) => digest);
  expect(told).toEqual([
    [other, 0, 5],
    [one, 0, 3],
    [other, 5, 5],
    [one, 3, 3],
  ]);
});
