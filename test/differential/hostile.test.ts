import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { archiveCases } from "../hostile/archives.ts";
import { type Difference, differences } from "../hostile/differences.ts";
import { importedTree, loaded, type Made } from "../hostile/engine-outcome.ts";
import { archiveOfImages, imageCases } from "../hostile/images.ts";
import { randomOf } from "../support/random.ts";
import { openTwins } from "../support/twins.ts";

/** Cases of a run; `npm run soak` has them all, which takes minutes. */
const most = process.env["HOSTILE_CASES"] === "all" ? Number.POSITIVE_INFINITY : 45;
const seed = process.env["HOSTILE_SEED"] ?? "hostile";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const directory = twins?.berth.directory ?? "/none";
const canary = join(directory, "canary");
if (twins !== undefined) {
  mkdirSync(canary);
  writeFileSync(join(canary, "kept"), "kept");
}

interface Case {
  readonly name: string;
  readonly bytes: () => Buffer;
  readonly give: typeof importedTree;
  readonly keptFromDocker?: string;
}

const cases: readonly Case[] = [
  ...archiveCases(canary).map(({ bytes, ...rest }) => ({ ...rest, bytes: () => bytes, give: importedTree })),
  ...imageCases.map(({ files, ...rest }) => ({ ...rest, bytes: () => archiveOfImages(files), give: loaded })),
];
const safe = cases.filter(({ keptFromDocker }) => keptFromDocker === undefined);

/** Some of them, as the seed has it, in their order. */
function sampleOf(all: readonly Case[]): readonly Case[] {
  const random = randomOf(seed);
  const ranked = all.map((each) => ({ each, rank: random() })).sort((a, b) => a.rank - b.rank);
  const chosen = new Set(ranked.slice(0, most).map(({ each }) => each));
  return all.filter((each) => chosen.has(each));
}

const met = new Set<Difference>();

describe.skipIf(twins === undefined)("berth makes of a hostile archive what Docker makes of it", () => {
  test.each(sampleOf(safe))("$name", async ({ name, bytes, give }) => {
    if (twins === undefined) throw new Error("there is no Docker");
    const archive = bytes();
    const [berth, docker] = await Promise.all([
      give(twins.berth.run, archive, join(directory, "berth-archive.tar")),
      give(twins.docker.run, archive, join(directory, "docker-archive.tar")),
    ]);
    expect(readdirSync(canary)).toEqual(["kept"]);
    expect(readFileSync(join(canary, "kept"), "utf8")).toBe("kept");
    const difference = differences.find((each) => each.cases.test(name));
    const alike = isAlike(berth, docker);
    if (alike || difference === undefined) {
      expect(withoutWords(berth)).toEqual(withoutWords(docker));
      return;
    }
    met.add(difference);
    expect({ berth: verbOf(berth), docker: verbOf(docker) }).toEqual({
      berth: difference.berth,
      docker: difference.docker,
    });
  });

  // Only the whole corpus shows that a row of the table isn't needed any more.
  test.runIf(Number.isFinite(most) === false)("every deliberate difference was met", () => {
    expect(differences.filter((each) => !met.has(each)).map(({ because }) => because)).toEqual([]);
  });
});

/** Errors are each engine's own. */
function withoutWords(made: Made): Made {
  return "refused" in made ? { refused: "" } : made;
}

function isAlike(berth: Made, docker: Made): boolean {
  return JSON.stringify(withoutWords(berth)) === JSON.stringify(withoutWords(docker));
}

function verbOf(made: Made): Difference["berth"] {
  return "refused" in made ? "refuses" : "takes";
}
