import { randomUUID } from "node:crypto";
import { readFileSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { listen } from "../support/listen.ts";
import { runProgram } from "../support/program.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const contextOf = (files: Readonly<Record<string, string>>) => berth.files(randomUUID(), files);

/** Build a context of these files with plain progress; `args` come before the path. */
async function build(files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  return berth.run(["build", "--network", "none", "--progress", "plain", ...args, await contextOf(files)]);
}

/** A Dockerfile whose last step prints what a command of busybox says. */
const saying = (...commands: readonly string[]) => ({ Dockerfile: `FROM busybox\nRUN ${commands.join(" && ")}\n` });

describe("a RUN step is given", () => {
  test("hosts, the size of /dev/shm, and limits, by which it is cached; a host by its name alone", async () => {
    const files = saying("grep db /etc/hosts", "df -k /dev/shm | tail -n 1", "ulimit -n", "ulimit -c");
    const args = ["--add-host", "db:10.0.0.5", "--shm-size", "1m", "--ulimit", "nofile=99:100", "--ulimit", "core=0"];
    const first = await build(files, ...args);
    expect(first.stderr).toMatch(/ 10\.0\.0\.5\tdb\n/);
    expect(first.stderr).toMatch(/ shm +1024 +0 +1024 /);
    expect(first.stderr).toMatch(/ 99\n#\d+ [\d.]+ 0\n/);
    expect(first.code).toBe(0);
    const moved = args.map((arg) => arg.replace("10.0.0.5", "10.0.0.6"));
    expect((await build(files, ...moved)).stderr).toMatch(/^#\d+ CACHED$/m);
    for (const [was, is] of [
      ["db:10.0.0.5", "dbs:10.0.0.5"],
      ["1m", "2m"],
      ["core=0", "core=0:1"],
    ]) {
      const changed = args.map((arg) => (arg === was ? (is ?? "") : arg));
      expect((await build(files, ...changed)).stderr).not.toMatch(/^#\d+ CACHED$/m);
    }
  });

  test("its own name, also without networks", async () => {
    expect((await build(saying('grep "$(hostname)" /etc/hosts'))).stderr).toMatch(/ 127\.0\.0\.1\tbuildkitsandbox\n/);
  });

  test("the quota of its processors and a parent for its cgroup", async () => {
    const parent = `berth-test-${randomUUID()}`;
    const ofHierarchies = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us || cut -f 1 -d ' ' /sys/fs/cgroup/cpu.max";
    const limits = ["--cpu-quota", "50000", "--cpu-period", "100000"];
    const { code, stderr } = await build(saying(ofHierarchies), ...limits, "--cgroup-parent", parent);
    const made = (await runProgram("find", ["/sys/fs/cgroup", "-type", "d", "-name", parent])).stdout
      .trim()
      .split("\n");
    for (const directory of made) rmdirSync(directory);
    expect(stderr).toMatch(/ 50000\n/);
    expect(code).toBe(0);
  });

  test("no new privileges, or no filter for system calls", async () => {
    const status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
    const given = ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"];
    expect((await build(saying(status, "echo given"), ...given)).stderr).toMatch(/NoNewPrivs:\t1\n.*Seccomp:\t0\n/);
    expect((await build(saying(status, "echo plain"))).stderr).toMatch(/NoNewPrivs:\t0\n.*Seccomp:\t2\n/);
  });

  test("a seccomp profile of the user's own", async () => {
    const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 122 }];
    const profile = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls });
    const file = join(await berth.files("profiles", { "no-mkdir.json": profile }), "no-mkdir.json");
    const { code, stderr } = await build(saying("mkdir /new"), "--security-opt", `seccomp=${file}`);
    expect(stderr).toContain("mkdir: can't create directory '/new': Disk quota exceeded");
    expect(code).toBe(1);
  });

  test("the bridge's address as host-gateway, which a step without the bridge has not", async () => {
    const context = await contextOf(saying("grep up /etc/hosts", "ip route"));
    const { stderr } = await berth.run(["build", "--progress", "plain", "--add-host", "up=host-gateway", context]);
    const [, gateway] = /default via ([\d.]+)/.exec(stderr) ?? [];
    expect(stderr).toContain(` ${gateway}\tup\n`);
    const without = await build(saying("true"), "--add-host", "up:host-gateway");
    expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining("IP value for host-gateway") });
  });
});

test("--no-cache-filter runs the steps of the stages that it names, and says which don't exist", async () => {
  const Dockerfile = `FROM busybox AS One
RUN echo one > /one
FROM busybox AS two
RUN echo two > /two
FROM busybox
COPY --from=One /one /
COPY --from=two /two /
`;
  await build({ Dockerfile });
  const { code, stderr } = await build({ Dockerfile }, "--no-cache-filter", "one,nosuch");
  const cached = (step: string): boolean => new RegExp(`^(#\\d+) \\[${step}.*\\n\\1 CACHED$`, "m").test(stderr);
  expect([cached("One 2/2"), cached("two 2/2")]).toEqual([false, true]);
  expect(stderr).toContain('no stage is named "nosuch"');
  expect(code).toBe(0);
});

