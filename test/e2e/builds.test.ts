import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { historyBounds } from "../../src/build/history/history.ts";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const databaseOf = ({ env }: Berth): DatabaseSync => new DatabaseSync(join(env["BERTH_ROOT"] ?? "", "metadata.db"));

/** Build without a network; `args` come before the path. */
async function build(name: string, files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  return berth.run(["build", "--network", "none", "--progress", "plain", ...args, await berth.files(name, files)]);
}

interface InspectedBuild {
  readonly Ref: string;
  readonly Status: string;
  readonly Image?: string;
  readonly Error?: { readonly Message: string };
  readonly UnneededStages: readonly string[];
  readonly Steps: readonly {
    readonly Name: string;
    readonly Status: string;
    readonly StartLine?: number;
    readonly Duration?: number;
    readonly StartedAt?: string;
    readonly Error?: string;
  }[];
}

async function inspected(...args: readonly string[]): Promise<InspectedBuild> {
  return JSON.parse(await berth.out(["builds", "inspect", "--format", "json", ...args])) as InspectedBuild;
}

const outcomes = ({ Steps }: InspectedBuild): readonly string[] =>
  Steps.filter(({ StartLine }) => StartLine !== undefined).map(({ Name, Status }) => `${Name}: ${Status}`);

const app = {
  Dockerfile: `FROM busybox AS unneeded
FROM busybox
ARG VERSION=1
COPY a /a
RUN echo "made $VERSION"
`,
  a: "1\n",
};

test("a build leaves a record: what was built, what came of it, and every step with its lines and its status", async () => {
  expect((await build("app", app, "-t", "app", "-t", "app:2", "--build-arg", "VERSION=7")).code).toBe(0);
  const ran = await inspected();
  expect(ran).toMatchObject({
    Name: "app",
    Context: join(berth.directory, "app"),
    Dockerfile: "Dockerfile",
    Tags: ["app", "app:2"],
    Status: "completed",
    Image: await berth.out(["inspect", "--format", "{{.Id}}", "app"]),
    BuildArgs: [{ Name: "VERSION", Value: "7" }],
    UnneededStages: ["unneeded"],
  });
  expect(outcomes(ran)).toEqual(["[stage-1 2/3] COPY a /a: ran", '[stage-1 3/3] RUN echo "made 7": ran']);
  expect(ran.Steps.find(({ Name }) => Name.includes("RUN"))).toMatchObject({ StartLine: 5 });
  expect(ran.Steps.map(({ Name }) => Name)).toContain("exporting to image");

  await build("app", app, "-t", "app", "--build-arg", "VERSION=7");
  const cached = await inspected();
  expect(cached.Image).toBe(ran.Image);
  expect(outcomes(cached)).toEqual(["[stage-1 2/3] COPY a /a: cached", '[stage-1 3/3] RUN echo "made 7": cached']);
  const rows = (await berth.out(["builds", "--no-trunc"])).split("\n");
  expect(rows[0]).toMatch(/^BUILD ID +NAME +STATUS +CREATED AT +DURATION$/);
  expect(rows[1]).toMatch(
    new RegExp(`^${cached.Ref} +app +Completed +Less than a second ago|.* seconds? ago +[\\d.]+s$`),
  );
  expect(await berth.out(["builds", "ls", "-q", "--no-trunc"])).toBe(`${cached.Ref}\n${ran.Ref}`);
  expect((await inspected("^1")).Ref).toBe(ran.Ref);
  expect((await inspected(ran.Ref.slice(0, 12))).Ref).toBe(ran.Ref);
  expect(await berth.out(["buildx", "history", "ls", "-q", "--no-trunc"])).toBe(`${cached.Ref}\n${ran.Ref}`);
});

