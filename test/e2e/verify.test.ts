import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const start = "FROM busybox\nCOPY in /in\nRUN mkdir /d; echo a > /d/a\n";
const epoch = { env: { SOURCE_DATE_EPOCH: "1700000000" } };

/** Build an image, and build it again. */
async function verified(steps: string, options: { readonly env?: Readonly<Record<string, string>> } = {}) {
  const name = `verified-${randomUUID()}`;
  const context = await berth.files(name, { Dockerfile: `${start}${steps}`, in: "hi\n" });
  await berth.out(["build", "-q", "--network", "none", "-t", name, context], options);
  const before = await berth.out(["images", "-aq"]);
  const verdict = await berth.run(["verify", "-q", "--network", "none", context, name]);
  expect(await berth.out(["images", "-aq"])).toBe(before);
  const again = await berth.run(["build", "--progress", "plain", "--network", "none", context], options);
  expect(again.stderr.match(/^#\d+ CACHED$/gm)?.length).toBe(2 + (steps === "" ? 0 : steps.trim().split("\n").length));
  return { name, ...verdict };
}

test("an image that was built with SOURCE_DATE_EPOCH is the same again, down to its ID", async () => {
  const { name, code, stdout } = await verified("", epoch);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(`^${name} is the same when it is built again: sha256:[0-9a-f]{64}\n$`),
  });
});

test("one without is the same but for times, and that is said", async () => {
  const { code, stdout } = await verified("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/is the same when it is built again, but for times.*SOURCE_DATE_EPOCH/s);
});

test.each([
  [
    "RUN hostname > /d/host",
    "/d/host",
    "content",
    /before {2}byte 0: "buildkitsandbox\\n"\n {2}now {5}byte 0: "verify-/,
  ],
  ["RUN cat /proc/sys/kernel/random/uuid > /d/$(cat /proc/sys/kernel/random/uuid)", undefined, "file", /missing/],
  ["RUN ln -s /$(cat /proc/sys/kernel/random/uuid) /d/link", "/d/link", "target", /before {2}\//],
  ["RUN touch -d @$(od -An -N3 -tu4 /dev/urandom | tr -d ' ') /d/x", "/d/x", "modification time", /before {2}\d/],
])("what a step makes otherwise each time is shown: %s", async (step, path, field, values) => {
  const { code, stdout } = await verified(`${step}\n`, epoch);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^verified-\S+ is another image when it is built again: [0-9a-f]{12}, now [0-9a-f]{12}$/m);
  expect(stdout).toMatch(/^In layer 4, RUN /m);
  if (path !== undefined) expect(stdout).toContain(`  path    ${path}\n`);
  expect(stdout).toContain(`  field   ${field}\n`);
  expect(stdout).toMatch(values);
});

test("settings that differ are shown, and files that are as they were aren't", async () => {
  const name = "labelled";
  const context = await berth.files(name, { Dockerfile: `${start}ENV A=$B\n`, in: "" });
  await berth.out(["build", "-q", "--network", "none", "-t", name, "--label", "v=1", context]);
  const { code, stdout } = await berth.run(["verify", "-q", "--network", "none", "--label", "v=2", context, name]);
  expect(code).toBe(1);
  expect(stdout).toContain("In its configuration:\n  field   Labels.v\n  before  1\n  now     2\n");
});

test("a build that fails says so, and an image that isn't there too; nothing is left", async () => {
  const context = await berth.files("failing", { Dockerfile: "FROM busybox\nRUN echo x > /x; exit 4\n" });
  expect(await berth.run(["verify", "-q", "--network", "none", context, "busybox"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("exit code: 4"),
  });
  expect((await berth.run(["verify", context, "no-such"])).stderr).toContain("No such image: no-such");
  expect(await berth.out(["build", "shell", "--list"])).not.toContain("exit 4");
  expect((await berth.run(["system", "check"])).stdout).toContain("Everything is as it should be.");
});

test("an image alone is built again of what the record of its build says", async () => {
  const name = "recorded";
  const context = await berth.files(name, {
    "app.Dockerfile": `FROM busybox AS wanted
ARG A=0
ARG API_TOKEN
COPY in /in
COPY --from=lib lib /lib
RUN --mount=type=secret,id=key,required echo $A$API_TOKEN > /a
FROM busybox
`,
    in: "hi\n",
    "lib/lib": "lib\n",
  });
  const secret = ["--secret", "id=key,env=KEY"];
  const flags = ["-f", `${name}/app.Dockerfile`, "--target", "wanted", "--build-context", `lib=${name}/lib`];
  const args = ["--build-arg", "A=1", "--build-arg", "API_TOKEN=hush", "--label", "v=1", "--network", "none"];
  const env = { ...epoch.env, KEY: "k" };
  await berth.out(["build", "-q", ...secret, ...flags, ...args, "-t", name, name], { env });
  const elsewhere = { cwd: "/", env: { KEY: "k" } };
  expect(await berth.run(["verify", "-q", name], elsewhere)).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /: --secret id=key,src=FILE, --build-arg API_TOKEN=VALUE are missing\n.*berth verify --secret id=key,src=FILE --build-arg API_TOKEN=VALUE recorded/s,
    ),
  });
  const given = [...secret, "--build-arg", "API_TOKEN=hush"];
  const same = await berth.run(["verify", "--progress", "plain", ...given, name], elsewhere);
  expect(same.stdout).toMatch(/^recorded is the same when it is built again: sha256:[0-9a-f]{64}\n$/);
  expect(same.stderr).toContain(` is done again, of ${context}\n`);
  const other = await berth.run(["verify", "-q", ...given, "--build-arg", "A=2", name], elsewhere);
  expect(other.stdout).toContain("  path    /a\n");
  await berth.out(["builds", "rm", "--all"]);
  expect((await berth.run(["verify", name])).stderr).toMatch(
    /no build is recorded that made recorded\n.*`berth verify CONTEXT recorded`/s,
  );
});

test("of an image for several platforms the one that is asked for is compared, this machine's without", async () => {
  const context = await berth.files("several", {
    Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n",
    amd64: "a",
    arm64: "b",
  });
  const flags = ["--platform", "linux/amd64,linux/arm64", "--build-arg", "SOURCE_DATE_EPOCH=1700000000"];
  await berth.out(["build", "-q", ...flags, "-t", "several", context]);
  for (const platform of [[], ["--platform", "linux/amd64"], ["--platform", "linux/arm64"]])
    expect(await berth.run(["verify", "-q", ...platform, "several"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^several is the same when it is built again: sha256:/),
    });
});

test("what came on standard input can't be had again", async () => {
  await berth.out(["build", "-q", "-t", "streamed", "-"], { input: "FROM busybox\nLABEL a=b\n" });
  expect((await berth.run(["verify", "streamed"])).stderr).toMatch(
    /the context that streamed was built of isn't kept.*\n.*`berth verify CONTEXT streamed`/,
  );
});
