import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { runProgram } from "../support/program.ts";
import { berthOnTerminal } from "../support/pseudo-terminal.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());
beforeEach(async () => {
  await berth.out(["builder", "prune", "-f"]);
});

const build = async (files: Readonly<Record<string, string>>, ...args: readonly string[]) => {
  const context = await berth.files(randomUUID(), files);
  return { context, ...(await berth.run(["build", "--network", "none", "--progress", "plain", ...args, context])) };
};
const inStep = (...command: readonly string[]) => berth.run(["build", "shell", "--", ...command]);
const active = () => readdirSync(join(berth.directory, "root/active"));
const clean = async () => {
  const { code, stdout } = await berth.run(["system", "check"]);
  expect(stdout).toContain("Everything is as it should be.");
  expect(code).toBe(0);
};

const failing = `FROM busybox AS lib
RUN echo from-lib > /lib.txt
FROM busybox
ENV A=of-the-image
ARG WHO=nobody
WORKDIR /w
USER mail
RUN --mount=type=bind,target=/ctx,rw \\
    --mount=type=bind,from=lib,target=/lib-stage \\
    --mount=type=cache,target=/cache,mode=777 \\
    --mount=type=tmpfs,target=/fast \\
    echo tried >> /tmp/log; echo kept > /cache/c; test -e /tmp/mended
RUN echo after > /tmp/after
`;

