import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test as it } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { openCacheServer } from "../support/cache-server.ts";
import { chunkedArchives, makeChunkedImage } from "../support/chunked-image.ts";
import { type ChunkedFormat, chunkedLayer } from "../support/chunked-layer.ts";
import { eventually } from "../support/eventually.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, openScriptedRegistry } from "../support/registry.ts";
import { type BlobHook, type ServedImage, serveImage } from "../support/served-image.ts";

/** Bytes of the file that nobody reads but the test that reads all. */
const size = 8 << 20;
const archives = chunkedArchives(size);

const isThere = existsSync("/dev/fuse");
if (!isThere) process.stderr.write("*** SKIPPED: lazy start, as this machine has no /dev/fuse ***\n");
const test = it.skipIf(!isThere);

let stack = new AsyncDisposableStack();
afterEach(async () => {
  const used = stack;
  stack = new AsyncDisposableStack();
  await used.disposeAsync();
});

interface Fixture {
  readonly berth: Berth;
  readonly image: ServedImage;
  readonly name: string;
  /** Let go what is held back: the layers as a whole. */
  readonly release: () => void;
}

/** A registry that gives parts of layers at once, and the whole of them when it is told to. */
async function fixture(formats: readonly (ChunkedFormat | "plain")[], hook: BlobHook = () => "send"): Promise<Fixture> {
  const image = makeChunkedImage({ formats, archives, config: { Cmd: ["cat", "/data/small"], Env: ["PATH=/bin"] } });
  const released = Promise.withResolvers<void>();
  const holding: BlobHook = async (blob, request, response) => {
    const { headers } = request;
    const isWhole = !/^bytes=\d+-\d+$/.test(headers.range ?? "") && !isTail(headers.range);
    if (isWhole && blob !== image.config) await released.promise;
    return await hook(blob, request, response);
  };
  const registry = stack.use(await openScriptedRegistry(serveImage(image, holding)));
  const berth = stack.use(openBerth());
  // Servers end before what they write to is deleted.
  stack.defer(async () => {
    released.resolve();
    await ended(berth);
  });
  return { berth, image, name: `${registry.host}/app`, release: () => released.resolve() };
}

/** A question for the end of a blob has no end. */
const isTail = (range: string | undefined): boolean => range !== undefined && !/^bytes=0-/.test(range);

const servers = ({ directory }: Berth): readonly string[] => {
  const lazy = join(directory, "run/lazy");
  return existsSync(lazy) ? readdirSync(lazy) : [];
};

/** Wait until a server has nothing to do any more. */
async function ended(berth: Berth): Promise<void> {
  await eventually(async () => servers(berth).length === 0 || undefined);
}

/** Tells of all files. */
const everything = [
  "cd /; sha256sum bin/busybox; find data -type f | sort | xargs sha256sum",
  "find bin data ! -type d | sort | xargs stat -c '%n %F %a %u %g %Y %h %s'",
  "find bin data -type d | sort | xargs stat -c '%n %F %a %u %g %Y'",
  "readlink data/link; ls; [ ! -f stargz.index.json ] || sha256sum stargz.index.json",
].join("; ");

test.for<ChunkedFormat>(["estargz", "lossless estargz", "zstd:chunked"])(
  "a container of %s runs before its image is here, which is whole in the end, and files are those of an ordinary pull",
  async (format) => {
    const { berth, release, name, image } = await fixture([format, format]);
    const run = await berth.run(["run", "--rm", "--lazy", name]);
    expect(run).toMatchObject({ code: 0, stdout: "small\n" });
    expect(await berth.out(["images", "-q"])).toBe("");
    const detached = await berth.out(["run", "-d", "--lazy", "--name", "early", name, "sleep", "1000"]);
    const early = await berth.out(["exec", "early", "sh", "-c", everything]);
    expect(
      await berth.out([
        "exec",
        "early",
        "sh",
        "-c",
        "echo more >> /data/small; cat /data/small; ls /bin/vi 2>&1; true",
      ]),
    ).toBe("small\nmore\nls: /bin/vi: No such file or directory");
    expect(await berth.out(["inspect", "-f", "{{.Image}} {{.State.Status}}", detached])).toBe(
      `${image.config.digest} running`,
    );
    expect(await berth.out(["ps", "--format", "{{.Image}}"])).toBe(name);
    release();
    await eventually(async () => ((await berth.out(["images", "-q"])) === "" ? undefined : true));
    // Written anew, as its first copy was changed.
    await berth.out(["exec", "early", "sh", "-c", "printf 'small\\n' > /data/small"]);
    expect(await berth.out(["diff", "early"])).toBe("C /data\nC /data/small");
    const pulled = await berth.out(["run", "--rm", name, "sh", "-c", everything]);
    expect(early).toBe(pulled);
    await berth.out(["restart", "-t", "0", "early"]);
    await ended(berth);
    expect(await berth.out(["exec", "early", "cat", "/data/small"])).toBe("small");
    expect(await berth.out(["system", "check"])).not.toMatch(/[A-Z]\d: /);
  },
);

