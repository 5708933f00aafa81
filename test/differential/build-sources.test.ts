import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { besideDocker } from "../support/beside-docker.ts";
import { buildContext } from "../support/build-context.ts";
import { comparableImages } from "../support/compare-images.ts";
import { type GitServer, hasGit, makeRepository, serveGit } from "../support/git-server.ts";
import { type Listening, listen } from "../support/listen.ts";
import { comparable } from "../support/twins.ts";

/** What ADD makes of what a server has; `URL` is the server's. */
const cases: Readonly<Record<string, string>> = {
  "a file with a time": "ADD URL/dated /to/\n",
  "a file without one": "ADD URL/plain /to/\n",
  "a file by another name": "ADD URL/plain?query=1 /to/name\n",
  "a name that is escaped": "ADD URL/a%20b%5B1%5D /to/\n",
  "an archive, which stays one": "ADD URL/archive.tar.gz /to/\n",
  "beside a file of the context, which comes first": "ADD file URL/dated URL/plain /to/\n",
  "an address in a variable": "ARG base=URL\nADD $base/plain /to/\n",
  "through a redirect": "ADD URL/moved /to/\n",
};

await besideDocker("what a build fetches is what BuildKit makes of it:", (twins) => {
  const { both, ok } = twins;
  const contextOf = (files: Readonly<Record<string, string>>) => buildContext(twins.berth.directory, files);
  let server: Listening;
  let git: GitServer | undefined;
  beforeAll(async () => {
    const archive = readFileSync(join(contextOf({}), "archive.tar.gz"));
    const context = contextOf({ Dockerfile: "FROM busybox\nCOPY . /all\n", ".dockerignore": "file\n" });
    const whole = execFileSync("tar", ["-C", context, "-cz", "."]);
    server = await listen(({ url = "" }, response) => {
      if (url.startsWith("/nosuch")) return void response.writeHead(404).end();
      if (url === "/moved") return void response.writeHead(302, { location: "/dated" }).end();
      if (url === "/dated") response.setHeader("last-modified", "Mon, 02 Jan 2006 15:04:05 GMT");
      if (url === "/context.tar.gz") return void response.end(whole);
      response.end(url === "/archive.tar.gz" ? archive : `${url.split("?")[0]}\n`);
    });
    if (!hasGit) return;
    const repository = await makeRepository(join(twins.berth.directory, "git/repo.git"));
    await repository.commit({
      Dockerfile: "FROM busybox\nCOPY . /in/\n",
      "sub/Dockerfile": "FROM busybox\nCOPY f /f\n",
    });
    await repository.git("tag", "v1");
    await repository.commit({ "sub/f": "f\n", "run.sh": "", left: "", ".dockerignore": "left\n" });
    await repository.git("update-index", "--chmod=+x", "run.sh");
    await repository.git("commit", "-q", "-m", "executable");
    git = await serveGit(join(twins.berth.directory, "git"));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await git?.[Symbol.asyncDispose]();
  });

  test.each(Object.entries(cases))("ADD, %s", async (_, lines) => {
    const Dockerfile = `FROM busybox\n${lines.replaceAll("URL", server.url)}`;
    await ok(["build", "-t", "built", contextOf({ Dockerfile })]);
    const { berth, docker } = await comparableImages(twins, "built");
    expect(berth).toEqual(docker);
  });

  test.skipIf(!hasGit).each(["#main", "#v1"])("a context out of git, repo.git%s", async (what) => {
    await ok(["build", "-t", "built", `${git?.url}/repo.git${what}`]);
    const { berth, docker } = await comparableImages(twins, "built");
    expect(berth).toEqual(docker);
  });

  test("of an archive behind an address no ignore file leaves anything out", async () => {
    await ok(["build", "-t", "built", `${server.url}/context.tar.gz`]);
    const { berth, docker } = await comparableImages(twins, "built");
    expect(berth).toEqual(docker);
  });

  test("COPY of an address is refused as there", async () => {
    const Dockerfile = `FROM busybox\nCOPY ${server.url}/plain /\n`;
    const { berth, docker } = comparable(await both(["build", contextOf({ Dockerfile })]));
    const lastOf = (text: string): string | undefined => text.split("\n").at(-1)?.replace(/^.*: /, "");
    expect([berth.code, lastOf(berth.stderr)]).toEqual([docker.code, lastOf(docker.stderr)]);
  });

  test("what isn't there is told as there", async () => {
    const { berth, docker } = await both([
      "build",
      contextOf({ Dockerfile: `FROM busybox\nADD ${server.url}/nosuch /\n` }),
    ]);
    for (const { code, stderr } of [berth, docker]) {
      expect(stderr).toMatch(/failed to (load cache key|solve).*invalid response status 404/);
      expect(code).toBe(1);
    }
  });
});
