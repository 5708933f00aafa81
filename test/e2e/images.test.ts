import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, berthCommand, openBerth } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { baseArchives } from "../support/images.ts";
import { listen } from "../support/listen.ts";
import { runProgram } from "../support/program.ts";

let berth: Berth;
const { busybox } = baseArchives();
beforeAll(() => {
  berth = openBerth();
});
afterAll(() => berth[Symbol.asyncDispose]());

const images = () => berth.out(["image", "ls", "-a", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
/** The store's files, without those that SQLite makes while it works. */
const storedFiles = () =>
  readdirSync(join(berth.directory, "root"), { recursive: true, encoding: "utf8" })
    .filter((path) => !/-(wal|shm)$/.test(path))
    .sort();
const layers = (image: string) => berth.out(["inspect", "--format", "{{json .RootFS.Layers}}", image]);

describe("import", () => {
  test.each([
    ["plain", (tar: Uint8Array) => tar],
    ["gzip", (tar: Uint8Array) => gzipSync(tar)],
    ["xz", (tar: Uint8Array) => execFileSync("xz", ["-0c"], { input: tar, maxBuffer: 1 << 25 })],
    ["zstd", (tar: Uint8Array) => zstdCompressSync(tar)],
  ])("takes a %s archive from a file and from stdin, and the layer is the same", async (name, compress) => {
    const archive = compress(readFileSync(busybox));
    const file = join(berth.directory, name);
    writeFileSync(file, archive);
    expect(await berth.out(["import", busybox, "reference"])).toMatch(/^sha256:[0-9a-f]{64}$/);
    await berth.out(["import", file, `${name}:file`]);
    await berth.out(["import", "-", `${name}:stdin`], { input: archive });
    expect(await layers(`${name}:file`)).toBe(await layers("reference"));
    expect(await layers(`${name}:stdin`)).toBe(await layers("reference"));
    await berth.out(["rmi", "reference", `${name}:file`, `${name}:stdin`]);
  });

  test("-c changes the configuration, and -m is the comment", async () => {
    const changes = ["-c", 'CMD ["echo", "hi"]', "-c", "ENV A=b", "-c", "WORKDIR /w", "-m", "why"];
    await berth.out(["import", ...changes, busybox, "changed"]);
    const [image] = JSON.parse(await berth.out(["inspect", "changed"]));
    expect(image).toMatchObject({ Comment: "why", Config: { Cmd: ["echo", "hi"], Env: ["A=b"], WorkingDir: "/w" } });
    await berth.out(["rmi", "changed"]);
  });

  test("--platform says what the files are for, and DOCKER_DEFAULT_PLATFORM where that is absent", async () => {
    const platform = ["image", "inspect", "-f", "{{.Os}}/{{.Architecture}}/{{.Variant}}", "foreign"];
    await berth.out(["import", "--platform", "linux/arm/v7", busybox, "foreign"]);
    expect(await berth.out(platform)).toBe("linux/arm/v7");
    await berth.out(["import", busybox, "foreign"], { env: { DOCKER_DEFAULT_PLATFORM: "linux/s390x" } });
    expect(await berth.out(platform)).toBe("linux/s390x/");
    expect(await berth.run(["import", "--platform", "a/b/c/d", busybox])).toMatchObject({
      code: 1,
      stderr: 'Error response from daemon: "a/b/c/d": cannot parse platform specifier: invalid argument\n',
    });
    await berth.out(["rmi", "foreign"]);
    await berth.out(["image", "prune", "-f"]);
  });

  test("takes an archive from a web server, and says in Docker's words that it can't", async () => {
    const archive = readFileSync(busybox);
    await using server = await listen((request, response) => {
      if (request.url !== "/busybox.tar") response.statusCode = 404;
      response.end(request.url === "/busybox.tar" ? archive : "none");
    });
    const url = `${server.url}/busybox.tar`;
    await berth.out(["import", url, "fetched"]);
    expect(await berth.out(["history", "--format", "{{.Comment}}", "fetched"])).toBe(`Imported from ${url}`);
    await berth.out(["rmi", "fetched"]);
    const failing = async (source: string): Promise<string> => (await berth.run(["import", source])).stderr;
    expect(await failing(`${server.url}/x`)).toBe(
      `Error response from daemon: failed to GET ${server.url}/x with status 404 Not Found\n`,
    );
    // Node's fetch refuses this port, and others that browsers know.
    expect(await failing("http://127.0.0.1:1/x")).toBe(
      'Error response from daemon: Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused\n',
    );
    expect(await failing(berth.directory)).toBe(`read ${berth.directory}: is a directory\n`);
  });

  test.each([
    ["RUN=x", "RUN=x is not a valid change command"],
    ["STOPSIGNAL FOO", "invalid signal: FOO"],
  ])("-c %j is refused", async (change, message) => {
    expect(await berth.run(["import", "-c", change, busybox])).toMatchObject({
      code: 1,
      stderr: `Error response from daemon: ${message}\n`,
    });
  });
});

describe("an archive is refused, and the store stays as it was:", () => {
  const header = (name: string, { type = "0", link = "", size = 0 }) => {
    const block = Buffer.alloc(512);
    block.write(name, 0);
    block.write("0000644\0", 100);
    block.write("0000000\0", 108);
    block.write("0000000\0", 116);
    block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
    block.write("00000000000\0", 136);
    block.write("        ", 148);
    block.write(type, 156);
    block.write(link, 157);
    block.write("ustar\x0000", 257);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return block;
  };
  const end = Buffer.alloc(1024);

  test.each([
    {
      name: "cut off in the middle",
      archive: () => readFileSync(busybox).subarray(0, 700_001),
      message: /unexpected EOF|cut off|truncated/i,
    },
    {
      name: "a path that climbs out",
      archive: () => Buffer.concat([header("../escape", {}), end]),
      message: /\.\.\/escape/,
    },
    {
      name: "a hard link that leaves the root",
      archive: () => Buffer.concat([header("link", { type: "1", link: "../../etc/passwd" }), end]),
      message: /\.\.\/\.\.\/etc\/passwd/,
    },
    {
      name: "a hard link to nothing",
      archive: () => Buffer.concat([header("link", { type: "1", link: "nosuch" }), end]),
      message: /nosuch/,
    },
    {
      name: "no archive at all",
      archive: () => Buffer.from("hello world\n".repeat(100)),
      message: /invalid tar header|not a tar|tar/i,
    },
    {
      name: "a damaged gzip stream",
      archive: () => gzipSync(readFileSync(busybox)).subarray(0, 100_000),
      message: /unexpected E|cut off|truncated|corrupt/i,
    },
  ])("$name", async ({ archive, message }) => {
    const before = await images();
    const files = storedFiles();
    const { code, stdout, stderr } = await berth.run(["import", "-", "bad"], { input: archive() });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(await images()).toBe(before);
    expect(storedFiles()).toEqual(files);
  });
});

describe("names", () => {
  beforeAll(() => berth.out(["import", "-m", "the base", busybox, "base"]));

  test("image ls shows Docker's columns, tag adds a name, rmi takes it away and then the image", async () => {
    await berth.out(["tag", "base", "team/other:1.0"]);
    const lines = (await berth.out(["image", "ls"])).split("\n");
    expect(lines[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
    expect(
      lines
        .slice(1)
        .map((line) => line.split(/ {2,}/))
        .map(([repository, tag, , , size]) => [repository, tag, size]),
    ).toEqual(
      expect.arrayContaining([
        ["base", "latest", "1.98MB"],
        ["team/other", "1.0", "1.98MB"],
      ]),
    );
    expect(await berth.out(["rmi", "team/other:1.0"])).toBe("Untagged: team/other:1.0");
    const removed = await berth.out(["rmi", "base"]);
    expect(removed).toMatch(/^Untagged: base:latest\nDeleted: sha256:[0-9a-f]{64}\nDeleted: sha256:[0-9a-f]{64}$/);
    expect(await berth.out(["image", "ls", "-q"])).toBe("");
    await berth.out(["import", "-m", "the base", busybox, "base"]);
  });

  test("history shows the comment and the size of an import", async () => {
    const [head, row] = (await berth.out(["history", "base"])).split("\n");
    expect(head).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
    expect(row).toMatch(/^[0-9a-f]{12} +.* ago +1\.98MB +the base$/);
  });

  test("rmi refuses an image that a container uses, until it is forced", async () => {
    await berth.out(["run", "--network", "none", "--name", "user", "base", "true"]);
    const { code, stderr } = await berth.run(["rmi", "base"]);
    expect(code).toBe(1);
    expect(stderr).toContain("conflict: unable to remove repository reference");
    expect(await berth.out(["rmi", "-f", "base"])).toMatch(/^Untagged: base:latest/);
    await berth.out(["rm", "user"]);
    await berth.out(["import", "-m", "the base", busybox, "base"]);
  });

  test.each([
    [["tag", "base", "Upper"], /invalid reference format: repository name \(library\/Upper\) must be lowercase/],
    [["tag", "base", "a b"], /invalid reference format/],
    [["tag", "nosuch", "name"], /No such image: nosuch:latest/],
    [["rmi", "nosuch"], /No such image: nosuch:latest/],
    [["history", "nosuch"], /No such image: nosuch:latest/],
    [["image", "inspect", "nosuch"], /No such image: nosuch/],
  ])("%j fails with a clear message", async (args, message) => {
    const before = await images();
    const { code, stderr } = await berth.run(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(await images()).toBe(before);
  });
});

describe("export", () => {
  beforeAll(async () => {
    await berth.out(["import", "-c", 'CMD ["sh"]', busybox, "exports"]);
    const script = "echo hi > /new; rm /etc/group; ln /new /again; mkdir /v; sleep 100";
    await berth.out([
      "run",
      "-d",
      "--network",
      "none",
      "--name",
      "exported",
      "-v",
      "/v",
      "exports",
      "sh",
      "-c",
      script,
    ]);
  });
  afterAll(() => berth.out(["rm", "-f", "exported"]));

  test("writes what a running container sees, less what is mounted, and import takes it", async () => {
    const names = () =>
      execFileSync("tar", ["-tf", join(berth.directory, "exported.tar")])
        .toString()
        .split("\n");
    await eventually(async () => {
      await berth.out(["export", "-o", "exported.tar", "exported"]);
      return names().includes("v/") && names().includes("again") ? true : undefined;
    });
    expect(names()).not.toContain("etc/group");
    expect(names().filter((name) => name.startsWith("proc/"))).toEqual(["proc/"]);
    await berth.out(["import", "exported.tar", "exported:again"]);
    const look = ["run", "--rm", "--network", "none", "exported:again", "cat", "/again"];
    expect(await berth.out(look)).toBe("hi");
    await berth.out(["rmi", "exported:again"]);
  });

  test("gives the same bytes again, to standard output too", () => {
    const env = { ...process.env, ...berth.env };
    const written = execFileSync(berthCommand, ["export", "exported"], { env, maxBuffer: 1 << 25 });
    expect(written.equals(execFileSync(berthCommand, ["export", "exported"], { env, maxBuffer: 1 << 25 }))).toBe(true);
  });
});

test.each([
  [["save", "-o", "x.tar", "nosuch"], /No such image: nosuch$/m],
  [["save", "--format", "zip", "nosuch"], /must be "docker" or "oci"/],
  [["save", "--platform", "a b", "nosuch"], /invalid platform: "a b"/],
  [["export", "-o", "x.tar", "nosuch"], /No such container: nosuch/],
  [["load", "-i", "nosuch.tar"], /open nosuch\.tar: no such file or directory/],
])("%j fails, and makes no file", async (args, message) => {
  const { code, stderr } = await berth.run(args);
  expect(stderr).toMatch(message);
  expect(code).toBeGreaterThan(0);
  expect(readdirSync(berth.directory)).not.toContain("x.tar");
});

test.each([["save"], ["export"]])(
  "what %s writes is on the disk before it takes the place of another file",
  async (verb) => {
    await berth.out(["import", "-c", 'CMD ["true"]', busybox, "kept:1"]);
    const subject = verb === "save" ? "kept:1" : await berth.out(["create", "kept:1"]);
    const trace = join(berth.directory, "trace");
    const flags = ["-f", "-qq", "--decode-fds=path", "--trace=fsync,/^rename", "-o", trace];
    const command = [berthCommand, verb, "-o", join(berth.directory, "kept.tar"), subject];
    await berth.files(".", { "kept.tar": "an earlier one" });
    const { code } = await runProgram("strace", [...flags, ...command], { cwd: berth.directory, env: berth.env });
    const calls = readFileSync(trace, "utf8")
      .split("\n")
      .flatMap((line) => /(fsync|rename)\w*\(.*kept\.tar\.\d+\.tmp/.exec(line)?.[1] ?? []);
    expect({ code, calls }).toEqual({ code: 0, calls: ["fsync", "rename"] });
    if (verb === "export") await berth.out(["rm", subject]);
    await berth.out(["rmi", "kept:1"]);
  },
);

test.each([
  [["load"], "SIGINT", 130],
  [["load", "-q"], "SIGTERM", 143],
  [["import", "-"], "SIGINT", 130],
] as const)("%j that waits for a pipe ends by %s, and leaves the store as it was", async (args, signal, code) => {
  const before = storedFiles();
  const child = berth.start(args);
  const ended = once(child, "close");
  // The beginning of an archive, and nothing more.
  child.stdin?.write(readFileSync(busybox).subarray(0, 100_000));
  await eventually(async () => storedFiles().length > before.length || undefined);
  child.kill(signal);
  expect(await ended).toEqual([code, null]);
  await berth.out(["system", "prune", "-f"]);
  expect(storedFiles()).toEqual(before);
});

test("files of another operating system are no image here", async () => {
  const imported = await berth.run(["import", "--platform", "windows/amd64", busybox]);
  expect(imported).toMatchObject({ code: 1, stderr: expect.stringContaining("operating system is not supported") });
});

test("an endless stream of nothing is no archive of images", async () => {
  const loaded = await runProgram("sh", ["-c", 'exec "$0" load < /dev/zero', berthCommand], { env: berth.env });
  expect(loaded).toMatchObject({ code: 1, stderr: expect.stringContaining("invalid archive") });
});

test("save and load carry an image to another store", async () => {
  await berth.out(["import", "-c", 'CMD ["true"]', busybox, "travels:1"]);
  const archive = join(berth.directory, "saved.tar");
  await berth.out(["save", "-o", archive, "travels:1"]);
  await using other = openBerth();
  expect(await other.out(["load", "-i", archive])).toContain("Loaded image: travels:1");
  expect(await other.out(["inspect", "--format", "{{.Id}}", "travels:1"])).toBe(
    await berth.out(["inspect", "--format", "{{.Id}}", "travels:1"]),
  );
});
