import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveOf } from "../../src/archive/testing.ts";
import type { Outcome, Start } from "../support/program.ts";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());
beforeAll(async () => {
  await twins?.ok(["create", "--network", "none", "--name", "maker", "busybox", "true"]);
});

const digits = (count: number, digit = "0"): string => digit.repeat(count);

/**
 * Not here, since Docker 20.10 knows them otherwise than the Docker of today: IPv6 hosts, and names of 238 to 255 characters
 * behind a host. Nor `Host/name`, which Docker takes for a host, and berth for a name with a capital.
 */
const forms: readonly string[] = [
  ...["UPPER", "a/Bar", "a.b/C", "h:5000/A:B", "docker.io/A", "a:UPPER", "Up@sha256:12", "a\u00c4"],
  ...["a_b", "a__b", "a___b", "a-b", "a--b", "a---b", "a.b", "a..b", "a.-b", "a_-b", "a._b"],
  ...["a-", "_a", "a_", ".a", "a.", "x/.a", "x/a.", "x/-a", "x-/a", "a//b", "/a", "a/", "/", "./a", "../a"],
  ...[
    "host/x",
    "host.d/x",
    "host.:5000/x",
    "host:/x",
    "host:80/x",
    "host:99999/x",
    "host:x/y",
    "host:5000",
    "ho_st.d/x",
  ],
  ...["host-.d/x", "h..d/x", "localhost", "localhost/x", "localhost:5000/x", "127.0.0.1:1/x/y", "[::g]/x", "[::1/x"],
  ...["docker.io", "docker.io/", "docker.io/a", "docker.io/library/a", "library/a", "library/a/b", "index.docker.io/a"],
  ...["a:", "a::b", "a:-t", "a:.t", "a:_t", "a:T_1.0-x", "a:t/x", "a:b:c", "a:t ", "a:\u00e4", `a:${digits(128)}`],
  ...[`a:${digits(129)}`, digits(237, "a"), digits(256, "a"), `h.io/${digits(250, "a")}`, `h.io/${digits(256, "a")}`],
  ...[digits(63), digits(64), digits(65), `x/${digits(64)}`, "sha256", "sha256:", "sha256:abc", "sha256:zz"],
  ...[`sha256:${digits(64)}`, `sha256:${digits(63)}`, `sha256:${digits(64, "A")}`],
  ...[31, 32, 63, 64, 65].map((count) => `a@sha256:${digits(count)}`),
  ...[
    `a@sha256:${digits(64, "A")}`,
    `a@sha256:${digits(64, "g")}`,
    `a@sha512:${digits(128)}`,
    `a@sha512:${digits(64)}`,
  ],
  ...[`a@sha384:${digits(96)}`, `a@md5:${digits(32)}`, `a@sha256+b:${digits(64)}`, `a@${digits(64)}`, "a@", "@", "a@b"],
  ...[`a:t@sha256:${digits(64)}`, `a:@sha256:${digits(64)}`, `a@sha256:${digits(64)}:t`, `@sha256:${digits(64)}`],
  ...["", " ", " a", "a ", "a b", "a\tb", "a\n", "\u4f60\u597d", ":", "http://a/b", "docker://a"],
  ...["a?b", "a#b", "a+b", "a~b", "a%b", "a,b", "a=b", "a*", "a\\b", "$x", "(a)", "'a'", "000000", "1:2"],
];

/** Some of each kind that no verb takes, and then some that one or the other does: where every verb is tried. */
const malformed: readonly string[] = [
  ...["UPPER", "h:5000/A:B", "a___b", "host:x/y", "a:", `a:${digits(129)}`, digits(256, "a"), "a@"],
  ...[digits(64, "a"), `a@sha256:${digits(63)}`, `a@md5:${digits(32)}`],
];
const kinds: readonly string[] = [
  ...malformed,
  ...["a b", "\u00e4", "sha256", "sha256:abc", `sha256:${digits(64)}`, `a@sha512:${digits(128)}`],
  ...["ho_st.d/x", "localhost:5000/x:1", "docker.io/a", "b__c/d:E"],
];

interface Verb extends Start {
  readonly args: readonly string[];
}

/** Every verb that takes a name, and what it is given. */
const verbs: Readonly<Record<string, (name: string) => Verb>> = {
  inspect: (name) => ({ args: ["inspect", name] }),
  "image inspect": (name) => ({ args: ["image", "inspect", name] }),
  history: (name) => ({ args: ["history", name] }),
  rmi: (name) => ({ args: ["rmi", name] }),
  "tag, as source": (name) => ({ args: ["tag", name, "x"] }),
  images: (name) => ({ args: ["images", "-q", name] }),
  "images since": (name) => ({ args: ["images", "-q", "-f", `since=${name}`] }),
  "ps of": (name) => ({ args: ["ps", "-aq", "-f", `ancestor=${name}`] }),
  commit: (name) => ({ args: ["commit", "maker", name] }),
  import: (name) => ({ args: ["import", "-", name], input: Buffer.alloc(1024) }),
  load: (name) => ({ args: ["load"], input: archiveNamed(name) }),
};