/** The process that serves layers. */
function serverOf({ directory }: Berth): number {
  const [name = ""] = servers({ directory } as Berth);
  return (JSON.parse(readFileSync(join(directory, "run/lazy", name, "state.json"), "utf8")) as { pid: number }).pid;
}

test("a container whose server was killed reads no more, starts again when the rest is pulled, and leaves nothing", async () => {
  const { berth, name, release } = await fixture(["estargz", "estargz"]);
  await berth.out(["run", "-d", "--lazy", "--name", "early", name, "sh", "-c", "cat /data/small; exec sleep 1000"]);
  process.kill(serverOf(berth), "SIGKILL");
  expect(await berth.run(["exec", "early", "cat", "/data/large"])).not.toMatchObject({ code: 0 });
  expect((await berth.run(["system", "check"])).code).toBe(0);
  release();
  await berth.out(["restart", "-t", "0", "early"]);
  expect(await berth.out(["exec", "early", "sha256sum", "/data/small"])).toMatch(/small$/);
  expect(await berth.out(["images", "--format", "{{.Repository}}:{{.Tag}}"])).toBe(`${name}:latest`);
  await berth.out(["rm", "-f", "early"]);
  await berth.out(["rmi", name]);
  await berth.out(["system", "prune", "-f"]);
  expect((await berth.run(["system", "check"])).code).toBe(0);
  expect(await berth.out(["images", "-q"])).toBe("");
  expect(servers(berth)).toEqual([]);
});

test("a container that was removed before its image is here leaves the pull to end by itself", async () => {
  const { berth, name, release } = await fixture(["zstd:chunked", "zstd:chunked"]);
  await berth.out(["create", "--lazy", "--name", "early", name]);
  await berth.out(["rm", "early"]);
  release();
  await ended(berth);
  expect(await berth.out(["images", "--format", "{{.Repository}}:{{.Tag}}"])).toBe(`${name}:latest`);
  expect(await berth.out(["run", "--rm", "--lazy", name])).toBe("small");
});

test("a server whose registry gives no more goes on for a container that is there, and ends soon after the last is removed", async () => {
  const { berth, name, release } = await fixture(["estargz", "estargz"], (blob, { headers }, response) => {
    if (blob.bytes.length < size / 2 || headers.range !== undefined) return "send";
    response.writeHead(404).end();
    return "done";
  });
  await berth.out(["run", "-d", "--lazy", "--name", "early", name, "sleep", "1000"]);
  release();
  const log = (): string => readFileSync(join(berth.directory, "run/lazy.log"), "utf8");
  // The pause after the third try is longer than it takes to see that nobody is there.
  await eventually(async () => log().split("can't pull the rest").length > 3 || undefined);
  expect(await berth.out(["run", "--rm", "--lazy", name])).toBe("small");
  expect(servers(berth)).toHaveLength(1);
  await berth.out(["rm", "-f", "early"]);
  const removed = Date.now();
  await ended(berth);
  expect(Date.now() - removed).toBeLessThan(20_000);
  expect(log()).toContain("no longer used");
});

test("a container runs before its image is here through a cache that hasn't the image either", async () => {
  const rest = Promise.withResolvers<void>();
  const { berth, name, release } = await fixture(["estargz", "estargz"], async (blob, { headers }): Promise<"send"> => {
    const isWhole = headers.range === undefined || headers.range.startsWith("bytes=0-");
    if (isWhole && blob.bytes.length > size / 2) await rest.promise;
    return "send";
  });
  release();
  const [upstream = "", path] = name.split("/");
  const cache = stack.use(await openCacheServer(stack.use(openBerth()), ["--upstream", upstream]));
  const run = await berth.run(["run", "--rm", "--lazy", `${cache.host}/${path}`]);
  expect(run).toMatchObject({ code: 0, stdout: "small\n" });
  expect(await berth.out(["images", "-q"])).toBe("");
  rest.resolve();
  await ended(berth);
  expect(await berth.out(["images", "-q"])).not.toBe("");
});

