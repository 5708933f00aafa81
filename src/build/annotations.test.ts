import { expect, test } from "vitest";
import { annotationsAt, type BuildAnnotation, checkAnnotations } from "./annotations.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const annotations: readonly BuildAnnotation[] = [
  { level: "manifest", key: "b", value: "arm", platform: arm64 },
  { level: "manifest", key: "b", value: "all" },
  { level: "manifest", key: "a", value: "1" },
  { level: "index", key: "i", value: "2" },
];

test("an annotation of a platform comes before one of all, and the last of a name counts", () => {
  expect(annotationsAt(annotations, "manifest", amd64)).toEqual({ a: "1", b: "all" });
  expect(annotationsAt(annotations, "manifest", { ...arm64, variant: "v8" })).toEqual({ a: "1", b: "arm" });
  expect(annotationsAt(annotations, "index")).toEqual({ i: "2" });
  expect(annotationsAt(annotations, "manifest-descriptor", amd64)).toBeUndefined();
});

test("what nothing would have is refused in BuildKit's words", () => {
  expect(() => checkAnnotations(annotations, { platforms: [amd64, arm64], hasIndex: true })).not.toThrow();
  expect(() => checkAnnotations(annotations, { platforms: [amd64], hasIndex: true })).toThrow(
    "invalid annotation: no platform linux/arm64 found in source",
  );
  expect(() => checkAnnotations(annotations.slice(2), { platforms: [amd64], hasIndex: false })).toThrow(
    "index annotations not supported for single platform export",
  );
});
