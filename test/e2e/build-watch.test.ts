import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

/** `build --watch` of a directory, and what it says. */
function watching(context: string, ...args: readonly string[]) {
  const child = berth.start(["build", "--watch", "--network", "none", "--progress", "plain", ...args, context]);
  const closed = once(child, "close");
  let seen = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (data: Buffer) => {
      seen += data.toString();
    });
  return {
    /** Wait until it has said something since the last wait. */
    says: (pattern: RegExp): Promise<string> =>
      eventually(async () => {
        const match = pattern.exec(seen);
        if (match !== null) {
          const text = seen.slice(0, match.index + match[0].length);
          seen = seen.slice(text.length);
          return text;
        }
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${seen}`);
        return undefined;
      }, 120),
    /** Ctrl-C. @returns milliseconds until it ended */
    interrupt: async () => {
      const before = performance.now();
      child.kill("SIGINT");
      await closed;
      return { code: child.exitCode, took: performance.now() - before, rest: seen };
    },
  };
}

const idle = /Waiting for a change; Ctrl-C ends\.\n/;
/** The end of a build after something was said. */
const built = (said: string): RegExp => new RegExp(`${said}.*?${idle.source}`, "s");

test("a change of what the build reads builds again; what it doesn't read, and what is left out, doesn't", async () => {
  const context = await berth.files("watched", {
    Dockerfile: "FROM busybox\nCOPY a /a\nCOPY src /src\nRUN cat /a /src/* | tee /all\n",
    ".dockerignore": "src/*.log\nnode_modules\n",
    a: "a1\n",
    unread: "",
    "src/b": "b1\n",
    "src/c.log": "",
    "node_modules/m": "",
  });
  const iid = join(context, "iid");
  const watch = watching(context, "--iidfile", iid, "-t", "watched");
  expect(await watch.says(idle)).toMatch(/a1\n.*b1\n/);
  const first = readFileSync(iid, "utf8");
  for (const path of ["unread", "src/c.log", "node_modules/m", "node_modules/n"])
    writeFileSync(join(context, path), "x");
  writeFileSync(join(context, "src/b"), "b2\n");
  expect(await watch.says(idle)).toMatch(/^\s*src\/b changed, building again\.\n.*b2\n/s);
  expect(readFileSync(iid, "utf8")).not.toBe(first);
  // An editor that writes beside and renames, a new directory and what is made in it.
  writeFileSync(join(context, "src/.b.tmp"), "b3\n");
  renameSync(join(context, "src/.b.tmp"), join(context, "src/b"));
  expect(await watch.says(built("b3"))).toContain("building again");
  mkdirSync(join(context, "src/d"));
  await watch.says(built("src/d changed"));
  writeFileSync(join(context, "src/d/e"), "");
  await watch.says(built("src/d/e changed"));
  rmSync(join(context, "src/d"), { recursive: true });
  await watch.says(built("src/d\\S* changed"));
  await berth.files("watched", { Dockerfile: "FROM busybox\nRUN echo another\n" });
  await watch.says(built("Dockerfile changed.*another"));
  const { code, took } = await watch.interrupt();
  expect(code).toBe(130);
  expect(took).toBeLessThan(5000);
});

test("a build that fails waits for any change; one under way is given up when what it has read changes", async () => {
  const context = await berth.files("failing", { Dockerfile: "FROM busybox\nCOPY a /a\nRUN sh /a\n", a: "exit 3" });
  const watch = watching(context);
  expect(await watch.says(idle)).toContain("exit code: 3");
  writeFileSync(join(context, "a"), "echo started; sleep 1000");
  await watch.says(/^#\d+ [\d.]+ started/m);
  writeFileSync(join(context, "a"), "echo mended");
  const text = await watch.says(built("a changed, building again.*mended"));
  expect(text).toMatch(/^#\d+ [\d.]+ mended/m);
  expect(text).not.toContain("ERROR: failed to solve");
  writeFileSync(join(context, "a"), "echo again; sleep 1000");
  await watch.says(/^#\d+ [\d.]+ again/m);
  expect((await watch.interrupt()).code).toBe(130);
  await berth.out(["builder", "prune", "-f"]);
  expect((await berth.run(["system", "check"])).stdout).toContain("Everything is as it should be.");
});

test("a program is run anew when a file changes that it imports, and one with a mistake is told and waited for", async () => {
  const context = await berth.files("program", {
    "build.ts": `import { command } from "../parts/command.ts";
import { from } from "berth-engine";
export const app = from("busybox").copy("a", "/a").run(command());\n`,
    a: "a1\n",
  });
  const parts = await berth.files("parts", {
    "command.ts":
      'import { word } from "./word.cjs";\nexport const command = (): string => "echo " + word + " one; cat /a";\n',
    "word.cjs": 'exports.word = require("./deep.json").word;\n',
    "deep.json": '{ "word": "first" }\n',
  });
  const watch = watching(context, "-f", join(context, "build.ts"));
  expect(await watch.says(idle)).toMatch(/ first one\n.* a1\n/);
  writeFileSync(join(context, "a"), "a2\n");
  expect(await watch.says(built("a changed, building again.*a2"))).toContain(" first one\n");
  writeFileSync(join(parts, "deep.json"), '{ "word": "second" }');
  await watch.says(built("deep.json changed, building again.* second one\n"));
  writeFileSync(join(parts, "command.ts"), "export const command = (): string => ;\n");
  await watch.says(
    built("command.ts changed, building again.*ERROR: failed to load .*build.ts: .*Expression expected"),
  );
  // What is imported and isn't there yet; the file is put in the other's place, as editors do.
  writeFileSync(join(parts, "new.ts"), 'export { text as command } from "./text.ts";\n');
  renameSync(join(parts, "new.ts"), join(parts, "command.ts"));
  await watch.says(built("command.ts changed.*ERROR: failed to load .*build.ts: Cannot find module"));
  writeFileSync(join(parts, "text.ts"), 'export const text = (): string => "echo third";\n');
  await watch.says(built("text.ts changed, building again.* third\n"));
  writeFileSync(join(context, "build.ts"), "export const app = 1;\n");
  await watch.says(built("build.ts changed, building again.*ERROR: .*build.ts exports no stage"));
  await berth.files("program", {
    "build.ts": 'import { from } from "berth-engine";\nexport const app = from("busybox").run("echo fourth");\n',
  });
  await watch.says(built("build.ts changed, building again.* fourth\n"));
  expect((await watch.interrupt()).code).toBe(130);
});

test("a wrong ignore file, a link to itself and directories that come and go don't end it", async () => {
  const context = await berth.files("odd", { Dockerfile: "FROM busybox\nCOPY . /a\nRUN cat /a/b\n", b: "b1\n" });
  const watch = watching(context);
  await watch.says(built("b1"));
  writeFileSync(join(context, ".dockerignore"), "[\n");
  expect(await watch.says(idle)).toContain("syntax error in pattern");
  rmSync(join(context, ".dockerignore"));
  await watch.says(idle);
  symlinkSync("itself", join(context, "itself"));
  await watch.says(built("itself changed"));
  rmSync(join(context, "itself"));
  await watch.says(idle);
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(context, `passing/${i}/deep`), { recursive: true });
    rmSync(join(context, "passing"), { recursive: true });
  }
  mkdirSync(join(context, "lasting/deep"), { recursive: true });
  writeFileSync(join(context, "b"), "b2\n");
  await watch.says(built("b2"));
  writeFileSync(join(context, "lasting/deep/c"), "");
  await watch.says(built("lasting/deep/c changed"));
  expect((await watch.interrupt()).code).toBe(130);
});

test("what can't be watched is refused", async () => {
  for (const place of ["-", "http://127.0.0.1:1/context.tar"])
    expect(await berth.run(["build", "--watch", place], { input: "FROM busybox\n" })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--watch needs a context"),
    });
});