test("what isn't what the table of contents says is never read", async () => {
  const { berth, name } = await fixture(["estargz", "estargz"], (blob, { headers }, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    if (first === undefined || blob.bytes.length < size / 2) return "send";
    const part = Buffer.from(blob.bytes.subarray(Number(first), Number(last) + 1));
    // A bit of the content that was compressed.
    part.writeUInt8((part[100] ?? 0) ^ 1, 100);
    response.writeHead(206, { "content-range": `bytes ${first}-${last}/${blob.bytes.length}` }).end(part);
    return "done";
  });
  const { code, stdout, stderr } = await berth.run(["run", "--rm", "--lazy", name, "cat", "/data/large"]);
  expect({ code, stdout, stderr }).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("Input/output error"),
  });
  expect(readFileSync(join(berth.directory, "run/lazy.log"), "utf8")).toContain(
    "isn't what its table of contents says",
  );
});

test("a file that is read when the registry answers no more is an I/O error in the end, with the reason in the log", async () => {
  let isGone = false;
  const { berth, name } = await fixture(["estargz", "estargz"], (_, request) => {
    if (!isGone) return "send";
    request.socket.destroy();
    return "done";
  });
  await berth.out(["run", "-d", "--lazy", "--name", "early", name, "sleep", "1000"]);
  // Both programs are read by then: one that isn't would end by a bus error, and the container with it.
  expect(await berth.out(["exec", "early", "cat", "/data/small"])).toBe("small");
  isGone = true;
  const read = await berth.run(["exec", "early", "cat", "/data/large"]);
  expect(read).toMatchObject({ code: 1, stderr: expect.stringContaining("Input/output error") });
  expect(readFileSync(join(berth.directory, "run/lazy.log"), "utf8")).toMatch(/can't read: .*: unexpected EOF$/m);
  await berth.out(["rm", "-f", "early"]);
});

test("two that start an image early share a server", async () => {
  const { berth, name } = await fixture(["estargz", "zstd:chunked"]);
  const runs = await Promise.all([1, 2].map(() => berth.run(["run", "--rm", "--lazy", name])));
  expect(runs.map(({ code, stdout }) => [code, stdout])).toEqual([
    [0, "small\n"],
    [0, "small\n"],
  ]);
  expect(servers(berth)).toHaveLength(1);
});

test.for<[what: string, formats: readonly (ChunkedFormat | "plain")[], hook: BlobHook, why: RegExp]>([
  [
    "without a table of contents",
    ["estargz", "plain"],
    () => "send",
    /has no table of contents: it is neither eStargz nor zstd:chunked/,
  ],
  [
    "from a registry that gives no parts",
    ["estargz", "estargz"],
    ({ bytes }, { headers }, response) => {
      delete headers.range;
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
      return "done";
    },
    /the registry gives no parts of blobs/,
  ],
])("an image %s is pulled first, which is told", async ([, formats, hook, why]) => {
  const { berth, name, release } = await fixture(formats, hook);
  release();
  const run = await berth.run(["run", "--rm", "--lazy", name]);
  expect(run).toMatchObject({ code: 0, stdout: "small\n" });
  expect(run.stderr).toContain(`${name}:latest is pulled before it is started: `);
  expect(run.stderr).toMatch(why);
  expect(servers(berth)).toEqual([]);
});

const hasPodman = existsSync("/usr/bin/podman");
it.skipIf(!isThere || !hasPodman)("what Podman writes as zstd:chunked is started early, and pulled", async () => {
  const registry = stack.use(await openRegistry());
  const berth = stack.use(openBerth());
  stack.defer(() => ended(berth));
  const places = ["root", "runroot"].flatMap((place) => [`--${place}`, join(berth.directory, "podman", place)]);
  const podman = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await runProgram("podman", [...places, "--storage-driver", "vfs", ...args]);
    if (code !== 0) throw new Error(stderr);
  };
  // Podman 4.3 loses the padding behind an archive's end.
  const [busybox] = archives;
  writeFileSync(join(berth.directory, "busybox.tar"), chunkedLayer(busybox, "zstd:chunked").archive);
  await podman("import", join(berth.directory, "busybox.tar"), "busybox");
  const name = `${registry.host}/busybox`;
  await podman("push", "--tls-verify=false", "--compression-format", "zstd:chunked", "busybox", name);
  const digest = ["sh", "-c", "sha256sum /bin/busybox; stat -c '%a %u %Y' /bin/busybox /bin"];
  const early = await berth.run(["run", "--rm", "--lazy", name, ...digest]);
  expect(early).toMatchObject({ code: 0, stderr: `Unable to find image '${name}:latest' locally\n` });
  await ended(berth);
  expect(await berth.run(["run", "--rm", "--pull", "never", name, ...digest])).toEqual({ ...early, stderr: "" });
});
