import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBerth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { type MultiPlatform, writeMultiPlatform } from "../support/multi-platform.ts";
import type { Outcome } from "../support/program.ts";
import { runProgram } from "../support/program.ts";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const directory = twins?.berth.directory ?? "";
const at = (name: string): string => join(directory, name);
const inspect = ["image", "inspect", "--format", "{{.Id}} {{json .RootFS.Layers}} {{json .RepoTags}}"];

/** Standard output of a command that must not fail. */
const out = ({ code, stdout, stderr }: Outcome): string => {
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
};
const docker = async (...args: string[]): Promise<string> => out((await twins?.docker.run(args)) ?? failed);
const berth = async (...args: string[]): Promise<string> => out((await twins?.berth.run(args)) ?? failed);
const failed: Outcome = { code: 1, stdout: "", stderr: "there is no Docker" };

/** What a layer can hold: changed by a container of several layers' height. */
const script = `
  mkdir -p /d/e /d/sticky; chmod 1777 /d/sticky; chown 12:34 /d/e
  echo one > /d/one; ln /d/one /d/e/two; ln -s ../one /d/e/link; mkfifo /d/pipe; mknod /d/null c 1 3
  chmod 4755 /d/one; touch -d @-5 /d/old; touch "/d/$(printf 'caf\\351')" "/d/$(printf 'x%.0s' $(seq 1 120))"
  rm /etc/group; rm -r /var/spool; mkdir -p /var/spool/other; rm -r /home; touch /home
  dd if=/dev/zero of=/d/hole bs=1 count=1 seek=1048576 2>/dev/null`;

beforeAll(async () => {
  if (twins === undefined) return;
  await twins.both(["rmi", "busybox"]);
  await docker("import", "--change", 'CMD ["sh"]', baseArchives().busybox, "grown:0");
  for (const [from, command] of ["true", script, "rm -r /d/e; echo again > /d/one"].entries()) {
    await docker("run", "--name", `c${from}`, "--network", "none", `grown:${from}`, "sh", "-c", command);
    await docker("commit", `c${from}`, `grown:${from + 1}`);
  }
  await docker("save", "-o", at("docker.tar"), "grown:3", "grown:2");
});

