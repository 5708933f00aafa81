import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { besideDocker } from "../support/beside-docker.ts";
import { buildContext } from "../support/build-context.ts";
import { comparableImages } from "../support/compare-images.ts";
import { comparable } from "../support/twins.ts";

/** One case for each directive, and the ways in which it is written. */
const cases: Readonly<Record<string, string>> = {
  FROM: "FROM busybox\n",
  "FROM, several stages": "FROM busybox AS a\nRUN echo x > /x\nFROM busybox\nCOPY --from=a /x /y\n",
  "FROM, a stage": "FROM busybox AS a\nENV A=1\nRUN echo x > /x\nFROM a\nRUN cat /x > /y\n",
  "FROM, a stage by its number":
    "FROM busybox\nRUN mkdir -p /d/e && ln -s e /d/l\nFROM busybox\nCOPY --from=0 /d /to\n",
  "RUN, shell form": "FROM busybox\nRUN echo $PATH > /path && mkdir /d && chmod 1777 /d\n",
  "RUN, exec form": 'FROM busybox\nRUN ["touch", "/a b"]\n',
  "RUN, continued": "FROM busybox\nRUN echo a \\\n  # a comment\n  && echo b > /b\n",
  "RUN, nothing changes": "FROM busybox\nRUN true\n",
  "RUN, links and devices": "FROM busybox\nRUN echo x > /a && ln /a /b && ln -s a /c && mkfifo /d && mknod /e c 1 3\n",
  "RUN, an old file with another name": "FROM busybox\nRUN ln /etc/passwd /etc/other\n",
  "RUN, setuid and owner": "FROM busybox\nRUN echo x > /x && chown 5:6 /x && chmod 4755 /x && mkdir -m 2775 /d\n",
  "RUN, deleted files": "FROM busybox\nRUN rm /etc/group && rm -r /var/spool\n",
  "RUN, deleted and made again":
    "FROM busybox\nRUN rm -r /var/spool && mkdir /var/spool && rm /etc/group && mkdir /etc/group\n",
  "RUN, made and deleted in the next": "FROM busybox\nRUN mkdir /d && touch /d/a /d/b\nRUN rm /d/a\nRUN rm -r /d\n",
  "RUN, changed mode only": "FROM busybox\nRUN chmod 600 /etc/passwd && chmod 700 /var/spool\n",
  "RUN, its user": "FROM busybox\nRUN id > /id\n",
  "COPY, a file": "FROM busybox\nCOPY file /\n",
  "COPY, a file to a name": "FROM busybox\nCOPY file /new/place/name\n",
  "COPY, a pattern": "FROM busybox\nCOPY f* /to/\n",
  "COPY, all": "FROM busybox\nCOPY . /all\n",
  "COPY, a directory's content": "FROM busybox\nCOPY dir /to\n",
  "COPY, exec form": 'FROM busybox\nCOPY ["a b", "dir/inner", "/to/"]\n',
  "COPY, over a file": "FROM busybox\nCOPY file /etc/passwd\n",
  "COPY, below a symbolic link": "FROM busybox\nRUN ln -s var /link\nCOPY file /link/\n",
  "COPY, capabilities, which a context has not": "FROM busybox\nCOPY capable /to/\n",
  "COPY, capabilities of a stage":
    "FROM busybox AS a\nADD archive.tar.gz /\nFROM busybox\nCOPY --from=a /capable /kept/\nRUN mv /kept/capable /moved\n",
  "COPY, --chown and --chmod": "FROM busybox\nCOPY --chown=1:2 --chmod=640 file /owned\n",
  "ADD, a file": "FROM busybox\nADD file /added\n",
  "ADD, an archive": "FROM busybox\nADD archive.tar.gz /in\nRUN chmod 700 /in/capable\n",
  WORKDIR: "FROM busybox\nWORKDIR /a\nWORKDIR b\nRUN pwd > here\n",
  "WORKDIR, of a user": "FROM busybox\nUSER mail\nWORKDIR /w/x\nCOPY file .\n",
  "CMD, shell form": "FROM busybox\nCMD echo $HOME\n",
  "CMD, exec form": 'FROM busybox\nCMD ["echo", "a b"]\n',
  "CMD, the last": 'FROM busybox\nCMD ["a"]\nCMD ["b"]\n',
  "ENTRYPOINT, shell form": "FROM busybox\nENTRYPOINT echo a\n",
  "ENTRYPOINT, exec form; it clears the base's CMD": 'FROM busybox\nENTRYPOINT ["echo"]\n',
  "ENTRYPOINT and CMD": 'FROM busybox\nCMD ["b"]\nENTRYPOINT ["echo", "a"]\n',
  ENV: 'FROM busybox\nENV A=b C="d e" F=$HOME\nENV G h i\nRUN echo $A$C > /env\n',
  ARG: "FROM busybox\nARG A=1\nARG B\nRUN echo $A-$B > /arg\n",
  "ARG before FROM": "ARG base=busybox\nFROM $base\nARG base\nRUN echo $base > /base\n",
  EXPOSE: "FROM busybox\nEXPOSE 80 53/udp 100-102\n",
  VOLUME: 'FROM busybox\nVOLUME /a /b\nVOLUME ["/c d"]\n',
  USER: "FROM busybox\nUSER mail\nRUN id > /tmp/id\n",
  "USER, a number with a group": "FROM busybox\nUSER 1234:5678\nRUN touch /tmp/mine\n",
  LABEL: 'FROM busybox\nLABEL a=b "c d"="e f" g=\'$h\'\n',
  SHELL: 'FROM busybox\nSHELL ["/bin/sh", "-ec"]\nRUN echo x > /x\nCMD y\n',
  STOPSIGNAL: "FROM busybox\nSTOPSIGNAL SIGUSR1\n",
  HEALTHCHECK: "FROM busybox\nHEALTHCHECK --interval=5s --retries=2 CMD true\n",
  ONBUILD: "FROM busybox\nONBUILD RUN echo x > /x\n",
  MAINTAINER: "FROM busybox\nMAINTAINER someone\n",
};

