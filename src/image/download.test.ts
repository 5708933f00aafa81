import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { openContent } from "../content/content.ts";
import { openHost } from "../host/host.ts";
import { digestOf } from "../oci/digest.ts";
import { Downloads, downloadPath } from "./download.ts";

test("a download that is stopped while it looks at what an earlier one has left stops there, and leaves that", async () => {
  const place = scratchOfTest("download");
  const host = openHost({ root: join(place, "root"), runRoot: join(place, "run") });
  const blob = { digest: digestOf("begun and ended"), size: 15 };
  const path = downloadPath(host, blob.digest);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "begun");
  const stop = new AbortController();
  const asked: unknown[] = [];
  const repository = {
    async *blob() {
      asked.push(blob);
      yield Buffer.from(" and ended");
    },
  };
  const options = { signal: stop.signal, parallel: 1, progress: () => stop.abort(new Error("enough")) };
  await using downloads = new Downloads({ host, content: openContent(host) }, repository, options);
  await expect(downloads.get(blob).arrived).rejects.toThrow("enough");
  expect(asked).toEqual([]);
  expect(readFileSync(path, "utf8")).toBe("begun");
});
