import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";
import { berthOnTerminal } from "../support/pseudo-terminal.ts";

let berth: Berth;
const offline = ["--network", "none"];

beforeAll(async () => {
  berth = await openBerthWithBusybox();
  const script = "echo new > /new; rm /etc/group; echo more >> /etc/passwd; mkdir /d; ln -sf /x /usr/bin/env";
  await berth.out(["run", ...offline, "--name", "maker", "busybox", "sh", "-c", script]);
  await berth.out(["commit", "-c", "ENV A=b", "-c", 'CMD ["other"]', "-c", "LABEL z=1", "maker", "other"]);
});
afterAll(() => berth[Symbol.asyncDispose]());

describe("image diff", () => {
  test("names the files and settings that differ, and the sizes", async () => {
    const text = await berth.out(["image", "diff", "busybox", "other"]);
    const lines = text.split("\n").map((line) => line.trimEnd().split(/ {2,}/));
    expect(lines).toEqual(
      expect.arrayContaining([
        ["A", "/d"],
        ["A", "+4B", "/new"],
        ["C", "+5B", "/etc/passwd"],
        ["C", "/usr/bin/env"],
        ["Cmd", '["sh"]', '["other"]'],
        ["Env.A", "-", "b"],
        ["Labels.z", "-", "1"],
        ["2 added, 2 changed, 1 deleted"],
      ]),
    );
    expect(text).toMatch(/^D +-\d+B +\/etc\/group$/m);
  });

  test("is JSON for programs, and nothing for an image and itself", async () => {
    const there = JSON.parse(await berth.out(["image", "diff", "--format", "json", "busybox", "other"]));
    const back = JSON.parse(await berth.out(["image", "diff", "--format", "json", "other", "busybox"]));
    const kinds = ({ Files }: { Files: { Kind: string; Path: string }[] }): readonly string[] =>
      Files.map(({ Kind, Path }) => `${Kind} ${Path}`);
    expect(kinds(there)).toEqual(["A /d", "D /etc/group", "C /etc/passwd", "A /new", "C /usr/bin/env"]);
    expect(kinds(back)).toEqual(["D /d", "A /etc/group", "C /etc/passwd", "D /new", "C /usr/bin/env"]);
    expect(await berth.out(["image", "diff", "other", "other"])).toContain("No files differ.\n\nNo settings differ.");
  });

  test("counts the bytes of a file with several names once", async () => {
    await berth.out(["run", ...offline, "--name", "linker", "busybox", "sh", "-c", "echo 1234567 > /a; ln /a /b"]);
    await berth.out(["commit", "linker", "linked"]);
    const text = await berth.out(["image", "diff", "busybox", "linked"]);
    expect(text).toMatch(/^A +\+8B +\/a$/m);
    expect(text).toMatch(/^A +\/b$/m);
    await berth.out(["rm", "linker"]);
    await berth.out(["rmi", "linked"]);
  });

  test("refuses what isn't there", async () => {
    expect((await berth.run(["image", "diff", "busybox", "nosuch"])).stderr).toContain("No such image: nosuch:latest");
  });
});

