import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { berthOnTerminal } from "../support/pseudo-terminal.ts";

// The exercises of the course "Images and Containers", in order, with its commands. Each builds on those before.
let berth: Berth;
let container = "";
const examples = join(import.meta.dirname, "../../examples");

beforeAll(async () => {
  berth = openBerth();
  const { busybox, debian } = baseArchives();
  await berth.out(["import", "--change", 'CMD ["/bin/sh"]', busybox, "alpine"]);
  await berth.out(["import", "--change", 'CMD ["bash"]', debian, "ubuntu:18.04"]);
  cpSync(examples, join(berth.directory, "sample-code"), { recursive: true });
});
afterAll(() => berth[Symbol.asyncDispose]());

/** Type a line as the slides have it: the words after `docker`. */
const type = (line: string, directory = ".") =>
  berth.run(line.split(/\s+/), { cwd: join(berth.directory, "sample-code", directory) });

describe("the course", () => {
  test("run -it ubuntu:18.04 /bin/bash, apt-get update, exit", async () => {
    const terminal = berthOnTerminal(["run", "-it", "ubuntu:18.04", "/bin/bash"], { env: berth.env });
    const prompt = await terminal.shows(/root@[0-9a-f]{12}:\/# /);
    container = /root@([0-9a-f]{12})/.exec(prompt)?.[1] ?? "";
    terminal.type("apt-get update\r");
    expect(await terminal.shows(/Reading package lists\.\.\. Done[\s\S]*root@[0-9a-f]{12}:\/# /, 120)).not.toMatch(
      /^(Err|E):/m,
    );
    terminal.type("exit\r");
    expect(await terminal.ended()).toMatchObject({ code: 0 });
  });

  test("diff CONTAINERID shows the files that the update added", async () => {
    const { code, stdout } = await type(`diff ${container}`);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toEqual(expect.arrayContaining(["C /var", "C /var/lib", "C /var/lib/apt", "C /var/lib/apt/lists"]));
    expect(lines.filter((line) => /^A \/var\/lib\/apt\/lists\/.*_Packages/.test(line))).not.toHaveLength(0);
    expect(lines.filter((line) => !/^[ACD] \//.test(line))).toEqual([]);
  });

  test("commit CONTAINERID ubuntu:update prints the new image's ID", async () => {
    expect(await type(`commit ${container} ubuntu:update`)).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/),
      stderr: "",
    });
  });

  test("image ls shows both images", async () => {
    const { stdout } = await type("image ls");
    expect(stdout).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n/);
    expect(stdout).toMatch(/^ubuntu +update +[0-9a-f]{12} +.* ago +[\d.]+MB$/m);
    expect(stdout).toMatch(/^ubuntu +18\.04 +[0-9a-f]{12} +.* ago +[\d.]+MB$/m);
  });

  test("history ubuntu:18.04 and history ubuntu:update differ by one layer", async () => {
    const base = (await type("history ubuntu:18.04")).stdout.trimEnd().split("\n");
    const child = (await type("history ubuntu:update")).stdout.trimEnd().split("\n");
    expect(base[0]).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
    expect(base).toHaveLength(2);
    expect(child).toHaveLength(3);
    expect(child[1]).toMatch(/^[0-9a-f]{12} +.* ago +\/bin\/bash +[\d.]+MB/);
    const layers = ["inspect", "--format", "{{json .RootFS.Layers}}"];
    const [below, above] = (await berth.out([...layers, "ubuntu:18.04", "ubuntu:update"])).split("\n");
    expect(JSON.parse(above ?? "").slice(0, -1)).toEqual(JSON.parse(below ?? ""));
  });

  test("build -t YOURNAME/my-first-image . fails: names are lower-case", async () => {
    const { code, stderr } = await type("build -t YOURNAME/my-first-image .", "first-docker-file");
    expect(code).not.toBe(0);
    expect(stderr).toContain('invalid tag "YOURNAME/my-first-image": repository name must be lowercase');
  });

  test("build -t yourname/my-first-image . works, and the image says hello", async () => {
    expect(await type("build -t yourname/my-first-image .", "first-docker-file")).toMatchObject({ code: 0 });
    expect(await type("run yourname/my-first-image")).toEqual({
      code: 0,
      stdout: "Hello from a container, root!\n",
      stderr: "",
    });
  });

  test.each([
    { build: "build -t basic-docker-image .", run: "run basic-docker-image", says: "Good morning, Dave" },
    { build: "build -t cmd_only -f Dockerfile.cmd_only .", run: "run cmd_only", says: "Good morning, Dave" },
    {
      build: "build -t cmd_and_entrypoint -f Dockerfile.cmd_and_entrypoint .",
      run: "run cmd_and_entrypoint",
      says: "Good morning, Dave",
    },
    { build: undefined, run: "run cmd_only echo Frank", says: "Frank" },
    { build: undefined, run: "run cmd_and_entrypoint Frank", says: "Good morning, Frank" },
    { build: undefined, run: "run basic-docker-image Frank", says: "Good morning, Dave Frank" },
  ])("$run", async ({ build, run, says }) => {
    if (build !== undefined) expect(await type(build, "entrypoint_cmd_examples")).toMatchObject({ code: 0 });
    expect(await type(run)).toEqual({ code: 0, stdout: `${says}\n`, stderr: "" });
  });

  test("run cmd_only Frank looks for a program of that name", async () => {
    const { code, stderr } = await type("run cmd_only Frank");
    expect(code).toBe(127);
    expect(stderr).toContain('exec: "Frank": executable file not found in $PATH');
  });

  test("FROM debian # :latest implicit fails as in Docker, with a hint about comments", async () => {
    await berth.files("sample-code/implicit", { Dockerfile: "FROM debian # :latest implicit\n" });
    const { code, stderr } = await type("build .", "implicit");
    expect(code).toBe(1);
    expect(stderr).toContain("FROM requires either one or three arguments");
    expect(stderr).toMatch(/hint: .*comment/i);
  });

  test("every option of the course's build table is taken", async () => {
    const options =
      "build --compress -c 512 --cpuset-cpus 0 --cpuset-mems 0 --disable-content-trust -f Dockerfile.cmd_only -t table .";
    expect(await type(options, "entrypoint_cmd_examples")).toMatchObject({ code: 0 });
    const pull = await type("build --pull .", "entrypoint_cmd_examples");
    expect(pull).toMatchObject({ code: 1, stderr: expect.stringContaining("The settings file blocks docker.io") });
  });
});
