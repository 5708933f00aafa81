import { expect, test } from "vitest";
import { askedOf } from "./asked.ts";

const context = import.meta.dirname;
const stream = (async function* () {})();

test.each([
  [
    "a directory is absolute, as are its Dockerfile and named directories",
    { context, dockerfile: "x/y.Dockerfile" },
    {
      context,
      dockerfile: `${process.cwd()}/x/y.Dockerfile`,
    },
  ],
  [
    "a Dockerfile of a repository stays as it is",
    { context: "https://host/a.git", dockerfile: "x/Dockerfile" },
    {
      context: "https://host/a.git",
      dockerfile: "x/Dockerfile",
    },
  ],
  [
    "a stream isn't kept",
    { context: stream, dockerfileText: "FROM scratch" },
    {
      withheld: [
        { flag: "context", name: "" },
        { flag: "file", name: "" },
      ],
    },
  ],
  [
    "an address with a password isn't kept",
    { context: "https://user:hush@host/a.git" },
    {
      withheld: [{ flag: "context", name: "" }],
    },
  ],
  [
    "the name that ssh logs in with is no secret",
    { context: "ssh://git@host/a.git" },
    { context: "ssh://git@host/a.git" },
  ],
  [
    "of secrets the names are kept, and of labels, whose values the image has",
    {
      context,
      secrets: new Map([["token", Buffer.from("hush")]]),
      ssh: [{ id: "deploy", paths: ["/key"] }],
      buildArgs: { API_TOKEN: "hush", VERSION: "1", LONG: "x".repeat(1000) },
      labels: { team: "a" },
    },
    {
      context,
      labels: ["team"],
      withheld: [
        { flag: "secret", name: "token" },
        { flag: "ssh", name: "deploy" },
        { flag: "build-arg", name: "API_TOKEN" },
        { flag: "build-arg", name: "LONG" },
      ],
    },
  ],
  [
    "named contexts are absolute; other targets of a bake aren't kept",
    {
      context,
      contexts: {
        directory: `${context}/../history`,
        image: "docker-image://debian:12",
        layout: "oci-layout://x:tag",
        linked: "target:base",
        hidden: "https://user:hush@host/lib.git",
      },
      links: new Map([["target:base", []]]),
    },
    {
      context,
      contexts: {
        directory: context,
        image: "docker-image://debian:12",
        layout: `oci-layout://${process.cwd()}/x:tag`,
      },
      withheld: [
        { flag: "build-context", name: "linked" },
        { flag: "build-context", name: "hidden" },
      ],
    },
  ],
])("%s", (_what, options, asked) => {
  expect(askedOf(options)).toEqual(asked);
});
