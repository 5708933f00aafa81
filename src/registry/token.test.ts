import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";
import { isWithin, tokenServiceOf } from "./token.ts";

test.each([
  ["repository:a:push,pull", ["repository:a:pull,push"]],
  ["repository:a:pull,push repository:b:pull", ["repository:a:pull,push", "repository:b:pull"]],
  ["registry:catalog:* nothing", ["registry:catalog:*"]],
  ["", []],
])("the scope %j of a challenge has its actions in one order", (scope, scopes) => {
  const [challenge] = parseChallenges(`Bearer realm="https://auth.test/token",scope="${scope}"`);
  if (challenge === undefined) throw new Error("no challenge");
  expect(tokenServiceOf(challenge, new URL("https://registry.test/v2/")).scopes).toEqual(scopes);
});

test.each([
  ["repository:a:pull", "repository:a:pull,push", true],
  ["repository:a:pull,push", "repository:a:pull", false],
  ["repository:a:pull", "repository:b:pull,push", false],
  ["repository:host:5000/a:pull", "repository:host:5000/a:pull", true],
  ["registry:catalog:*", "registry:catalog:search", false],
])("%s is within %s: %s", (scope, other, is) => {
  expect(isWithin(scope, ["repository:other:delete", other])).toBe(is);
});
