import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { berthOnTerminal, type PseudoTerminal } from "../support/pseudo-terminal.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
  const Dockerfile = `FROM busybox
RUN dd if=/dev/zero of=/big bs=1000 count=90; mkdir /data; echo 123 > /data/a; echo 12345 > /data/b; ln /data/b /data/c
RUN rm -r /big /data/a; echo 1 > '/x<script>'
RUN rm -r /data; mkdir /data; echo 1234567 > /data/a
`;
  await berth.out(["build", "-t", "app", await berth.files("app", { Dockerfile })]);
  const other = await berth.files("other", { Dockerfile: "FROM busybox\nRUN echo 1 > /one\nRUN echo 12 > /two\n" });
  await berth.out(["build", "-t", "team/other:1", other]);
});
afterAll(() => berth[Symbol.asyncDispose]());

const onTerminal = (args: readonly string[], env: Readonly<Record<string, string>> = {}): PseudoTerminal =>
  berthOnTerminal(args, { env: { ...berth.env, TERM: "xterm", ...env }, cwd: berth.directory });

describe("history --waste", () => {
  test("has a column of the bytes that later layers replace or delete, and their sum", async () => {
    const text = await berth.out(["history", "--waste", "-H=false", "--format", "table {{.Size}} {{.Wasted}}", "app"]);
    const base = await berth.out(["inspect", "-f", "{{.Size}}", "busybox"]);
    const size = Number(base) + 90010 + 2 + 8;
    expect(text.split("\n")).toEqual([
      "SIZE WASTED",
      "8 0",
      "2 0",
      "90010 90010",
      `${base} 0`,
      `Total: ${size}, wasted: 90010 (${((100 * 90010) / size).toFixed(1)}%)`,
    ]);
    expect(await berth.out(["history", "--waste", "app"])).toMatch(/^IMAGE .* SIZE +WASTED +COMMENT$/m);
  });

  test("a format that names the field needs no flag, and no sum comes with one", async () => {
    const plain = await berth.out(["history", "--format", "{{.Wasted}}", "app"]);
    expect(plain.split("\n")).toEqual(["0B", "0B", "90kB", "0B"]);
    expect(await berth.out(["history", "--waste", "--format", "json", "app"])).not.toContain("Total");
    expect(await berth.out(["history", "--format", "json", "app"])).not.toContain("Wasted");
  });
});

test("where it isn't written down any more what layers hold, they are looked at", async () => {
  const before = await berth.out(["image", "explore", "--top", "0", "app"]);
  const layers = join(berth.env["BERTH_ROOT"] ?? "", "layers");
  const manifests = readdirSync(layers).filter((name) => name.endsWith(".manifest"));
  expect(manifests.length).toBeGreaterThan(3);
  for (const name of manifests) rmSync(join(layers, name));
  expect(await berth.out(["image", "explore", "--top", "0", "app"])).toBe(before);
  await berth.out(["system", "check", "--repair"]);
});

describe("image tree", () => {
  const tree = [
    "1.98MB Imported from - (3 images)",
    "|- busybox:latest ID",
    "|- 90kB RUN dd if=/dev/zero of=/big bs=1000 count=90; mkdir /data; ...",
    "| 2B RUN rm -r /big /data/a; echo 1 > '/x<script>'",
    "| 8B RUN rm -r /data; mkdir /data; echo 1234567 > /data/a",
    "| `- app:latest ID",
    "`- 2B RUN echo 1 > /one",
    " 3B RUN echo 12 > /two",
    " `- team/other:1 ID",
    "6 layers, 2.07MB; shared by several images: 1, 1.98MB",
  ];
  const squeezed = (text: string): readonly string[] =>
    text.split(/\r?\n/).map((line) => line.replace(/ +/g, " ").replace(/[0-9a-f]{12}/, "ID"));

  test("draws each layer once, with what is on it", async () => {
    expect(squeezed(await berth.out(["image", "tree"])).map((line) => line.replace(/^ (?=1)/, ""))).toEqual(tree);
  });

  test.each([
    ["xterm", /├─ busybox:latest/],
    ["dumb", /\|- busybox:latest/],
  ])("on a terminal that is %s", async (TERM, pattern) => {
    expect((await onTerminal(["image", "tree"], { TERM }).ended()).screen).toMatch(pattern);
  });

  test("is JSON for programs", async () => {
    const { Layers, Count, Size, SharedCount, Shared } = JSON.parse(
      await berth.out(["image", "tree", "--format", "json"]),
    );
    expect({ Count, SharedCount, own: Size - Shared }).toEqual({
      Count: 6,
      SharedCount: 1,
      own: 90010 + 2 + 8 + 2 + 3,
    });
    expect(Layers).toHaveLength(1);
    expect(Layers[0]).toMatchObject({ Users: 3, Images: [{ Names: ["busybox:latest"] }], Children: [{}, {}] });
    expect((await berth.run(["image", "tree", "--format", "x"])).stderr).toContain("unsupported format: x");
  });
});

