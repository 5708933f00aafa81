import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { type Listening, listen } from "./listen.ts";
import { runProgram } from "./program.ts";

/** Systems that the tests run in need not have git. */
export const hasGit: boolean = existsSync("/usr/bin/git");

/** A repository that a test makes. */
export interface TestRepository {
  readonly directory: string;
  /** Run git in it. @returns what it printed */
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** Write files and commit them. @returns the commit */
  readonly commit: (files: Readonly<Record<string, string>>) => Promise<string>;
}

const author = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@test",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@test",
};
const own = { ...author, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };

/** Make an empty repository with the branch `main`. */
export async function makeRepository(directory: string): Promise<TestRepository> {
  mkdirSync(directory, { recursive: true });
  const git: TestRepository["git"] = async (...args) => {
    const { code, stdout, stderr } = await runProgram("git", args, { cwd: directory, env: own });
    if (code !== 0) throw new Error(`git ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout.trim();
  };
  await git("init", "-q", "-b", "main");
  return {
    directory,
    git,
    commit: async (files) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text);
      }
      await git("add", "--all");
      await git("commit", "-q", "-m", "test");
      return await git("rev-parse", "HEAD");
    },
  };
}

/** A server of repositories on loopback. */
export interface GitServer extends Listening {
  /** Paths that were asked for, with queries. */
  readonly asked: readonly string[];
}

/** Serve what lies in a directory with git's own server program; who asks has to say `authorization` where it is given. */
export async function serveGit(root: string, authorization?: string): Promise<GitServer> {
  const asked: string[] = [];
  const server = await listen(async (request, response) => {
    asked.push(request.url ?? "");
    if (authorization !== undefined && request.headers.authorization !== authorization)
      return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
    await backend(root, request, response);
  });
  return { ...server, asked };
}

/** Hand a request to `git http-backend`, as RFC 3875 has it. */
async function backend(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? "/", "http://server");
  const env = {
    ...process.env,
    ...own,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: pathname,
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method ?? "GET",
    CONTENT_TYPE: request.headers["content-type"] ?? "",
    HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
  };
  // The test's own user owns the repositories, whoever runs the test.
  const child = spawn("git", ["-c", "safe.directory=*", "http-backend"], { env });
  child.stdin.on("error", () => undefined);
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  const said = Buffer.concat(chunks);
  const end = said.indexOf("\r\n\r\n");
  const headers = said
    .subarray(0, end)
    .toString()
    .split("\r\n")
    .map((line) => line.split(": ", 2) as [string, string]);
  const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
  response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers.filter(([name]) => name !== "Status")));
  response.end(said.subarray(end + 4));
}