/** Each option of the course's table, and the others that Docker 20.10 knows too. */
const two = "FROM busybox AS one\nRUN echo 1 > /n\nFROM busybox AS two\nRUN echo 2 > /n\n";
const options: Readonly<Record<string, { readonly args: readonly string[]; readonly Dockerfile?: string }>> = {
  "-f": { args: ["-f", "Other"], Dockerfile: "FROM nosuch\n" },
  "-t, twice": { args: ["-t", "second:tag"] },
  "--build-arg": {
    args: ["--build-arg", "X=2", "--build-arg", "Y"],
    Dockerfile: "FROM busybox\nARG X=1\nARG Y\nRUN echo $X$Y > /a\n",
  },
  "--build-arg before FROM": {
    args: ["--build-arg", "base=busybox"],
    Dockerfile: "ARG base=nosuch\nFROM $base\nRUN true\n",
  },
  "--target": { args: ["--target", "one"], Dockerfile: two },
  "--no-cache": { args: ["--no-cache"] },
  "--label": { args: ["--label", "a=b", "--label", "c"] },
  "--compress": { args: ["--compress"] },
  "--add-host": {
    args: ["--add-host", "near:10.0.0.5", "--add-host", "far:2001:db8::5"],
    Dockerfile: "FROM busybox\nRUN grep -E 'near|far' /etc/hosts > /known\n",
  },
  "--shm-size and --ulimit": { args: ["--shm-size", "128m", "--ulimit", "nofile=100"] },
  "--cpu-period and --cpu-quota": { args: ["--cpu-period", "100000", "--cpu-quota", "50000"] },
  "--cpu-shares": { args: ["--cpu-shares", "512"] },
  "-c": { args: ["-c", "512"] },
  "--cpuset-cpus": { args: ["--cpuset-cpus", "0"] },
  "--cpuset-mems": { args: ["--cpuset-mems", "0"] },
  "--disable-content-trust": { args: ["--disable-content-trust"] },
  "--rm and --force-rm": { args: ["--rm", "--force-rm"] },
  "--memory": { args: ["-m", "64m", "--memory-swap", "128m"] },
  "--network": { args: ["--network", "none"], Dockerfile: "FROM busybox\nRUN ls /sys/class/net > /net\n" },
};