describe("--metadata-file tells", () => {
  const told = async (
    env: Readonly<Record<string, string>>,
    args: readonly string[],
    Dockerfile = "FROM busybox\n",
  ) => {
    const context = await contextOf({ Dockerfile });
    const file = join(berth.directory, "metadata.json");
    expect(await berth.run(["build", "-q", "--metadata-file", file, ...args, context], { env })).toMatchObject({
      code: 0,
    });
    return JSON.parse(readFileSync(file, "utf8"));
  };

  test("the image's ID and names, the build, and how it was made", async () => {
    const found = await told({}, ["-t", "told", "-t", "127.0.0.1:5000/told:2", "--build-arg", "A=b"]);
    const id = await berth.out(["inspect", "--format", "{{.Id}}", "told"]);
    const [build] = (await berth.out(["builds", "ls", "-q", "--no-trunc"])).split("\n");
    expect(found).toEqual({
      "buildx.build.provenance": {
        builder: { id: "" },
        buildType: "https://mobyproject.org/buildkit@v1",
        materials: [{ uri: expect.stringContaining("pkg:docker/busybox@latest?"), digest: expect.anything() }],
        invocation: {
          configSource: { entryPoint: "Dockerfile" },
          parameters: expect.objectContaining({ frontend: "dockerfile.v0", args: { "build-arg:A": "b" } }),
          environment: { platform: expect.stringContaining("linux/") },
        },
      },
      "buildx.build.ref": `default/default/${build}`,
      "containerimage.config.digest": id,
      "containerimage.digest": id,
      "image.name": "docker.io/library/told:latest,127.0.0.1:5000/told:2",
    });
  });

  test("what a layout has", async () => {
    const layout = join(berth.directory, randomUUID());
    const { "containerimage.descriptor": descriptor, "containerimage.digest": digest } = await told({}, [
      "-o",
      `type=oci,tar=false,dest=${layout}`,
    ]);
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    expect(manifests).toEqual([descriptor]);
    expect(digest).toBe(descriptor.digest);
    const archive = `${layout}.tar`;
    expect(await told({}, ["-o", `type=oci,dest=${archive}`])).toMatchObject({
      "containerimage.descriptor": descriptor,
    });
  });

  test("steps and warnings only where the environment asks for them", async () => {
    const max = await told({ BUILDX_METADATA_PROVENANCE: "max" }, []);
    expect(max["buildx.build.provenance"]).toHaveProperty("buildConfig");
    const env = { BUILDX_METADATA_PROVENANCE: "disabled", BUILDX_METADATA_WARNINGS: "1" };
    const found = await told(env, [], "FROM busybox as x\n");
    expect(found).not.toHaveProperty(["buildx.build.provenance"]);
    expect(found["buildx.build.warnings"]).toMatchObject([
      { level: 1, sourceInfo: { filename: "Dockerfile" }, range: [{ start: { line: 1 }, end: { line: 1 } }] },
    ]);
  });
});

