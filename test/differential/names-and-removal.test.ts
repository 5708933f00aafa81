import { afterAll, describe, expect, test } from "vitest";
import type { Outcome } from "../support/program.ts";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

/** Lines of a list in one order: Docker's names of one image come in any. */
const sorted = (text: string): string => text.split("\n").toSorted().join("\n");

/** Every command to both, one after the other; what each said, without IDs. */
async function compared(commands: readonly (readonly string[])[]): Promise<void> {
  for (const args of commands) {
    const outcomes = await twins?.both(args);
    if (outcomes === undefined) throw new Error("no twins");
    const { berth, docker } = comparable(outcomes);
    const shown = ({ stderr, stdout, code }: Outcome): Outcome => ({
      code,
      stdout: args.includes("--format") ? sorted(stdout) : stdout,
      // Docker 20.10 doesn't say which name.
      stderr: stderr.replace(/repository name \(.*\) must/, "repository name must"),
    });
    expect({ args, ...shown(berth) }).toEqual({ args, ...shown(docker) });
  }
}

const names = ["ls", "--format", "{{.Repository}}:{{.Tag}}"];
const zeros = "0".repeat(64);

describe.skipIf(twins === undefined)("a name that Docker takes is shown as Docker shows it:", () => {
  test.each([
    "docker.io/a",
    "index.docker.io/b/c",
    "docker.io/library/d:1",
    "library/e",
    "localhost/f",
    "localhost:5000/g/h/i:x_Y.z-0",
    "127.0.0.1/j",
    "HOST.example:1/k",
    "docker.io",
    "l__m/n.o-p--q",
  ])("%s", async (name) => {
    await compared([
      ["tag", "busybox", name],
      ["image", ...names],
      ["history", "-q", name],
      ["rmi", name],
    ]);
  });
});

describe.skipIf(twins === undefined)("a name that Docker refuses is refused in its words:", () => {
  test.each([
    "Ubuntu",
    "foo/Bar",
    "h:5000/A:B",
    "a:",
    "a b",
    "a:-t",
    "-a",
    "a_",
    "a..b",
    "a___b",
    "a.-b",
    "http://a/b",
    "a@sha256:12",
    `a@sha256:${"0".repeat(40)}`,
    `a@md5:${zeros}`,
    `a:t@sha256:${zeros}`,
    zeros,
    `sha256:${zeros}`,
    `a:${"t".repeat(129)}`,
    "a".repeat(248),
    "\u00e4",
  ])("%s", async (name) => {
    await compared([["tag", "busybox", name]]);
  });
});

describe.skipIf(twins === undefined)("rmi does what Docker does:", () => {
  /** An image of its own for each case, so that no removal takes `busybox` along. */
  const fresh = (name: string) => [
    ["run", "--network", "none", "--name", `of-${name}`, "busybox", "touch", `/${name}`],
    ["commit", `of-${name}`, name],
    ["rm", `of-${name}`],
  ];
  const child = (parent: string, name: string) => [
    ["run", "--network", "none", "--name", `of-${name}`, parent, "touch", `/${name}`],
    ["commit", `of-${name}`, name],
    ["rm", `of-${name}`],
  ];
  const user = (image: string, name: string) => ["run", "--network", "none", "--name", name, image, "true"];

  test("names go one by one, the image with the last", () =>
    compared([...fresh("one"), ["tag", "one", "two/x:1"], ["rmi", "one"], ["rmi", "two/x"], ["rmi", "two/x:1"]]));

  test("a stopped container keeps its image until it is forced", () =>
    compared([...fresh("used"), user("used", "keeper"), ["rmi", "used"], ["rmi", "-f", "used"], ["rm", "keeper"]]));

  test("one name of several goes though a container uses the image", () =>
    compared([
      ...fresh("many"),
      user("many", "holder"),
      ["tag", "many", "many:2"],
      ["rmi", "many"],
      ["rmi", "many:2"],
      ["rm", "holder"],
      ["rmi", "many:2"],
    ]));

  test("a running container is stronger than force", () =>
    compared([
      ...fresh("busy"),
      ["run", "-d", "--network", "none", "--name", "runner", "busy", "sleep", "1000"],
      ["rmi", "busy"],
      ["rmi", "-f", "busy"],
      ["image", ...names],
      ["rm", "-f", "runner"],
      ["image", "prune", "-f"],
    ]));

  test("a parent without a name goes with its last child, unless --no-prune", () =>
    compared([
      ...fresh("parent"),
      ...child("parent", "child"),
      ["rmi", "parent"],
      ["image", "ls", "-a", ...names.slice(1)],
      ["rmi", "child"],
      ["image", "ls", "-a", ...names.slice(1)],
      ...fresh("parent"),
      ...child("parent", "child"),
      ["rmi", "parent"],
      ["rmi", "--no-prune", "child"],
      ["image", "ls", "-a", ...names.slice(1)],
      ["image", "prune", "-f"],
    ]));

  test("by its ID an image goes with its one name, not with names in several repositories, and not below a child", async () => {
    const both = async (verb: readonly string[], name: string): Promise<void> => {
      if (twins === undefined) throw new Error("no twins");
      const { berth, docker } = twins;
      const ids = await twins.both(["inspect", "-f", "{{.Id}}", name]);
      const prefix = ({ stdout }: Outcome): string => stdout.trim().slice(7, 30);
      const outcomes = comparable({
        berth: await berth.run([...verb, prefix(ids.berth)]),
        docker: await docker.run([...verb, prefix(ids.docker)]),
      });
      expect(outcomes.berth).toEqual(outcomes.docker);
    };
    await compared(fresh("byid"));
    await both(["rmi"], "byid");
    await compared([...fresh("byid"), ["tag", "byid", "other"]]);
    await both(["rmi"], "byid");
    await both(["rmi", "-f"], "byid");
    await compared([...fresh("byid"), ...child("byid", "child")]);
    await both(["rmi"], "byid");
    await both(["rmi", "-f"], "byid");
    await both(["rmi"], "child");
    await compared([user("byid", "last")]);
    await both(["rmi"], "byid");
    await both(["rmi", "-f"], "byid");
    await compared([["rm", "last"]]);
  });
});