describe("image explore", () => {
  test("prints layers with their largest files where there is no terminal", async () => {
    const text = await berth.out(["image", "explore", "--top", "2", "app"]);
    const second = text.split("\n\n")[2]?.split("\n").slice(1);
    expect(second).toEqual([
      expect.stringMatching(/^ {2}RUN dd if=/),
      "  5 added 90kB, 0 changed, 0 deleted",
      "    A    90kB  /big  (wasted)",
      "    A      6B  /data/b  (wasted)",
      "    and 3 more",
    ]);
    expect(text).toMatch(/2 deleted 90kB\n {4}D {4}90kB {2}\/big$/m);
    expect(text).toMatch(/^ {4}A {6}8B {2}\/data\/a$/m);
  });

  test("writes a page, whole or not at all", async () => {
    await berth.out(["image", "explore", "--html", "app.html", "app"]);
    const page = readFileSync(join(berth.directory, "app.html"), "utf8");
    expect(page).toMatch(/^<!doctype html>.*\/x&#60;script&#62;.*<\/html>\n$/s);
    const { code, stderr } = await berth.run(["image", "explore", "--html", "no/such/a.html", "app"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("stat no/such: no such file") });
  });

  test("a device is no place for a page", async () => {
    const { code, stderr } = await berth.run(["image", "explore", "--html", "/dev/null", "app"]);
    expect(code).toBe(1);
    expect(stderr).toContain("failed to write the page: cannot write to a character device file");
  });

  test("on a terminal, keys walk through the layers, and it is left as it was", async () => {
    const terminal = onTerminal(["image", "explore", "app"]);
    await terminal.shows(/enter: open/);
    terminal.type("j\r");
    await terminal.shows(/Layer 2 .*\/big.*esc: back/s);
    terminal.type("/data/b");
    await terminal.shows(/\/data\/b_/);
    terminal.type("\r\x1b");
    await terminal.shows(/\/big.*esc: back/s);
    await terminal.resize({ rows: 8, columns: 40 });
    await terminal.shows(/Layer 2/);
    terminal.type("q");
    const { code, screen, modes } = await terminal.ended();
    expect(code).toBe(0);
    expect(screen).toContain("\x1b[?25h\x1b[?1049l");
    expect(modes.after.replace(/rows \d+; columns \d+/, "")).toBe(modes.before.replace(/rows \d+; columns \d+/, ""));
  });

  test.each([
    ["Ctrl-C", 130, (terminal: PseudoTerminal) => terminal.type("\x03")],
    ["SIGTERM", 143, (terminal: PseudoTerminal) => terminal.signal("SIGTERM")],
  ])("%s ends it with %i, and the terminal is left as it was", async (_, expected, end) => {
    const terminal = onTerminal(["image", "explore", "app"]);
    await terminal.shows(/enter: open/);
    end(terminal);
    const { code, screen, modes } = await terminal.ended();
    expect({ code, after: modes.after }).toEqual({ code: expected, after: modes.before });
    expect(screen).toContain("\x1b[?1049l");
  });

  test("--plain prints on a terminal too", async () => {
    const { code, screen } = await onTerminal(["image", "explore", "--plain", "app"]).ended();
    expect({ code, alternate: screen.includes("\x1b[?1049h") }).toEqual({ code: 0, alternate: false });
  });
});
