// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { describe, expect, test } from "vitest";
import { parseBakeFile } from "./parse-file.ts";
import { printable } from "./print.ts";
import { type Resolved, resolveBodies } from "./resolve.ts";
import { planTargets } from "./targets.ts";

interface Asked {
  readonly env?: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
  readonly set?: readonly string[];
}

function resolved(files: readonly string[], env: Readonly<Record<string, string>> = {}): Resolved {
  const bodies = files.map((text, index) =>
    parseBakeFile({ name: `${index}.${text.startsWith("{") ? "json" : "hcl"}`, text }),
  );
  return resolveBodies(bodies, { lookup: (name) => env[name], builtin: { BAKE_LOCAL_PLATFORM: "linux/amd64" } });
}

/** What `--print` shows of files, without what every target has. */
function printed(files: string | readonly string[], { env = {}, names = [], set = [] }: Asked = {}): unknown {
  const config = resolved(typeof files === "string" ? [files] : files, env);
  const plan = planTargets(config, { names, overrides: set, lookup: (name) => env[name] });
  const shown = JSON.parse(JSON.stringify(printable(plan)), (key, value) =>
    (key === "context" && value === ".") || (key === "dockerfile" && value === "Dockerfile") ? undefined : value,
  );
  return shown;
}

function targetsOf(files: string | readonly string[], asked?: Asked): unknown {
  return (printed(files, asked) as { readonly target: unknown }).target;
}

describe("variables", () => {
  const file = (rest: string): string => `variable "V" ${rest}\ntarget "default" { args = { V = jsonencode(V) } }\n`;
  const variable = (rest: string, env: Readonly<Record<string, string>> = {}): unknown =>
    (targetsOf(file(rest), { env }) as { readonly default: { readonly args: { readonly V: string } } }).default.args.V;

  test.each([
    ["{}", {}, '""'],
    ["{}", { V: "x" }, '"x"'],
    ['{ default = "a" }', {}, '"a"'],
    ['{ default = "a" }', { V: "" }, '""'],
    ["{ default = 1 }", { V: "2.5" }, "2.5"],
    ["{ default = false }", { V: "1" }, "true"],
    ["{ default = null }", {}, "null"],
    ["{ default = null }", { V: "x" }, '"x"'],
    ["{ default = [1] }", {}, "[1]"],
    ["{ type = string }", {}, "null"],
    ["{ type = number }", { V: "7" }, "7"],
    ["{ type = bool }", { V: "t" }, "true"],
    ["{ type = list(string) }", { V: 'a,"b,c"' }, '["a","b,c"]'],
    ["{ type = set(number) }", { V: "2,1,2" }, "[1,2]"],
    ["{ type = map(number) }", { V: "a:1,b:2" }, '{"a":1,"b":2}'],
    ["{ type = tuple([string, number]) }", { V: "a,1" }, '["a",1]'],
    ["{ type = list(string) }", { V_JSON: '["x"]' }, '["x"]'],
    ["{ type = object({ a = string, b = optional(number) }) }", { V_JSON: '{"a":"x"}' }, '{"a":"x","b":null}'],
    ['{\n  type = list(number)\n  default = ["1"]\n}', {}, "[1]"],
  ])("%s with %j is %s", (rest, env, expected) => {
    expect(variable(rest, env)).toBe(expected);
  });

  test.each([
    ["{ default = 1 }", { V: "x" }, "failed to parse V as number"],
    ["{ default = true }", { V: "x" }, "failed to parse V as bool"],
    ["{ default = [1] }", { V: "x" }, "unsupported type tuple for variable V"],
    ["{ type = object({ a = string }) }", { V: "x" }, "unsupported type object for variable V"],
    [
      "{ type = list(number) }",
      { V: "1,x" },
      "failed to convert variable V from CSV: failed to parse element of type list of number",
    ],
    ["{ type = map(string) }", { V: "a" }, "expected one k/v pair but got 1 pieces from a"],
    ["{ type = tuple([string]) }", { V: "a,b" }, "tuple expects 1 elements but only 2 provided"],
    ["{ type = list(string) }", { V_JSON: "{" }, "failed to convert variable V from JSON"],
    [
      '{\n  type = number\n  default = "x"\n}',
      {},
      "invalid type number for variable V default value: a number is required",
    ],
    ["{ type = lst }", {}, 'The keyword "lst" is not a valid type specification.'],
    ["{ type = list }", {}, "The list type constructor requires one argument"],
    ["{ default = V }", {}, "0.hcl:1,26-27: Invalid expression; variable cycle not allowed for V"],
  ])("%s with %j is refused", (rest, env, message) => {
    expect(() => variable(rest, env)).toThrow(message);
  });

  test("validations are checked when all variables are known", () => {
    const rule = 'validation {\n  condition = V != W\n  error_message = "not ${W}"\n}';
    const text = file(`{\n  default = "a"\n  ${rule}\n}`);
    const other = 'variable "W" { default = "a" }\n';
    expect(() => targetsOf(text + other)).toThrow("0.hcl:4,15-21: Validation failed; not a");
    expect(targetsOf(text + other, { env: { W: "b" } })).toEqual({ default: { args: { V: '"a"' } } });
  });

  test("lists say type, value and description", () => {
    const text =
      'variable "A" {\n  type = list(string)\n  default = ["x"]\n  description = "the A"\n}\nvariable "B" { type = string }\nvariable "C" { default = 1 }\n';
    expect(resolved([text]).variables).toEqual([
      { name: "A", description: "the A", type: "list of string", value: '["x"]' },
      { name: "B", type: "string" },
      { name: "C", value: "1" },
    ]);
  });

  test("constants are evaluated, and a variable of the same name can be set from outside", () => {
    const files = ['A = "const"\nvariable "A" {}\n', 'target "default" { args = { A = A, B = B } }\nB = upper(A)\n'];
    expect(targetsOf(files)).toEqual({ default: { args: { A: "const", B: "CONST" } } });
    expect(targetsOf(files, { env: { A: "env", B: "env" } })).toEqual({ default: { args: { A: "env", B: "ENV" } } });
  });
});

