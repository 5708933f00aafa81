import { beforeAll, describe, expect, test } from "vitest";
import { besideDocker } from "../support/beside-docker.ts";
import { comparableImages } from "../support/compare-images.ts";
import { comparable } from "../support/twins.ts";

// Not in /etc, whose time is that of the container's making in Docker.
const changes: Readonly<Record<string, string>> = {
  nothing: "true",
  "a new file": "touch /new",
  "a new file in a directory of the image": "touch /data/new",
  "new directories": "mkdir -p /a/b/c",
  "a file of a new directory": "mkdir /d; touch /d/f",
  "changed content": "echo x >> /data/passwd",
  "changed mode": "chmod 600 /data/passwd",
  "changed owner": "chown 1:1 /data/passwd",
  "changed time": "touch -d '2001-01-01 00:00:00' /data/passwd",
  "a directory's mode": "chmod 700 /var/spool",
  "a deleted file": "rm /data/group",
  "a deleted directory": "rm -r /var/spool",
  "a deleted and remade file": "rm /data/group; echo x > /data/group",
  "a deleted and remade directory": "rm -r /var/spool; mkdir -p /var/spool/other",
  "a renamed file": "mv /data/group /data/grupp",
  "a renamed directory": "mv /var/spool /var/pool",
  "a file in the place of a directory": "rm -r /var/spool; touch /var/spool",
  "a directory in the place of a file": "rm /data/group; mkdir /data/group; touch /data/group/in",
  "a symbolic link": "ln -s /data/passwd /link",
  "a hard link": "ln /data/passwd /data/hard",
  "a named pipe and a device": "mkfifo /pipe; mknod /null c 1 3",
  "made and deleted again": "touch /data/gone; rm /data/gone",
  "files below the mounts": "touch /dev/shm/x; echo > /etc/hosts",
  "a symbolic link in the place of a directory": "rm -r /var/spool; ln -s /tmp /var/spool",
  "a symbolic link in the place of a file": "rm /data/group; ln -s passwd /data/group",
  "a file in the place of a symbolic link": "rm /usr/bin/env; echo x > /usr/bin/env",
  "a directory in the place of a symbolic link": "rm /usr/bin/env; mkdir -p /usr/bin/env/d",
  "a symbolic link with another target": "ln -sf passwd /usr/bin/env",
  "a device in the place of a file": "rm /data/group; mknod /data/group c 1 3",
  "a deleted directory with files in it": "rm -r /var",
  "a directory that is emptied": "rm -r /var/spool/mail",
  "a directory made and deleted again": "mkdir -p /d/e; rm -r /d",
  "a file deleted and brought back": "cp -p /data/group /g; rm /data/group; mv /g /data/group",
  "a hard link of many deleted": "rm /bin/wc",
  "a new owner and mode of a directory": "chown 3:4 /home; chmod 3770 /home",
  "a changed file with several names": "echo x > /a; ln /a /b; chmod 600 /b",
  "odd names": "touch '/a b' '/c\\d' '/é'",
};

