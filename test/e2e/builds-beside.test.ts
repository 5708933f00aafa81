import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { namesIn } from "../support/left-behind.ts";

// Steps tell that they run by a file in a cache mount.
const mount = "RUN --mount=type=cache,target=/told";
const stampIn = async (berth: Berth, image: string): Promise<string> =>
  berth.out(["run", "--rm", "--network", "none", image, "cat", "/stamp"]);
const told = (berth: Berth, name: string): Promise<true> =>
  eventually(async () => {
    const caches = join(berth.directory, "root/build-cache");
    return namesIn(caches).some((cache) => namesIn(join(caches, cache)).includes(name)) || undefined;
  });

test("a step that another build is running is run once: the later one waits, and goes on while the first does", async () => {
  await using berth = await openBerthWithBusybox();
  const step = `${mount} touch /told/begun; sleep 1; cat /proc/sys/kernel/random/uuid > /stamp\n`;
  const long = `${mount} touch /told/on; sleep 1000\n`;
  const first = await berth.files("first", { Dockerfile: `FROM busybox\n${step}${long}` });
  const second = await berth.files("second", { Dockerfile: `FROM busybox\n${step}` });
  const running = berth.start(["build", "-q", first], {});
  const closed = once(running, "close");
  for (const stream of [running.stdout, running.stderr]) stream?.resume();
  await told(berth, "begun");
  const { code, stderr } = await berth.run(["build", "--progress", "plain", "-t", "second", second]);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/RUN .*\n#5 CACHED/);
  expect(running.exitCode).toBeNull();
  running.kill("SIGINT");
  await closed;
  await berth.out(["build", "-q", "-t", "third", second]);
  expect(await stampIn(berth, "third")).toBe(await stampIn(berth, "second"));
  expect(readdirSync(join(berth.directory, "run/locks")).filter((name) => name.startsWith("step-"))).toEqual([]);
});

test.each(["SIGINT", "SIGKILL"] as const)(
  "a step is run by the build that waits when the first ends by %s",
  async (signal) => {
    await using berth = await openBerthWithBusybox();
    const context = await berth.files("context", {
      Dockerfile: `FROM busybox\n${mount} test -e /told/begun || { touch /told/begun; sleep 1000; }; echo 2 > /stamp\n`,
    });
    const running = berth.start(["build", "-q", context], {});
    const closed = once(running, "close");
    for (const stream of [running.stdout, running.stderr]) stream?.resume();
    await told(berth, "begun");
    const waiting = berth.run(["build", "-q", "-t", "second", context]);
    running.kill(signal);
    await closed;
    expect((await waiting).code).toBe(0);
    expect(await stampIn(berth, "second")).toBe("2");
  },
);

test("builds without cache that begin together run an equal step once as well, and again when the other has ended", async () => {
  await using berth = await openBerthWithBusybox();
  // Both have begun by the second step, be it that one was slow to.
  const context = await berth.files("context", {
    Dockerfile: "FROM busybox\nRUN sleep 2\nRUN cat /proc/sys/kernel/random/uuid > /stamp; sleep 1\n",
  });
  const build = async (tag: string): Promise<string> => {
    await berth.out(["build", "-q", "--no-cache", "-t", tag, context]);
    return stampIn(berth, tag);
  };
  await berth.out(["build", "-q", "-t", "before", context]);
  const [first, second] = await Promise.all([build("first"), build("second")]);
  expect(second).toBe(first);
  expect(first).not.toBe(await stampIn(berth, "before"));
  expect(await build("third")).not.toBe(first);
});

test("a build without cache neither waits for a step that began before it nor takes what comes of it", async () => {
  await using berth = await openBerthWithBusybox();
  const context = await berth.files("context", {
    Dockerfile: `FROM busybox\n${mount} test -e /told/begun && exit; touch /told/begun; while [ ! -e /told/on ]; do sleep 0.1; done\n`,
  });
  const running = berth.run(["build", "-q", context]);
  await told(berth, "begun");
  const { code, stderr } = await berth.run(["build", "--progress", "plain", "--no-cache", context]);
  expect(code, stderr).toBe(0);
  expect(stderr).not.toContain("CACHED");
  const [cache] = namesIn(join(berth.directory, "root/build-cache"));
  writeFileSync(join(berth.directory, "root/build-cache", cache ?? "", "on"), "");
  expect((await running).code).toBe(0);
});

test("steps that begin at once with caches that are new share them", async () => {
  await using own = await openBerthWithBusybox();
  const caches = Array.from({ length: 12 }, (_, n) => `--mount=type=cache,target=/c${n}`).join(" ");
  const stages = ["one", "two", "three", "four"];
  const Dockerfile = [
    ...stages.map((name) => `FROM busybox AS ${name}\nRUN ${caches} echo > /c0/${name} && echo > /${name}`),
    "FROM busybox",
    ...stages.map((name) => `COPY --from=${name} /${name} /`),
    `RUN ${caches} ls /c0 > /found`,
  ].join("\n");
  for (let round = 0; round < 3; round++) {
    await own.out(["builder", "prune", "-af"]);
    await own.out([
      "build",
      "-q",
      "--network",
      "none",
      "-t",
      "shared",
      await own.files(`context-${round}`, { Dockerfile }),
    ]);
    const found = await own.out(["run", "--rm", "--network", "none", "shared", "cat", "/found"]);
    expect(found.split("\n").toSorted()).toEqual(stages.toSorted());
  }
});
