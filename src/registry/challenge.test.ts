import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

const realm = "https://auth.docker.io/token";

test.each([
  [`Bearer realm="${realm}",service="registry.docker.io"`, [["bearer", { realm, service: "registry.docker.io" }]]],
  [
    `bearer  realm = "${realm}" , SCOPE="repository:a/b:pull,push"`,
    [["bearer", { realm, scope: "repository:a/b:pull,push" }]],
  ],
  [`Basic realm="a \\"b\\\\c"`, [["basic", { realm: 'a "b\\c' }]]],
  [
    `Basic realm="one", Bearer realm="${realm}", service=s`,
    [
      ["basic", { realm: "one" }],
      ["bearer", { realm, service: "s" }],
    ],
  ],
  [
    `Negotiate, Basic realm=x`,
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
  [
    `Negotiate YWJj==, Basic realm=x`,
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
  [`Basic`, [["basic", {}]]],
  [`,, Basic ,realm="x",,`, [["basic", { realm: "x" }]]],
  [`Bearer realm=${realm},service=s`, [["bearer", { realm, service: "s" }]]],
  [`Bearer realm="first",realm="second"`, [["bearer", { realm: "first" }]]],
  [
    `Bearer realm="never ends`,
    [
      ["bearer", {}],
      ["realm", {}],
    ],
  ],
  ["", []],
  [`"`, []],
])("%s", (header, challenges) => {
  const found = parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
  expect(found).toEqual(challenges);
});

test("a header that repeats itself ends", () => {
  expect(parseChallenges("Basic, ".repeat(5000))).toHaveLength(16);
  expect(parseChallenges(`Bearer ${'a="\\'.repeat(20_000)}`)).toBeDefined();
});
