// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are HCL's
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import type { Outcome, Start } from "../support/program.ts";
import { openRegistry } from "../support/registry.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

/** A directory with these files, to run `bake` in. */
async function project(
  files: Readonly<Record<string, string>>,
): Promise<(args: readonly string[], start?: Start) => Promise<Outcome>> {
  const cwd = await berth.files(randomUUID(), { ".keep": "", ...files });
  return (args, start) => berth.run(["bake", ...args], { cwd, ...start });
}

const inline = (...lines: readonly string[]): string => JSON.stringify(lines.join("\n"));

describe("a definition", () => {
  test("is printed as buildx prints it: variables of the environment, --set, and names of JSON's own", async () => {
    const bake = await project({
      "docker-bake.hcl": `
variable "TAG" { default = "dev" }
group "default" { targets = ["app"] }
target "app" {
  dockerfile = "app.Dockerfile"
  args = { V = "<\${TAG}>" }
  tags = ["app:\${TAG}"]
}
`,
    });
    const { stdout, code } = await bake(["--print", "--set", "app.tags+=extra"], { env: { TAG: "1" } });
    expect(stdout).toBe(`{
  "group": {
    "default": {
      "targets": [
        "app"
      ]
    }
  },
  "target": {
    "app": {
      "context": ".",
      "dockerfile": "app.Dockerfile",
      "args": {
        "V": "\\u003c1\\u003e"
      },
      "tags": [
        "app:1",
        "extra"
      ]
    }
  }
}
`);
    expect(code).toBe(0);
  });

  test("is read from compose, JSON and HCL that lie beside each other, and from their overrides", async () => {
    const bake = await project({
      "compose.yaml":
        "services:\n  app:\n    image: compose\n    build:\n      context: .\n      args: {A: compose, B: compose}\n",
      "docker-bake.json": '{"target": {"app": {"args": {"B": "json", "C": "json"}}}}',
      "docker-bake.hcl": 'target "app" { args = { C = "hcl", D = "hcl" } }\n',
      "docker-bake.override.hcl": 'target "app" { args = { D = "override" } }\n',
    });
    const { stdout } = await bake(["--print"]);
    const { args, tags } = JSON.parse(stdout).target.app;
    expect(args).toEqual({ A: "compose", B: "json", C: "hcl", D: "override" });
    expect(tags).toEqual(["compose"]);
  });

  test("comes from standard input and from several files, and --var goes before the environment", async () => {
    const bake = await project({ "a.hcl": 'variable "X" {}\n' });
    const input = 'target "default" { args = { X = X } }\n';
    const { stdout } = await bake(["-f", "a.hcl", "-f", "-", "--var", "X=flag", "--print"], {
      input,
      env: { X: "env" },
    });
    expect(JSON.parse(stdout).target.default.args).toEqual({ X: "flag" });
  });

  test("that is wrong is shown at its place", async () => {
    const bake = await project({ "docker-bake.hcl": 'target "a" {\n  tags = ["x:${TAGG}"]\n}\nvariable "TAG" {}\n' });
    const { code, stderr } = await bake(["--print", "a"]);
    expect(stderr).toBe(`docker-bake.hcl:2
--------------------
   1 |     target "a" {
   2 | >>>   tags = ["x:\${TAGG}"]
   3 |     }
   4 |     variable "TAG" {}
--------------------
ERROR: docker-bake.hcl:2,16-20: Unknown variable; There is no variable named "TAGG". Did you mean "TAG"?
`);
    expect(code).toBe(1);
  });

  test("is refused where there is none, where it is remote, and where nothing has the name", async () => {
    const bake = await project({});
    expect((await bake([])).stderr).toContain("ERROR: couldn't find a bake definition\n");
    expect((await bake(["https://host/repo.git"])).stderr).toContain("berth can't read a bake definition from");
    expect((await bake(["-f", "none.hcl"])).stderr).toBe("ERROR: open none.hcl: no such file or directory\n");
    expect((await bake(["-f", "-", "x"], { input: 'target "a" {}\n' })).stderr).toBe(
      "ERROR: failed to find target x\n",
    );
  });

  test("lists its targets and variables", async () => {
    const bake = await project({
      "docker-bake.hcl":
        'variable "TAG" {\n  type = string\n  default = "x"\n  description = "the tag"\n}\ntarget "app" { description = "the app" }\n',
    });
    expect((await bake(["--list=targets"])).stdout).toBe("TARGET\tDESCRIPTION\napp\tthe app\n");
    expect((await bake(["--list=variables"])).stdout).toBe(
      "VARIABLE\tTYPE\tVALUE\tDESCRIPTION\nTAG\t\tstring\tx\tthe tag\n",
    );
    expect(JSON.parse((await bake(["--list=type=targets,format=json"])).stdout)).toEqual([
      { name: "app", description: "the app" },
    ]);
  });
});

