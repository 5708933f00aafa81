import { expect, test } from "vitest";
import { openLinter } from "../../dockerfile/linter.ts";
import type { DockerfileSource } from "../build-error.ts";
import { lower } from "../lower.ts";
import { typedFrontend } from "../typed/frontend.ts";
import { scratch } from "../typed/stage.ts";
import { provenance } from "./provenance.ts";

const platform = { os: "linux", architecture: "amd64" };
const dockerfile: DockerfileSource = { name: "/home/me/build.ts", text: "// own words\n", language: "TypeScript" };

/** What is said of a graph. @param named the file, where it is named */
async function said(named?: string): Promise<string> {
  const graph = scratch().env({ A: "b" });
  const lowered = await lower(typedFrontend(graph, dockerfile), {
    ...{ platform, linter: openLinter([]), ignores: () => false, buildArgs: new Map(), network: "default" },
    ...{ allowsHostNetwork: false, resolveImage: () => Promise.reject(new Error("no image")) },
  });
  const options = { context: ".", graph, ...(named === undefined ? {} : { dockerfile: named }) };
  const facts = { options, dockerfile, startedAt: 0, finishedAt: 0, vcs: {} };
  return JSON.stringify(provenance(facts, { platform, lowered }, { mode: "max", version: "v1" }));
}

test("a file of stages is in what is said of its image, a program that calls the library isn't", async () => {
  const text = Buffer.from(dockerfile.text).toString("base64");
  expect(await said("build.ts")).toContain(`"filename":"build.ts","language":"TypeScript","data":"${text}"`);
  expect(await said()).not.toContain(text);
});
