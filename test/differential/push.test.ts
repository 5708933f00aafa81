import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type MultiPlatform, writeMultiPlatform } from "../support/multi-platform.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry } from "../support/registry.ts";
import { openTwins } from "../support/twins.ts";

const twins = await openTwins();
const registry = twins === undefined ? undefined : await openRegistry();
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await twins?.[Symbol.asyncDispose]();
});

const host = registry?.host ?? "";
const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

async function berth(...args: string[]): Promise<string> {
  return (await twins?.berth.out(args)) ?? "";
}

async function docker(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = (await twins?.docker.run(args)) ?? { code: 1, stdout: "", stderr: "" };
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** Build an image of a few layers with berth. */
async function built(name: string): Promise<void> {
  const dockerfile =
    'FROM busybox\nRUN echo one > /one && ln /one /two\nCOPY text /text\nCMD ["cat", "/text", "/two"]\n';
  const context = await twins?.berth.files(`context-${name.length}`, { Dockerfile: dockerfile, text: "text\n" });
  await berth("build", "-q", "-t", name, context ?? "");
}

/** What was said of each layer, and the other lines, without what differs between two pushes of different images. */
function shape(stdout: string): { readonly layers: readonly string[]; readonly others: readonly string[] } {
  const isLayer = (line: string): boolean => /^[0-9a-f]{12}: /.test(line);
  const layers = lines(stdout).filter(isLayer);
  const others = lines(stdout).filter((line) => !isLayer(line));
  return {
    // Layers end in any order.
    layers: layers.map((line) => line.slice(14)).toSorted(),
    others: others.map((line) =>
      line.replace(/sha256:[0-9a-f]{64} size: \d+/, "DIGEST").replace(/\/(berth|docker)\//g, "/"),
    ),
  };
}

test.skipIf(twins === undefined)("what berth pushes, Docker pulls and runs, with the same digest and ID", async () => {
  const name = `${host}/berth/app:1`;
  await built(name);
  const pushed = lines(await berth("push", name)).at(-1) ?? "";
  await docker("pull", "-q", name);
  expect(await docker("run", "--rm", "--network", "none", name)).toBe("text\none");
  expect(await docker("images", "-q", "--no-trunc", name)).toBe(await berth("images", "-q", "--no-trunc", name));
  const digests = await docker("image", "inspect", "--format", "{{json .RepoDigests}}", name);
  expect(digests).toBe(await berth("image", "inspect", "--format", "{{json .RepoDigests}}", name));
  expect(pushed).toContain(JSON.parse(digests)[0].split("@")[1]);
});

test.skipIf(twins === undefined)(
  "what Docker pushed, berth has as it was, and pushes on with the same digest",
  async () => {
    const name = `${host}/docker/app:1`;
    await built(`${host}/berth/other:1`);
    await berth("push", "-q", `${host}/berth/other:1`);
    await docker("pull", "-q", `${host}/berth/other:1`);
    await docker("tag", `${host}/berth/other:1`, name);
    const pushed = lines(await docker("push", name)).at(-1) ?? "";
    await berth("pull", "-q", name);
    await berth("tag", name, `${host}/berth/again:1`);
    const again = lines(await berth("push", `${host}/berth/again:1`));
    expect(again.at(-1)).toBe(pushed);
  },
);

test.skipIf(twins === undefined)("first pushes, second ones and failures are told as Docker does", async () => {
  // Neither knows of anything there that could be mounted.
  await using fresh = await openRegistry();
  const { host } = fresh;
  for (const [program, run] of [
    ["berth", berth],
    ["docker", docker],
  ] as const) {
    const mine = `${host}/${program}/told`;
    if (program === "berth") await built(mine);
    else {
      await docker("import", "--change", 'CMD ["sh"]', await exported(mine.replace("docker", "berth")), mine);
    }
    await run("tag", mine, `${mine}:2`);
  }
  const shapes = async (path: string, ...args: string[]): Promise<unknown[]> => {
    const both = await Promise.all([
      berth("push", ...args, `${host}/berth/${path}`),
      docker("push", ...args, `${host}/docker/${path}`),
    ]);
    return both.map((text) => {
      const { layers, others } = shape(text);
      return { layers: [...new Set(layers)], others };
    });
  };
  for (const [path, ...args] of [["told"], ["told:2"], ["told", "-a"], ["told:2", "-q"]] as const) {
    const [mine, other] = await shapes(path, ...args);
    expect(mine).toEqual(other);
  }
  const refused = async (...args: string[]): Promise<void> => {
    const outcomes = await twins?.both(["push", ...args]);
    expect(outcomes?.berth.code).toBe(outcomes?.docker.code);
    expect(lines(outcomes?.berth.stderr ?? "")[0]).toBe(lines(outcomes?.docker.stderr ?? "")[0]);
  };
  await refused(`${host}/nothing:1`);
  await refused(`${host}/nothing`, "-a");
  await refused(`${host}/nothing:1`, "-a");
});

/** A container's file system as an archive. */
async function exported(name: string): Promise<string> {
  const id = await berth("create", "--network", "none", name);
  const path = join(twins?.berth.directory ?? "", "exported.tar");
  await berth("export", "-o", path, id);
  await berth("rm", id);
  return path;
}

test.skipIf(twins === undefined)("Docker pulls its platform of an image for several that berth pushed", async () => {
  const name = `${host}/multi:1`;
  const layout = join(twins?.berth.directory ?? "", "layout");
  const multi: MultiPlatform = writeMultiPlatform(layout, { name });
  await berth("load", "-i", layout);
  await berth("push", "-q", name);
  await docker("pull", "-q", name);
  expect(await docker("run", "--rm", "--network", "none", name)).toBe("linux/amd64");
  expect(await docker("image", "inspect", "--format", "{{json .RepoDigests}}", name)).toBe(
    JSON.stringify([`${host}/multi@${multi.digest}`]),
  );
  expect(await docker("images", "-q", "--no-trunc", name)).toBe(multi.images.get("linux/amd64")?.id);
});

test.skipIf(twins === undefined)(
  "Docker's client and berth make the same list of manifests, in the same files",
  async () => {
    const client = await newClient();
    if (client === undefined) return;
    const names = [`${host}/list/one:1`, `${host}/list/two:1`] as const;
    for (const name of names) {
      await berth("tag", "busybox", name);
      await berth("push", "-q", name);
    }
    const made: string[] = [];
    for (const [program, run] of [
      ["berth", berth],
      ["docker", client],
    ] as const) {
      const list = `${host}/made/${program}:1`;
      await run("manifest", "create", "--insecure", list, ...names);
      await run("manifest", "annotate", "--arch", "arm64", "--variant", "v8", list, names[1]);
      made.push(await run("manifest", "inspect", list), await run("manifest", "push", "--insecure", list));
    }
    const [mine, pushed, other, alsoPushed] = made.map((text) => text.trim().replaceAll("made/docker", "made/berth"));
    expect([mine, pushed]).toEqual([other, alsoPushed]);
    // Each goes on with the other's.
    const directory = join(twins?.berth.env["DOCKER_CONFIG"] ?? "", "manifests");
    const file = (program: string): string =>
      readFileSync(
        join(directory, `${host.replace(":", "-")}_made_${program}-1`, `${host.replace(":", "-")}_list_two-1`),
        "utf8",
      );
    expect(file("berth")).toBe(file("docker"));
    expect(await berth("manifest", "inspect", `${host}/made/docker:1`)).toBe(mine);
  },
);

/** The newest client on this machine that has Docker's way of today to keep lists; undefined, and a loud line, where there is none. */
async function newClient(): Promise<typeof berth | undefined> {
  const run = (args: readonly string[]): ReturnType<typeof runProgram> =>
    runProgram("docker", args, { env: { DOCKER_CONFIG: twins?.berth.env["DOCKER_CONFIG"] ?? "" } });
  const version = /version (\d+)/.exec((await run(["--version"])).stdout)?.[1];
  if (Number(version) >= 28) return async (...args) => (await run(args)).stdout.trim();
  process.stderr.write("\n*** SKIPPED: lists of manifests: no Docker client of 28 or later ***\n\n");
  return undefined;
}