describe("functions", () => {
  test("see their parameters and what is global", () => {
    const text =
      'function "tag" {\n  params = [name]\n  variadic_params = more\n  result = "${R}/${name}:${join("-", more)}"\n}\nR = "r"\ntarget "default" { tags = [tag("a", "b", "c")] }\n';
    expect(targetsOf(text)).toEqual({ default: { tags: ["r/a:b-c"] } });
  });

  test("of JSON files have their names in quotes", () => {
    const text =
      '{"function": {"inc": {"params": ["n"], "result": "${n + 1}"}}, "target": {"default": {"args": {"X": "${inc(41)}"}}}}';
    expect(targetsOf(text)).toEqual({ default: { args: { X: "42" } } });
  });

  test.each([
    ["params = [a]", "0.hcl:2,1-13: Invalid function; empty result not allowed for f"],
    ["result = 1", "0.hcl:1,10-13: Invalid function; empty params not allowed for f"],
    ["params = [1]\nresult = 1", "Each parameter name must be an identifier."],
    ["params = a\nresult = 1", "A static list expression is required."],
  ])("%j is refused", (body, message) => {
    expect(() => targetsOf(`function "f" {\n${body}\n}\ntarget "default" {}\n`)).toThrow(message);
  });
});

describe("targets", () => {
  test("inherit, the later parent over the earlier, and lists that merge", () => {
    const text = `
      target "a" {
        context = "a"
        args = { X = "a", Y = "a" }
        tags = ["a"]
        cache-from = ["a", "type=local,src=x"]
        labels = { l = "a" }
      }
      target "b" {
        args = { Y = "b", Z = null }
        tags = ["b"]
        cache-from = ["b"]
      }
      target "default" {
        inherits = ["a", "b"]
        args = { Z = "own" }
        cache-from = ["a"]
      }`;
    expect(targetsOf(text)).toEqual({
      default: {
        context: "a",
        args: { X: "a", Y: "b", Z: "own" },
        labels: { l: "a" },
        tags: ["b"],
        "cache-from": [
          { ref: "a", type: "registry" },
          { src: "x", type: "local" },
          { ref: "b", type: "registry" },
        ],
      },
    });
  });

  test("of one name in several files are merged", () => {
    const files = [
      'target "default" {\n  tags = ["x"]\n  args = { A = "1" }\n}\n',
      '{"target": {"default": {"args": {"B": "2"}}}}',
    ];
    expect(targetsOf(files)).toEqual({ default: { args: { A: "1", B: "2" }, tags: ["x"] } });
  });

  test("refer to each other's fields, whole and by name", () => {
    const text = `
      target "a" { tags = ["x"] }
      target "b" {
        tags = concat(target.a.tags, ["y"])
        args = { N = target["a"].tags[0], C = jsonencode(target.a.context) }
      }`;
    expect(targetsOf(text, { names: ["b"] })).toEqual({ b: { args: { C: "null", N: "x" }, tags: ["x", "y"] } });
  });

  test("of a matrix are a group", () => {
    const text = `
      target "app" {
        name = "app-\${v}-\${m.k}"
        matrix = { v = ["1", "2"], m = [{ k = "x" }, { k = "y" }] }
        args = { V = v }
      }`;
    const { targets, groups } = resolved([text]);
    expect(targets.map(({ name, args }) => [name, args])).toEqual([
      ["app-1-x", { V: "1" }],
      ["app-1-y", { V: "1" }],
      ["app-2-x", { V: "2" }],
      ["app-2-y", { V: "2" }],
    ]);
    expect(groups).toEqual([{ name: "app", targets: ["app-1-x", "app-1-y", "app-2-x", "app-2-y"] }]);
  });

  test("keep what was written for others: templates are escaped again when they are printed", () => {
    const text = 'target "default" {\n  args = { A = "$${x}", B = "%%{y}" }\n  target = "$${z}"\n}\n';
    expect(targetsOf(text)).toEqual({ default: { args: { A: "$${x}", B: "%%{y}" }, target: "${z}" } });
  });

  test("have outputs, caches, secrets and attestations as texts and as objects", () => {
    const text = `
      target "default" {
        output = ["type=local,dest=out", "other", { type = "image", name = "x" }]
        cache-to = [{ type = "inline" }]
        secret = ["id=a,src=f", { id = "b", env = "B" }, "type=env,id=c,src=C"]
        ssh = ["default", "k=p,q"]
        attest = ["type=provenance,mode=max", { type = "sbom", disabled = true }]
        network = "host"
        shm-size = "1g"
        ulimits = ["nofile=1:2", "nofile=1:2", ""]
        extra-hosts = { h = "1.2.3.4" }
        resources = { memory = "1g", cpu-shares = "5" }
        contexts = { a = "b", empty = "" }
      }`;
    expect(targetsOf(text)).toEqual({
      default: {
        attest: [
          { mode: "max", type: "provenance" },
          { type: "sbom", disabled: true },
        ],
        contexts: { a: "b" },
        "cache-to": [{ type: "inline" }],
        secret: [
          { id: "a", src: "f" },
          { id: "b", env: "B" },
          { id: "c", env: "C" },
        ],
        ssh: [{ id: "default" }, { id: "k", paths: ["p", "q"] }],
        output: [
          { dest: "out", type: "local" },
          { dest: "other", type: "local" },
          { name: "x", type: "image" },
        ],
        network: "host",
        "shm-size": "1g",
        ulimits: ["nofile=1:2"],
        resources: { "cpu-shares": 5, memory: "1g" },
        entitlements: ["network.host"],
        "extra-hosts": { h: "1.2.3.4" },
      },
    });
  });

  test("have texts that are empty, which is another thing than none, but for lists", () => {
    const text =
      'target "default" {\n  target = ""\n  network = null\n  dockerfile = ""\n  description = ""\n  tags = [""]\n}\n';
    expect(targetsOf(text)).toEqual({ default: { target: "" } });
  });

  test("pass over what is no field, and don't evaluate it", () => {
    const text =
      'target "default" {\n  tags = ["x"]\n  tag = UNKNOWN\n  nested {\n  }\n}\ngroup "g" {\n  targets = []\n  tag = 1\n}\n';
    expect(targetsOf(text)).toEqual({ default: { tags: ["x"] } });
  });

  test.each([
    ['target "a" {\n  policy = []\n}', "0.hcl:2,3-9: Unsupported argument; berth doesn't check policies yet."],
    ['target "a b" {}', '0.hcl:1,8-13: Invalid name; only "[a-zA-Z0-9_-]+" are allowed'],
    ['target "a" { tags = "x" }', "Unsuitable value type; Unsuitable value: list of string required, but have string"],
    ['target "a" { pull = "maybe" }', "Unsuitable value: a bool is required"],
    ['target "a" { output = ["dest=x,a=b"] }', "type is required for output"],
    ['target "a" { cache-from = ["ref=x"] }', 'type required for "ref=x"'],
    ['target "a" { name = "x" }', "0.hcl:1,8-11: Invalid name; name requires matrix"],
    ['target "a" { matrix = [] }', "matrix must be a map"],
    ['target "a" { matrix = { x = "y" } }', "matrix values must be a list"],
    ['target "a" { matrix = { x = ["1", "2"] } }', 'Invalid name; duplicate name "a"'],
    ['group "a" {\n  targets = []\n  matrix = {}\n}', "matrix is not supported for groups"],
    ['group "a" {}', "Missing required argument"],
    ['target "a" { tags = target.b.tags }', 'This object does not have an attribute named "b".'],
    ['target "a" { tags = target.a.tags }', "reference cycle not allowed for target.a.tags"],
    ['target "a" { inherits = ["b"] }', "failed to find target b"],
  ])("%j is refused", (text, message) => {
    expect(() => printed(text, { names: ["a"] })).toThrow(message);
  });

  test("of a matrix are bounded", () => {
    const list = `[${Array.from({ length: 200 }, (_, i) => i).join()}]`;
    expect(() => resolved([`target "a" {\n  matrix = { x = ${list}, y = ${list} }\n}\n`])).toThrow(
      "at most 10000 targets",
    );
  });
});