describe("an ambiguous prefix is an error that lists what it may mean:", () => {
  /** A digit that more than one ID begins with: there is one among 17. */
  const shared = (ids: readonly string[]): string => {
    const digits = ids.map((id) => id.charAt(0));
    return digits.find((digit, index) => digits.indexOf(digit) !== index) ?? "";
  };

  test("containers", async () => {
    await Promise.all(
      Array.from({ length: 17 }, (_, index) => berth.out(["create", "--name", `c${index}z`, "busybox"])),
    );
    const ids = (await berth.out(["ps", "-aq"])).split("\n");
    const digit = shared(ids);
    const alone = [
      "start",
      "stop",
      "restart",
      "kill",
      "rm",
      "wait",
      "logs",
      "attach",
      "inspect",
      "diff",
      "export",
      "commit",
    ];
    for (const args of [
      ...alone.map((verb) => [verb, digit]),
      ["exec", digit, "true"],
      ["start", "-a", digit],
      ["ps", "-f", `since=${digit}`],
      ["ps", "-f", `before=${digit}`],
    ]) {
      const { code, stderr } = await berth.run(args);
      expect({ args, code }).toEqual({ args, code: 1 });
      expect(stderr).toContain(`multiple IDs found with provided prefix: ${digit}`);
      expect(stderr).toMatch(new RegExp(`hint: It means one of ${digit}[0-9a-f]{11} \\(\\w+\\), ${digit}`));
    }
    const oldest = ids.at(-2) ?? "";
    expect((await berth.out(["ps", "-aq", "-f", `since=${oldest}`])).split("\n")).toEqual(ids.slice(0, -2));
    await berth.out(["container", "prune", "-f", "--filter", "label!=keep"]);
  });

  test("images, also behind sha256:", async () => {
    const empty = Buffer.alloc(1024);
    for (let index = 0; index < 15; index++) {
      await berth.out(["import", "-m", String(index), "-", `i${index}z`], { input: empty });
    }
    const ids = (await berth.out(["images", "-q"])).split("\n");
    const digit = shared(ids);
    const verbs = [["inspect"], ["history"], ["rmi"], ["save", "-o", "x.tar"], ["create"], ["image", "explore"]];
    const uses: readonly (readonly string[])[] = [
      ...verbs.map((verb) => [...verb, digit]),
      ["image", "inspect", digit],
      ["image", "inspect", `sha256:${digit}`],
      ["run", digit],
      ["tag", digit, "new"],
      ["image", "diff", "other", digit],
      ["images", "-f", `since=${digit}`],
      ["build", "-q", await berth.files("from", { Dockerfile: `FROM ${digit}\nENV A=b\n` })],
    ];
    for (const args of uses) {
      const { code, stderr } = await berth.run(args);
      expect({ args, code }).toEqual({ args, code: args[0] === "run" ? 125 : 1 });
      expect(stderr).toContain(`multiple IDs found with provided prefix: ${digit}`);
      expect(stderr).toMatch(new RegExp(`hint: It means one of ${digit}[0-9a-f]{11} \\(\\w+:latest\\), ${digit}`));
    }
    const id = await berth.out(["inspect", "-f", "{{.Id}}", "other"]);
    for (const prefix of [id, id.slice(0, 20), id.slice(7), id.slice(7, 19)]) {
      expect(await berth.out(["inspect", "-f", "{{.Id}}", prefix])).toBe(id);
    }
    await berth.out(["rmi", ...Array.from({ length: 15 }, (_, index) => `i${index}z`)]);
  });
});

test("inspect tells when an image got its last name, and of one without a name never", async () => {
  const id = await berth.out(["import", "-m", "late", "-"], { input: Buffer.alloc(1024) });
  const time = () => berth.out(["image", "inspect", "-f", "{{.Metadata.LastTagTime}}", id]);
  expect(await time()).toBe("0001-01-01 00:00:00 +0000 UTC");
  await berth.out(["tag", id, "late:1"]);
  const first = await time();
  await berth.out(["tag", id, "late:2"]);
  // Go's form: as a text the later one is the greater one.
  expect(first > "2020-01-01 00:00:00 +0000 UTC").toBe(true);
  expect((await time()) > first).toBe(true);
  await berth.out(["rmi", "late:1", "late:2"]);
});

test("images counts an image's containers where a template asks for them", async () => {
  await berth.out(["create", "--name", "counted", "other"]);
  const counts = (await berth.out(["images", "--format", "{{.Repository}} {{.Containers}}"])).split("\n");
  expect(counts).toEqual(expect.arrayContaining(["busybox 0", "other 1"]));
  expect(JSON.parse(await berth.out(["images", "--format", "json", "other"]))).toMatchObject({ Containers: "1" });
  await berth.out(["rm", "counted"]);
});

test("images --tree shows each image's names and its platform", async () => {
  await berth.out(["tag", "other", "team/other:1"]);
  const lines = (await berth.out(["images", "--tree"])).split("\n");
  expect(lines[0]).toMatch(/^IMAGE +ID +DISK USAGE +CONTENT SIZE +EXTRA$/);
  const at = lines.indexOf("other:latest");
  const id = (await berth.out(["images", "-q", "other"])).slice(0, 12);
  expect(lines[at + 1]).toMatch(new RegExp(`^team/other:1 +${id} +1\\.98MB +2\\.\\d+MB$`));
  expect(lines[at + 2]).toMatch(new RegExp(`^└─ linux/\\w+ +${id}`));
  const { stderr } = await berth.run(["images", "--tree", "-q"]);
  expect(stderr).toContain("--quiet is not yet supported with --tree");
  await berth.out(["rmi", "team/other:1"]);
});

test("psFormat and imagesFormat of config.json stand for a format that isn't given", async () => {
  const config = join(berth.directory, "config");
  mkdirSync(config);
  writeFileSync(join(config, "config.json"), JSON.stringify({ psFormat: "{{.Names}}!", imagesFormat: "<{{.Tag}}>" }));
  const env = { DOCKER_CONFIG: config };
  await berth.out(["create", "--name", "formatted", "busybox"]);
  expect(await berth.out(["ps", "-l"], { env })).toBe("formatted!");
  expect(await berth.out(["ps", "-l", "--format", "{{.State}}"], { env })).toBe("created");
  expect(await berth.out(["images", "busybox"], { env })).toBe("<latest>");
  expect(await berth.out(["images", "-q", "busybox"], { env })).toMatch(/^[0-9a-f]{12}$/);
  await berth.out(["rm", "formatted"]);
});

