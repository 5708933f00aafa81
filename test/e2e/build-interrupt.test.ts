import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { interruptedBuilds } from "../crash/builds.ts";
import { openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { leftBehind, namesIn } from "../support/left-behind.ts";
import { berthOnTerminal } from "../support/pseudo-terminal.ts";

const stage = (name: string): string => `FROM busybox AS ${name}
ARG END=1000
RUN --mount=type=cache,target=/shared --mount=type=cache,target=/own,id=${name},sharing=locked \\
    --mount=type=bind,target=/ctx,rw echo ${name} > /ctx/${name}; echo ${name} > /${name}; echo > /shared/${name}; sleep $END
`;
const stages = ["one", "two", "three"];
const Dockerfile = `${stages.map(stage).join("")}FROM busybox
${stages.map((name) => `COPY --from=${name} /${name} /\n`).join("")}CMD cat /one /two /three
`;

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s stops every step of a build, and leaves nothing",
  async (signal) => {
    await using berth = await openBerthWithBusybox();
    const context = await berth.files("context", { Dockerfile });
    const child = berth.start(["build", "--progress", "plain", "-t", "made", context]);
    const closed = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) stream?.resume();
    const caches = join(berth.directory, "root/build-cache");
    await eventually(async () => {
      const made = namesIn(caches).flatMap((name) => namesIn(join(caches, name)));
      return stages.every((name) => made.includes(name)) ? true : undefined;
    });
    const before = performance.now();
    child.kill(signal);
    await closed;
    // A second on a machine that does nothing else.
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(child.exitCode).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]);
    expect(leftBehind(berth)).toEqual([]);
    const check = await berth.run(["system", "check"]);
    expect(check).toMatchObject({ code: 0, stdout: expect.stringContaining("Everything is as it should be.") });
    await berth.out(["build", "-q", "--build-arg", "END=0", "-t", "made", context]);
    expect(await berth.out(["run", "--rm", "--network", "none", "made"])).toBe("one\ntwo\nthree");
  },
);

test("Ctrl-C at a keyboard, which the processes of the steps get as well, ends a build as a signal to it does", async () => {
  await using berth = await openBerthWithBusybox();
  const context = await berth.files("context", {
    Dockerfile: "FROM busybox\nRUN trap '' INT; echo begun; sleep 1000\n",
  });
  const terminal = berthOnTerminal(["build", context], { env: berth.env });
  await terminal.shows(/# begun/);
  terminal.type("\x03");
  const { code, screen } = await terminal.ended();
  expect(screen).toMatch(/CANCELED \[2\/2\] RUN/);
  expect(code).toBe(130);
  expect(leftBehind(berth)).toEqual([]);
  expect((await berth.run(["system", "check"])).stdout).not.toContain("left over");
});

test("builds that are killed, cancelled or run out of disk at any moment leave the store whole, and the next build right", async () => {
  const { ends, problems } = await interruptedBuilds({ seed: "sample", runs: 15 });
  expect(problems).toEqual([]);
  expect(Object.keys(ends)).not.toEqual(["ended"]);
});
