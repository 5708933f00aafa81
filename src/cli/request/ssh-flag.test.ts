import { expect, test } from "vitest";
import { parseSsh, sshOption } from "./ssh-flag.ts";

const user = { SSH_AUTH_SOCK: "/agent" };
const given = (flags: readonly string[], context = ".", env = user as Record<string, string>) =>
  sshOption(flags.map(parseSsh), { context, user: env }).ssh;

test.each([
  [["default"], [{ id: "default", paths: ["/agent"] }]],
  [[""], [{ id: "default", paths: ["/agent"] }]],
  [
    ["a=/key,/other=key", "default"],
    [
      { id: "a", paths: ["/key", "/other=key"] },
      { id: "default", paths: ["/agent"] },
    ],
  ],
  [["a=/one", "a=/two"], [{ id: "a", paths: ["/two"] }]],
])("%j gives steps agents", (flags, expected) => {
  expect(given(flags)).toEqual(expected);
});

test("a context that is fetched over ssh has the user's agent, unless another is given", () => {
  const agent = [{ id: "default", paths: ["/agent"] }];
  expect(given([], "git@host:repo")).toEqual(agent);
  expect(given([], "ssh://git@host/repo")).toEqual(agent);
  expect(given([], "https://host/repo.git")).toBeUndefined();
  expect(given([], "git@host:repo", {})).toBeUndefined();
  expect(given(["a=/key"], "git@host:repo")).toEqual([{ id: "a", paths: ["/key"] }]);
});
