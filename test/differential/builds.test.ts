import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerOf } from "../support/docker.ts";
import { randomOf } from "../support/random.ts";
import { openTwins, type Pair, type Twins } from "../support/twins.ts";
import { buildCases, type PlacedCase } from "./builds/all.ts";
import type { Build, BuildCase } from "./builds/case.ts";
import { writeContext } from "./builds/context.ts";
import { type BuildOutcome, buildOutcome } from "./builds/outcome.ts";

// Small builds, each made by berth and by the BuildKit of a real Docker, which have to come to the same.

/** Cases of a run; `npm run soak -- differential` has them all. */
const most = process.env["BUILD_CASES"] === "all" ? Number.POSITIVE_INFINITY : 30;
const seed = process.env["BUILD_SEED"] ?? "builds";
const only = process.env["BUILD_ONLY"];

/** Some of them, as the seed has it. */
function sampleOf(all: readonly PlacedCase[]): readonly PlacedCase[] {
  if (only !== undefined) return all.filter(({ name, beside }) => `${beside} ${name}`.match(only));
  const random = randomOf(seed);
  const ranked = all.map((each) => ({ each, rank: random() })).sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, most).map(({ each }) => each);
}

const sample = sampleOf(buildCases);
const releases = [...new Set(sample.map(({ beside }) => beside))];

// All are fetched before the first is started, in a network without a way out.
const dockers = releases.map((release) => ({ release, programs: dockerOf(release) }));

for (const { release, programs } of dockers) {
  const twins = await openTwins(programs);
  describe.skipIf(twins === undefined)(`beside ${release}'s BuildKit:`, () => {
    // BuildKit changes the time of /etc in every RUN on a base that lacks these files, which it mounts something on.
    beforeAll(async () => {
      const files = { hosts: "", "resolv.conf": "", Dockerfile: "FROM busybox\nCOPY hosts resolv.conf /etc/\n" };
      await twins?.ok(["build", "-t", "busybox", await twins.berth.files("base", files)]);
    });
    afterAll(() => twins?.[Symbol.asyncDispose]());
    test.each(sample.filter(({ beside }) => beside === release))("$name", async (build) => {
      if (twins === undefined) throw new Error("there is no Docker");
      await compare(twins, build);
    });
  });
}

async function compare(twins: Twins, whole: PlacedCase): Promise<void> {
  const parent = mkdtempSync(join(twins.berth.directory, "case-"));
  const contexts = { berth: join(parent, "berth/context"), docker: join(parent, "docker/context") };
  for (const context of Object.values(contexts)) mkdirSync(context, { recursive: true });
  const builds: readonly Build[] = [whole, ...(whole.later ?? [])];
  const outcomes: Pair<BuildOutcome[]> = { berth: [], docker: [] };
  for (const [index, build] of builds.entries()) {
    const one = async (engine: "berth" | "docker"): Promise<void> => {
      const { Dockerfile, files = {} } = build;
      writeContext(contexts[engine], { ...(Dockerfile !== undefined && { Dockerfile }), ...files });
      const { steps = index > 0 } = build;
      outcomes[engine].push(await buildOutcome(twins[engine].run, contexts[engine], { ...build, steps }));
    };
    await Promise.all([one("berth"), one("docker")]);
  }
  expect(outcomes.docker.map(({ code }) => code === 0)).toEqual(builds.map(({ fails }) => fails === undefined));
  const [mine = [], other = []] = [outcomes.berth, rewritten(outcomes.docker, whole)].map((all) =>
    JSON.stringify(inCommon(all, whole), null, 1).split("\n"),
  );
  // The lines that one of them has alone: whole images would be too much to read.
  const alone = (lines: readonly string[], others: readonly string[]) => lines.filter((line) => !others.includes(line));
  expect(alone(mine, other).join("\n")).toBe(alone(other, mine).join("\n"));
  expect(mine).toEqual(other);
}

/** What BuildKit made, as berth makes it where it differs on purpose. Each rewrite has to find something. */
function rewritten(outcomes: readonly BuildOutcome[], { differs }: BuildCase): readonly BuildOutcome[] {
  let text = JSON.stringify(outcomes);
  for (const [what, by] of differs?.rewrites ?? []) {
    const next = text.replaceAll(what, by);
    expect(next, `there is no difference any more: ${differs?.because}`).not.toBe(text);
    text = next;
  }
  return JSON.parse(text);
}

/** What outcomes can be compared by: BuildKit dates directories anew when files arrive in them later. */
function inCommon(outcomes: readonly BuildOutcome[], { beside }: PlacedCase): readonly BuildOutcome[] {
  const text = JSON.stringify(outcomes);
  const dateless = text.replaceAll(/ dir (\d+ \d+:\d+) \w+/g, " dir $1");
  return JSON.parse(beside === "forky" ? dateless : inOldWords(dateless));
}

/** Before Docker 28 the history had no values of arguments, and ports in another form and order. */
function inOldWords(text: string): string {
  return text
    .replaceAll(/"created_by":"ARG [^"]*/g, (line) => line.replaceAll(/=\S*/g, ""))
    .replaceAll(
      /EXPOSE (?:map)?\[([^\]]*)/g,
      (_, ports: string) => `EXPOSE [${ports.replaceAll(":{}", "").split(" ").sort()}`,
    );
}
