import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { besideDocker } from "../support/beside-docker.ts";
import { writeMultiPlatform } from "../support/multi-platform.ts";
import { type Outcome, runProgram } from "../support/program.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

interface Comparable {
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** The lines of layers. */
  readonly layers: readonly string[];
}

await besideDocker("pulls", ({ berth, docker }) => {
  let registry: Registry;
  let app = "";

  const out = async (program: { run: typeof docker.run }, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await program.run(args);
    if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  };

  beforeAll(async () => {
    registry = await openRegistry();
    app = `${registry.host}/team/app`;
    const context = await berth.files("context", {
      Dockerfile: "FROM busybox\nCOPY a /a\nCOPY b /b\n",
      a: "one\n",
      b: "two\n",
    });
    await out(docker, "build", "-q", "-t", `${app}:v1`, context);
    await out(docker, "push", `${app}:v1`);
    await out(docker, "tag", `${app}:v1`, `${app}:latest`);
    await out(docker, "push", `${app}:latest`);
    const layout = join(berth.directory, "multi");
    writeMultiPlatform(layout);
    const copy = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", "--all", `oci:${layout}`];
    const { code, stderr } = await runProgram("skopeo", [...copy, `docker://${app}:multi`]);
    if (code !== 0) throw new Error(stderr);
    // Both have nothing of it.
    for (const program of [berth, docker]) {
      await program.run(["rmi", "-f", `${app}:v1`, `${app}:latest`, "busybox"]);
      await out(program, "builder", "prune", "-af");
    }
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  /** Lines of layers come in any order. */
  const comparable = ({ code, stdout, stderr }: Outcome): Comparable => {
    const isOfLayer = (line: string): boolean => /^[0-9a-f]{12}: /.test(line);
    const lines = (text: string): readonly string[] => text.split("\n").filter((line) => !line.startsWith("hint: "));
    const said = lines(stderr).map((line) =>
      line
        .replace(/^docker: /, "berth: ")
        .replace(/'docker run/, "'berth run")
        .replace(/^(berth: .*)\.$/, "$1"),
    );
    return {
      code,
      stdout: lines(stdout).filter((line) => !isOfLayer(line)),
      stderr: said.filter((line) => !isOfLayer(line) && line !== "" && !/^(See|Run) '/.test(line)),
      layers: [...lines(stdout), ...said].filter(isOfLayer).toSorted(),
    };
  };

  /** A layer's last line is the same; of those before it Docker drops any that is followed by another at once. */
  const compared = async (args: readonly string[]): Promise<void> => {
    const [ours, theirs] = [comparable(await berth.run(args)), comparable(await docker.run(args))];
    const isLast = (line: string): boolean => /: (Pull complete|Already exists)$/.test(line);
    const isSaid = (line: string): boolean => !/: (Waiting|Verifying Checksum)$/.test(line);
    const last = ({ layers, ...others }: Comparable): unknown => ({ args, ...others, layers: layers.filter(isLast) });
    expect(last(ours)).toEqual(last(theirs));
    expect(ours.layers).toEqual(expect.arrayContaining(theirs.layers.filter(isSaid)));
  };

  const inspected = [
    "image",
    "inspect",
    "--format",
    "{{.Id}} {{json .RepoTags}} {{json .RepoDigests}} {{json .RootFS.Layers}}",
  ];

  test("what Docker pushed comes with the same lines, ID and digests", async () => {
    const steps: readonly (readonly string[])[] = [
      ["pull", app],
      ["pull", app],
      ["pull", `${app}:v1`],
      ["pull", "-q", `${app}:v1`],
      ["pull", `${app}:multi`],
      ["pull", `${app}:multi`],
      ["pull", "--platform", "linux/riscv64", `${app}:multi`],
      ["pull", `${app}:nosuch`],
      ["pull", `${registry.host}/team/nosuch`],
      ["pull", "-a", `${registry.host}/team/nosuch`],
      ["pull", "-a", `${app}:v1`],
      ["pull", "127.0.0.1:1/x"],
      ["rmi", "-f", `${app}:v1`, `${app}:latest`, `${app}:multi`],
      ["run", "--rm", "--network", "none", `${app}:v1`, "cat", "/a", "/b"],
      ["run", "--rm", "--network", "none", "--pull", "always", `${app}:v1`, "cat", "/a", "/b"],
      ["run", "--rm", "--network", "none", "--pull", "never", `${app}:latest`],
      ["run", "--rm", "--network", "none", `${app}:nosuch`],
    ];
    for (const args of steps) {
      if (args[0] === "rmi") for (const program of [berth, docker]) await program.run(args);
      else await compared(args);
    }
    expect(await out(berth, ...inspected, `${app}:v1`)).toBe(await out(docker, ...inspected, `${app}:v1`));
  });

  test("an index comes with its own digest, by which it can be pulled", async () => {
    for (const program of [berth, docker]) await out(program, "pull", "-q", `${app}:multi`);
    expect(await out(berth, ...inspected, `${app}:multi`)).toBe(await out(docker, ...inspected, `${app}:multi`));
    const digest = await out(docker, "image", "inspect", "--format", "{{index .RepoDigests 0}}", `${app}:multi`);
    for (const name of [digest, digest.replace("@", ":nosuch@")]) await compared(["pull", name]);
  });
});
