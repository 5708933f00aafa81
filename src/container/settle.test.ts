import { expect, test } from "vitest";
import type { RunConfig } from "../oci/image-config.ts";
import { type ContainerRequest, defaultRequest } from "./request.ts";
import { mergeEnv, settleConfig } from "./settle.ts";

const settle = (request: Partial<ContainerRequest>, image: RunConfig) =>
  settleConfig({
    id: "ab".repeat(32),
    request: { ...defaultRequest("x"), ...request },
    image,
    machine: { hostname: "host", cpus: 2 },
  });

test.each([
  ["the image's command", {}, { Cmd: ["sh"] }, ["sh"]],
  ["a command in its place", { command: ["ls", "-l"] }, { Cmd: ["sh"] }, ["ls", "-l"]],
  ["the entrypoint with the default arguments", {}, { Entrypoint: ["echo"], Cmd: ["a"] }, ["echo", "a"]],
  ["the entrypoint with other arguments", { command: ["b"] }, { Entrypoint: ["echo"], Cmd: ["a"] }, ["echo", "b"]],
  ["another entrypoint, which drops CMD", { entrypoint: ["cat"] }, { Entrypoint: ["echo"], Cmd: ["a"] }, ["cat"]],
  ["an entrypoint that was reset", { entrypoint: [""], command: ["ls"] }, { Entrypoint: ["echo"] }, ["ls"]],
] as const)("runs %s", (_, request, image, args) => {
  expect(settle(request, image).args).toEqual(args);
});

test("refuses a container that has nothing to run", () => {
  expect(() => settle({}, {})).toThrow("no command specified");
  expect(() => settle({ entrypoint: [""] }, { Cmd: ["sh"] })).toThrow("no command specified");
});

test("names the host after the container, the request or the machine", () => {
  expect(settle({}, { Cmd: ["sh"] }).hostname).toBe("abababababab");
  expect(settle({ hostname: "web" }, { Cmd: ["sh"] }).hostname).toBe("web");
  expect(settle({ network: "host" }, { Cmd: ["sh"] }).hostname).toBe("host");
});

test("the request's variables take the place of the image's, and come first", () => {
  expect(settle({ env: ["C=3", "A=2"] }, { Cmd: ["sh"], Env: ["A=1", "B=1"] }).Env).toEqual(["C=3", "A=2", "B=1"]);
  expect(settle({ env: ["B"] }, { Cmd: ["sh"], Env: ["A=1", "B=1"] }).Env).toEqual(["A=1"]);
});

test("later variables take the place of earlier ones", () => {
  expect(mergeEnv(["A=1", "B=1"], ["A=2", "C=3"])).toEqual(["A=2", "B=1", "C=3"]);
  expect(mergeEnv(["A=1", "B=2"], ["A"])).toEqual(["B=2"]);
});

test.each([
  [{ workingDir: "a/b" }, "the working directory 'a/b' is invalid, it needs to be an absolute path"],
  [{ resources: { memory: 1024 } }, "Minimum memory limit allowed is 6MB"],
])("refuses %j", (request, message) => {
  expect(() => settle(request, { Cmd: ["sh"] })).toThrow(message);
});