describe.skipIf(twins === undefined)("images of Docker's", () => {
  test("come in with Docker's lines, IDs and layers", async () => {
    const lines = (await berth("load", "-i", at("docker.tar"))).split("\n");
    // Docker saves images in any order.
    expect(lines.toSorted()).toEqual(["Loaded image: grown:2", "Loaded image: grown:3"]);
    for (const image of ["grown:2", "grown:3"]) {
      expect(await berth(...inspect, image)).toBe(await docker(...inspect, image));
    }
  });

  test("know which of them they were made from, and say so in berth's archive", async () => {
    const base = await docker("image", "inspect", "--format", "{{.Id}}", "grown:2");
    expect(await berth("image", "inspect", "--format", "{{.Parent}}", "grown:3")).toBe(base);
    const removed = await twins?.berth.run(["rmi", "-f", base]);
    expect(removed?.stderr).toMatch(/\(cannot be forced\) - image has dependent child images\n/);
    await berth("save", "-o", at("both.tar"), "grown:3", "grown:2");
    const list = JSON.parse(execFileSync("tar", ["-xOf", at("both.tar"), "manifest.json"]).toString());
    expect(list.map(({ Parent }: { readonly Parent?: string }) => Parent)).toEqual([base, undefined]);
  });

  test("come out with the bytes of their layers, and Docker takes them for its own", async () => {
    await berth("save", "-o", at("berth.tar"), "grown:3");
    const ids = JSON.parse(await docker("inspect", "--format", "{{json .RootFS.Layers}}", "grown:3"));
    for (const id of ids) {
      const name = `blobs/sha256/${id.replace("sha256:", "")}`;
      const digest = execFileSync("sh", ["-c", `tar -xOf ${at("berth.tar")} ${name} | sha256sum`]).toString();
      expect(`sha256:${digest.slice(0, 64)}`).toBe(id);
    }
    const before = await docker(...inspect, "grown:3");
    await docker("rm", "c0", "c1", "c2");
    await docker("rmi", "grown:3", "grown:2", "grown:1", "grown:0");
    expect(await docker("load", "-i", at("berth.tar"))).toBe("Loaded image: grown:3");
    expect(await docker(...inspect, "grown:3")).toBe(before);
    await docker("load", "-i", at("both.tar"));
    expect(await docker("image", "inspect", "--format", "{{.Parent}}", "grown:3")).toBe(
      await docker("image", "inspect", "--format", "{{.Id}}", "grown:2"),
    );
  });

  test("look in a container as they do in Docker's", async () => {
    const look =
      "cd /; find d etc var home ! -name old ! -name hostname ! -name hosts ! -name resolv.conf ! -name mtab -exec stat -c '%n %F %a %u %g %s %h %Y' {} + | sort";
    const run = ["run", "--rm", "--network", "none", "grown:3", "sh", "-c", look];
    const seen = await twins?.both(run);
    const comparableLines = (text: string | undefined) =>
      text?.split("\n").map((line) => (/ directory /.test(line) ? line.replace(/ \d+ \d+ \d+$/, "") : line));
    expect(comparableLines(seen?.berth.stdout)).toEqual(comparableLines(seen?.docker.stdout));
  });

  test("are exported as Docker exports them", async () => {
    await twins?.both(["create", "--name", "exported", "grown:3", "true"]);
    const lines = async (engine: "docker" | "berth"): Promise<string> => {
      const path = at(`${engine}-export.tar`);
      await (engine === "docker" ? docker : berth)("export", "-o", path, "exported");
      const list = execFileSync("tar", ["--numeric-owner", "--full-time", "-tvf", path]).toString();
      // What an engine makes itself has the time of its making. Docker unpacks a file of before 1970 as one of 1970.
      return list
        .split("\n")
        .filter((line) => !line.endsWith(" d/old"))
        .map((line) => line.replace(/(:\d\d)\.\d+/, "$1").replaceAll(/ +/g, " "))
        .map((line) =>
          / (\.dockerenv|dev\/.*|etc\/|etc\/(hosts|hostname|resolv.conf|mtab.*))$/.test(line)
            ? line.replace(/20\S+ \S+/, "now")
            : line,
        )
        .sort()
        .join("\n");
    };
    expect(await lines("berth")).toBe(await lines("docker"));
    await twins?.both(["rm", "exported"]);
  });
});

describe.skipIf(twins === undefined)("images of berth's", () => {
  test.each([
    ["plain", (archive: Buffer) => archive],
    ["compressed", (archive: Buffer) => gzipSync(archive)],
  ])("go into Docker and come back with their IDs and bytes, %s", async (name, wrap) => {
    await using own = openBerth();
    await own.files(name, { Dockerfile: "FROM base\nRUN echo x > /x && rm /etc/group\nENV A=b\n" });
    await own.out(["import", baseArchives().busybox, "base"]);
    await own.out(["build", "-q", "-t", "made:1", name]);
    await own.out(["save", "-o", "made.tar", "made:1"]);
    const archive = wrap(readFileSync(join(own.directory, "made.tar")));
    expect(await twins?.docker.run(["load"], { input: archive })).toMatchObject({ stdout: "Loaded image: made:1\n" });
    expect(await docker(...inspect, "made:1")).toBe(await own.out([...inspect, "made:1"]));
    await docker("save", "-o", at("back.tar"), "made:1");
    await docker("rmi", "made:1");
    await using other = openBerth();
    expect(await other.out(["load", "-i", at("back.tar")])).toBe("Loaded image: made:1");
    await other.out(["save", "-o", "again.tar", "made:1"]);
    expect(readFileSync(join(other.directory, "again.tar")).equals(readFileSync(join(own.directory, "made.tar")))).toBe(
      true,
    );
  });
});

describe.skipIf(twins === undefined)("both say the same of", () => {
  const broken: Readonly<Record<string, Buffer>> = {
    "cut.tar": baseArchiveHead(),
    "empty.tar": Buffer.alloc(10240),
  };
  beforeAll(() => {
    for (const [name, bytes] of Object.entries(broken)) writeFileSync(at(name), bytes);
  });

  test.each([
    [["load", "-i", "none.tar"]],
    [["save", "absent"]],
    [["save", "none:1"]],
    [["export", "none"]],
    [["save"]],
    [["export"]],
  ])("%j", async (args) => {
    const seen = await twins?.both(args);
    const both = seen && comparable(seen);
    expect(both?.berth).toEqual(both?.docker);
  });

  test.each(Object.keys(broken))("%s, as far as failing goes", async (name) => {
    const seen = await twins?.both(["load", "-i", at(name)]);
    expect(seen?.berth.code).toBe(seen?.docker.code);
    expect(seen?.berth.code).toBe(1);
  });
});

