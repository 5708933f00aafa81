import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { type CredentialStore, openCredentialStore } from "./credentials.ts";

interface Home {
  readonly path: string;
  /** The directory of Docker's client. */
  readonly docker: string;
  readonly store: CredentialStore;
  readonly warnings: readonly string[];
  readonly write: (path: string, value: unknown) => void;
  readonly config: () => Record<string, unknown>;
}

/** A home of its own, with a helper `memory` that keeps what it gets in a file. */
function home(more: Readonly<Record<string, string>> = {}): Home {
  const path = scratchOfTest("home");
  const docker = join(path, ".docker");
  const warnings: string[] = [];
  const env = { HOME: path, XDG_RUNTIME_DIR: join(path, "run"), PATH: `${path}:${process.env["PATH"]}`, ...more };
  return {
    path,
    docker,
    warnings,
    store: openCredentialStore({ env, warn: (message) => warnings.push(message) }),
    write: (name, value) => {
      mkdirSync(join(path, name, ".."), { recursive: true });
      writeFileSync(join(path, name), typeof value === "string" ? value : JSON.stringify(value));
    },
    config: () => JSON.parse(readFileSync(join(docker, "config.json"), "utf8")),
  };
}

const basic = (text: string): { readonly auth: string } => ({ auth: Buffer.from(text).toString("base64") });
const me = { username: "me", password: "secret" };

test("what is stored is found, in a file that only its owner can read", async () => {
  const { store, docker, config } = home();
  expect(await store.find({ domain: "host" })).toBeUndefined();
  expect(await store.store("host", me)).toBe(join(docker, "config.json"));
  expect(config()).toEqual({ auths: { host: basic("me:secret") } });
  expect(statSync(join(docker, "config.json")).mode & 0o777).toBe(0o600);
  expect(statSync(docker).mode & 0o777).toBe(0o700);
  expect(await store.find({ domain: "host" })).toEqual(me);
  await store.erase("host");
  expect(await store.find({ domain: "host" })).toBeUndefined();
  expect(config()).toEqual({ auths: {} });
  expect(readdirSync(docker)).toEqual(["config.json"]);
});

test("the file is told only where a password is in it that wasn't", async () => {
  const { store } = home();
  expect(await store.store("host", me)).toBeDefined();
  expect(await store.store("host", me)).toBeUndefined();
  expect(await store.store("host", { username: "me", identityToken: "token" })).toBeUndefined();
  expect(await store.find({ domain: "host" })).toEqual({ identityToken: "token" });
});

test("Docker Hub has the key that Docker's client gives it", async () => {
  const { store, config } = home();
  await store.store("docker.io", me);
  expect(config()).toEqual({ auths: { "https://index.docker.io/v1/": basic("me:secret") } });
  expect(await store.find({ domain: "docker.io", path: "library/debian" })).toEqual(me);
});

test("all else in the file stays as it was, and a link stays a link", async () => {
  const { store, path, docker, write } = home();
  const other = { HttpHeaders: { "X-A": "b" }, auths: { other: basic("a:b") }, unknown: [1, { b: null, a: 2 }] };
  write("elsewhere/real.json", other);
  chmodSync(join(path, "elsewhere/real.json"), 0o644);
  mkdirSync(docker);
  symlinkSync("../elsewhere/real.json", join(docker, "config.json"));
  await store.store("host", me);
  expect(lstatSync(join(docker, "config.json")).isSymbolicLink()).toBe(true);
  const written = readFileSync(join(path, "elsewhere/real.json"), "utf8");
  expect(JSON.parse(written)).toEqual({ ...other, auths: { ...other.auths, host: basic("me:secret") } });
  expect(written.startsWith('{\n\t"HttpHeaders": {')).toBe(true);
  expect(statSync(join(path, "elsewhere/real.json")).mode & 0o777).toBe(0o600);
});

test("a link that leads to nothing yet gets its file", async () => {
  const { store, path, docker } = home();
  mkdirSync(docker);
  mkdirSync(join(path, "elsewhere"));
  symlinkSync("../elsewhere/new.json", join(docker, "config.json"));
  await store.store("host", me);
  expect(JSON.parse(readFileSync(join(path, "elsewhere/new.json"), "utf8"))).toEqual({
    auths: { host: basic("me:secret") },
  });
});

