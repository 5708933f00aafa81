import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

/** Build a context of these files; `args` come before the path. */
async function build(files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const context = await berth.files(randomUUID(), files);
  return berth.run(["build", "--network", "none", ...args, context]);
}

const printed = (image: string, ...command: readonly string[]) =>
  berth.out(["run", "--rm", "--network", "none", image, ...command]);

describe("a build", () => {
  test("takes every directive into the image", async () => {
    const Dockerfile = `# the whole set
ARG base=busybox
FROM \${base} AS first
RUN ["sh", "-c", "echo made > /made"]
FROM busybox
ARG who=nobody
ENV GREETING="hello $who" PLACE=/srv
LABEL a=b "c d"='e f'
WORKDIR $PLACE
WORKDIR sub
COPY --from=first /made .
COPY *.txt dir/ ./
USER mail
EXPOSE 80 53/udp
VOLUME /data
RUN cat made file.txt; id -un
ENTRYPOINT ["sh", "-c"]
CMD ["echo $GREETING from $PWD; ls"]
`;
    const files = { Dockerfile, "file.txt": "a file\n", "dir/inner": "", "left.out": "", ".dockerignore": "*.out\n" };
    const { code, stderr } = await build(files, "-t", "all", "--build-arg", "who=world", "--progress", "plain");
    expect(stderr).toMatch(/[\d.]+ made\n#\d+ [\d.]+ a file\n#\d+ [\d.]+ mail\n/);
    expect(code).toBe(0);
    expect(await printed("all")).toBe("hello world from /srv/sub\nfile.txt\ninner\nmade");
    expect(JSON.parse(await berth.out(["inspect", "--format", "{{json .Config}}", "all"]))).toMatchObject({
      User: "mail",
      WorkingDir: "/srv/sub",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {} },
      Labels: { a: "b", "c d": "e f" },
      Entrypoint: ["sh", "-c"],
      Cmd: ["echo $GREETING from $PWD; ls"],
      Env: expect.arrayContaining(["GREETING=hello world", "PLACE=/srv"]),
    });
  });

  test("that is repeated says CACHED, runs nothing and gives the same image", async () => {
    const files = { Dockerfile: "FROM busybox\nCOPY f /f\nRUN cat /proc/sys/kernel/random/uuid | tee /once\n", f: "1" };
    const context = await berth.files("cached", files);
    const again = ["build", "--network", "none", "--progress", "plain", "-t", "cached", context];
    await berth.out(again);
    const [id, once] = [
      await berth.out(["inspect", "--format", "{{.Id}}", "cached"]),
      await printed("cached", "cat", "/once"),
    ];
    const { code, stderr } = await berth.run(again);
    expect(code).toBe(0);
    expect(stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(2);
    expect(stderr).not.toContain(once);
    expect(await berth.out(["inspect", "--format", "{{.Id}}", "cached"])).toBe(id);
    await berth.files("cached", { f: "2" });
    await berth.out(again);
    expect(await printed("cached", "cat", "/once")).not.toBe(once);
    const changed = await printed("cached", "cat", "/once");
    await berth.out([...again.slice(0, -1), "--no-cache", context]);
    expect(await printed("cached", "cat", "/once")).not.toBe(changed);
  });

  test("-q prints the image's ID and nothing else; --iidfile writes it", async () => {
    const file = join(berth.directory, "iid");
    const { code, stdout, stderr } = await build({ Dockerfile: "FROM busybox\nENV A=q\n" }, "-q", "--iidfile", file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(readFileSync(file, "utf8")).toBe(stdout.trim());
  });

  test("--target builds that stage, and none that it doesn't need", async () => {
    const Dockerfile = "FROM busybox AS one\nENV S=one\nFROM busybox AS two\nRUN false\nFROM one AS three\nENV T=3\n";
    expect(await build({ Dockerfile }, "--target", "three", "-t", "three")).toMatchObject({ code: 0 });
    expect(await printed("three", "sh", "-c", "echo $S$T")).toBe("one3");
  });

  test("-f names another Dockerfile, - reads it from stdin", async () => {
    const context = await berth.files("named", { "other.df": "FROM busybox\nCMD echo other\n" });
    await berth.out(["build", "-t", "other", "-f", join(context, "other.df"), context]);
    expect(await printed("other")).toBe("other");
    await berth.out(["build", "-t", "piped", "-"], { input: "FROM busybox\nCMD echo piped\n" });
    expect(await printed("piped")).toBe("piped");
  });

  test("of a Dockerfile on stdin leaves nothing where no collector looks, though it is killed", async () => {
    const elsewhere = join(berth.directory, "elsewhere");
    mkdirSync(elsewhere);
    const child = berth.start(["build", "--network", "none", "--progress", "plain", "-"], {
      env: { TMPDIR: elsewhere },
    });
    child.stdin?.end("FROM busybox\nRUN echo started; sleep 1000\n");
    let seen = "";
    child.stderr?.on("data", (data: Buffer) => {
      seen += data.toString();
    });
    await eventually(async () => (/^#\d+ [\d.]+ started/m.test(seen) ? true : undefined));
    child.kill("SIGKILL");
    await once(child, "close");
    expect(readdirSync(elsewhere)).toEqual([]);
    const scratch = join(berth.directory, "root", "tmp");
    expect(readdirSync(scratch)).toHaveLength(1);
    await berth.out(["container", "prune", "-f"]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test.each([
    ["-", "can't use stdin for both build context and dockerfile"],
    ["other", "both stdin and flag correspond to Dockerfiles"],
  ])("reads stdin once: -f %s - is refused", async (file, message) => {
    const { code, stderr } = await berth.run(["build", "-f", file, "-"], { input: "FROM busybox\n" });
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test("keeps what a step deletes out of the image", async () => {
    const Dockerfile =
      "FROM busybox\nRUN mkdir /d && touch /d/a /d/b\nRUN rm /d/a && rm -r /home && mkdir /home && touch /home/new\n";
    expect(await build({ Dockerfile }, "-t", "deleted")).toMatchObject({ code: 0 });
    expect(await printed("deleted", "ls", "/d", "/home")).toBe("/d:\nb\n\n/home:\nnew");
  });
});

describe("a build that fails", () => {
  const images = () => berth.out(["image", "ls", "-aq"]);

  test("in RUN ends with 1, says the code, the line and the last lines of output, and leaves nothing", async () => {
    const Dockerfile = "FROM busybox\nRUN true\nRUN for i in 1 2 3; do echo line $i; done; echo sorry >&2; exit 7\n";
    const before = await images();
    const { code, stderr } = await build({ Dockerfile }, "-t", "never", "--progress", "plain");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Dockerfile:3$/m);
    expect(stderr).toMatch(/^ {3}3 \| >>> RUN for i/m);
    const last = / > \[3\/3\] RUN for i[^\n]*\n((?:[^\n]+\n){4})/.exec(stderr)?.[1]?.trimEnd().split("\n");
    // The two streams are two pipes: what comes out of one comes before or after what comes out of the other.
    expect(last?.map((line) => line.replace(/^[\d.]+ /, "")).sort()).toEqual(["line 1", "line 2", "line 3", "sorry"]);
    expect(stderr).toMatch(/did not complete successfully: exit code: 7$/m);
    expect(await images()).toBe(before);
    expect(await berth.out(["ps", "-aq"])).toBe("");
  });

  test.each([
    {
      name: "for an unknown directive, and suggests the nearest",
      files: { Dockerfile: "FROM busybox\nCOPPY a b\n" },
      message: /unknown instruction: COPPY \(did you mean COPY\?\)/,
    },
    {
      name: "for a missing file to COPY",
      files: { Dockerfile: "FROM busybox\nCOPY nosuch /\n" },
      message: /"\/nosuch": not found(.|\n)*hint: Paths are relative to the build context/,
    },
    {
      name: "for a missing file to COPY from a stage",
      files: { Dockerfile: "FROM busybox AS a\nFROM busybox\nCOPY --from=a /nosuch /\n" },
      message: /"\/nosuch": not found(.|\n)*hint: With --from, paths are those of the stage or image/,
    },
    {
      name: "for a missing source of a mount",
      files: { Dockerfile: "FROM busybox\nRUN --mount=source=nosuch,target=/n true\n" },
      message:
        /failed to compute cache key: failed to calculate checksum of ref: "\/nosuch": not found(.|\n)*hint: Paths/,
    },
    {
      name: "for a missing source of a mount from a stage",
      files: { Dockerfile: "FROM busybox AS a\nFROM busybox\nRUN --mount=from=a,source=/nosuch,target=/n true\n" },
      message:
        /failed to compute cache key: failed to calculate checksum of ref: "\/nosuch": not found(.|\n)*hint: With/,
    },
    {
      name: "for a user that isn't there",
      files: { Dockerfile: "FROM busybox\nUSER nosuch\nRUN id\n" },
      message:
        /process "\/bin\/sh -c id" did not complete successfully: unable to find user nosuch: no matching entries/,
    },
    {
      name: "without a Dockerfile",
      files: { other: "" },
      message: /failed to read dockerfile: open Dockerfile: no such file or directory/,
    },
    {
      name: "with an empty Dockerfile",
      files: { Dockerfile: "" },
      message: /the Dockerfile cannot be empty|file with no instructions/,
    },
    { name: "for an unknown image", files: { Dockerfile: "FROM nosuch\n" }, message: /nosuch/ },
    {
      name: "for a bad image name",
      files: { Dockerfile: "FROM Upper\n" },
      message: /repository name \(library\/Upper\) must be lowercase/,
    },
    {
      name: "for an unknown stage",
      files: { Dockerfile: "FROM busybox\nCOPY --from=9 /a /b\n" },
      message: /invalid (stage index|from flag value) 9/,
    },
    { name: "before FROM", files: { Dockerfile: "RUN true\n" }, message: /no build stage in current context/ },
    {
      name: "for a directive without arguments",
      files: { Dockerfile: "FROM busybox\nWORKDIR\n" },
      message: /WORKDIR requires exactly one argument/,
    },
    {
      name: "for a file outside of the context",
      files: { Dockerfile: "FROM busybox\nCOPY ../../etc/shadow /\n" },
      message: /not found/,
    },
    {
      name: "for a command that isn't there",
      files: { Dockerfile: 'FROM busybox\nRUN ["nosuch"]\n' },
      message:
        /process "nosuch" did not complete successfully: runc run failed: unable to start container process: exec: "nosuch": executable file not found in \$PATH\n/,
    },
  ])("$name", async ({ files, message }) => {
    const before = await images();
    const { code, stderr } = await build(files as Record<string, string>, "-t", "never");
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
    expect(await images()).toBe(before);
  });

  test("for a context that isn't there", async () => {
    const { code, stderr } = await berth.run(["build", "/nosuch/place"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/path "\/nosuch\/place" not found/);
  });
});

describe("a check", () => {
  const Dockerfile = `FROM busybox as Base
# TAG what it is called
ARG TAG=one
env greeting hello  $TAG
RUN echo \\

  $greeting > /file
LABEL kept "it is"
EXPOSE 127.0.0.1:80:80/TCP
COPY $lost left.out /
`;
  const files = { Dockerfile, "left.out": "", ".dockerignore": "left.out\n" };

  test("prints BuildKit's warnings, builds nothing, and ends with 1; with 0 where there are none", async () => {
    const images = await berth.out(["images", "-aq"]);
    const { code, stdout, stderr } = await build(files, "--check");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/^Check complete, 10 warnings have been found!\n\nWARNING: StageNameCasing - https:/);
    expect(stdout).toMatch(
      /\nWARNING: UndefinedVar - https:\S+\/undefined-var\/\nUsage of undefined variable '\$lost'\n\S+\/Dockerfile:10\n-{20}\n +8 \| {5}LABEL .*\n +9 \| {5}EXPOSE .*\n +10 \| >>> COPY .*\n +11 \| {5}\n-{20}\n\nWARNING: CopyIgnoredFile - /,
    );
    expect(await berth.out(["images", "-aq"])).toBe(images);
    const good = await build({ Dockerfile: "FROM scratch\n" }, "--check");
    expect(good).toMatchObject({ code: 0, stdout: "Check complete, no warnings found.\n", stderr: "" });
  });

  test("gives them as JSON, and may end with 0", async () => {
    const { code, stdout } = await build(
      { Dockerfile: "FROM scratch AS B\n" },
      "--call",
      "check,format=json,ignorestatus=1",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      warnings: [
        {
          ruleName: "StageNameCasing",
          description: "Stage names should be lowercase",
          url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
          detail: "Stage name 'B' should be lowercase",
          location: { ranges: [{ start: { line: 1 }, end: { line: 1 } }] },
        },
      ],
      sources: [
        { filename: "Dockerfile", data: Buffer.from("FROM scratch AS B\n").toString("base64"), language: "Dockerfile" },
      ],
    });
  });

  test("--fix writes what has one fix; the Dockerfile builds to the same image", async () => {
    const context = await berth.files(randomUUID(), { ...files, Dockerfile: Dockerfile.replace(/^COPY.*\n/m, "") });
    chmodSync(join(context, "Dockerfile"), 0o640);
    const id = async (): Promise<string> => {
      const epoch = ["--build-arg", "SOURCE_DATE_EPOCH=1000000000"];
      return await berth.out(["build", "-q", "--network", "none", ...epoch, context]);
    };
    const before = await id();
    const { code, stdout, stderr } = await berth.run(["build", "--check", "--fix", context]);
    expect(stderr).toMatch(/^Fixed 8 warnings in .*:\n( - .*\n){8}$/);
    expect(stdout).toMatch(/^Check complete, no warnings/);
    expect(code).toBe(0);
    expect(readFileSync(join(context, "Dockerfile"), "utf8")).toBe(`FROM busybox AS base
# TAG what it is called
ARG TAG=one
ENV greeting="hello  $TAG"
RUN echo \\
  $greeting > /file
LABEL kept="it is"
EXPOSE 80/tcp
`);
    expect(statSync(join(context, "Dockerfile")).mode & 0o777).toBe(0o640);
    expect(readdirSync(context).sort()).toEqual([".dockerignore", "Dockerfile", "left.out"]);
    expect(await id()).toBe(before);
  });

  test("says what is wrong with a Dockerfile that can't be built, and of which base it knows nothing", async () => {
    const broken = await build({ Dockerfile: "FROM scratch\nFRO x\n" }, "--check");
    expect(broken).toMatchObject({ code: 1, stdout: "" });
    expect(broken.stderr).toMatch(
      /^ERROR: dockerfile parse error on line 2: unknown instruction: FRO .*\n\S+Dockerfile:2\n/,
    );
    const unknown = await build({ Dockerfile: "FROM nowhere.test/x\nENV a=$b\n" }, "--check");
    expect(unknown).toMatchObject({ code: 0, stdout: "Check complete, no warnings found.\n" });
    expect(unknown.stderr).toMatch(/^NOTE: nowhere\.test\/x is not in the store/);
  });

  test("that is to fail a build does so before anything runs, and shows the warnings", async () => {
    const { code, stderr } = await build({ Dockerfile: "# check=error=true\nFROM busybox AS B\nRUN false\n" });
    expect(code).toBe(1);
    expect(stderr).toContain(
      "\n 1 warning found (use docker --debug to expand):\n - StageNameCasing: Stage name 'B' should",
    );
    expect(stderr).toContain("ERROR: failed to solve: lint violation found for rules: StageNameCasing");
    const skipped = ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all"];
    const other = await build({ Dockerfile: "# check=error=true\nFROM busybox AS B\n" }, ...skipped);
    expect(other).toMatchObject({ code: 0 });
    expect(other.stderr).not.toContain("warning");
  });

  test("--call outline and targets say what the Dockerfile takes, and what it makes", async () => {
    const text = `# VERSION of the base
ARG VERSION=latest
# build makes it
FROM busybox:$VERSION AS build
ARG MODE
RUN --mount=type=secret,id=token,required --mount=type=ssh true
FROM scratch
COPY --from=build /bin/sh /sh
`;
    const outline = await build({ Dockerfile: text }, "--call", "outline", "--build-arg", "MODE=fast");
    expect(outline).toMatchObject({ code: 0, stderr: "" });
    expect(outline.stdout).toBe(`BUILD ARG   VALUE    DESCRIPTION
VERSION     latest   of the base
MODE        fast     

SECRET   REQUIRED
token    true

SSH       REQUIRED
default   

`);
    const targets = await build({ Dockerfile: text }, "--call", "targets");
    expect(targets.stdout).toBe("TARGET    DESCRIPTION\nbuild     makes it\n(default) \n");
    const json = await build({ Dockerfile: text }, "--call", "targets,format=json");
    expect(JSON.parse(json.stdout).targets).toEqual([
      {
        name: "build",
        description: "makes it",
        base: "busybox:$VERSION",
        location: { ranges: [{ start: { line: 4 }, end: { line: 4 } }] },
      },
      { default: true, base: "scratch", location: { ranges: [{ start: { line: 7 }, end: { line: 7 } }] } },
    ]);
  });

  test.each([
    [["--call", "check,error=true"], "ERROR: invalid print field: error=true\n"],
    [["--call", "check,outline"], "ERROR: invalid print value: check,outline\n"],
    [["--call", "lines"], "ERROR: failed to solve: unsupported request lines\n"],
    [["--fix"], "ERROR: --fix needs --check\n"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await build({ Dockerfile: "FROM scratch\n" }, ...args);
    expect({ code, stderr: stderr.replace(/^hint: .*\n/m, "") }).toEqual({ code: 1, stderr: message });
  });
});