describe("a build of several targets", () => {
  test("runs equal steps once, side by side, and starts targets from others", async () => {
    const id = randomUUID();
    const bake = await project({
      "docker-bake.hcl": `
group "default" { targets = ["a", "b"] }
target "base" {
  network = "none"
  dockerfile-inline = ${inline("FROM busybox", `RUN echo ${id} > /base`, "ENV FROM_BASE=yes")}
}
target "a" {
  inherits = ["_linked"]
  dockerfile-inline = ${inline("FROM base", "RUN echo $FROM_BASE > /same", "RUN cat /base /same")}
  tags = ["bake-a"]
}
target "b" {
  inherits = ["_linked"]
  dockerfile-inline = ${inline("FROM base", "RUN echo $FROM_BASE > /same", "RUN echo b")}
  tags = ["bake-b"]
}
target "_linked" {
  network = "none"
  contexts = { base = "target:base" }
}
`,
    });
    const { code, stderr } = await bake(["--progress", "plain", "--metadata-file", "meta.json"]);
    expect(stderr).toMatch(new RegExp(` ${id}\n`));
    const runs = stderr.match(/^#\d+ \[(a|b) 2\/3\] RUN echo yes > \/same$/gm) ?? [];
    expect(new Set(runs).size).toBe(2);
    const ended = runs.map((line) => {
      const number = line.split(" ")[0];
      return stderr.match(new RegExp(`^${number} (DONE|CACHED)`, "m"))?.[1];
    });
    expect(new Set(ended)).toEqual(new Set(["DONE", "CACHED"]));
    expect(code).toBe(0);
    const image = (name: string) => berth.out(["image", "inspect", "-f", "{{json .RootFS.Layers}}", name]);
    const [a, b] = (await Promise.all([image("bake-a"), image("bake-b")])).map((text) => JSON.parse(text));
    expect(a.slice(0, 3)).toEqual(b.slice(0, 3));
    expect(await berth.out(["run", "--rm", "--network", "none", "bake-b", "cat", "/base", "/same"])).toBe(`${id}\nyes`);
    expect((await berth.run(["image", "inspect", "base"])).code).toBe(1);
  });

  test("writes the metadata of those that were asked for", async () => {
    const cwd = await berth.files(randomUUID(), {
      "docker-bake.hcl": `target "a" { dockerfile-inline = ${inline("FROM busybox", "LABEL x=1")} }\n`,
    });
    const { code } = await berth.run(["bake", "--metadata-file", "meta.json", "--set", "a.tags=meta", "a"], { cwd });
    expect(code).toBe(0);
    const { a } = JSON.parse(readFileSync(join(cwd, "meta.json"), "utf8"));
    expect(a["image.name"]).toBe("docker.io/library/meta:latest");
    expect(a["containerimage.config.digest"]).toBe(await berth.out(["image", "inspect", "-f", "{{.Id}}", "meta"]));
  });

  test("copies what it is told from contexts of their own, and writes files where outputs say", async () => {
    const cwd = await berth.files(randomUUID(), {
      "one/Dockerfile": "FROM scratch\nCOPY f /\n",
      "one/f": "one\n",
      "two/D": "FROM scratch\nCOPY f /\nCOPY --from=other f /other\n",
      "two/f": "two\n",
      "docker-bake.hcl": `
target "app" {
  name = dir
  matrix = { dir = ["one", "two"] }
  context = dir
  dockerfile = dir == "two" ? "D" : null
  contexts = dir == "two" ? { other = "target:one" } : {}
  output = ["type=local,dest=out-\${dir}"]
}
`,
    });
    expect((await berth.run(["bake", "app"], { cwd })).stderr).not.toContain("ERROR");
    const read = (name: string) => readFileSync(join(cwd, name), "utf8");
    expect([read("out-one/f"), read("out-two/f"), read("out-two/other")]).toEqual(["one\n", "two\n", "one\n"]);
  });

  test("pulls a base once for all of them, and pushes each", async () => {
    await using registry = await openRegistry();
    const base = `${registry.host}/base`;
    await berth.out([
      "build",
      "--push",
      "-t",
      base,
      await berth.files(randomUUID(), { Dockerfile: `FROM scratch\nCOPY Dockerfile /\nLABEL of=${base}\n` }),
    ]);
    await using other = openBerth();
    const cwd = await other.files(randomUUID(), {
      "docker-bake.hcl": `
target "app" {
  name = "app-\${v}"
  matrix = { v = ["1", "2", "3"] }
  dockerfile-inline = <<EOT
FROM ${base}
LABEL v=\${v}
EOT
  tags = ["${registry.host}/app:\${v}"]
}
`,
    });
    expect((await other.run(["bake", "--push", "app"], { cwd })).stderr).not.toContain("ERROR");
    for (const tag of ["1", "2", "3"])
      expect(
        await berth.out([
          "imagetools",
          "inspect",
          "--format",
          "{{.Manifest.MediaType}}",
          `${registry.host}/app:${tag}`,
        ]),
      ).toContain("manifest");
    // The config, which each looks up, and the layer, which is fetched once.
    const blobs = registry.requests().filter((line) => line.startsWith("GET /v2/base/blobs/"));
    const counts = [...Map.groupBy(blobs, (line) => line).values()].map(({ length }) => length);
    expect(counts).toHaveLength(2);
    expect(Math.min(...counts)).toBe(1);
  });

  test("links platform by platform", async () => {
    const cwd = await berth.files(randomUUID(), {
      f: "f\n",
      "docker-bake.hcl": `
target "base" {
  inherits = ["_both"]
  dockerfile-inline = ${inline("FROM scratch", "ARG TARGETARCH", "LABEL arch=$TARGETARCH", "COPY f /")}
}
target "app" {
  inherits = ["_both"]
  contexts = { base = "target:base" }
  dockerfile-inline = ${inline("FROM base", "COPY f /again")}
  tags = ["bake-both"]
}
target "_both" { platforms = ["linux/amd64", "linux/arm64"] }
`,
    });
    expect((await berth.run(["bake", "app"], { cwd })).stderr).not.toContain("ERROR");
    for (const arch of ["amd64", "arm64"]) {
      const format = "{{.Architecture}} {{.Config.Labels.arch}} {{len .RootFS.Layers}}";
      const shown = await berth.out(["image", "inspect", "--platform", `linux/${arch}`, "-f", format, "bake-both"]);
      expect(shown).toBe(`${arch} ${arch} 2`);
    }
  });

  test("stops at the first failure, and says which target it is", async () => {
    const bake = await project({
      "docker-bake.hcl": `
target "good" {
  network = "none"
  dockerfile-inline = ${inline("FROM busybox", "RUN sleep 300")}
}
target "bad" {
  network = "none"
  dockerfile-inline = ${inline("FROM busybox", "RUN exit 3")}
}
`,
    });
    const { code, stderr } = await bake(["--progress", "plain", "good", "bad"]);
    expect(stderr).toContain(" > [bad 2/2] RUN exit 3:\n");
    expect(stderr).toMatch(/ERROR: target bad: failed to solve: process .* exit code: 3$/m);
    expect(code).toBe(1);
  });

  test("refuses what berth has not, by target, before anything runs", async () => {
    const bake = await project({
      "docker-bake.hcl": 'target "b" { platforms = ["a/b/c/d"] }\n',
      "up.hcl": 'target "a" {\n  context = "/usr"\n  output = ["/usr/out"]\n  network = "host"\n}\n',
    });
    expect((await bake(["b"])).stderr).toMatch(/^ERROR: target b: .*cannot parse platform specifier/m);
    const { code, stderr } = await bake(["-f", "up.hcl", "a"]);
    expect(stderr).toContain(" - Running build containers that can access host network\n - Read access to path /usr\n");
    expect(stderr).toContain('Pass "--allow=network.host --allow=fs.read=/usr --allow=fs.write=/usr/out" to grant');
    expect(stderr).toContain("ERROR: additional privileges requested\n");
    expect(code).toBe(1);
  });
});

test("--check tells of each target's warnings, and builds nothing", async () => {
  const bake = await project({
    "docker-bake.hcl": `
group "default" { targets = ["a", "b"] }
target "a" { dockerfile-inline = ${inline("FROM busybox", "MAINTAINER x")} }
target "b" {
  description = "the b"
  dockerfile-inline = ${inline("FROM busybox")}
}
`,
  });
  const { code, stdout } = await bake(["--check"]);
  expect(stdout).toMatch(/^a\n\nCheck complete, 1 warning has been found!\n/);
  expect(stdout).toMatch(/\nb\nthe b\n\nCheck complete, no warnings found\.\n$/);
  expect(code).toBe(1);
  const json = JSON.parse((await bake(["--call", "check,format=json"])).stdout);
  expect(json.target.a.check.warnings[0].ruleName).toBe("MaintainerDeprecated");
});

describe("a TypeScript file", () => {
  test("is a definition, with types and with what the program knows", async () => {
    const cwd = await berth.files(randomUUID(), {
      "bake.ts": `
import { names } from "./names.ts";
type Env = Readonly<Record<string, string | undefined>>;
export default ({ env, platform }: { env: Env; platform: string }) => ({
  groups: { default: names as readonly string[] },
  targets: Object.fromEntries(
    names.map((name) => [name, { "dockerfile-inline": \`FROM scratch\\nLABEL p=\${platform}\\n\`, tags: [\`\${name}:\${env["TAG"]}\`] }]),
  ),
});
`,
      "names.ts": 'export const names: string[] = ["x", "y"];\n',
      "more.hcl": 'target "x" { args = { FROM = "hcl" } }\n',
    });
    const start = { cwd, env: { TAG: "ts" } };
    const printed = JSON.parse((await berth.run(["bake", "-f", "bake.ts", "-f", "more.hcl", "--print"], start)).stdout);
    expect(printed.target.x).toMatchObject({ tags: ["x:ts"], args: { FROM: "hcl" } });
    expect((await berth.run(["bake", "-f", "bake.ts"], start)).code).toBe(0);
    expect(await berth.out(["images", "-q", "y:ts"])).not.toBe("");
  });

  test.each([
    ["export default { targets: { a: { tag: [] } } };", "bake.ts: target a: a target has no tag"],
    [
      "export default { targets: { a: { tags: 1 } } };",
      "bake.ts: target a: tags: list of string required, but have number",
    ],
    ["export default { target: {} };", "a definition has no member target"],
    ["export const x = 1;", "bake.ts has no default export"],
    ["export default {", "failed to load bake.ts"],
  ])("%j is refused", async (text, message) => {
    const bake = await project({ "bake.ts": text });
    const { code, stderr } = await bake(["-f", "bake.ts", "--print"]);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });
});

test("buildx bake is the same command", async () => {
  const cwd = mkdtempSync(join(berth.directory, "plugin-"));
  writeFileSync(join(cwd, "docker-bake.hcl"), 'target "default" {}\n');
  const { stdout } = await berth.run(["buildx", "bake", "--print"], { cwd });
  expect(JSON.parse(stdout).target.default.dockerfile).toBe("Dockerfile");
});
