import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";

let berth: Berth;
let context: string;
beforeAll(async () => {
  berth = openBerth();
  context = await berth.files("context", {
    Dockerfile: "FROM scratch\nCOPY . /\n",
    "a.log": "left out",
    "src/main.ts": "twelve bytes",
    "modules/x/index.js": "left out",
    "modules/keep/index.js": "kept",
    ".dockerignore": "# what is made\n*.log\nmodules\n!modules/keep\n.dockerignore\n",
    "Other.dockerignore": "src\n",
  });
  symlinkSync("main.ts", join(context, "src/link"));
});
afterAll(() => berth[Symbol.asyncDispose]());

test("context ls lists what a build can copy, with sizes", async () => {
  const { code, stdout, stderr } = await berth.run(["context", "ls", context]);
  expect(code).toBe(0);
  expect(stdout).toBe(`SIZE      PATH
22B       Dockerfile
4B        Other.dockerignore
          modules/
          modules/keep/
4B        modules/keep/index.js
          src/
          src/link
12B       src/main.ts
`);
  expect(stderr).toBe("5 files, 3 directories, 42B\n");
});

test("what context ls lists is what a build copies", async () => {
  const listed = await berth.out(["context", "ls", "--format", "{{.Path}}", context]);
  const out = join(berth.directory, "out");
  await berth.out(["build", "-q", "-o", out, context]);
  expect(await berth.out(["context", "ls", "--format", "{{.Path}}", out])).toBe(listed);
});

test.each([
  [["a.log"], "a.log is left out by line 2 of .dockerignore: *.log"],
  [
    ["modules"],
    "modules is left out, but for what later lines bring back below it, by line 3 of .dockerignore: modules",
  ],
  [["modules/x/index.js"], "modules/x/index.js is left out by line 3 of .dockerignore: modules"],
  [["modules/keep/new"], "modules/keep/new, which isn't there, is sent by line 4 of .dockerignore: !modules/keep"],
  [["./src/../src/main.ts"], "src/main.ts is sent: no line of .dockerignore is about it"],
  [["src/main.ts", "-f", "Other"], "src/main.ts is left out by line 1 of Other.dockerignore: src"],
])("context ls --why %j names the line that decides", async (args, sentence) => {
  expect(await berth.out(["context", "ls", "--why", ...args, "."], { cwd: context })).toBe(sentence);
});

test("context ls says what it can't look at", async () => {
  const outside = await berth.run(["context", "ls", "--why", "../x", context]);
  expect(outside).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("outside of the build context"),
  });
  const gone = await berth.run(["context", "ls", join(context, "nosuch")]);
  expect(gone).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining('nosuch" not found') });
});
