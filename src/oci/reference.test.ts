import { expect, test } from "vitest";
import { familiar, fullName, parseReference, withDefaultTag } from "./reference.ts";

test.each([
  ["ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"],
  ["ubuntu:24.04", "docker.io/library/ubuntu:24.04", "ubuntu:24.04"],
  ["docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"],
  ["index.docker.io/team/app", "docker.io/team/app:latest", "team/app:latest"],
  ["team/app", "docker.io/team/app:latest", "team/app:latest"],
  ["ghcr.io/o/app:v1", "ghcr.io/o/app:v1", "ghcr.io/o/app:v1"],
  ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
  ["localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"],
  ["[::1]:5000/app:x", "[::1]:5000/app:x", "[::1]:5000/app:x"],
  ["a__b/c-d.e--f", "docker.io/a__b/c-d.e--f:latest", "a__b/c-d.e--f:latest"],
  [`a@sha256:${"0".repeat(64)}`, `docker.io/library/a@sha256:${"0".repeat(64)}`, `a@sha256:${"0".repeat(64)}`],
  [`a:t@sha256:${"0".repeat(64)}`, `docker.io/library/a:t@sha256:${"0".repeat(64)}`, `a:t@sha256:${"0".repeat(64)}`],
])("%s means %s and is shown as %s", (text, full, shown) => {
  const reference = withDefaultTag(parseReference(text));
  expect(fullName(reference)).toBe(full);
  expect(familiar(reference)).toBe(shown);
});

test.each([
  ["YOURNAME/my-first-image", "invalid reference format: repository name (YOURNAME/my-first-image) must be lowercase"],
  ["Ubuntu", "invalid reference format: repository name (library/Ubuntu) must be lowercase"],
  ["", "invalid reference format"],
  ["a:", "invalid reference format"],
  ["a::b", "invalid reference format"],
  ["a//b", "invalid reference format"],
  ["-a", "invalid reference format"],
  ["a_", "invalid reference format"],
  ["a..b", "invalid reference format"],
  ["a:-t", "invalid reference format"],
  [`a:${"t".repeat(129)}`, "invalid reference format"],
  ["a@sha256:12", "invalid reference format"],
  ["a b", "invalid reference format"],
  ["a".repeat(300), "repository name must not be more than 255 characters"],
  ["0".repeat(64), `invalid repository name (${"0".repeat(64)}), cannot specify 64-byte hexadecimal strings`],
])("%j is refused", (text, message) => {
  expect(() => parseReference(text)).toThrow(message);
});
