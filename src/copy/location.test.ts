import { expect, test } from "vitest";
import { fullName } from "../oci/reference.ts";
import { type Location, parseLocation } from "./location.ts";

const shown = (location: Location): unknown =>
  "reference" in location && location.reference !== undefined
    ? { ...location, reference: fullName(location.reference) }
    : location;

const digest = `sha256:${"0".repeat(64)}`;

test.each<[string, object]>([
  ["docker://debian", { transport: "docker", reference: "docker.io/library/debian" }],
  ["docker://127.0.0.1:5000/a/b:1", { transport: "docker", reference: "127.0.0.1:5000/a/b:1" }],
  [`docker://quay.io/a@${digest}`, { transport: "docker", reference: `quay.io/a@${digest}` }],
  ["store:debian:12", { transport: "store", name: "debian:12" }],
  ["docker-daemon:debian:12", { transport: "store", name: "debian:12" }],
  [`docker-daemon:${digest}`, { transport: "store", name: digest }],
  ["containers-storage:debian", { transport: "store", name: "debian" }],
  ["oci:/a/b", { transport: "oci", path: "/a/b", image: undefined }],
  ["oci:a:12", { transport: "oci", path: "a", image: "12" }],
  ["oci:a:docker.io/library/debian:12", { transport: "oci", path: "a", image: "docker.io/library/debian:12" }],
  ["oci-archive:a.tar:v1.0_x", { transport: "oci-archive", path: "a.tar", image: "v1.0_x" }],
  ["oci-archive:a.tar:", { transport: "oci-archive", path: "a.tar", image: undefined }],
  ["docker-archive:a.tar", { transport: "docker-archive", path: "a.tar", reference: undefined }],
  ["docker-archive:a.tar:app:1", { transport: "docker-archive", path: "a.tar", reference: "docker.io/library/app:1" }],
  ["dir:a:b", { transport: "dir", path: "a:b" }],
])("%s is read as skopeo reads it", (text, expected) => {
  expect(shown(parseLocation(text))).toEqual(expected);
});

test.each([
  ["busybox", 'Invalid image name "busybox", expected colon-separated transport:reference'],
  ["foo:bar", 'Invalid image name "foo:bar", unknown transport "foo"'],
  ["toString:bar", 'Invalid image name "toString:bar", unknown transport "toString"'],
  ["docker:foo", "docker: image reference foo does not start with //"],
  ["docker://A", "invalid reference format: repository name (library/A) must be lowercase"],
  ["oci::1", "the path is empty"],
  ["dir:", "the path is empty"],
  ["store:", "the store's image has no name"],
  [`docker-archive:a.tar:b@${digest}`, "docker-archive: an archive's image has no digest"],
  ["oci:a:../b", "Invalid image ../b"],
])("%s is refused", (text, message) => {
  expect(() => parseLocation(text)).toThrow(message);
});