function baseArchiveHead(): Buffer {
  return readFileSync(baseArchives().busybox).subarray(0, 5000);
}

describe.skipIf(twins === undefined || !existsSync("/usr/bin/podman"))("podman", () => {
  test("takes what berth saves, and gives it back with the same ID and bytes", async () => {
    const places = ["--root", at("podman/root"), "--runroot", at("podman/run"), "--storage-driver", "vfs"];
    const podman = async (...args: string[]): Promise<string> =>
      out(await runProgram("podman", [...places, ...args], { cwd: directory }));
    const id = await berth("inspect", "--format", "{{.Id}}", "grown:3");
    await berth("save", "-o", at("for-podman.tar"), "grown:3");
    await podman("load", "-q", "-i", "for-podman.tar");
    expect(await podman("images", "--no-trunc", "-q", "grown:3")).toBe(id);
    await podman("save", "-q", "-o", "from-podman.tar", "grown:3");
    await using other = openBerth();
    const line = await other.out(["load", "-i", at("from-podman.tar")]);
    expect(line).toMatch(/^Loaded image: (localhost\/)?grown:3$/);
    const name = line.replace("Loaded image: ", "");
    expect(await other.out(["inspect", "--format", "{{.Id}}", name])).toBe(id);
    const layers = ["inspect", "--format", "{{json .RootFS.Layers}}"];
    expect(await other.out([...layers, name])).toBe(await berth(...layers, "grown:3"));
    await podman("rmi", "-af");
  });

  test("takes this machine's platform out of an index that berth saves", async () => {
    const { images } = await savedIndex();
    const places = ["--root", at("podman/root"), "--runroot", at("podman/run"), "--storage-driver", "vfs"];
    const podman = async (...args: string[]): Promise<string> =>
      out(await runProgram("podman", [...places, ...args], { cwd: directory }));
    const loaded = (await podman("pull", "-q", "oci-archive:index.tar")).split("\n").at(-1);
    expect(`sha256:${loaded}`).toBe(images.get("linux/amd64")?.id);
    await podman("rmi", "-af");
  });
});

/** An image for several platforms that came in and went out again, as `index.tar`. */
async function savedIndex(): Promise<MultiPlatform> {
  const multi = writeMultiPlatform(at("multi"), { name: "docker.io/library/multi:1" });
  await using own = openBerth();
  await own.out(["load", "-i", at("multi")]);
  await own.out(["save", "--format", "oci", "-o", at("index.tar"), "multi:1"]);
  return multi;
}

