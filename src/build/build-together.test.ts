import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { buildTogether, type LinkedBuild } from "./build-together.ts";
import { linkedBase, type PlatformBase } from "./linked-base.ts";

interface Result {
  readonly bases: readonly PlatformBase[];
}

function resultOf(name: string, architectures: readonly string[] = ["amd64"]): Result {
  return {
    bases: architectures.map((architecture) => {
      const config = { architecture, os: "linux", rootfs: { type: "layers", diff_ids: [] } } as const;
      const image = { id: digestOf(name + architecture), chainID: undefined, config, name, digest: undefined };
      return { platform: { os: "linux", architecture }, image };
    }),
  };
}

/** A build that says when it starts and ends. */
function noted(name: string, log: string[], links: readonly string[] = []): LinkedBuild<Result> {
  return {
    links,
    build: async () => {
      log.push(`${name} starts`);
      await Promise.resolve();
      log.push(`${name} ends`);
      return resultOf(name);
    },
  };
}

test("a build gets the results of those that it stands on, by what contexts name them", async () => {
  const log: string[] = [];
  let seen: readonly string[] = [];
  const top: LinkedBuild<Result> = {
    links: ["base", "other"],
    build: async ({ links }) => {
      seen = [...links.keys()].map((name) => `${name} ${linkedBase(links, name, undefined)?.id}`);
      log.push("top");
      return resultOf("top");
    },
  };
  const builds = new Map([
    ["top", top],
    ["other", noted("other", log, ["base"])],
    ["base", noted("base", log)],
  ]);
  expect([...(await buildTogether(builds)).keys()]).toEqual(["top", "other", "base"]);
  expect(seen).toEqual([`target:base ${digestOf("baseamd64")}`, `target:other ${digestOf("otheramd64")}`]);
  expect(log).toEqual(["base starts", "base ends", "other starts", "other ends", "top"]);
});

test("those that don't stand on each other run side by side", async () => {
  const { promise: bothRun, resolve } = Promise.withResolvers<void>();
  let running = 0;
  const build = async (): Promise<Result> => {
    running++;
    if (running === 2) resolve();
    await bothRun;
    return resultOf("any");
  };
  const results = await buildTogether(
    new Map([
      ["a", { links: [], build }],
      ["b", { links: [], build }],
    ]),
  );
  expect(results.size).toBe(2);
});

test("the first failure stops the others, and what stands on it never starts", async () => {
  const log: string[] = [];
  const endless: LinkedBuild<Result> = {
    links: [],
    build: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  };
  const failing: LinkedBuild<Result> = { links: [], build: () => Promise.reject(new Error("no such thing")) };
  const builds = new Map([
    ["endless", endless],
    ["top", noted("top", log, ["failing"])],
    ["failing", failing],
  ]);
  await expect(buildTogether(builds)).rejects.toThrow("no such thing");
  expect(log).toEqual([]);
});

test("a result for several platforms is a base for each of them alone", () => {
  const links = new Map([["target:x", resultOf("x", ["amd64", "arm64"]).bases]]);
  const wanted = (architecture: string) => linkedBase(links, "target:x", { os: "linux", architecture })?.id;
  expect([wanted("amd64"), wanted("arm64")]).toEqual([digestOf("xamd64"), digestOf("xarm64")]);
  expect(() => wanted("s390x")).toThrow("target:x isn't built for the platform linux/s390x");
  expect(linkedBase(links, "target:y", undefined)).toBeUndefined();
});