describe("a context", () => {
  const files = {
    Dockerfile: "FROM busybox\nCOPY . /in\nRUN ls -a /in\n",
    "sub/Other": "FROM busybox\nCOPY sub/Other /other\nRUN echo of the archive\n",
    "left.out": "",
    ".dockerignore": "*.out\n",
  };
  /** The archive of a context, as `tar` writes it. */
  async function archiveOf(context: string, ...flags: readonly string[]): Promise<Buffer> {
    const path = join(berth.directory, randomUUID());
    expect((await runProgram("tar", ["-C", context, ...flags, "-cf", path, "."])).code).toBe(0);
    return readFileSync(path);
  }

  test.each(["--format=pax", "--gzip", "--zstd", "--xz"])("comes as an archive on standard input, %s", async (flag) => {
    const input = await archiveOf(await contextOf(files), flag);
    const plain = ["build", "--network", "none", "--progress", "plain", "--no-cache"];
    const { code, stderr } = await berth.run([...plain, "-"], { input });
    // As in BuildKit, the ignore file is a file as any other.
    expect(stderr).toMatch(/ left\.out\n.* sub\n/);
    expect(code).toBe(0);
    const other = await berth.run([...plain, "-f", "sub/Other", "-"], { input });
    expect(other.stderr).toMatch(/ of the archive\n/);
  });

  test("is refused where a Dockerfile is named beside one that comes", async () => {
    const input = "FROM busybox\n";
    const { code, stderr } = await berth.run(["build", "-f", "Other", "-"], { input });
    expect(stderr).toContain("ERROR: ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles\n");
    expect(code).toBe(1);
    expect((await berth.run(["build", "-f", "-", "-"], { input })).stderr).toContain("can't use stdin for both");
  });

  test("that comes as an archive shows nothing of this machine, wherever its links lead", async () => {
    const outside = await contextOf({ Dockerfile: "FROM busybox\nRUN echo from outside\n" });
    const context = await contextOf({ readme: "" });
    symlinkSync(join(outside, "Dockerfile"), join(context, "Dockerfile"));
    const input = await archiveOf(context);
    for (const file of [[], ["-f", `../../../../../..${outside}/Dockerfile`], ["-f", join(outside, "Dockerfile")]]) {
      const { code, stderr } = await berth.run(["build", "--network", "none", ...file, "-"], { input });
      expect(stderr).toContain("failed to read dockerfile");
      expect(stderr).not.toContain("from outside");
      expect(code).toBe(1);
    }
  });

  test("may have a Dockerfile from an address", async () => {
    await using server = await listen((request, response) => {
      response.writeHead(request.url === "/D" ? 200 : 404).end("FROM busybox\nCOPY sub /s\nRUN echo fetched; ls /s\n");
    });
    const context = await contextOf(files);
    const built = (path: string) =>
      berth.run(["build", "--network", "none", "--progress", "plain", "-f", `${server.url}${path}`, context]);
    expect(await built("/D")).toMatchObject({ code: 0, stderr: expect.stringMatching(/ fetched\n.* Other\n/) });
    const { code, stderr } = await built("/gone");
    expect(stderr).toContain("ERROR: failed to solve: failed to load cache key: invalid response status 404\n");
    expect(stderr).toContain(`hint: ${server.url} answered so when it was asked for the Dockerfile.\n`);
    expect(code).toBe(1);
  });

  test("that was received isn't named by where it was put", async () => {
    const input = await archiveOf(await contextOf(files));
    const { stderr } = await berth.run(["build", "-f", "sub/Gone", "-"], { input });
    expect(stderr).toContain(
      "ERROR: failed to solve: failed to read dockerfile: open sub/Gone: no such file or directory\n",
    );
    expect(stderr).toContain("hint: There is no Gone in the context; -f names another.\n");
  });

  test("is fetched: an archive or a Dockerfile alone, through redirects; what isn't there is told", async () => {
    const archive = await archiveOf(await contextOf(files), "--gzip");
    const answers: Readonly<Record<string, Uint8Array | string>> = {
      "/context.tar.gz": archive,
      "/plain": "FROM busybox\nRUN echo fetched alone\n",
    };
    await using server = await listen((request, response) => {
      const answer = answers[request.url ?? ""];
      if (request.url === "/moved") response.writeHead(302, { location: "/plain" }).end();
      else response.writeHead(answer === undefined ? 404 : 200).end(answer);
    });
    const fetched = (path: string) =>
      berth.run(["build", "--network", "none", "--progress", "plain", "--no-cache", `${server.url}${path}`]);
    expect(await fetched("/context.tar.gz")).toMatchObject({ code: 0, stderr: expect.stringMatching(/ sub\n/) });
    expect((await fetched("/moved")).stderr).toMatch(/load remote build context[\s\S]* fetched alone\n/);
    const gone = await fetched("/nosuch");
    expect(gone.stderr).toContain("ERROR: failed to solve: failed to load cache key: invalid response status 404\n");
    expect(gone.code).toBe(1);
  });
});

describe("a named context", () => {
  const Dockerfile = `FROM made AS own
RUN echo nobody runs this > /nobody && false
FROM busybox
COPY --from=files /a /
COPY --from=own /bin/sh /from-stage
RUN --mount=from=files,target=/mounted cat /mounted/a && ls /mounted
`;

  test("is a directory or an image, in place of an image or a stage, and less what its ignore file leaves out", async () => {
    const files = await contextOf({ a: "of the files\n", "left.out": "", ".dockerignore": "*.out\n" });
    const args = ["--build-context", `files=${files}`, "--build-context", "own=docker-image://busybox"];
    const { code, stderr } = await build({ Dockerfile }, ...args, "-t", "with-contexts");
    expect(stderr).toMatch(/ of the files\n#\d+ [\d.]+ a\n/);
    expect(stderr).not.toContain("left.out\n");
    expect(code).toBe(0);
    expect((await build({ Dockerfile }, ...args)).stderr).toMatch(/RUN --mount[^\n]*\n#\d+ CACHED/);
    writeFileSync(join(files, "a"), "changed\n");
    expect((await build({ Dockerfile }, ...args)).stderr).toMatch(/ changed\n/);
  });

  test("that is a directory can be what a stage starts from", async () => {
    const files = await contextOf({ "etc/motd": "of a directory\n" });
    const out = join(berth.directory, randomUUID());
    const base = { Dockerfile: "FROM root AS base\nFROM base\nENV A=1\n" };
    expect((await build(base, "--build-context", `docker.io/library/root:latest=${files}`, "-o", out)).code).toBe(0);
    expect(readFileSync(join(out, "etc/motd"), "utf8")).toBe("of a directory\n");
  });

  test.each([
    ["nothing", "invalid context value: nothing, expected key=value"],
    ["a=/nosuch", "failed to get build context a: stat /nosuch: no such file or directory"],
    ["UPPER=/tmp", "invalid context name UPPER"],
    ["a=target:b", "is of a kind that berth doesn't read yet"],
  ])("is refused where it can't be read: %s", async (given, says) => {
    const { code, stderr } = await build({ Dockerfile: "FROM busybox\n" }, "--build-context", given);
    expect(stderr).toContain(says);
    expect(code).not.toBe(0);
  });
});