describe("a RUN step that failed", () => {
  test("is opened with the files that it left, its mounts, environment, user and network", async () => {
    const { code, stderr } = await build({ Dockerfile: failing, "in.txt": "of the context" }, "--build-arg", "WHO=me");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hint: `berth build shell` opens .*`berth build retry`/m);
    const script =
      "cat /tmp/log /ctx/in.txt /lib-stage/lib.txt /cache/c; echo $WHO $A; id -un; pwd; ip -o link | wc -l; stat -f -c %T /fast";
    expect(await inStep("sh", "-c", script)).toMatchObject({
      code: 0,
      stdout: "tried\nof the contextfrom-lib\nkept\nme of-the-image\nmail\n/w\n1\ntmpfs\n",
      stderr: "",
    });
    expect(await inStep("sh", "-c", "exit 7")).toMatchObject({ code: 7, stderr: "" });
    expect((await inStep("/not/there")).stderr).toMatch(/ERROR: .*no such file or directory/);
    await clean();
  });

  test("keeps what is written in it, is run again there, and the build goes on from it", async () => {
    const { context } = await build({ Dockerfile: failing, "in.txt": "" });
    expect(await berth.run(["build", "retry"])).toMatchObject({ code: 1 });
    expect(await inStep("touch", "/tmp/mended")).toMatchObject({ code: 0 });
    expect(await inStep("ls", "/tmp/mended")).toMatchObject({ code: 0 });
    const retried = await berth.run(["build", "retry"]);
    expect(retried).toMatchObject({ code: 0 });
    expect(retried.stderr).toContain("run the build again, and it goes on from here");
    await berth.out(["build", "--network", "none", "-t", "mended", context]);
    expect(await berth.out(["run", "--rm", "--network", "none", "mended", "cat", "/tmp/log", "/tmp/after"])).toBe(
      "tried\ntried\ntried\nafter",
    );
    expect((await berth.run(["build", "retry"])).stderr).toContain("no failed step is kept");
    expect(active()).toEqual([]);
    await clean();
  });

  test("has no secret on the disk: it is asked for again", async () => {
    const mount = "--mount=type=secret,id=tok,required=true --mount=type=secret,id=env,env=TOKEN";
    const secrets = ["--secret", "id=tok,src=secret.txt", "--secret", "id=env,src=secret.txt"];
    const secret = randomUUID();
    writeFileSync(join(berth.directory, "secret.txt"), secret);
    await build({ Dockerfile: `FROM busybox\nRUN ${mount} cat /run/secrets/tok > /dev/null; false\n` }, ...secrets);
    const found = await runProgram("grep", ["-rlF", "--devices=skip", secret, join(berth.directory, "root")]);
    expect(found).toMatchObject({ code: 1, stdout: "" });
    expect(await inStep("sh", "-c", "ls /run/secrets; echo $TOKEN")).toMatchObject({
      stdout: expect.not.stringContaining(secret),
      stderr: expect.stringContaining("NOTE: secret tok: not found. Give it with --secret id=tok,src=FILE."),
    });
    const given = ["build", "shell", ...secrets, "--", "sh", "-c", "cat /run/secrets/tok; echo $TOKEN"];
    expect(await berth.run(given)).toMatchObject({ code: 0, stdout: `${secret}${secret}\n`, stderr: "" });
    expect((await berth.run(["build", "retry"])).stderr).toContain("secret tok: not found");
  });

  test("is one of the newest five, by build, step and line; prune deletes it, but not under somebody's feet", async () => {
    for (let n = 1; n <= 6; n++) await build({ Dockerfile: `FROM busybox\nRUN echo ${n} > /n; exit ${n}\n` });
    const listed = (await berth.out(["build", "shell", "--list"])).split("\n");
    expect(listed).toHaveLength(6);
    const ids = listed.slice(1).map((line) => line.split(/\s+/)[0] ?? "");
    expect(listed[1]).toMatch(/^[0-9a-f]{12} {3}\S+Z {3}2 +6 +\[2\/2\] RUN echo 6/);
    for (const step of [[], ["2/2"], ["2"], ["echo 3"]])
      expect(await berth.out(["build", "shell", ids[3] ?? "", ...step, "--", "cat", "/n"])).toBe("3");
    expect(await berth.run(["build", "shell", ids[3] ?? "", "9"])).toMatchObject({ code: 1 });
    expect(active()).toHaveLength(5);
    expect(await berth.out(["system", "df", "-v"])).toMatch(/exec\.failed/);
    expect(await berth.out(["system", "df", "--all"])).toMatch(/^failed step +[0-9a-f]{64} /m);
    const child = berth.start(["build", "shell", "--", "sh", "-c", "echo in; exec sleep 1000"]);
    await once(child.stdout ?? child, "data");
    expect((await inStep("true")).stderr).toContain("open in another shell");
    await berth.out(["builder", "prune", "-f"]);
    expect(active()).toHaveLength(1);
    child.kill("SIGINT");
    await once(child, "close");
    expect(child.exitCode).toBe(130);
    expect(await inStep("cat", "/n")).toMatchObject({ stdout: "6\n" });
    await berth.out(["system", "prune", "-f"]);
    expect(active()).toEqual([]);
    await clean();
  });

  test("is as many as the settings say", async () => {
    const settings = join(berth.directory, "none.json");
    writeFileSync(settings, JSON.stringify({ "kept-build-steps": 0 }));
    const context = await berth.files("unkept", { Dockerfile: "FROM busybox\nRUN false\n" });
    const { stderr } = await berth.run(["--config-file", settings, "build", "--network", "none", context]);
    expect(stderr).not.toContain("hint:");
    expect(active()).toEqual([]);
  });

  test("outlives a shell in it that is killed, whose container ends", async () => {
    await build({ Dockerfile: "FROM busybox\nRUN echo left > /left; false\n" });
    const child = berth.start(["build", "shell", "--", "sh", "-c", "echo in > /in; echo in; exec sleep 1000"]);
    await once(child.stdout ?? child, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    await berth.out(["image", "prune", "-f"]);
    expect(await inStep("cat", "/left", "/in")).toMatchObject({ code: 0, stdout: "left\nin\n" });
    await clean();
  });

  test("is not kept by a build that is cancelled or killed: nothing is left half", async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const context = await berth.files("stopped", { Dockerfile: "FROM busybox\nRUN echo started; sleep 1000\n" });
      const child = berth.start(["build", "--network", "none", "--progress", "plain", context]);
      let seen = "";
      child.stderr?.on("data", (data: Buffer) => {
        seen += data.toString();
      });
      await eventually(async () => (/^#\d+ [\d.]+ started/m.test(seen) ? true : undefined));
      child.kill(signal);
      await once(child, "exit");
      expect((await berth.run(["build", "retry"])).stderr).toContain("no failed step is kept");
    }
    await berth.out(["builder", "prune", "-f"]);
    expect(active()).toEqual([]);
    await clean();
  });

  test("gives its shell a terminal", async () => {
    await build({ Dockerfile: "FROM busybox\nRUN echo left > /left; exit 3\n" });
    const terminal = berthOnTerminal(["build", "shell"], { cwd: berth.directory, env: berth.env });
    expect(await terminal.shows(/# /)).toMatch(/\[2\/2\] RUN .*\r\nThe command ended with 3\./);
    terminal.type("cat /left; tty; stty size; echo $TERM\r");
    expect(await terminal.shows(/xterm\r\n/)).toMatch(/left\r\n\/dev\/\S+\r\n30 90\r\n/);
    terminal.type("echo go; sleep 1000\r");
    await terminal.shows(/\r\ngo\r\n/);
    terminal.type("\x03");
    await terminal.shows(/# /);
    terminal.type("exit 5\r");
    const { code, modes } = await terminal.ended();
    expect(code).toBe(5);
    expect(modes.after).toBe(modes.before);
  });

  test("has the word for itself, unless a directory has that name", async () => {
    const directory = await berth.files("contexts", { "shell/Dockerfile": "FROM busybox\nCMD echo context\n" });
    const { code, stderr } = await berth.run(["build", "--network", "none", "-t", "word", "shell"], { cwd: directory });
    expect(code).toBe(0);
    const named = await berth.run(["build", "shell"], { cwd: directory });
    expect(named).toMatchObject({ code: 0, stderr: expect.stringContaining("`berth builder shell`") });
    expect(stderr).not.toContain("NOTE");
    expect(await berth.out(["build", "shell", "--help"])).toContain("berth builder shell, berth build shell");
  });
});

describe("a RUN step that did not fail", () => {
  const passing = `FROM busybox AS lib
RUN echo from-lib > /lib.txt
FROM busybox
ENV A=of-the-image
ARG WHO=nobody
ARG API_TOKEN
WORKDIR /w
RUN echo before > /tmp/before; chmod 777 /tmp
USER mail
RUN --mount=type=bind,target=/ctx \\
    --mount=type=bind,from=lib,target=/lib-stage \\
    --mount=type=tmpfs,target=/fast \\
    --mount=type=secret,id=tok \\
    echo made > /tmp/made
COPY in.txt /in.txt
`;
  const inPast = (...words: readonly string[]) => berth.run(["build", "shell", ...words]);

  test("is opened as it began, with its mounts, environment, user and network, also where it was cached", async () => {
    const files = { Dockerfile: passing, "in.txt": "of the context", ".dockerignore": "out.txt\n", "out.txt": "" };
    const args = ["--build-arg", "WHO=me", "--build-arg", "API_TOKEN=hush", "-t", "passing"];
    const { context } = await build(files, ...args);
    const again = await berth.run(["build", "--network", "none", "--progress", "plain", ...args, context]);
    expect(again.stderr.match(/CACHED/g)).toHaveLength(5);
    const script =
      "cat /tmp/before /ctx/in.txt /lib-stage/lib.txt; ls /tmp /ctx; echo $WHO $A $API_TOKEN; id -un; pwd; ip -o link | wc -l; stat -f -c %T /fast; touch /tmp/new";
    for (const step of ["4/5", "10", "echo made"])
      expect(await inPast("^0", step, "--", "sh", "-c", script)).toMatchObject({
        code: 0,
        stdout:
          "before\nof the contextfrom-lib\n/ctx:\nDockerfile\nin.txt\n\n/tmp:\nbefore\nme of-the-image\nmail\n/w\n1\ntmpfs\n",
        stderr: "NOTE: the value of API_TOKEN isn't kept. It isn't set here.\n",
      });
    expect(await inPast("--after", "^0", "4/5", "--", "ls", "/tmp")).toMatchObject({
      code: 0,
      stdout: "before\nmade\n",
    });
    expect(await inPast("--after", "^1", "3/5", "--", "ls", "/tmp")).toMatchObject({ code: 0, stdout: "before\n" });
    expect(await inPast("^0", "4/5", "--", "sh", "-c", "exit 7")).toMatchObject({ code: 7 });
    expect((await inPast("^0", "5/5")).stderr).toMatch(
      /\[stage-1 5\/5\] COPY in.txt \/in.txt runs no command\n.*RUN steps/s,
    );
    expect((await inPast("^0")).stderr).toMatch(/no failed step is kept of build [0-9a-f]{12}: say which step\n/);
    expect((await inPast("^0", "nothing")).stderr).toMatch(/has no step nothing\n.*builds inspect/s);
    expect((await inPast("--after")).stderr).toContain("--after needs a build and a step");
    writeFileSync(join(context, "in.txt"), "changed");
    expect(await inPast("^0", "4/5", "--", "cat", "/ctx/in.txt")).toMatchObject({
      stdout: "changed",
      stderr: expect.stringContaining(
        "NOTE: the context has other files now than the step saw at /ctx. Those of now are there.\n",
      ),
    });
    expect(active()).toEqual([]);
    await berth.out(["rmi", "passing"]);
    await berth.out(["builder", "prune", "-f"]);
    expect((await inPast("^0", "4/5", "--", "true")).stderr).toMatch(
      /layers that .* stood on are not in the store\n.*pruned/s,
    );
    expect((await inPast("--after", "^0", "4/5", "--", "true")).code).toBe(1);
    await clean();
  });

  test("is the same after a step that failed was forgotten: it is opened as it began", async () => {
    await build({ Dockerfile: "FROM busybox\nRUN echo 1 > /n\nRUN echo 2 > /n; false\nRUN echo 3\n" });
    expect(await inPast("^0", "--", "cat", "/n")).toMatchObject({ code: 0, stdout: "2\n" });
    expect((await inPast("--after", "^0", "3/4", "--", "true")).stderr).toContain("--after has nothing to open");
    expect((await inPast("^0", "4/4", "--", "true")).stderr).toMatch(/RUN echo 3 was not reached/);
    expect(await inPast("^0", "2/4", "--", "ls", "/n")).toMatchObject({ code: 1 });
    await clean();
  });
});