await besideDocker("an image is built as BuildKit builds it:", (twins) => {
  const { both, ok } = twins;
  const contextOf = (files: Readonly<Record<string, string>>) => buildContext(twins.berth.directory, files);

  async function compareImages(image: string): Promise<void> {
    const { berth, docker } = await comparableImages(twins, image);
    expect(berth).toEqual(docker);
  }

  // BuildKit changes the time of /etc in every RUN on a base that lacks these files, which it mounts something on.
  beforeAll(async () => {
    const etc = await twins.berth.files("base", {
      hosts: "",
      "resolv.conf": "",
      Dockerfile: "FROM busybox\nCOPY hosts resolv.conf /etc/\n",
    });
    await ok(["build", "-t", "busybox", etc]);
  });

  test.each(Object.entries(cases))("%s", async (_, Dockerfile) => {
    const context = contextOf({ Dockerfile });
    await ok(["build", "-t", "built", context]);
    await compareImages("built");
  });

  test.each(Object.entries(options))("option %s", async (name, { args, Dockerfile = "FROM busybox\nRUN true\n" }) => {
    const context = contextOf({ Dockerfile, Other: "FROM busybox\nENV OTHER=1\n" });
    await ok(["build", "-t", "built", ...args, context], { cwd: context, env: { Y: "from the environment" } });
    await compareImages("built");
    if (name.startsWith("-t")) await compareImages("second:tag");
  });

  test(".dockerignore leaves files out, but for its exceptions", async () => {
    const ignored = "# a comment\n*.txt\n!fun.txt\ndir/h*\n**/inner\nDockerfile\n.dockerignore\ncapable\n*.gz\n";
    const context = contextOf({ Dockerfile: "FROM busybox\nCOPY . /c/\n", "no.txt": "", ".dockerignore": ignored });
    await ok(["build", "-t", "built", context]);
    await compareImages("built");
  });

  test.each(["-", "-f -"])("build %s reads the Dockerfile from stdin", async (form) => {
    const words = form === "-" ? ["-"] : ["-f", "-", contextOf({})];
    const input = `FROM busybox\n${form === "-" ? "RUN echo x > /x" : "COPY file /x"}\n`;
    await ok(["build", "-t", "built", ...words], { input });
    await compareImages("built");
  });

  test.each([["-"], ["-f", "Other", "-"]])("build %s reads an archive from stdin", async (...words) => {
    const context = contextOf({
      Dockerfile: "FROM busybox\nCOPY . /all\n",
      Other: "FROM busybox\nCOPY dir /other\n",
    });
    const input = execFileSync("tar", ["-C", context, "-cz", "."]);
    await ok(["build", "-t", "built", ...words], { input });
    await compareImages("built");
  });

  test("of an archive no ignore file leaves anything out", async () => {
    const context = contextOf({
      Dockerfile: "FROM busybox\nCOPY . /all\n",
      ".dockerignore": "file\n",
      "Dockerfile.dockerignore": "dir\n",
    });
    const input = execFileSync("tar", ["-C", context, "-cz", "."]);
    await ok(["build", "-t", "built", "-"], { input });
    await compareImages("built");
    const listed = await ok(["run", "--rm", "--network", "none", "built", "ls", "/all/file", "/all/dir/inner"]);
    expect(listed.berth.trim()).toBe("/all/dir/inner\n/all/file");
  });

  test("an imported layer keeps all of its files' attributes, a built one the capabilities", async () => {
    const archive = join(contextOf({}), "archive.tar.gz");
    await ok(["import", archive, "imported"]);
    const { berth, docker } = await comparableImages(twins, "imported");
    expect(berth).toEqual(docker);
    expect(JSON.stringify(docker)).toMatch(/\/capable file .* security.capability=\w+ user.note=/);
    await ok(["build", "-t", "built", contextOf({ Dockerfile: "FROM imported\nADD archive.tar.gz /in\n" })]);
    await compareImages("built");
  });

  test("-o writes the target's files into a directory or an archive, and makes no image", async () => {
    const Dockerfile =
      "FROM busybox AS a\nRUN mkdir -p /o/d && echo x > /o/d/x && ln -s d/x /o/l && chmod 4750 /o/d/x\nFROM scratch\nCOPY --from=a /o /\n";
    const context = contextOf({ Dockerfile });
    const listings: string[][] = [[], []];
    for (const [index, engine] of [twins.berth, twins.docker].entries()) {
      const out = join(contextOf({}), "out");
      const directory = await engine.run(["build", "-o", out, context]);
      const archive = await engine.run(["build", "-o", `type=tar,dest=${out}.tar`, context]);
      expect([directory.code, archive.code]).toEqual([0, 0]);
      const find = execFileSync("find", [".", "-printf", "%p %M %U:%G %l\n"], { cwd: out, encoding: "utf8" });
      const tar = execFileSync("tar", ["-tvf", `${out}.tar`], { encoding: "utf8" });
      listings[index]?.push(...find.split("\n").sort(), tar.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /g, " TIME "));
    }
    expect(listings[0]).toEqual(listings[1]);
    expect(listings[1]).toContain("./d/x -rwsr-x--- 0:0 ");
  });

  test.each(["compression=gzip,compression-level=9", "compression=uncompressed,oci-mediatypes=false"])(
    "Docker loads the archive of -o type=docker,%s",
    async (form) => {
      const context = contextOf({ Dockerfile: "FROM busybox\nCOPY dir /in-archive\n" });
      const dest = join(contextOf({}), "image.tar");
      await twins.berth.out(["build", "-q", "-o", `type=docker,dest=${dest},name=in-archive,${form}`, context]);
      expect((await twins.docker.run(["load", "-i", dest])).stdout).toBe("Loaded image: in-archive:latest\n");
      const id = ["inspect", "--format", "{{.Id}}", "in-archive"];
      expect((await twins.docker.run(id)).stdout.trim()).toBe(await twins.berth.out(id));
    },
  );

  test("-q prints the image's ID and nothing else", async () => {
    const { berth, docker } = comparable(
      await both(["build", "-q", contextOf({ Dockerfile: "FROM busybox\nENV Q=1\n" })]),
    );
    expect(berth).toEqual(docker);
    expect(docker).toEqual({ code: 0, stdout: "ID\n", stderr: "" });
  });

  test("a step is taken from the cache while what it reads is the same, and not with --no-cache", async () => {
    const Dockerfile = "FROM busybox\nARG A\nCOPY file /f\nRUN cat /proc/sys/kernel/random/uuid > /id\n";
    const context = contextOf({ Dockerfile });
    const changed = contextOf({ Dockerfile, file: "changed" });
    const uuids: string[][] = [[], []];
    for (const args of [
      [context],
      [context],
      ["--no-cache", context],
      [changed],
      ["--build-arg", "A=1", changed],
      [context],
    ]) {
      await ok(["build", "-t", "built", ...args]);
      const { berth, docker } = await ok(["run", "--rm", "--network", "none", "built", "cat", "/id"]);
      uuids[0]?.push(berth);
      uuids[1]?.push(docker);
    }
    const [berth, docker] = uuids.map((each) => each.map((uuid) => each.indexOf(uuid)));
    expect(berth).toEqual(docker);
    expect(new Set(docker).size).toBeGreaterThan(2);
  });

  test("-c, --cpuset-cpus, --cpuset-mems and -m hold for RUN, as with Docker's classic builder", async () => {
    const files = "cpu/cpu.shares cpuset/cpuset.cpus cpuset/cpuset.mems memory/memory.limit_in_bytes";
    const Dockerfile = `FROM busybox\nRUN cd /sys/fs/cgroup && (cat ${files} || cat cpu.weight cpuset.cpus cpuset.mems memory.max) > /limits 2>/dev/null\n`;
    const limits = ["-c", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0", "-m", "64m"];
    await ok(["build", ...limits, "-t", "built", contextOf({ Dockerfile })], { env: { DOCKER_BUILDKIT: "0" } });
    const { berth, docker } = await ok(["run", "--rm", "--network", "none", "built", "cat", "/limits"]);
    expect(berth).toBe(docker);
    expect(docker).toMatch(/67108864/);
  });

  describe("a build that fails", () => {
    /** The last line that begins with a word of the failure. */
    const reason = (stderr: string) =>
      stderr
        .trimEnd()
        .split("\n")
        .filter((line) => !line.startsWith("hint: "))
        .at(-1);

    test.each([
      {
        name: "in RUN, shell form",
        Dockerfile: "FROM busybox\nRUN echo said; exit 42\n",
        command: "/bin/sh -c echo said; exit 42",
        code: 42,
      },
      {
        name: "in RUN, exec form",
        Dockerfile: 'FROM busybox\nRUN ["sh", "-c", "exit 3"]\n',
        command: "sh -c exit 3",
        code: 3,
      },
      {
        name: "in RUN, no such command",
        Dockerfile: "FROM busybox\nRUN nosuch\n",
        command: "/bin/sh -c nosuch",
        code: 127,
      },
      {
        name: "in RUN, killed",
        Dockerfile: "FROM busybox\nRUN sh -c 'kill -9 $$'; exit $?\n",
        command: "/bin/sh -c sh -c 'kill -9 $$'; exit $?",
        code: 137,
      },
    ])("$name, ends with 1 and names the command and its code", async ({ Dockerfile, command, code }) => {
      const { berth, docker } = await both(["build", "--progress", "plain", "-t", "never", contextOf({ Dockerfile })]);
      expect([berth.code, docker.code]).toEqual([1, 1]);
      expect(reason(docker.stderr)).toBe(`executor failed running [${command}]: exit code: ${code}`);
      expect(reason(berth.stderr)).toBe(
        `ERROR: failed to solve: process "${command}" did not complete successfully: exit code: ${code}`,
      );
      const said = (stderr: string) =>
        stderr.match(/^#\d+ [\d.]+ (.*)$/gm)?.map((line) => line.replace(/^#\d+ [\d.]+ /, ""));
      expect(said(berth.stderr)).toEqual(said(docker.stderr));
      expect(await both(["inspect", "never"])).toMatchObject({ berth: { code: 1 }, docker: { code: 1 } });
    });

    test.each([
      { name: "an unknown instruction", Dockerfile: "FROM busybox\nFRO x\n", says: /unknown instruction: FRO/i },
      { name: "no FROM", Dockerfile: "ENV A=1\n", says: /no build stage in current context/ },
      { name: "nothing in it", Dockerfile: "# nothing\n", says: /file with no instructions/ },
      { name: "a file that isn't there", Dockerfile: "FROM busybox\nCOPY nosuch /\n", says: /"\/nosuch":? not found/ },
      {
        name: "a stage that isn't there",
        Dockerfile: "FROM busybox\nCOPY --from=1 /a /\n",
        says: /invalid (stage index|from flag value) 1/,
      },
      {
        name: "an unknown target",
        Dockerfile: "FROM busybox\n",
        args: ["--target", "nosuch"],
        says: /target stage "?nosuch"? could not be found/,
      },
      {
        name: "a target by number",
        Dockerfile: two,
        args: ["--target", "0"],
        says: /target stage "?0"? could not be found/,
      },
      {
        name: "a Dockerfile that isn't there",
        Dockerfile: "",
        args: ["-f", "nosuch"],
        says: /nosuch: no such file or directory/,
      },
      {
        name: "an unknown user",
        Dockerfile: "FROM busybox\nUSER nosuch\nRUN true\n",
        says: /unable to find user nosuch: no matching entries in passwd file/,
      },
      { name: "a variable without a name", Dockerfile: "FROM busybox\nENV =x\n", says: /ENV names can ?not be blank/ },
      { name: "a bad port", Dockerfile: "FROM busybox\nEXPOSE x\n", says: /invalid/i },
      { name: "too few words", Dockerfile: "FROM busybox\nCOPY file\n", says: /COPY requires at least two arguments/ },
    ])("for $name says so and ends with Docker's code", async ({ Dockerfile, args = [], says }) => {
      const { berth, docker } = await both(["build", ...args, contextOf({ Dockerfile })]);
      expect(berth.code).toBe(docker.code);
      expect(berth.code).not.toBe(0);
      expect(docker.stderr).toMatch(says);
      expect(berth.stderr).toMatch(says);
    });
  });
});
