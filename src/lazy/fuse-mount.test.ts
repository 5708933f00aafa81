import { openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { linux } from "../host/syscalls.ts";
import { serveRequests } from "./fuse-mount.ts";

test("what is answered after the end is written nowhere", async () => {
  const place = scratchOfTest("fuse");
  const [pipe, other] = [join(place, "pipe"), join(place, "other")];
  linux.mknod(pipe, 0o010600, 0, 0);
  const fd = openSync(pipe, "r+");
  const asked = Promise.withResolvers<void>();
  const content = Promise.withResolvers<Buffer>();
  const served = serveRequests(fd, () => {
    asked.resolve();
    return content.promise;
  });
  const request = Buffer.alloc(40);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt32LE(15, 4);
  writeSync(fd, request);
  await asked.promise;
  writeSync(fd, "no request");
  await expect(served).rejects.toThrow("the kernel sent no request");
  // The lowest number that is free, which was the device's.
  expect(openSync(other, "w")).toBe(fd);
  content.resolve(Buffer.from("late"));
  await content.promise;
  await new Promise(setImmediate);
  expect(readFileSync(other, "utf8")).toBe("");
});
