import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { openRegistry } from "../support/registry.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

// Put together here, so that nobody's scanner takes this file for a leak.
const word = (length: number): string => "aB3dE5gH7jK9".repeat(20).slice(0, length);
const token = `${"ghp_"}${word(36)}`;
const key = `-----BEGIN OPENSSH PRIVATE ${"KEY"}-----\n${word(70)}\n${word(70)}\n-----END OPENSSH PRIVATE ${"KEY"}-----\n`;

const leaky = {
  Dockerfile: `FROM busybox
ARG CI_ACCESS
ENV AWS=${"AKIA"}${"Q7".repeat(8)}
LABEL maintainer=me
COPY big id_rsa .npmrc /src/
RUN echo $CI_ACCESS > /dev/null; rm /src/id_rsa
RUN chown -R 1:1 /src
`,
  big: "x".repeat(3 << 20),
  id_rsa: key,
  ".npmrc": `//registry.npmjs.org/:_authToken=${word(36)}\n`,
};
const args = ["--network", "none", "--build-arg", `CI_ACCESS=${token}`];

test("image lint finds secrets in variables, history and files, and bytes that are there twice, and never shows one", async () => {
  const context = await berth.files("leaky", leaky);
  const { stderr, code } = await berth.run(["build", ...args, "-t", "leaky", context]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^WARNING: AWS access key in the variable AWS\. .*--mount=type=secret/m);
  expect(stderr).toMatch(/^WARNING: GitHub token in line \d+ of the history: .*CI_ACCESS=\*\*\*/m);
  const linted = await berth.run(["image", "lint", "leaky"]);
  expect(linted.code).toBe(1);
  for (const line of [
    /^secret-in-env: AWS access key in the variable AWS\n {4}.*--mount=type=secret/m,
    /^secret-in-history: GitHub token in line \d+ of the history: .*\*\*\*/m,
    /^secret-in-file: layer 2, \/src\/id_rsa: private key in a file for credentials\n {4}.*\.dockerignore/m,
    /^secret-in-file: layer 2, \/src\/\.npmrc: npm auth token/m,
    /^duplicate-bytes: layer 4: 3\.15MB in 2 files are stored again with the same content: RUN .*chown -R.*\n {4}.*COPY --chown/m,
  ])
    expect(linted.stdout).toMatch(line);
  const json: unknown = JSON.parse((await berth.run(["image", "lint", "--format", "json", "leaky"])).stdout);
  expect(json).toEqual(expect.arrayContaining([expect.objectContaining({ Rule: "duplicate-bytes", Layer: 4 })]));
  const warnings = stderr.split("\n").filter((line) => line.startsWith("WARNING"));
  // A build argument is told once, however many steps had it.
  expect(warnings).toHaveLength(2);
  for (const text of [warnings.join("\n"), linted.stdout, JSON.stringify(json)])
    expect(text).not.toMatch(/aB3dE5gH7|Q7Q7/);
  // What the image is made from isn't its maker's to mend.
  await berth.out([
    "build",
    "-q",
    "-t",
    "child",
    await berth.files("child", { Dockerfile: "FROM leaky\nRUN echo > /n\n" }),
  ]);
  expect((await berth.run(["image", "lint", "child"])).stdout).not.toContain("secret-in-file");
  expect((await berth.run(["image", "lint", "--all", "child"])).stdout).toContain("secret-in-file: layer 2");
  expect(await berth.run(["image", "lint", "busybox"])).toMatchObject({ code: 0, stdout: "Nothing was found.\n" });
});

test("build --guard refuses: no name, no image; what has nothing is named as usual", async () => {
  const context = await berth.files("leaky", leaky);
  const before = await berth.out(["images", "-aq"]);
  const refused = await berth.run(["build", "--guard", ...args, "-t", "guarded", "--label", "other=1", context]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("ERROR: the guard found these") });
  expect(refused.stderr).toContain("secret-in-file: layer 2, /src/id_rsa");
  expect(await berth.out(["images", "-aq"])).toBe(before);
  const fine = await berth.files("fine", {
    Dockerfile: "FROM busybox\nRUN --mount=type=secret,id=t cat /run/secrets/t > /dev/null\n",
  });
  const secret = await berth.files("secret", { t: token });
  await berth.out([
    "build",
    "--guard",
    "--network",
    "none",
    "--secret",
    `id=t,src=${join(secret, "t")}`,
    "-t",
    "fine",
    fine,
  ]);
  expect(await berth.out(["images", "-q", "fine"])).not.toBe("");
  const files = await berth.run(["build", "--guard", "-o", "out", fine]);
  expect(files).toMatchObject({ code: 1, stderr: expect.stringContaining("--guard looks images through") });
});

test("push --guard sends nothing of an image with a secret", async () => {
  await using registry = await openRegistry();
  const name = `${registry.host}/guarded:1`;
  await berth.out(["tag", "leaky", name]);
  const refused = await berth.run(["push", "--guard", name]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("the guard found these") });
  expect((await fetch(`${registry.url}/v2/guarded/tags/list`)).status).toBe(404);
  await berth.out(["tag", "busybox", name]);
  await berth.out(["push", "--guard", name]);
  expect((await fetch(`${registry.url}/v2/guarded/tags/list`)).status).toBe(200);
});

test("commit --guard refuses in the same words: no name, no image; what has nothing is named", async () => {
  const run = async (name: string, script: string) => {
    await berth.out(["run", "--name", name, "--network", "none", "busybox", "sh", "-c", script]);
  };
  await run("leaking", `echo '${key}' > /id_rsa`);
  await run("harmless", "echo > /n");
  const before = await berth.out(["images", "-aq"]);
  const refused = await berth.run(["commit", "--guard", "-c", `ENV T=${token}`, "leaking", "committed"]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(/^secret-in-env: GitHub token in the variable T\n {4}.*/m);
  expect(refused.stderr).toMatch(/^secret-in-file: layer 2, \/id_rsa: private key/m);
  expect(refused.stderr).toContain("ERROR: the guard found these");
  expect(refused.stderr).not.toContain("aB3dE5gH7");
  expect(await berth.out(["images", "-aq"])).toBe(before);
  const id = await berth.out(["commit", "--guard", "harmless", "committed:2"]);
  expect(await berth.out(["image", "inspect", "--format", "{{.Id}}", "committed:2"])).toBe(id);
});