test("a file that isn't understood is never overwritten", async () => {
  const { store, docker, write } = home();
  write(".docker/config.json", '{"auths":{"host":{"auth":"c2VjcmV0"');
  await expect(store.store("host", me)).rejects.toThrow(`${join(docker, "config.json")}: not valid JSON`);
  expect(readFileSync(join(docker, "config.json"), "utf8")).toBe('{"auths":{"host":{"auth":"c2VjcmV0"');
});

test("twenty at once lose nothing", async () => {
  const { store, config } = home();
  const hosts = Array.from({ length: 20 }, (_, n) => `host${n}`);
  await Promise.all(hosts.map((host) => store.store(host, { username: host, password: "secret" })));
  expect(Object.keys(config()["auths"] as object).sort()).toEqual(hosts.toSorted());
  await Promise.all(hosts.map((host) => store.erase(host)));
  expect(config()).toEqual({ auths: {} });
});

test("what a killed writer left is gone with the next one, and nothing else", async () => {
  const { store, docker, write } = home();
  write(".docker/config.json.0123456789ab.tmp", "secret");
  write(".docker/config.json.bak.tmp", "kept");
  await store.store("host", me);
  expect(readdirSync(docker).sort()).toEqual(["config.json", "config.json.bak.tmp"]);
});

test("a helper keeps what is its own, and the file doesn't", async () => {
  const { store, path, write, config } = home();
  const kept = join(path, "kept");
  write(
    "docker-credential-memory",
    `#!/bin/sh
case $1 in
  store) cat > ${kept} ;;
  get) read -r key; grep -q "\\"$key\\"" ${kept} 2>/dev/null && cat ${kept} || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) read -r key; grep -q "\\"$key\\"" ${kept} 2>/dev/null && rm ${kept} ;;
esac
exit 0`,
  );
  chmodSync(join(path, "docker-credential-memory"), 0o755);
  write(".docker/config.json", { credHelpers: { host: "memory" } });
  expect(await store.store("host", me)).toBeUndefined();
  expect(config()).toEqual({ credHelpers: { host: "memory" }, auths: { host: {} } });
  expect(await store.find({ domain: "host" })).toEqual(me);
  expect(await store.stored("host")).toEqual(me);
  await store.erase("host");
  expect(await store.find({ domain: "host" })).toBeUndefined();
  expect(config()).toEqual({ credHelpers: { host: "memory" }, auths: {} });
});

test("a place that can't be used is warned of, and the next one is asked", async () => {
  const { store, docker, write, warnings } = home();
  write(".docker/config.json", { credsStore: "nosuch" });
  write(".config/containers/auth.json", { auths: { host: basic("me:secret") } });
  expect(await store.find({ domain: "host" })).toEqual(me);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`credentials can't be read (${docker}/config.json): error getting credentials`);
});

test("podman's file is asked after Docker's, the one for this session first", async () => {
  const { store, write } = home();
  write(".config/containers/auth.json", { auths: { host: basic("config:x"), "host/team": basic("team:x") } });
  expect(await store.find({ domain: "host", path: "a/b" })).toEqual({ username: "config", password: "x" });
  expect(await store.find({ domain: "host", path: "team/b" })).toEqual({ username: "team", password: "x" });
  write("run/containers/auth.json", { auths: { host: basic("run:x") } });
  expect(await store.find({ domain: "host" })).toEqual({ username: "run", password: "x" });
  write(".docker/config.json", { auths: { host: basic("docker:x") } });
  expect(await store.find({ domain: "host" })).toEqual({ username: "docker", password: "x" });
});

test("REGISTRY_AUTH_FILE stands for both of podman's files, DOCKER_CONFIG for Docker's directory", async () => {
  const named = scratchOfTest("auth");
  const { store, write } = home({ REGISTRY_AUTH_FILE: join(named, "auth.json"), DOCKER_CONFIG: named });
  write(".config/containers/auth.json", { auths: { host: basic("no:x") } });
  write(".docker/config.json", { auths: { host: basic("no:x") } });
  expect(await store.find({ domain: "host" })).toBeUndefined();
  writeFileSync(join(named, "auth.json"), JSON.stringify({ auths: { host: basic("podman:x") } }));
  expect(await store.find({ domain: "host" })).toEqual({ username: "podman", password: "x" });
  writeFileSync(join(named, "config.json"), JSON.stringify({ auths: { host: basic("docker:x") } }));
  expect(await store.find({ domain: "host" })).toEqual({ username: "docker", password: "x" });
});