await besideDocker("beside Docker,", (twins) => {
  const { both, ok } = twins;

  async function compareImages(image: string): Promise<void> {
    const { berth, docker } = await comparableImages(twins, image);
    expect(berth).toEqual(docker);
  }

  beforeAll(async () => {
    const files = {
      Dockerfile: "FROM busybox\nCOPY group passwd /data/\n",
      group: "root:x:0:\n",
      passwd: "root:x:0:0:\n",
    };
    const context = await twins.berth.files("base", files);
    await ok(["build", "-t", "busybox", context]);
  });

  /** A container that has run to its end. */
  const run = (name: string, script: string, ...flags: readonly string[]) =>
    ok(["run", "--network", "none", "--name", name, ...flags, "busybox", "sh", "-c", script]);

  describe("diff has the lines, and commit the files, for", () => {
    test.each(Object.entries(changes))("%s", async (name, script) => {
      const container = name.replaceAll(/\W/g, "-");
      await run(container, script);
      const diffs = await ok(["diff", container]);
      expect(diffs.berth.split("\n").sort()).toEqual(diffs.docker.split("\n").sort());
      await ok(["commit", container, "committed"]);
      await compareImages("committed");
      await ok(["rm", container]);
    });

    test("each kind of line", async () => {
      await run("kinds", "touch /new; echo x >> /data/passwd; rm /data/group");
      const { berth, docker } = await ok(["diff", "kinds"]);
      expect(docker.trimEnd().split("\n").sort()).toEqual(["A /new", "C /data", "C /data/passwd", "D /data/group"]);
      expect(berth.split("\n").sort()).toEqual(docker.split("\n").sort());
    });

    test("a running container", async () => {
      await ok(["run", "-d", "--network", "none", "--name", "runs", "busybox", "sleep", "1000"]);
      await ok(["exec", "runs", "sh", "-c", "echo x > /x; rm /data/group"]);
      const diffs = await ok(["diff", "runs"]);
      expect(diffs.berth.split("\n").sort()).toEqual(diffs.docker.split("\n").sort());
      await ok(["commit", "runs", "committed"]);
      await compareImages("committed");
      await ok(["rm", "-f", "runs"]);
    });
  });

  describe("commit", () => {
    const all = ["-a", "me <me@example.org>", "-m", "why it is"];
    const options: Readonly<Record<string, readonly string[]>> = {
      plain: [],
      "-a": ["-a", "me <me@example.org>"],
      "-m": ["-m", "why it is"],
      "-p=false": ["-p=false"],
      "CMD, exec form": ["-c", 'CMD ["cat", "/x"]'],
      "CMD, shell form": ["-c", "CMD cat /x"],
      "ENTRYPOINT, which drops CMD": ["-c", 'ENTRYPOINT ["cat"]'],
      "ENTRYPOINT and CMD": ["-c", 'ENTRYPOINT ["cat"]', "-c", 'CMD ["/x"]'],
      ENV: ["-c", "ENV A=c B=$A", "-c", "ENV C d e"],
      LABEL: ["-c", "LABEL k=v 'a b'=c"],
      EXPOSE: ["-c", "EXPOSE 80 53/udp"],
      USER: ["-c", "USER mail"],
      VOLUME: ["-c", 'VOLUME ["/a", "/b"]'],
      WORKDIR: ["-c", "WORKDIR /w", "-c", "WORKDIR x"],
      ONBUILD: ["-c", "ONBUILD RUN true"],
      HEALTHCHECK: ["-c", "HEALTHCHECK --retries=2 CMD true"],
      "all at once": [...all, "-c", "ENV A=c", "-c", "LABEL k=v", "-c", "USER mail"],
    };

    beforeAll(() => run("base", "echo x > /x", "-e", "A=b", "-l", "of=container", "-w", "/tmp"));

    test.each(Object.entries(options))("%s", async (_, flags) => {
      const printed = comparable(await both(["commit", ...flags, "base", "child"]));
      expect(printed.berth).toEqual(printed.docker);
      expect(printed.docker).toEqual({ code: 0, stdout: "ID\n", stderr: "" });
      await compareImages("child");
    });

    test("history shows it above its base's lines", async () => {
      await ok(["commit", ...all, "base", "child"]);
      await ok(["run", "--network", "none", "--name", "again", "child", "rm", "/x"]);
      await ok(["commit", "again", "grandchild"]);
      const format = "{{.CreatedBy}}|{{.Size}}|{{.Comment}}";
      const rows = await ok(["history", "--no-trunc", "--format", format, "grandchild"]);
      const imported = /Imported from .*/;
      expect(rows.berth.replace(imported, "Imported")).toBe(rows.docker.replace(imported, "Imported"));
      expect(rows.docker.split("\n").slice(0, 2)).toEqual(["rm /x|0B|", "sh -c echo x > /x|2B|why it is"]);
      const ids = await ok(["history", "-q", "grandchild"]);
      expect(ids.berth.replace(/[0-9a-f]{12}/g, "ID")).toBe(ids.docker.replace(/[0-9a-f]{12}/g, "ID"));
    });

    test.each(["{{.Author}}|{{.Comment}}|{{.Os}}|{{.Architecture}}", "{{len .RootFS.Layers}}", "{{json .Config.Env}}"])(
      "inspect gives %s",
      async (format) => {
        await ok(["commit", ...all, "base", "child"]);
        const seen = await ok(["inspect", "--format", format, "child"]);
        expect(seen.berth).toBe(seen.docker);
      },
    );
  });

  describe("a container's inspection has", () => {
    beforeAll(async () => {
      const flags = [
        "-m",
        "64m",
        "--cpus",
        "1.5",
        "--pids-limit",
        "50",
        "-w",
        "/w",
        "-e",
        "A=b",
        "-l",
        "k=v",
        "-u",
        "mail",
      ];
      const outcome = await both([
        "run",
        "--network",
        "none",
        "--name",
        "seen",
        ...flags,
        "--entrypoint",
        "sh",
        "busybox",
        "-c",
        "exit 3",
      ]);
      expect(outcome).toMatchObject({ berth: { code: 3 }, docker: { code: 3 } });
    });

    test.each([
      ...[
        "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}",
        "{{.Path}} {{json .Args}}",
        "{{.Name}}",
      ],
      ...["{{json .Config.Env}}", "{{json .Config.Cmd}} {{json .Config.Entrypoint}}", "{{json .Config.Labels}}"],
      ...["{{.Config.User}} {{.Config.WorkingDir}} {{.Config.Image}}", "{{.HostConfig.NetworkMode}}"],
      ...["{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}"],
      ...["{{json .HostConfig.ReadonlyPaths}}", "{{.HostConfig.CgroupnsMode}}"],
    ])("%s", async (format) => {
      const seen = await ok(["inspect", "--format", format, "seen"]);
      expect(seen.berth).toBe(seen.docker);
    });
  });
});