describe("what is chosen", () => {
  const text = `
    group "default" { targets = ["all"] }
    group "all" { targets = ["b", "a"] }
    target "a" {}
    target "b" { contexts = { base = "target:c" } }
    target "c" {}
    target "_hidden" {}`;

  test("by default the group of that name, in groups as deep as there are", () => {
    expect(printed(text)).toMatchObject({
      group: { all: { targets: ["b", "a"] }, default: { targets: ["all"] } },
      target: { a: {}, b: {}, c: { output: [{ type: "cacheonly" }] } },
    });
  });

  test("by names and patterns", () => {
    expect(printed(text, { names: ["a", "[bc]"] })).toMatchObject({ group: { default: { targets: ["a", "b", "c"] } } });
    expect(() => printed(text, { names: ["x*"] })).toThrow('could not find any target matching "x*"');
    expect(() => printed(text, { names: ["x"] })).toThrow("failed to find target x");
  });

  test.each([
    ['target "a" { contexts = { x = "target:a" } }', "target a cannot link to itself"],
    [
      'target "a" { contexts = { x = "target:b" } }\ntarget "b" { contexts = { x = "target:a" } }',
      "infinite loop from b to a",
    ],
    ['target "a" { contexts = { x = "target:b" } }', "failed to find target b"],
    [
      'target "a" {\n  platforms = ["x", "y"]\n  contexts = { x = "target:b" }\n}\ntarget "b" { platforms = ["x", "z"] }',
      "target b can't be used by a because its platforms [x y] are not a subset of [x z]",
    ],
  ])("links: %j is refused", (file, message) => {
    expect(() => printed(file, { names: ["a"] })).toThrow(message);
  });
});