test("system df -v names what takes space", async () => {
  const context = await berth.files("context", { Dockerfile: "FROM busybox\nRUN echo 12345 > /layer\n" });
  await berth.out(["build", "-t", "built", context]);
  await berth.out([
    "run",
    ...offline,
    "-v",
    "data:/data",
    "busybox",
    "sh",
    "-c",
    "echo 123456789 > /data/f; echo > /own",
  ]);
  const text = await berth.out(["system", "df", "-v"]);
  expect(text).toMatch(/^built +latest +[0-9a-f]{12} .* 1\.98MB +1\.98\dMB +6B +0$/m);
  expect(text).toMatch(/^data +1 +10B$/m);
  expect(text).toMatch(/^[0-9a-f]{12} +busybox +"sh -c 'echo 1234567…" +1 +1B/m);
  expect(text).toMatch(/^[0-9a-f]{12} +regular +6B .* true$/m);
  const rows = (await berth.out(["system", "df", "--format", "json"])).split("\n").map((line) => JSON.parse(line));
  expect(rows.map(({ Type, Size }) => [Type, Size]).slice(2)).toEqual([
    ["Local Volumes", "10B"],
    ["Build Cache", "0B"],
  ]);
  const uses = ["system", "df", "-v", "--format", "{{range .BuildCache}}{{.UsageCount}} {{end}}"];
  expect(await berth.out(uses)).toBe("1 ");
  await berth.out(["build", "-q", context]);
  expect(await berth.out(uses)).toBe("2 ");
  await berth.out(["rmi", "built"]);
  expect(await berth.out(["system", "df", "--format", "{{.Type}} {{.Reclaimable}}"])).toContain("Build Cache 6B");
});

test("the lines of system df are together what the layers take, whoever keeps them", async () => {
  await using other = openBerth();
  const layersOf = async (): Promise<number> =>
    (await other.out(["system", "df", "--all"]))
      .split("\n")
      .filter((line) => line.startsWith("layer"))
      .reduce((sum, line) => sum + Number(line.split(/ +/).at(-1)), 0);
  const told = async (): Promise<number> => {
    const sections = ["Images", "Containers", "Build Cache"];
    const rows = (await other.out(["system", "df", "--format", "{{.Type}}|{{.Size}}"])).split("\n");
    const sizes = rows.map((row) => row.split("|")).filter(([type = ""]) => sections.includes(type));
    return sizes.reduce((sum, [, size = ""]) => sum + Number.parseFloat(size), 0);
  };
  const megabytes = async (): Promise<number> => Math.round((await layersOf()) / 1e6);
  // Two steps with the same outcome are two records of one layer.
  const Dockerfile =
    "FROM base\nCOPY a /a\nFROM base\nCOPY b /a\nFROM base\nCOPY --from=0 /a /x\nCOPY --from=1 /a /y\n";
  const big = "x".repeat(3_000_000);
  const context = await other.files("context", { Dockerfile, a: big, b: big, "root/f": big });
  await runProgram("tar", ["-C", `${context}/root`, "-cf", `${context}/base.tar`, "f"]);
  await other.out(["import", `${context}/base.tar`, "base"]);
  await other.out(["build", "-q", "-t", "app", context]);
  expect(Math.round(await told())).toBe(await megabytes());
  await other.out(["create", "--name", "keeper", "base", "true"]);
  await other.out(["rmi", "-f", "base"]);
  await other.out(["rmi", "app"]);
  expect(Math.round(await told())).toBe(await megabytes());
  await other.out(["rm", "keeper"]);
  expect(Math.round(await told())).toBe(await megabytes());
  expect(await other.out(["system", "df", "-v"])).toContain(`Build cache usage: ${await megabytes()}MB`);
  expect(await other.out(["builder", "prune", "-f"])).toMatch(/space: \d+MB$/);
  expect([await told(), await layersOf()]).toEqual([0, 0]);
});

test("prune asks on a terminal, and takes nothing but yes for one", async () => {
  await berth.out(["create", "--name", "doomed", "busybox"]);
  for (const [answer, left] of [
    ["no", "doomed"],
    ["y", ""],
  ]) {
    const terminal = berthOnTerminal(["container", "prune"], { env: berth.env });
    await terminal.shows(
      /WARNING! This will remove all stopped containers\.\s+Are you sure you want to continue\? \[y\/N\] /,
    );
    terminal.type(`${answer}\n`);
    expect(await terminal.ended()).toMatchObject({ code: 0 });
    expect(await berth.out(["ps", "-a", "-f", "name=doomed", "--format", "{{.Names}}"])).toBe(left);
  }
});