/** The archive of an image that is to have this name. */
function archiveNamed(name: string): Buffer {
  const layer = archiveOf(["a", "file", "b"]);
  const diffID = `sha256:${createHash("sha256").update(layer).digest("hex")}`;
  const rootfs = { type: "layers", diff_ids: [diffID] };
  return archiveOf(
    ["layer.tar", "file", layer.toString("latin1")],
    ["config.json", "file", JSON.stringify({ os: "linux", architecture: "amd64", config: {}, rootfs })],
    ["manifest.json", "file", JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }])],
  );
}

/** What Docker 20.10 says otherwise than the Docker of today. */
function today({ code, stdout, stderr }: Outcome): Outcome {
  const text = stderr
    .replace(/repository name (\(.*?\) )?must be/, "repository name must be")
    .replace(/no such image: .*?: (?=invalid|repository|unsupported)/, "")
    .replace("No such image: ID:latest", "No such image: ID")
    // The client of then tells what was typed.
    .replace(
      /No such image: (.*)$/m,
      (_, name: string) => `No such image: ${name.replace(/^(?:index\.)?docker\.io\//, "")}`,
    );
  return { code, stdout, stderr: text };
}

async function compared({ args, ...start }: Verb): Promise<number> {
  const outcomes = await twins?.both(args, start);
  if (outcomes === undefined) throw new Error("no twins");
  const { berth, docker } = comparable(outcomes);
  expect({ args, ...today(berth) }).toEqual({ args, ...today(docker) });
  return docker.code;
}

/** Remove every name but `busybox`, in both. */
async function forgotten(): Promise<void> {
  for (const engine of twins === undefined ? [] : [twins.berth, twins.docker]) {
    const { stdout } = await engine.run(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    const names = stdout
      .split("\n")
      .filter((name) => !["", "busybox:latest"].includes(name) && !name.includes("<none>"));
    if (names.length > 0) await engine.run(["rmi", "-f", ...names]);
  }
}

describe.skipIf(twins === undefined)("a name is taken, shown and refused as Docker does:", () => {
  test.each(forms.map((name) => ({ title: JSON.stringify(name).slice(0, 60), name })))(
    "tag $title",
    async ({ name }) => {
      if ((await compared({ args: ["tag", "busybox", name] })) !== 0) return;
      await compared({ args: ["image", "inspect", "-f", "{{json .RepoTags}}", "busybox"] });
      await compared({ args: ["rmi", name] });
    },
  );
});

describe.skipIf(twins === undefined)("each verb takes and refuses the names that Docker's takes and refuses:", () => {
  test.each(Object.entries(verbs))("%s", async (_, verb) => {
    for (const name of kinds) {
      if ((await compared(verb(name))) === 0) await forgotten();
    }
  });

  // Docker looks for what is well-formed in a registry.
  test.each([...malformed, `sha256:${digits(64)}`])("create and run %s", async (name) => {
    await compared({ args: ["create", name] });
    await compared({ args: ["run", "--rm", name] });
  });

  test("build -t", async () => {
    // With BuildKit, Docker 20.10's client now and then waits for ever after a name was refused: for a session that never began.
    const start = { input: "FROM busybox\nENV A=1\n", env: { DOCKER_BUILDKIT: "0" } };
    for (const name of kinds) {
      const outcomes = await twins?.both(["build", "-q", "-t", name, "-"], start);
      // A name that is refused is wrong use for this Docker, and not for buildx, whose code berth has.
      const [berth, docker] = [outcomes?.berth.code, outcomes?.docker.code].map((code) => code === 0);
      expect({ name, isTaken: berth }).toEqual({ name, isTaken: docker });
      await forgotten();
    }
  });

  test.each(malformed)("FROM and COPY --from %s", async (name) => {
    for (const input of [`FROM ${name}\nENV A=1\n`, `FROM busybox\nCOPY --from=${name} /a /b\n`]) {
      const outcomes = await twins?.both(["build", "-q", "-"], { input });
      const [berth, docker] = [outcomes?.berth, outcomes?.docker].map((outcome) => reasonIn(outcome?.stderr ?? ""));
      expect({ input, reason: berth }).toEqual({ input, reason: docker });
      expect(docker).toMatch(/./);
    }
  });
});

/** Why the name of a stage is refused. */
function reasonIn(stderr: string): string | undefined {
  return /failed to parse stage name .*$/m.exec(stderr)?.[0].replace(/name \(.*?\) must/, "name must");
}