describe.skipIf(twins === undefined || !existsSync("/usr/bin/skopeo") || !existsSync("/usr/bin/umoci"))(
  "skopeo and umoci",
  () => {
    const skopeo = async (...args: string[]): Promise<string> =>
      out(await runProgram("skopeo", ["--insecure-policy", ...args], { cwd: directory }));
    const config = async (source: string): Promise<{ rootfs: { diff_ids: string[] } }> =>
      JSON.parse(await skopeo("inspect", "--config", source));

    test("take what berth saves, in both forms, and give it back with the same ID", async () => {
      const id = (await berth("inspect", "--format", "{{.Id}}", "grown:3")).trim();
      await berth("save", "--format", "oci", "-o", at("oci.tar"), "grown:3");
      const raw = await skopeo("inspect", "--raw", `oci-archive:oci.tar`);
      expect(JSON.parse(raw).config.digest).toBe(id);
      await skopeo("copy", "oci-archive:oci.tar", "oci:layout:docker.io/library/grown:3");
      await using other = openBerth();
      expect(await other.out(["load", "-i", at("layout")])).toBe("Loaded image: grown:3");
      expect(await other.out(["inspect", "--format", "{{.Id}}", "grown:3"])).toBe(id);
      await other.out(["save", "-o", at("again.tar"), "grown:3"]);
      await berth("save", "-o", at("first.tar"), "grown:3");
      expect(readFileSync(at("again.tar")).equals(readFileSync(at("first.tar")))).toBe(true);
      const layers = JSON.parse(await berth("inspect", "--format", "{{json .RootFS.Layers}}", "grown:3"));
      expect((await config("docker-archive:first.tar")).rootfs.diff_ids).toEqual(layers);
    });

    test.each(["gzip", "zstd"])(
      "see the digest that berth tells, and take the layers that it compressed with %s",
      async (how) => {
        const digest = await berth("image", "digest", "--compression", how, "grown:3");
        await berth("save", "--format", "oci", "--compression", how, "-o", at(`${how}.tar`), "grown:3");
        expect(await skopeo("inspect", "--format", "{{.Digest}}", `oci-archive:${how}.tar`)).toBe(digest);
        await skopeo("copy", "--dest-decompress", `oci-archive:${how}.tar`, `dir:${at(`${how}-plain`)}`);
        const { layers } = JSON.parse(readFileSync(at(`${how}-plain/manifest.json`), "utf8"));
        const diffIDs = JSON.parse(await berth("inspect", "--format", "{{json .RootFS.Layers}}", "grown:3"));
        expect(layers.map((layer: { digest: string }) => layer.digest)).toEqual(diffIDs);
        // Docker's archives and Debian's umoci know no zstd.
        if (how === "zstd") return;
        await skopeo("copy", `oci-archive:${how}.tar`, `docker-archive:${how}-docker.tar:compressed:1`);
        expect(await docker("load", "-i", at(`${how}-docker.tar`))).toBe("Loaded image: compressed:1");
        const ids = await Promise.all([berth(...inspect, "grown:3"), docker(...inspect, "compressed:1")]);
        expect(ids[1]?.split(" ")[0]).toBe(ids[0]?.split(" ")[0]);
        await skopeo("copy", `oci-archive:${how}.tar`, `oci:${how}:latest`);
        out(await runProgram("umoci", ["unpack", "--image", `${how}:latest`, `${how}-bundle`], { cwd: directory }));
        expect(readFileSync(at(`${how}-bundle/rootfs/d/one`), "utf8")).toBe("again\n");
      },
    );

    test("copy an index that berth saves with all of its platforms, and back", async () => {
      const { digest } = await savedIndex();
      await skopeo("copy", "--all", "oci-archive:index.tar", "oci:copied:docker.io/library/multi:1");
      const named = JSON.parse(readFileSync(at("copied/index.json"), "utf8"));
      expect(named.manifests.map((each: { digest: string }) => each.digest)).toEqual([digest]);
      await using other = openBerth();
      expect(await other.out(["load", "-i", at("copied")])).toBe("Loaded image: multi:1");
      expect(await other.out(["image", "inspect", "-f", "{{.RepoTags}}", digest])).toBe("[multi:1]");
      await other.out(["save", "--format", "oci", "-o", at("index-again.tar"), "multi:1"]);
      expect(readFileSync(at("index-again.tar")).equals(readFileSync(at("index.tar")))).toBe(true);
    });

    test("unpack what berth saves", async () => {
      await skopeo("copy", "oci-archive:oci.tar", "oci:plain:latest");
      out(await runProgram("umoci", ["unpack", "--image", "plain:latest", "bundle"], { cwd: directory }));
      expect(readFileSync(at("bundle/rootfs/d/one"), "utf8")).toBe("again\n");
    });

    test("write what berth loads", async () => {
      const umoci = async (...args: string[]): Promise<string> =>
        out(await runProgram("umoci", args, { cwd: directory }));
      await umoci("config", "--image", "plain:latest", "--config.env", "FROM=umoci", "--tag", "changed");
      const named = JSON.parse(readFileSync(at("plain/index.json"), "utf8"));
      const { digest } = named.manifests.find(
        (each: { annotations: Record<string, string> }) =>
          each.annotations["org.opencontainers.image.ref.name"] === "changed",
      );
      const manifest = JSON.parse(readFileSync(at(`plain/blobs/sha256/${digest.replace("sha256:", "")}`), "utf8"));
      await using other = openBerth();
      const lines = await other.out(["load", "-i", at("plain")]);
      expect(lines.split("\n")).toContain(`Loaded image ID: ${manifest.config.digest}`);
      expect(await other.out(["inspect", "--format", "{{json .Config.Env}}", manifest.config.digest])).toContain(
        "FROM=umoci",
      );
    });
  },
);