describe("--set", () => {
  const text =
    'target "app" {\n  tags = ["a"]\n  args = { A = "1" }\n  secret = ["id=s,src=f"]\n  output = ["type=docker"]\n}\ntarget "api" {}\n';

  test.each([
    ["app.tags=b", { tags: ["b"] }],
    ["app.tags+=b", { tags: ["a", "b"] }],
    ["a*.tags=b", { tags: ["b"] }],
    ["app.args.A=2", { args: { A: "2" } }],
    ["app.args.B", { args: { A: "1", B: "from env" } }],
    ["app.args.NONE", { args: { A: "1" } }],
    ["app.labels.a.b=c", { labels: { "a.b": "c" } }],
    ["app.contexts.x=y", { contexts: { x: "y" } }],
    ["app.context=./dir/", { context: "dir" }],
    ["app.dockerfile=d", { dockerfile: "d" }],
    ["app.target=t", { target: "t" }],
    ["app.platform=linux/arm64", { platforms: ["linux/arm64"] }],
    ["app.no-cache=true", { "no-cache": true }],
    ["app.pull=0", { pull: false }],
    ["app.output=type=local,dest=o", { output: [{ dest: "o", type: "local" }] }],
    ["app.push=true", { output: [{ type: "docker" }, { push: "true", type: "image" }] }],
    ["app.load=true", { output: [{ type: "docker" }] }],
    ["app.secret.s=env=E", { secret: [{ id: "s", env: "E" }] }],
    ["app.secrets+=id=t", { secret: [{ id: "s", src: "f" }, { id: "t" }] }],
    [
      "app.cache-from=x,y",
      {
        "cache-from": [
          { ref: "x", type: "registry" },
          { ref: "y", type: "registry" },
        ],
      },
    ],
    ["app.attest=type=sbom", { attest: [{ type: "sbom" }] }],
    ["app.resources.memory=1g", { resources: { memory: "1g" } }],
    ["app.network=none", { network: "none" }],
    ["app.extra-hosts.h=1.1.1.1", { "extra-hosts": { h: "1.1.1.1" } }],
    ["app.entitlements=network.host", { entitlements: ["network.host"] }],
  ])("%s", (set, expected) => {
    expect(targetsOf(text, { names: ["app"], set: [set], env: { B: "from env" } })).toMatchObject({ app: expected });
  });

  test.each([
    ["app", "invalid override key app, expected target.name"],
    ["app.tags", "invalid override app.tags, expected target.name=value"],
    ["nope.tags=x", "could not find any target matching 'nope'"],
    ["app.nope=x", "unknown key: nope"],
    ["app.args=x", "invalid key app.args, args requires name"],
    ["app.context+=x", "invalid key app.context+, context does not support append"],
    ["app.pull=x", "invalid value x for boolean key pull"],
    ["app.secret.other=env=E", 'secret "other" must be declared before it can be overridden'],
    ["app.secret.s=id=t", 'secret override id "t" does not match declared secret "s"'],
    ["app.resources.speed=1", "unknown resources key speed"],
  ])("%s is refused", (set, message) => {
    expect(() => targetsOf(text, { names: ["app"], set: [set] })).toThrow(message);
  });
});
