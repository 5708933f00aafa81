import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { dockerOf } from "../support/docker.ts";
import { openTwins } from "../support/twins.ts";

const twins = await openTwins(dockerOf("forky"));
afterAll(() => twins?.[Symbol.asyncDispose]());

test.skipIf(twins === undefined)("records that buildx exports are shown by berth as buildx shows them", async () => {
  if (twins === undefined) return;
  const { berth, docker } = twins;
  const dockerfile = "FROM busybox\nCOPY a /a\nRUN --network=none echo said; echo more >&2; exit $CODE\n";
  const context = await berth.files("recorded", { Dockerfile: dockerfile.replace("FROM", "ARG CODE\nFROM"), a: "a" });
  writeFileSync(join(context, "other"), dockerfile.replace("COPY", "ARG CODE=0\nCOPY"));
  await docker.run(["buildx", "build", "-q", "-f", join(context, "other"), "--build-arg", "CODE=0", context]);
  await docker.run(["buildx", "build", "-q", "-f", join(context, "other"), "--build-arg", "CODE=3", context]);
  const archive = join(berth.directory, "all.dockerbuild");
  const exported = await docker.run(["buildx", "history", "export", "--all", "-o", archive]);
  expect(exported).toMatchObject({ code: 0 });
  const refs = (await berth.out(["buildx", "history", "import", "-f", archive])).split("\n");
  expect(refs).toHaveLength(2);
  for (const ref of refs) {
    const show = (...args: readonly string[]) =>
      Promise.all(
        [berth, docker].map(async (each) => {
          const { stdout, stderr } = await each.run(["buildx", "history", ...args, ref]);
          return stdout + stderr;
        }),
      );
    const [log, expected] = await show("logs");
    expect(timeless(log)).toEqual(timeless(expected));
    const [mine = "", theirs = ""] = await show("inspect", "--format", "json");
    const { Name, Ref, Context, Dockerfile, Status, NumCompletedSteps, NumTotalSteps, NumCachedSteps } =
      JSON.parse(theirs);
    expect(JSON.parse(mine)).toMatchObject({
      ...{ Name, Ref, Context, Status, NumCompletedSteps, NumTotalSteps },
      ...(NumCachedSteps === undefined ? {} : { NumCachedSteps }),
      Dockerfile: join(Context, Dockerfile),
    });
  }
});

/** A log's lines, whatever their order and times: steps run side by side. */
function timeless(log = ""): readonly string[] {
  const lines = log
    // buildx says again what a failed step wrote.
    .replace(/^------\n[\s\S]*?^------\n/m, "")
    .replaceAll(/^#\d+ (?:[\d.]+ )?/gm, "")
    .replaceAll(/(?:^| )(?:[\d.]+s )?(?:done|DONE(?: [\d.]+s)?)$/gm, " done")
    // What is transferred has no total in BuildKit's log; a line goes on where another step's lay between.
    .replaceAll(/ \/ \d+B done$/gm, " done")
    .split("\n");
  return [...new Set(lines.filter((line) => line !== "" && line !== "..."))].toSorted();
}
