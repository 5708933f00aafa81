import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const changes: Readonly<Record<string, string>> = {
  nothing: "true",
  "a new file": "touch /new",
  "a new file in a directory of the image": "touch /etc/new",
  "new directories": "mkdir -p /a/b/c",
  "a file of a new directory": "mkdir /d; touch /d/f",
  "changed content": "echo x >> /etc/passwd",
  "changed mode": "chmod 600 /etc/passwd",
  "changed owner": "chown 1:1 /etc/passwd",
  "changed time": "touch -d 2001-01-01 /etc/passwd",
  "a directory's mode": "chmod 700 /var/spool",
  "a deleted file": "rm /etc/group",
  "a deleted directory": "rm -r /var/spool",
  "a deleted and remade file": "rm /etc/group; echo x > /etc/group",
  "a deleted and remade directory": "rm -r /var/spool; mkdir -p /var/spool/other",
  "a renamed file": "mv /etc/group /etc/grupp",
  "a renamed directory": "mv /var/spool /var/pool",
  "a file in the place of a directory": "rm -r /var/spool; touch /var/spool",
  "a directory in the place of a file": "rm /etc/group; mkdir /etc/group; touch /etc/group/in",
  "a symbolic link": "ln -s /etc/passwd /link",
  "a hard link": "ln /etc/passwd /etc/hard",
  "a named pipe and a device": "mkfifo /pipe; mknod /null c 1 3",
  "made and deleted again": "touch /etc/gone; rm /etc/gone",
  "files below the mounts": "touch /dev/shm/x; echo > /etc/hosts",
  "odd names": "touch '/a b' '/c\\d' '/é'",
};

describe.skipIf(twins === undefined)("diff has Docker's lines for", () => {
  test.each(Object.entries(changes))("%s", async (name, script) => {
    const container = name.replaceAll(" ", "-");
    await twins?.both(["run", "--network", "none", "--name", container, "busybox", "sh", "-c", script]);
    const diffs = await twins?.both(["diff", container]);
    expect(diffs?.berth.stdout.split("\n").sort()).toEqual(diffs?.docker.stdout.split("\n").sort());
    await twins?.both(["rm", container]);
  });
});

describe.skipIf(twins === undefined)("commit", () => {
  beforeAll(async () => {
    await twins?.both([
      "run",
      "--network",
      "none",
      "--name",
      "base",
      "-e",
      "A=b",
      "busybox",
      "sh",
      "-c",
      "echo x > /x",
    ]);
    const options = [
      "-a",
      "me",
      "-m",
      "why",
      "-c",
      'ENTRYPOINT ["cat"]',
      "-c",
      "LABEL k=v",
      "-c",
      "EXPOSE 80",
      "-c",
      "USER mail",
    ];
    await twins?.both(["commit", ...options, "base", "child"]);
    await twins?.both(["commit", "base", "plain"]);
  });

  test.each([
    "{{json .Config.Env}}",
    "{{json .Config.Cmd}}",
    "{{json .Config.Entrypoint}}",
    "{{json .Config.Labels}}",
    "{{json .Config.ExposedPorts}}",
    "{{json .Config.User}}",
    "{{json .Config.WorkingDir}}",
    "{{.Author}}|{{.Comment}}|{{.Os}}|{{.Architecture}}",
    "{{len .RootFS.Layers}}",
  ])("gives %s as Docker does", async (format) => {
    for (const image of ["child", "plain"]) {
      const seen = await twins?.both(["inspect", "--format", format, image]);
      const none = (text: string | undefined) => text?.replace(/^\{\}$/m, "null");
      expect(none(seen?.berth.stdout)).toEqual(none(seen?.docker.stdout));
    }
  });

  test.each(["child", "plain"])("gives %s Docker's history", async (image) => {
    const rows = await twins?.both([
      "history",
      "--no-trunc",
      "--format",
      "{{.CreatedBy}}|{{.Size}}|{{.Comment}}",
      image,
    ]);
    const imported = /Imported from .*/g;
    expect(rows?.berth.stdout.replace(imported, "Imported")).toBe(rows?.docker.stdout.replace(imported, "Imported"));
  });
});

describe.skipIf(twins === undefined)("a container's inspection has Docker's", () => {
  beforeAll(() =>
    twins?.both([
      ...["run", "--network", "none", "--name", "seen", "-m", "64m", "--cpus", "1.5", "--pids-limit", "50", "-w", "/w"],
      ...["-e", "A=b", "-l", "k=v", "-u", "mail", "--entrypoint", "sh", "busybox", "-c", "exit 3"],
    ]),
  );

  test.each([
    ...[
      "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}",
      "{{.Path}} {{json .Args}}",
      "{{.Name}}",
    ],
    ...["{{json .Config.Env}}", "{{json .Config.Cmd}} {{json .Config.Entrypoint}}", "{{json .Config.Labels}}"],
    ...["{{.Config.User}} {{.Config.WorkingDir}} {{.Config.Image}}", "{{.HostConfig.NetworkMode}}"],
    ...["{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}"],
    ...["{{json .HostConfig.ReadonlyPaths}}"],
  ])("%s", async (format) => {
    const seen = await twins?.both(["inspect", "--format", format, "seen"]);
    expect(seen?.berth && comparable(seen.berth)).toEqual(seen?.docker && comparable(seen.docker));
  });
});
