import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { parseLayout } from "./layout-reference.ts";

const digest = digestOf("manifest");

test.each([
  ["/a/b", { directory: "/a/b", tag: "latest", digest: undefined }],
  ["/a/b:1.2", { directory: "/a/b", tag: "1.2", digest: undefined }],
  [`/a/b@${digest}`, { directory: "/a/b", tag: undefined, digest }],
  [`/a/b:1@${digest}`, { directory: "/a/b", tag: "1", digest }],
  ["/a:b/c", { directory: "/a:b/c", tag: "latest", digest: undefined }],
  ["/a@b", { directory: "/a@b", tag: "latest", digest: undefined }],
])("oci-layout://%s is read as buildx does", (text, expected) => {
  expect(parseLayout(`oci-layout://${text}`)).toEqual(expected);
});
