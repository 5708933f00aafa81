// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Config } from "../definition/target.ts";
import { interpolate } from "./interpolate.ts";
import { loadCompose } from "./load-compose.ts";

const cwd = mkdtempSync(join(tmpdir(), "berth-compose-"));
afterAll(() => rmSync(cwd, { recursive: true }));

async function load(texts: string | readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Config> {
  const files = [texts].flat().map((text, index) => ({ name: `${index}.yaml`, text }));
  return await loadCompose(files, { lookup: (name) => env[name], cwd });
}

async function target(text: string | readonly string[], env?: Readonly<Record<string, string>>): Promise<unknown> {
  return (await load(text, env)).targets[0];
}

test("services that are built become targets and the group default", async () => {
  const text = "services:\n  app:\n    build: ./dir\n  a.b:\n    build: {context: .}\n  redis: {image: redis}\n";
  expect(await load(text)).toEqual({
    groups: [{ name: "default", targets: ["app", "a_b"] }],
    targets: [
      { name: "app", context: "dir" },
      { name: "a_b", context: "." },
    ],
  });
});

test("paths of this machine are cleaned, and ~ is the home directory", async () => {
  const text = `services:
  app:
    build:
      context: ~/x/
      additional_contexts: {up: ../, at: /abs/x/../y, git: "https://x.y/z.git#a:b", layout: "oci-layout://./l"}
      secrets: [a, b]
      ssh: [k=./d/../key]
secrets: {a: {file: ./d/../f}, b: {file: ~/b}}
`;
  expect(await target(text, { HOME: "/home/me" })).toMatchObject({
    context: "/home/me/x/",
    contexts: { up: "..", at: "/abs/x/../y", git: "https://x.y/z.git#a:b", layout: "oci-layout://./l" },
    secret: [
      { id: "a", src: "f" },
      { id: "b", src: "/home/me/b" },
    ],
    ssh: [{ id: "k", paths: ["key"] }],
  });
});

test("every field of a build has its place", async () => {
  const text = `
services:
  app:
    image: app:1
    environment: {FROM_ENV: e}
    build:
      context: .
      dockerfile: D
      dockerfile_inline: FROM x
      args: [A=1, FROM_ENV, MISSING]
      labels: {l: 2}
      cache_from: ["type=local,src=c", img]
      cache_to: [type=inline]
      no_cache: true
      pull: true
      network: none
      platforms: [linux/amd64]
      shm_size: 1.5g
      target: t
      extra_hosts: ["h:1.1.1.1", "h=2.2.2.2", "v6=::1"]
      additional_contexts: {other: service:o.p, img: docker-image://x}
      provenance: mode=max
      sbom: true
      ssh: [default, k=p]
      secrets: [s, {source: f}]
      ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}
secrets:
  s: {environment: S}
  f: {file: ./f}
`;
  expect(await target(text)).toEqual({
    name: "app",
    context: ".",
    contexts: { other: "target:o_p", img: "docker-image://x" },
    dockerfile: "D",
    "dockerfile-inline": "FROM x",
    tags: ["app:1"],
    labels: { l: "2" },
    args: { A: "1", FROM_ENV: "e" },
    "cache-from": [
      { src: "c", type: "local" },
      { ref: "img", type: "registry" },
    ],
    "cache-to": [{ type: "inline" }],
    network: "none",
    platforms: ["linux/amd64"],
    ssh: [{ id: "default" }, { id: "k", paths: ["p"] }],
    secret: [
      { id: "s", env: "S" },
      { id: "f", src: "f" },
    ],
    "shm-size": "1.5GiB",
    ulimits: ["nofile=1:2", "nproc=3:3"],
    "extra-hosts": { h: "1.1.1.1,2.2.2.2", v6: "::1" },
    attest: [{ type: "sbom" }, { mode: "max", type: "provenance" }],
    "no-cache": true,
    pull: true,
    target: "t",
  });
});

test("x-bake says what compose has no words for", async () => {
  const text = `
services:
  app:
    image: unused
    build:
      context: .
      x-bake:
        tags: [a, b]
        platforms: linux/amd64 linux/arm64
        output: type=docker
        contexts: {c: d}
        no-cache-filter: [s]
        pull: true
`;
  expect(await target(text)).toEqual({
    name: "app",
    context: ".",
    contexts: { c: "d" },
    tags: ["a", "b"],
    platforms: ["linux/amd64", "linux/arm64"],
    output: [{ type: "docker" }],
    pull: true,
    "no-cache-filter": ["s"],
  });
});

test("an anchor may be used by many services", async () => {
  const services = Array.from({ length: 150 }, (_, index) => `  s${index}: {<<: *base}\n`);
  const { targets } = await load(`x-base: &base {build: .}\nservices:\n${services.join("")}`);
  expect(targets).toHaveLength(150);
});

test("a text that anchors multiply is bounded", async () => {
  const args = Array.from({ length: 100 }, (_, index) => `A${index}: *long`).join(", ");
  const text = `x-long: &long ${"x".repeat(1 << 20)}\nservices:\n  app: {build: {args: {${args}}}}\n`;
  await expect(load(text)).rejects.toThrow("its texts come to more than 67108864 characters");
});

test("files are merged, anchors and merge keys are followed, and a service extends another", async () => {
  const first = "x-base: &base {context: ., args: {A: '1'}}\nservices:\n  app:\n    build: {<<: *base, tags: [x]}\n";
  const second = "services:\n  app:\n    build: {args: [B=2], tags: [y]}\n";
  expect(await target([first, second])).toEqual({
    name: "app",
    context: ".",
    args: { A: "1", B: "2" },
    tags: ["x", "y"],
  });
  const extended =
    "services:\n  base: {build: {context: b, args: {A: '1'}}}\n  app: {extends: base, build: {args: {B: '2'}}}\n";
  expect((await load(extended)).targets[1]).toEqual({ name: "app", context: "b", args: { A: "1", B: "2" } });
});

test("variables come from the environment, then from .env", async () => {
  writeFileSync(join(cwd, ".env"), 'TAG=file\nOTHER="${TAG}-x"\n');
  const text = "services:\n  app:\n    image: a:${TAG}-${OTHER}\n    build: .\n";
  expect(await target(text)).toMatchObject({ tags: ["a:file-file-x"] });
  expect(await target(text, { TAG: "env" })).toMatchObject({ tags: ["a:env-env-x"] });
  rmSync(join(cwd, ".env"));
});

test("arguments without a value come from env_file, too", async () => {
  writeFileSync(join(cwd, "e.env"), "A=from file\n");
  const text =
    "services:\n  app:\n    env_file: [e.env, {path: none.env, required: false}]\n    build: {context: ., args: [A]}\n";
  expect(await target(text)).toMatchObject({ args: { A: "from file" } });
});

test.each([
  ["services: [", "0.yaml:"],
  ["a: b", "empty compose file"],
  ["services:\n  app: {build: {contxt: .}}", "services.app.build additional properties 'contxt' not allowed"],
  ["services:\n  app: {build: {context: [1]}}", "services.app.build.context must be a string"],
  ["services:\n  app: {build: {privileged: true}}", "berth doesn't have privileged of compose yet"],
  ["services:\n  'a b': {build: .}", 'invalid service name "a b"'],
  ["services:\n  app: {build: {secrets: [s]}}\nsecrets: {s: {external: true}}", "unsupported external secret s"],
  ["include: [x]\nservices: {}", "berth doesn't have include yet"],
  ["services:\n  a: {extends: b, build: .}\n  b: {extends: a}", "circular reference by extends"],
  ["services:\n  a: {extends: {service: b, file: x}, build: .}", "berth doesn't have extends of another file yet"],
  ["services:\n  app: {env_file: none.env, build: .}", "none.env not found"],
  ["services:\n  app: {build: {shm_size: big}}", "invalid size: 'big'"],
  ["services: {app: {build: !reset .}}", "Unresolved tag"],
  [
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\nservices: [*d,*d]`,
    "Excessive alias count",
  ],
])("%j is refused", async (text, message) => {
  await expect(load(text)).rejects.toThrow(message);
});

describe("interpolation", () => {
  const env: Readonly<Record<string, string>> = { A: "a", EMPTY: "" };

  test.each([
    ["$A ${A} $$A", "a a $A"],
    ["${NONE}x", "x"],
    ["${NONE:-d} ${EMPTY:-d} ${EMPTY-d} ${NONE-d}", "d d  d"],
    ["${A:+x}${EMPTY:+x}${EMPTY+y}${NONE+z}", "xy"],
    ["${NONE:-${A}b}", "ab"],
    ["${NONE:-{x}}", "{x}"],
    ["${A:?no}", "a"],
    ["$1 $(A) $-A $", "$1 $(A) $-A $"],
  ])("%s", (text, expected) => {
    expect(interpolate(text, (name) => env[name])).toBe(expected);
  });

  test.each([
    ["${NONE:?is gone}", "required variable NONE is missing a value: is gone"],
    ["${EMPTY:?}", "required variable EMPTY is missing a value"],
    ["${A", "invalid interpolation format"],
    ["${1}", "invalid interpolation format"],
    ["${A!x}", "invalid interpolation format"],
  ])("%s is refused", (text, message) => {
    expect(() => interpolate(text, (name) => env[name])).toThrow(message);
  });
});
