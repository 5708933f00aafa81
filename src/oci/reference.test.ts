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
  ["[2001:db8::1]/app", "[2001:db8::1]/app:latest", "[2001:db8::1]/app:latest"],
  ["index.docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"],
  ["docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["docker.io", "docker.io/library/docker.io:latest", "docker.io:latest"],
  ["localhost", "docker.io/library/localhost:latest", "localhost:latest"],
  ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
  ["HOST.example/app", "HOST.example/app:latest", "HOST.example/app:latest"],
  ["A:5000/b", "A:5000/b:latest", "A:5000/b:latest"],
  ["127.0.0.1/a/b/c", "127.0.0.1/a/b/c:latest", "127.0.0.1/a/b/c:latest"],
  ["a:V_1.0-x", "docker.io/library/a:V_1.0-x", "a:V_1.0-x"],
  ["ho_st.d/a", "ho_st.d/a:latest", "ho_st.d/a:latest"],
  ["0".repeat(63), `docker.io/library/${"0".repeat(63)}:latest`, `${"0".repeat(63)}:latest`],
  ["a__b/c-d.e--f", "docker.io/a__b/c-d.e--f:latest", "a__b/c-d.e--f:latest"],
  [`a@sha256:${"0".repeat(64)}`, `docker.io/library/a@sha256:${"0".repeat(64)}`, `a@sha256:${"0".repeat(64)}`],
  [`a@sha512:${"0".repeat(128)}`, `docker.io/library/a@sha512:${"0".repeat(128)}`, `a@sha512:${"0".repeat(128)}`],
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
  ["a@", "invalid reference format"],
  [`a@sha256:${"0".repeat(32)}`, "invalid checksum digest length"],
  [`a@sha256:${"A".repeat(64)}`, "invalid checksum digest format"],
  [`a@sha512:${"0".repeat(64)}`, "invalid checksum digest length"],
  [`a@md5:${"0".repeat(32)}`, "unsupported digest algorithm"],
  ["a b", "invalid reference format"],
  ["a\n", "invalid reference format"],
  ["\u00e4", "invalid reference format"],
  ["a\u00c4", "invalid reference format: repository name (library/a\u00c4) must be lowercase"],
  ["/a", "invalid reference format"],
  ["a/", "invalid reference format"],
  ["a___b", "invalid reference format"],
  ["a.-b", "invalid reference format"],
  ["http://a/b", "invalid reference format"],
  ["[fe80::1%25eth0]/a", "invalid reference format"],
  ["h:5000/A:B", "invalid reference format: repository name (A) must be lowercase"],
  ["h:x/a", "invalid reference format"],
  ["a/b:c/d", "invalid reference format"],
  ["a".repeat(248), "repository name must not be more than 255 characters"],
  ["a".repeat(300), "repository name must not be more than 255 characters"],
  ["0".repeat(64), `invalid repository name (${"0".repeat(64)}), cannot specify 64-byte hexadecimal strings`],
  [`h.io/${"a".repeat(256)}`, "repository name must not be more than 255 characters"],
])("%j is refused", (text, message) => {
  expect(() => parseReference(text)).toThrow(message);
});

test("names and tags may be as long as Docker's", () => {
  expect(parseReference("a".repeat(247)).path).toHaveLength(255);
  expect(parseReference(`h.io/${"a".repeat(255)}`).path).toHaveLength(255);
  expect(parseReference(`a:${"t".repeat(128)}`).tag).toHaveLength(128);
});
