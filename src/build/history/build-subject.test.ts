import { expect, test } from "vitest";
import { buildName, subjectOf } from "./build-subject.ts";

const context = import.meta.dirname;

test.each([
  [{ context }, { context, dockerfile: "Dockerfile" }],
  [
    { context: "https://user:hush@host/team/app.git#main" },
    { context: "https://host/team/app.git#main", dockerfile: "Dockerfile" },
  ],
  [{ context: "git@host:team/app.git" }, { context: "git@host:team/app.git" }],
  [{ context: "ssh://git@host/team/app.git" }, { context: "ssh://git@host/team/app.git" }],
  [{ context: "ssh://git:hush@host/team/app.git" }, { context: "ssh://host/team/app.git" }],
  [{ context, target: "test", buildArgs: { BUILDKIT_BUILD_NAME: "mine" } }, { name: "mine" }],
  [
    { context, dockerfile: "/x/Dockerfile.dev", target: "test" },
    { name: expect.stringMatching(/\/Dockerfile\.dev \(test\)$/) },
  ],
])("a build is named by what it was built from, without credentials (%#)", (options, name) => {
  expect(buildName(options)).toMatchObject(name);
});

test("builds of one directory, Dockerfile and target are compared; of a stream, those with its names", () => {
  expect(subjectOf({ context, tags: ["a"] })).toBe(subjectOf({ context, dockerfile: `${context}/Dockerfile` }));
  expect(subjectOf({ context })).not.toBe(subjectOf({ context, target: "test" }));
  const stream = (async function* () {})();
  expect(subjectOf({ context: stream, tags: ["a"] }, "1")).toBe(subjectOf({ context: stream, tags: ["a"] }, "2"));
  expect(subjectOf({ context: stream }, "1")).not.toBe(subjectOf({ context: stream }, "2"));
});
