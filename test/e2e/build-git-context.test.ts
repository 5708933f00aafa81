import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { hasGit, makeRepository, serveGit, type TestRepository } from "../support/git-server.ts";
import { listen } from "../support/listen.ts";

let berth: Berth;
let repository: TestRepository;
let first: string;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
  if (!hasGit) return;
  repository = await makeRepository(join(berth.directory, "git/repo.git"));
  first = await repository.commit({
    Dockerfile: "FROM busybox\nCOPY . /in\nRUN ls -A /in && stat -c '%u %a' /in/sub\n",
    "sub/Dockerfile": "FROM scratch\nCOPY file .hidden* /\n",
    "sub/file": "one\n",
    "left.out": "",
    ".dockerignore": "*.out\n",
  });
});
afterAll(() => berth[Symbol.asyncDispose]());

const plain = ["build", "--network", "none", "--progress", "plain"];
const serve = () => serveGit(join(berth.directory, "git"));

describe.skipIf(!hasGit)("a build context out of a git repository", () => {
  test("is its files, whatever its ignore file says, as in BuildKit, known by the commit", async () => {
    await using server = await serve();
    const { code, stderr } = await berth.run([...plain, `${server.url}/repo.git`]);
    expect(stderr).toContain(`[internal] load git source ${server.url}/repo.git\n`);
    expect(stderr).toMatch(/ \.dockerignore\n.* Dockerfile\n.* left\.out\n.* sub\n.* 0 755\n/);
    expect(code).toBe(0);
    const fetched = server.asked.filter((path) => path.includes("upload-pack")).length;
    const again = await berth.run([...plain, `${server.url}/repo.git`]);
    expect(again.stderr).toMatch(/COPY \. \/in\n#\d+ CACHED/);
    // The branch is asked for, and nothing fetched.
    expect(server.asked.filter((path) => path.includes("upload-pack")).length - fetched).toBeLessThan(fetched);
    expect(await berth.run(["system", "check"])).toMatchObject({ code: 0 });
  });

  test("may be a directory of it, or a commit; --file names a Dockerfile inside", async () => {
    await using server = await serve();
    const out = join(berth.directory, randomUUID());
    await repository.commit({ "sub/file": "two\n" });
    const url = `${server.url}/repo.git`;
    expect(await berth.run([...plain, "-o", out, `${url}#${first}:sub`])).toMatchObject({ code: 0 });
    expect(readFileSync(join(out, "file"), "utf8")).toBe("one\n");
    expect(await berth.run([...plain, "-o", out, `${url}?subdir=sub`])).toMatchObject({ code: 0 });
    expect(readFileSync(join(out, "file"), "utf8")).toBe("two\n");
    const inside = ["-f", "sub/Dockerfile", "-o", out, url];
    const absent = await berth.run([...plain, ...inside]);
    expect(absent.stderr).toContain('"/file": not found');
  });

  test("keeps .git where a build argument asks for it", async () => {
    await using server = await serve();
    const keep = ["--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1"];
    const kept = await berth.run([...plain, ...keep, `${server.url}/repo.git`]);
    expect(kept.stderr).toMatch(/ \.git\n/);
    expect(kept.code).toBe(0);
  });

  test("can be checked, and what isn't there is told", async () => {
    await using server = await serve();
    const checked = await berth.run(["build", "--check", `${server.url}/repo.git`]);
    expect(checked.stdout).toContain("Check complete, no warnings found.");
    const gone = await berth.run([...plain, `${server.url}/repo.git#nosuch`]);
    expect(gone.stderr).toContain(
      "ERROR: failed to solve: failed to load cache key: repository does not contain ref nosuch",
    );
    expect(gone.code).toBe(1);
    const wrong = await berth.run([...plain, `${server.url}/repo.git?nosuch=1`]);
    expect(wrong.stderr).toContain('unexpected query "nosuch"');
    expect(wrong.code).toBe(1);
  });
});

describe("a named context", () => {
  /** Build with contexts, and give the directory with what came out. */
  async function build(Dockerfile: string, contexts: readonly string[], ...args: readonly string[]) {
    const context = await berth.files(randomUUID(), { Dockerfile });
    const out = join(berth.directory, randomUUID());
    const given = contexts.flatMap((each) => ["--build-context", each]);
    const outcome = await berth.run([...plain, ...given, ...args, "-o", out, context]);
    return { ...outcome, out, read: (path: string) => readFileSync(join(out, path), "utf8") };
  }

  test.skipIf(!hasGit)(
    "is a git repository: what a stage starts from, copies and mounts; fetched only where it is used",
    async () => {
      await using server = await serve();
      const url = `${server.url}/repo.git#${first}:sub`;
      const Dockerfile = `FROM source AS base
FROM busybox AS mounted
RUN --mount=from=source,target=/m cp /m/file /copied
FROM base
COPY --from=mounted /copied /
COPY --from=source file /again
`;
      const built = await build(Dockerfile, [`source=${url}`, "unused=https://127.0.0.1:1/x.git"]);
      expect(built).toMatchObject({ code: 0 });
      expect([built.read("file"), built.read("copied"), built.read("again")]).toEqual(["one\n", "one\n", "one\n"]);
    },
  );

  test("is a file behind an address, as BuildKit calls it", async () => {
    await using server = await listen((_, response) => void response.end("fetched\n"));
    const Dockerfile = "FROM scratch\nCOPY --from=source /context /named\n";
    const built = await build(Dockerfile, [`source=${server.url}/any.tar`]);
    expect(built.read("named")).toBe("fetched\n");
  });

  test("is an image of an OCI layout, by tag or digest, which comes into the store without a name", async () => {
    const layout = join(berth.directory, "layout");
    const made = await berth.files("made", {
      Dockerfile: "FROM busybox\nENV FROM_LAYOUT=yes\nRUN echo in > /layout\n",
    });
    await berth.out(["build", "-q", "--network", "none", "-t", "made:1", made]);
    await berth.out(["copy", "store:made:1", `oci:${layout}:one`]);
    const index: unknown = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const digest = (index as { readonly manifests: readonly { readonly digest: string }[] }).manifests[0]?.digest;
    await berth.out(["rmi", "made:1"]);
    await berth.out(["builder", "prune", "-af"]);
    await berth.out(["image", "prune", "-f"]);
    const Dockerfile = "FROM base\nRUN echo $FROM_LAYOUT > /env\nFROM scratch\nCOPY --from=0 /env /layout /\n";
    const tagged = await build(Dockerfile, [`base=oci-layout://${layout}:one`]);
    expect([tagged.read("env"), tagged.read("layout")]).toEqual(["yes\n", "in\n"]);
    const byDigest = await build(Dockerfile, [`base=oci-layout://${layout}@${digest}`]);
    expect(byDigest.read("env")).toBe("yes\n");
    expect(await berth.out(["images", "--format", "{{.Repository}}"])).not.toContain("layout");
    expect(await berth.run(["system", "check"])).toMatchObject({ code: 0 });
    const absent = await build(Dockerfile, [`base=oci-layout://${layout}`]);
    expect(absent.stderr).toMatch(
      /oci-layout reference "oci-layout:.*" could not be resolved: no descriptor found for/,
    );
    const none = await build(Dockerfile, ["base=oci-layout:///nosuch:1"]);
    expect(none.stderr).toContain("invalid store at /nosuch");
    expect(none.code).toBe(1);
    const unknown = `sha256:${createHash("sha256").update("").digest("hex")}`;
    expect((await build(Dockerfile, [`base=oci-layout://${layout}@${unknown}`])).code).toBe(1);
  });
});
