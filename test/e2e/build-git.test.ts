import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { hasGit, makeRepository, serveGit, type TestRepository } from "../support/git-server.ts";
import { listen } from "../support/listen.ts";
import type { Start } from "../support/program.ts";

let berth: Berth;
let repository: TestRepository;
let first: string;
beforeAll(async () => {
  berth = openBerth();
  if (!hasGit) return;
  repository = await makeRepository(join(berth.directory, "git/repo.git"));
  first = await repository.commit({ top: "one\n", "sub/dir/file": "below\n" });
  await repository.git("tag", "v1");
  await repository.git("tag", "-a", "-m", "noted", "noted");
});
afterAll(() => berth[Symbol.asyncDispose]());

const roots = (): string => join(berth.directory, "git");

/** Build a Dockerfile, its files written to a directory. */
async function build(lines: string, args: readonly string[] = [], start: Start = {}) {
  const context = await berth.files(randomUUID(), { Dockerfile: `FROM scratch\n${lines}\n` });
  const out = join(berth.directory, randomUUID());
  const outcome = await berth.run(["build", "--progress", "plain", "-o", out, ...args, context], start);
  return { ...outcome, out, read: (path: string) => readFileSync(join(out, path), "utf8") };
}

describe.skipIf(!hasGit)("ADD of a git repository", () => {
  test("takes its files, of a branch, a tag, a commit, a directory, whatever the umask", async () => {
    await using server = await serveGit(roots());
    const url = `${server.url}/repo.git`;
    symlinkSync("top", join(repository.directory, "link"));
    const second = await repository.commit({ top: "two\n", "run.sh": "" });
    chmodSync(join(repository.directory, "run.sh"), 0o755);
    const third = await repository.commit({});
    const lines = `ADD ${url} /main/
ADD ${url}#v1 /tag/
ADD ${url}#refs/tags/noted:sub/dir /noted/
ADD ${url}?commit=${first}&tag=v1 /checked/
ADD ${url}#${second} /commit/
ADD ${url}?branch=main&subdir=sub&mtime=commit /branch/`;
    const before = process.umask(0o077);
    const built = await build(lines).finally(() => process.umask(before));
    expect(built).toMatchObject({ code: 0 });
    expect(readdirSync(join(built.out, "main")).sort()).toEqual(["link", "run.sh", "sub", "top"]);
    expect(built.read("main/link")).toBe("two\n");
    expect(lstatSync(join(built.out, "main/run.sh")).mode & 0o7777).toBe(0o755);
    expect(lstatSync(join(built.out, "main/sub/dir/file")).mode & 0o7777).toBe(0o644);
    expect([built.read("tag/top"), built.read("checked/top"), built.read("commit/top")]).toEqual([
      "one\n",
      "one\n",
      "two\n",
    ]);
    expect(built.read("noted/file")).toBe("below\n");
    const { mtimeMs } = lstatSync(join(built.out, "branch/dir/file"));
    expect(mtimeMs / 1000).toBe(Number(await repository.git("log", "-1", "--format=%ct", third)));
  });

  test("is known by its commit: nothing is fetched again until the branch moves on", async () => {
    await using server = await serveGit(roots());
    const line = `ADD ${server.url}/repo.git#moving /`;
    await repository.git("checkout", "-q", "-b", "moving", "main");
    await repository.commit({ place: "here\n" });
    expect((await build(line)).read("place")).toBe("here\n");
    const fetched = server.asked.filter((path) => path.endsWith("git-upload-pack")).length;
    const again = await build(line);
    expect(again.stderr).toMatch(/^(#\d+) \[1\/1\] ADD .*\n\1 CACHED$/m);
    // What a reference is, is asked all the same.
    expect(server.asked.length).toBeGreaterThan(fetched);
    await repository.commit({ place: "there\n" });
    expect((await build(line)).read("place")).toBe("there\n");
    const count = server.asked.length;
    await build(`ADD ${server.url}/repo.git#${await repository.git("rev-parse", "moving")} /`);
    expect(server.asked).toHaveLength(count);
    await repository.git("checkout", "-q", "main");
  });

  test("keeps the repository itself where that is asked for, without credentials", async () => {
    const who = `Basic ${Buffer.from("user:s3cret").toString("base64")}`;
    await using server = await serveGit(roots(), who);
    const url = `${server.url.replace("//", "//user:s3cret@")}/repo.git`;
    const built = await build(`ADD --keep-git-dir ${url}#v1 /kept/\nADD ${url}?keep-git-dir=true#noted /noted/`);
    expect(built).toMatchObject({ code: 0 });
    expect(built.read("kept/.git/HEAD").trim()).toBe(first);
    expect(existsSync(join(built.out, "kept/.git/refs/tags/v1"))).toBe(true);
    expect(built.read("kept/.git/config")).toContain(`url = ${server.url}/repo.git\n`);
    expect(built.read("kept/.git/config") + built.stderr).not.toContain("s3cret");
  });

  test("gets in by a secret; without one the refusal is told, and no password", async () => {
    const who = `Basic ${Buffer.from("x-access-token:t0ken").toString("base64")}`;
    await using server = await serveGit(roots(), who);
    const token = join(await berth.files("secrets", { token: "t0ken\n" }), "token");
    const secret = ["--secret", `id=GIT_AUTH_TOKEN.${server.host},src=${token}`];
    expect((await build(`ADD ${server.url}/repo.git#v1 /`, secret)).read("top")).toBe("one\n");
    const refused = await build(`ADD ${server.url.replace("//", "//user:s3cret@")}/repo.git /`);
    expect(refused.stderr).toMatch(/failed to load cache key: failed to fetch remote http:.*: git stderr:\n/);
    expect(refused.stderr).not.toContain("s3cret");
    expect(refused.code).toBe(1);
  });

  test("brings submodules, unless they aren't wanted; nothing of git's stays", async () => {
    const inner = await makeRepository(join(roots(), "inner.git"));
    const commit = await inner.commit({ inside: "inner\n" });
    const outer = await makeRepository(join(roots(), "outer.git"));
    writeFileSync(join(outer.directory, ".gitmodules"), '[submodule "in"]\n\tpath = in\n\turl = ../inner.git\n');
    await outer.git("update-index", "--add", "--cacheinfo", `160000,${commit},in`);
    await outer.git("add", ".gitmodules");
    await outer.git("commit", "-q", "-m", "outer");
    await using server = await serveGit(roots());
    const url = `${server.url}/outer.git`;
    const built = await build(`ADD ${url} /with/\nADD ${url}?submodules=false /without/`);
    expect(built.read("with/in/inside")).toBe("inner\n");
    expect(existsSync(join(built.out, "with/in/.git"))).toBe(false);
    expect(readdirSync(join(built.out, "without/in"))).toEqual([]);
  });

  test("works with a server of plain files", async () => {
    await repository.git("update-server-info");
    const objects = join(repository.directory, ".git");
    await using server = await listen(({ url = "/" }, response) => {
      const path = join(objects, new URL(url, "http://server").pathname.replace(/^\/plain\.git/, ""));
      if (existsSync(path) && lstatSync(path).isFile()) response.end(readFileSync(path));
      else response.writeHead(404).end();
    });
    expect((await build(`ADD ${server.url}/plain.git#v1 /`)).read("top")).toBe("one\n");
  });

  test("says what isn't there, or isn't what it has to be", async () => {
    await using server = await serveGit(roots());
    const url = `${server.url}/repo.git`;
    const nowhere = "0123456789012345678901234567890123456789";
    for (const [source, message] of [
      [`${url}#nosuch`, "repository does not contain ref nosuch"],
      [`${url}#v1:nosuch`, "failed to open subdir nosuch"],
      [`${url}#main:link`, "failed to open subdir link"],
      [`${url}#${nowhere}`, `commit ${nowhere} is not in the repository`],
      [`${url}?checksum=abcdef#v1`, `expected checksum to match abcdef, got ${first}`],
      [`${server.url}/nosuch.git`, "failed to fetch remote"],
    ]) {
      const { code, stderr } = await build(`ADD ${source} /`);
      expect(stderr).toContain(message);
      expect(code).toBe(1);
    }
  });

  test("reads no file of this machine, and runs nothing of the repository's or of the user's configuration", async () => {
    const evil = await makeRepository(join(roots(), "evil.git"));
    const mark = join(berth.directory, "mark");
    writeFileSync(
      join(evil.directory, ".gitmodules"),
      `[submodule "in"]\n\tpath = in\n\turl = file://${repository.directory}\n`,
    );
    await evil.git("update-index", "--add", "--cacheinfo", `160000,${first},in`);
    await evil.git("add", ".gitmodules");
    await evil.git("commit", "-q", "-m", "evil");
    await berth.files("home", {
      ".gitconfig": `[core]\n\tfsmonitor = touch ${mark}\n\thooksPath = ${berth.directory}/hooks\n`,
    });
    await berth.files("hooks", { "post-checkout": `#!/bin/sh\ntouch ${mark}\n` });
    await using server = await serveGit(roots());
    const built = await build(`ADD ${server.url}/evil.git /`);
    expect(built.stderr).toContain("transport 'file' not allowed");
    expect(built.code).toBe(1);
    expect(await build(`ADD ${server.url}/repo.git#v1 /`)).toMatchObject({ code: 0 });
    expect(existsSync(mark)).toBe(false);
  });

  test("says how to get git where it isn't installed", async () => {
    const { code, stderr } = await build("ADD https://127.0.0.1:1/x.git /", [], {
      env: { PATH: join(berth.directory, "home") },
    });
    expect(stderr).toContain('failed to find git binary: exec: "git": executable file not found in $PATH');
    expect(stderr).toContain("apt-get install git");
    expect(code).toBe(1);
  });
});
