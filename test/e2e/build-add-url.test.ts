import { createHash, randomUUID } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { listen } from "../support/listen.ts";
import { runProgram } from "../support/program.ts";

let berth: Berth;
beforeAll(() => {
  berth = openBerth();
});
afterAll(() => berth[Symbol.asyncDispose]());

/** Build a Dockerfile, its files written to a directory. */
async function build(lines: string, ...args: readonly string[]) {
  const context = await berth.files(randomUUID(), { Dockerfile: `FROM scratch\n${lines}\n`, local: "local\n" });
  const out = join(berth.directory, randomUUID());
  const outcome = await berth.run(["build", "--progress", "plain", "-o", out, ...args, context]);
  return { ...outcome, out, read: (path: string) => readFileSync(join(out, path), "utf8") };
}

const succeeded = expect.objectContaining({ code: 0 });
const sumOf = (text: string | Buffer): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** A server of one file, which remembers what it was asked. */
async function serveFile(file: { text: string; etag?: string }) {
  const asked: Pick<IncomingMessage, "method" | "headers" | "url">[] = [];
  const server = await listen(({ method, headers, url }, response) => {
    asked.push({ method, headers, url });
    if (file.etag !== undefined) response.setHeader("etag", file.etag);
    if (file.etag !== undefined && headers["if-none-match"] === file.etag) response.writeHead(304).end();
    else response.end(file.text);
  });
  return { ...server, asked, downloads: () => asked.filter(({ method }) => method === "GET").length };
}

describe("ADD of an address", () => {
  test("makes a file of mode 600 with the server's time, root's; an archive stays one, unless --unpack is given", async () => {
    const context = await berth.files("archived", { inside: "packed\n" });
    const path = join(berth.directory, "a.tar");
    expect(await runProgram("tar", ["-C", context, "-cf", path, "inside"])).toEqual(succeeded);
    const archive = readFileSync(path);
    await using server = await listen(({ url }, response) => {
      if (url === "/dated") response.setHeader("last-modified", "Mon, 02 Jan 2006 15:04:05 GMT");
      response.end(url === "/a.tar" ? archive : `${url}`);
    });
    const { url } = server;
    const lines = `ADD ${url}/dated ${url}/ ${url}/a.tar local /in/
ADD --chmod=640 --chown=1:2 ${url}/sub/b%20c?d=e /other
ADD --unpack ${url}/a.tar /unpacked/`;
    const built = await build(lines);
    expect(built).toEqual(succeeded);
    expect(readdirSync(join(built.out, "in")).sort()).toEqual(["__unnamed__", "a.tar", "dated", "local"]);
    const dated = lstatSync(join(built.out, "in/dated"));
    expect([dated.mode & 0o7777, dated.mtime.toISOString()]).toEqual([0o600, "2006-01-02T15:04:05.000Z"]);
    expect(lstatSync(join(built.out, "in/a.tar")).mtimeMs).toBe(0);
    expect(built.read("other")).toBe("/sub/b%20c?d=e");
    expect(built.read("unpacked/inside")).toBe("packed\n");
    const whole = join(berth.directory, "whole.tar");
    await build(lines, "-o", `type=tar,dest=${whole}`);
    const listed = await runProgram("tar", ["--numeric-owner", "-tvf", whole]);
    expect(listed.stdout).toMatch(/^-rw------- 0\/0 .* in\/dated$/m);
    expect(listed.stdout).toMatch(/^-rw-r----- 1\/2 .* other$/m);
  });

  test("is a hit while the server says that it is the same; a changed one comes anew", async () => {
    const file = { text: "one", etag: '"1"' };
    await using server = await serveFile(file);
    const line = `ADD ${server.url}/file /`;
    expect((await build(line)).read("file")).toBe("one");
    const again = await build(line);
    expect(again.stderr).toMatch(/^(#\d+) \[1\/1\] ADD .*\n\1 CACHED$/m);
    expect([again.read("file"), server.downloads()]).toEqual(["one", 1]);
    Object.assign(file, { text: "two", etag: '"2"' });
    expect([(await build(line)).read("file"), server.downloads()]).toEqual(["two", 2]);
    expect((await build(line, "--no-cache")).read("file")).toBe("two");
    await berth.out(["builder", "prune", "-af"]);
    expect([(await build(line)).read("file"), server.downloads()]).toEqual(["two", 3]);
    const { stdout, code } = await berth.run(["system", "check"]);
    expect({ stdout, code }).toMatchObject({ code: 0 });
  });

  test("without an ETag is fetched each time; the step is a hit while the content is the same", async () => {
    const file = { text: "one" };
    await using server = await serveFile(file);
    await build(`ADD ${server.url}/untagged /`);
    const again = await build(`ADD ${server.url}/untagged /`);
    expect(again.stderr).toMatch(/^(#\d+) \[1\/1\] ADD .*\n\1 CACHED$/m);
    expect(server.downloads()).toBe(2);
  });

  test("with a checksum is that or an error, and nobody is asked for what is known", async () => {
    await using server = await serveFile({ text: "sure" });
    const line = (text: string): string => `ADD --checksum=${sumOf(text)} ${server.url.replace("//", "//u:word@")}/f /`;
    const wrong = await build(line("other"));
    const told = `digest mismatch for http://xxxxx:xxxxx@${server.host}/f: ${sumOf("sure")} (expected: ${sumOf("other")})`;
    expect(wrong.stderr).toContain(told);
    expect(wrong.code).toBe(1);
    expect((await build(line("sure"))).read("f")).toBe("sure");
    expect((await build(line("sure"))).read("f")).toBe("sure");
    expect(server.downloads()).toBe(2);
  });

  test("tells its server who asks, and nobody else", async () => {
    await using elsewhere = await serveFile({ text: "moved" });
    const asked: (string | undefined)[] = [];
    await using server = await listen(({ url, headers }, response) => {
      asked.push(headers.authorization);
      if (url === "/moved") response.writeHead(302, { location: `${elsewhere.url}/file` }).end();
      else response.writeHead(403).end();
    });
    const moved = await build(`ADD ${server.url.replace("//", "//user:s3cret@")}/moved /`);
    expect(moved.read("moved")).toBe("moved");
    expect(elsewhere.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(asked).toEqual([`Basic ${Buffer.from("user:s3cret").toString("base64")}`]);
    const token = join(await berth.files("secrets", { token: "t0ken\n" }), "token");
    const refused = await build(`ADD ${server.url}/no /`, "--secret", `id=HTTP_AUTH_TOKEN_127.0.0.1,src=${token}`);
    expect(asked.at(-1)).toBe("Bearer t0ken");
    expect(refused.stderr).toContain("failed to load cache key: invalid response status 403");
    expect(moved.stderr + refused.stderr).not.toMatch(/s3cret|t0ken/);
  });

  test("says what went wrong: nobody there, an answer that ends early", async () => {
    await using server = await listen((_, response) => {
      response.setHeader("content-length", "10");
      response.write("short");
      response.socket?.end();
    });
    const nobody = await build("ADD http://127.0.0.1:1/x /");
    expect(nobody.stderr).toMatch(/failed to load cache key: Get "http:\/\/127.0.0.1:1\/x": .*connection refused/);
    expect(nobody.code).toBe(1);
    const short = await build(`ADD ${server.url}/x /`);
    expect(short.stderr).toContain("failed to load cache key: ");
    expect(short.code).toBe(1);
  });
});
