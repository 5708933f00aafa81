import { expect, test } from "vitest";
import { askedAgain } from "./again.ts";

const given = { image: "app", options: { security: { noNewPrivileges: false } }, confines: false };
const recorded = { buildID: "1", options: { context: "/c" }, withheld: [] };

test("what is given comes in the place of what is recorded, by name", () => {
  const options = {
    context: "/c",
    target: "old",
    network: "none",
    buildArgs: { A: "1", B: "1" },
    security: { noNewPrivileges: true },
    resources: { memory: 1 },
  };
  const other = {
    target: "new",
    buildArgs: { B: "2" },
    resources: { cpuShares: 2 },
    security: { noNewPrivileges: false },
  };
  const again = askedAgain({ ...recorded, options }, { ...given, options: other });
  expect(again).toMatchObject({
    context: "/c",
    target: "new",
    network: "none",
    buildArgs: { A: "1", B: "2" },
    security: { noNewPrivileges: true },
    resources: { memory: 1, cpuShares: 2 },
  });
  const confined = askedAgain({ ...recorded, options }, { ...given, options: other, confines: true });
  expect(confined.security).toEqual({ noNewPrivileges: false });
});

test.each([
  ["file", "", {}, { dockerfile: "x" }],
  ["secret", "token", {}, { secrets: new Map([["token", Buffer.from("x")]]) }],
  ["ssh", "deploy", { ssh: [{ id: "default", paths: [] }] }, { ssh: [{ id: "deploy", paths: [] }] }],
  ["build-arg", "TOKEN", { buildArgs: { OTHER: "" } }, { buildArgs: { TOKEN: "" } }],
  ["build-context", "base", {}, { contexts: { base: "." } }],
] as const)("what isn't kept of --%s has to be given again", (flag, name, without, options) => {
  const request = { ...recorded, withheld: [{ flag, name }] };
  expect(() => askedAgain(request, { ...given, options: without })).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^ERROR: not all that app was built with is kept: .* is missing$/),
      hint: expect.stringMatching(/^Give it again: `berth verify .* app`\.$/),
    }),
  );
  expect(askedAgain(request, { ...given, options })).toMatchObject({ context: "/c" });
});

test("a context that came as a stream can't be had again", () => {
  const request = { ...recorded, options: {}, withheld: [{ flag: "context", name: "" } as const] };
  expect(() => askedAgain(request, given)).toThrow(/^ERROR: the context that app was built of isn't kept/);
});