test("a build that fails leaves one too: the step that failed, those that were stopped, those that were not reached", async () => {
  const Dockerfile = `FROM busybox AS slow
RUN echo started; sleep 100
FROM busybox AS bad
COPY a /a
RUN echo out; echo err >&2; exit 3
FROM busybox
COPY --from=slow /etc /x
COPY --from=bad /etc /y
`;
  const failed = await build("bad", { Dockerfile, a: "" });
  expect(failed.code).toBe(1);
  const record = await inspected();
  expect(record).toMatchObject({ Status: "failed" });
  expect(record.Error?.Message).toContain("exit code: 3");
  expect(outcomes(record).toSorted()).toEqual([
    "[bad 2/3] COPY a /a: ran",
    "[bad 3/3] RUN echo out; echo err >&2; exit 3: failed",
    "[slow 2/2] RUN echo started; sleep 100: canceled",
    "[stage-2 2/3] COPY --from=slow /etc /x: skipped",
    "[stage-2 3/3] COPY --from=bad /etc /y: skipped",
  ]);
  expect(await berth.out(["builds", "-q", "--no-trunc", "--filter", "status=error", "--filter", "duration<1h"])).toBe(
    record.Ref,
  );
  expect(await berth.run(["builds", "--filter", "color=red"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('unsupported filter "color=red"'),
  });
});

test("so does one that is interrupted", async () => {
  const context = await berth.files("long", { Dockerfile: "FROM busybox\nRUN echo started; sleep 100\nRUN true\n" });
  const running = berth.start(["build", "--network", "none", "--progress", "plain", context]);
  let seen = "";
  running.stderr?.on("data", (data: Buffer) => {
    seen += data.toString();
  });
  while (!/^#\d+ [\d.]+ started/m.test(seen)) await sleep(20);
  running.kill("SIGINT");
  await once(running, "close");
  const record = await inspected();
  expect(record.Status).toBe("canceled");
  expect(outcomes(record)).toEqual(["[2/3] RUN echo started; sleep 100: canceled", "[3/3] RUN true: skipped"]);
});

test("the log is what the build printed, also for programs", async () => {
  const { stderr } = await build("log", {
    Dockerfile: "FROM busybox\nRUN echo one; echo two >&2; printf '\\377three'\n",
  });
  const steps = /^#\d+ \[2\/2\][\s\S]*?DONE/m;
  const [printed = ""] = steps.exec(stderr) ?? [];
  const logged = await berth.out(["builds", "logs"]);
  const withoutTimes = (text: string): string => text.replace(/[\d.]+s?$|^(#\d+ )[\d.]+ /gm, "$1");
  expect(withoutTimes(steps.exec(logged)?.[0] ?? "")).toBe(withoutTimes(printed));
  expect(printed).toContain("three");
  const lines = (await berth.out(["builds", "logs", "--progress", "rawjson"])).split("\n");
  const events = lines.map((line) => JSON.parse(line) as { logs?: { data: string; stream: number }[] });
  const outputs = events.flatMap(({ logs = [] }) => logs);
  const bytesOf = (wanted: number): string =>
    outputs
      .filter(({ stream }) => stream === wanted)
      .map(({ data }) => Buffer.from(data, "base64").toString("latin1"))
      .join("");
  expect([bytesOf(1), bytesOf(2)]).toEqual(["one\n\xffthree", "two\n"]);
});

test("records go to another store as an archive, one or several, and are looked at there as they are here", async () => {
  await build("travel", app, "-t", "travel", "--build-arg", "VERSION=9");
  await build("broken", { Dockerfile: "FROM busybox\nRUN echo said; echo more >&2; exit 3\nRUN true\n" });
  const [one, several] = [join(berth.directory, "one.dockerbuild"), join(berth.directory, "several")];
  await berth.out(["builds", "export", "-o", one]);
  expect((await berth.run(["builds", "export", "-o", several, "^0", "^1"])).code).toBe(0);
  const refs = (await berth.out(["builds", "-q", "--no-trunc"])).split("\n").slice(0, 2);
  await using other = await openBerthWithBusybox();
  const mine = await other.out(["build", "-q", await other.files("mine", { Dockerfile: "FROM busybox\n" })]);
  expect(await other.out(["buildx", "history", "import", "-f", one])).toBe(refs[0]);
  // What is there already stays, and the newest build is the one that ended last.
  const again = await other.run(["builds", "import"], { input: readFileSync(several) });
  expect(again).toMatchObject({ code: 0, stdout: `${refs.join("\n")}\n` });
  expect(again.stderr).toBe(`${refs[0]?.slice(0, 12)} is recorded already\n`);
  expect(JSON.parse(await other.out(["builds", "inspect", "--format", "json"]))).toMatchObject({ Image: mine });
  for (const [place, ref = ""] of refs.entries()) {
    const [log, sameLog] = await Promise.all([berth, other].map((each) => each.out(["builds", "logs", ref])));
    expect(sameLog).toBe(log);
    const [here, there] = await Promise.all(
      [berth, other].map(async (each) => JSON.parse(await each.out(["builds", "inspect", "--format", "json", ref]))),
    );
    const { Tags: _tags, Image: _image, Steps: steps, UnneededStages: _stages, ...summary } = here;
    expect(there).toMatchObject(summary);
    const ends = (all: InspectedBuild["Steps"]) => all.map(({ Name, Status, Error: why }) => [Name, Status, why]);
    expect(ends(there.Steps).toSorted()).toEqual(ends(steps).toSorted());
    expect(there.Status).toBe(place === 0 ? "failed" : "completed");
    // It is a record to look at.
    expect((await other.run(["why", ref])).code).toBe(0);
    expect((await other.run(["builds", "timeline", "-o", join(other.directory, "page.html"), ref])).code).toBe(0);
  }
  expect((await other.run(["system", "check"])).stdout).toContain("Everything is as it should be.");
});

test.each([
  [["import", "-f", "nosuch"], "ERROR: failed to open file nosuch: open nosuch: no such file or directory\n"],
  [["import", "nosuch"], "ERROR: nosuch: a file is named with --file\n"],
  [["export", "--all", "^0"], "ERROR: cannot specify refs when using --all\n"],
  [["export", "nosuch"], 'no record found for ref "nosuch"\n'],
  [["ls", "--local"], "berth doesn't have this flag yet"],
  [["open"], "ERROR: there is no Docker Desktop to open a build record in\n"],
  [["trace"], "ERROR: no traces of builds are recorded\n"],
  [["inspect", "attachment"], "ERROR: build records have no attachments"],
])("buildx history %j is refused with a sentence", async (args, says) => {
  const { code, stdout, stderr } = await berth.run(["buildx", "history", ...args]);
  expect({ refused: code > 0, stdout, stderr }).toEqual({
    refused: true,
    stdout: "",
    stderr: expect.stringContaining(says),
  });
});

test("an archive that has no records is refused, and nothing of it is kept", async () => {
  const before = await berth.out(["builds", "-q"]);
  const image = join(berth.directory, "image.tar");
  await berth.out(["save", "--format", "oci", "-o", image, "busybox"]);
  expect(await berth.run(["builds", "import", "-f", image])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/invalid archive: .* is no build record/),
  });
  expect((await berth.run(["builds", "import"], { input: "no archive" })).code).toBe(1);
  expect(await berth.out(["builds", "-q"])).toBe(before);
});

test("a log is bounded, and keeps its beginning and its end", async () => {
  const Dockerfile = "FROM busybox\nRUN echo begun; seq 1000000 2000000; echo ended\n";
  await build("much", { Dockerfile }, "--quiet", "--progress", "quiet");
  const logged = await berth.out(["builds", "logs"]);
  expect(logged).toMatch(/ begun\n#\d+ [\d.]+ 1000000\n/);
  expect(logged).toMatch(/\[output clipped, \d+ bytes are not kept\]/);
  expect(logged).toMatch(/ 2000000\n#\d+ [\d.]+ ended\n#\d+ DONE/);
  expect(logged.length).toBeLessThan(12 << 20);
});

test("what a secret holds is neither in a record nor in a log, be it printed", async () => {
  const secret = "c0rrect-horse-battery";
  writeFileSync(join(berth.directory, "secret-file"), `${secret}\n`);
  const Dockerfile = `FROM busybox
ARG API_TOKEN
RUN --mount=type=secret,id=pass cat /run/secrets/pass; sed 's/.*/[&]/' /run/secrets/pass
`;
  const args = ["--secret", `id=pass,src=${join(berth.directory, "secret-file")}`];
  expect((await build("secret", { Dockerfile }, ...args)).code).toBe(0);
  const logged = await berth.out(["builds", "logs"]);
  expect(logged).toMatch(/ \*\*\*\n#\d+ [\d.]+ \[\*\*\*\]\n/);
  const root = berth.env["BERTH_ROOT"] ?? "";
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    if (!statSync(join(root, name), { throwIfNoEntry: false })?.isFile()) continue;
    expect(readFileSync(join(root, name)).includes(secret), name).toBe(false);
  }
  using records = databaseOf(berth);
  const texts = [...records.prepare("SELECT * FROM build").all(), ...records.prepare("SELECT * FROM build_log").all()];
  expect(JSON.stringify(texts)).not.toContain(secret);
  expect(JSON.stringify(await inspected())).not.toContain(secret);
});

test("the newest hundred are kept, and lists of files as long as a build that read them", async () => {
  await berth.out(["builds", "rm", "--all"]);
  await build("listed", { ...app, a: "listed\n" });
  {
    using records = databaseOf(berth);
    expect(records.prepare("SELECT count(*) AS n FROM build_files").get()).toEqual({ n: 1 });
    // Older builds, without what they read.
    const first = records.prepare("SELECT summary, detail FROM build").get();
    records.exec("UPDATE build SET seq = 500");
    const insert = records.prepare("INSERT INTO build VALUES (?, ?, 's', NULL, 1, ?, ?)");
    for (let seq = 1; seq <= historyBounds.builds; seq++) {
      const id = String(seq).padStart(64, "0");
      const summary = JSON.stringify({ ...JSON.parse(String(first?.["summary"])), id });
      insert.run(seq, id, summary, first?.["detail"] ?? null);
    }
  }
  await build("other", { Dockerfile: "FROM busybox\nRUN true\n" });
  const ids = (await berth.out(["builds", "-q", "--no-trunc"])).split("\n");
  expect(ids).toHaveLength(historyBounds.builds);
  expect(ids.at(-1)).toBe("3".padStart(64, "0"));
  await berth.out(["builds", "rm", ids[1] ?? ""]);
  using records = databaseOf(berth);
  expect(records.prepare("SELECT count(*) AS n FROM build_files").get()).toEqual({ n: 0 });
});

test("records are removed, and a damaged one is found and dropped", async () => {
  await build("app", app);
  await build("app", app);
  const [newest = "", older = ""] = (await berth.out(["builds", "-q"])).split("\n");
  await berth.out(["builds", "rm", older]);
  expect(await berth.run(["builds", "inspect", older])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`no record found for ref "${older}"`),
  });
  expect((await berth.run(["builds", "rm"])).stderr).toContain("rm requires at least one argument");
  expect((await berth.run(["system", "check"])).code).toBe(0);
  {
    using records = databaseOf(berth);
    records.prepare("UPDATE build SET detail = x'00' WHERE id LIKE ?").run(`${newest}%`);
  }
  const found = await berth.run(["system", "check"]);
  expect(found.code).toBe(1);
  expect(found.stdout).toMatch(/H1.*record of build/);
  expect((await berth.run(["system", "check", "--repair"])).code).toBe(0);
  expect((await berth.run(["system", "check"])).code).toBe(0);
  expect(await berth.out(["builds", "-q"])).not.toContain(newest);
});

test("pruning everything forgets them", async () => {
  await build("app", app);
  await berth.out(["builder", "prune", "-f"]);
  expect(await berth.out(["builds", "-q"])).not.toBe("");
  await berth.out(["builder", "prune", "-a", "-f"]);
  expect(await berth.out(["builds", "-q"])).toBe("");
});

test("a record that can't be written warns, and fails nothing", async () => {
  using records = databaseOf(berth);
  records.exec("CREATE TRIGGER full BEFORE INSERT ON build BEGIN SELECT RAISE(ABORT, 'no space'); END");
  const { code, stderr } = await build("warned", { Dockerfile: "FROM busybox\nRUN echo warned\n" }, "-t", "warned");
  expect(stderr).toContain("WARNING: the build is not recorded: no space\n");
  expect(code).toBe(0);
  expect((await build("bad", { Dockerfile: "FROM busybox\nRUN exit 3\n" })).stderr).toContain("exit code: 3");
  records.exec("DROP TRIGGER full");
  expect(await berth.out(["run", "--rm", "warned", "echo", "works"])).toBe("works");
});
