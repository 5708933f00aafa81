import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { linux } from "../../src/host/syscalls.ts";
import { type Outcome, runProgram } from "../support/program.ts";
import { openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

/** A line for each file of a tree: path, type and mode, owner, size, link target, and the digest of a file's content. */
const listing = `cd / && find . -xdev ! -path './proc*' ! -path './sys*' ! -path './dev*' ! -path './etc/*' | sort | while read -r p; do
  if [ -L "$p" ]; then echo "$p -> $(readlink "$p")"; else echo "$p $(stat -c '%A %u:%g' "$p") $([ -f "$p" ] && md5sum < "$p")"; fi
done`;

/** One case for each directive, and the ways in which it is written. */
const cases: Readonly<Record<string, string>> = {
  FROM: "FROM busybox\n",
  "FROM, several stages": "FROM busybox AS a\nRUN echo x > /x\nFROM busybox\nCOPY --from=a /x /y\n",
  "RUN, shell form": "FROM busybox\nRUN echo $PATH > /path && mkdir /d && chmod 1777 /d\n",
  "RUN, exec form": 'FROM busybox\nRUN ["touch", "/a b"]\n',
  "RUN, continued": "FROM busybox\nRUN echo a \\\n  # a comment\n  && echo b > /b\n",
  "COPY, a file": "FROM busybox\nCOPY file /\n",
  "COPY, a file to a name": "FROM busybox\nCOPY file /new/place/name\n",
  "COPY, a pattern": "FROM busybox\nCOPY f* /to/\n",
  "COPY, all": "FROM busybox\nCOPY . /all\n",
  "COPY, --chown and --chmod": "FROM busybox\nCOPY --chown=1:2 --chmod=640 file /\n",
  "ADD, a file": "FROM busybox\nADD file /added\n",
  WORKDIR: "FROM busybox\nWORKDIR /a\nWORKDIR b\nRUN pwd > here\n",
  "CMD, shell form": "FROM busybox\nCMD echo $HOME\n",
  "CMD, exec form": 'FROM busybox\nCMD ["echo", "a b"]\n',
  "ENTRYPOINT, shell form": "FROM busybox\nENTRYPOINT echo a\n",
  "ENTRYPOINT, exec form; it clears the base's CMD": 'FROM busybox\nENTRYPOINT ["echo"]\n',
  "ENTRYPOINT and CMD": 'FROM busybox\nCMD ["b"]\nENTRYPOINT ["echo", "a"]\n',
  ENV: 'FROM busybox\nENV A=b C="d e" F=$HOME\nENV G h i\nRUN echo $A$C > /env\n',
  ARG: "FROM busybox\nARG A=1\nARG B\nRUN echo $A-$B > /arg\n",
  "ARG before FROM": "ARG base=busybox\nFROM $base\nARG base\nRUN echo $base > /base\n",
  EXPOSE: "FROM busybox\nEXPOSE 80 53/udp 100-102\n",
  VOLUME: 'FROM busybox\nVOLUME /a /b\nVOLUME ["/c d"]\n',
  USER: "FROM busybox\nUSER mail\nRUN id > /tmp/id\n",
  LABEL: 'FROM busybox\nLABEL a=b "c d"="e f" g=\'$h\'\n',
  SHELL: 'FROM busybox\nSHELL ["/bin/sh", "-ec"]\nRUN echo x > /x\nCMD y\n',
  STOPSIGNAL: "FROM busybox\nSTOPSIGNAL SIGUSR1\n",
  HEALTHCHECK: "FROM busybox\nHEALTHCHECK --interval=5s --retries=2 CMD true\n",
  ONBUILD: "FROM busybox\nONBUILD RUN echo x > /x\n",
  MAINTAINER: "FROM busybox\nMAINTAINER someone\n",
};

const fields = [
  ...["Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "Labels", "Shell", "StopSignal"],
  ...["OnBuild", "Healthcheck"],
];

/** What is compared of an inspection. Newer Docker's and older ones' words for what isn't set are one. */
function built({ stdout }: Outcome): object {
  const [image] = JSON.parse(stdout);
  const config = fields.map((field) => [field, emptyAsNull(image.Config[field])]);
  return { ...Object.fromEntries(config), author: image.Author, layers: image.RootFS.Layers.length };
}

function emptyAsNull(value: unknown): unknown {
  const empty =
    value === undefined || value === "" || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
  return empty ? null : value;
}

async function context(Dockerfile: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "berth-context-"));
  await writeFile(join(directory, "Dockerfile"), Dockerfile);
  await writeFile(join(directory, "file"), "content\n");
  await writeFile(join(directory, "fun.txt"), "fun\n", { mode: 0o755 });
  return directory;
}

describe.skipIf(twins === undefined)("an image is built as BuildKit builds it:", () => {
  test.each(Object.entries(cases))("%s", async (_, Dockerfile) => {
    const directory = await context(Dockerfile);
    const builds = await twins?.both(["build", "-t", "built", directory]);
    expect([builds?.docker, builds?.berth]).toMatchObject([{ code: 0 }, { code: 0 }]);

    const images = await twins?.both(["inspect", "built"]);
    expect(images && built(images.berth)).toEqual(images && built(images.docker));
    const created = await twins?.both(["history", "--no-trunc", "--format", "{{.CreatedBy}}", "built"]);
    // Docker 20.10 knows no start interval of health checks.
    const startInterval = /("0s" "0s") "0s"/;
    expect(created?.berth.stdout.replace(startInterval, "$1")).toBe(created?.docker.stdout);

    const list = ["run", "--rm", "--network", "none", "-u", "0", "--entrypoint", "sh", "built", "-c", listing];
    const trees = await twins?.both(list);
    expect(trees?.berth.stdout).toBe(trees?.docker.stdout);
    await rm(directory, { recursive: true });
  });
});

describe.skipIf(twins === undefined)("extended attributes of a context", () => {
  test("stay out of the saved image, as in Docker's layers; an imported layer keeps its own", async () => {
    const directory = await context("FROM busybox\nCOPY file /\n");
    linux.lsetxattr(join(directory, "file"), "user.origin", Buffer.from("somewhere"));
    const hasAttribute = async (...args: readonly string[]): Promise<readonly boolean[]> => {
      const outcomes = await twins?.both(args);
      return [outcomes?.docker, outcomes?.berth].map((outcome) => /xattr\.user\.origin/.test(outcome?.stdout ?? ""));
    };
    await twins?.both(["build", "-t", "built", directory]);
    expect(await hasAttribute("save", "built")).toEqual([false, false]);
    const archive = join(directory, "tree.tar");
    const tar = ["--create", "--xattrs", "--xattrs-include=user.*", `--file=${archive}`, "file"];
    expect(await runProgram("tar", tar, { cwd: directory })).toMatchObject({ code: 0 });
    await twins?.both(["import", archive, "imported"]);
    expect(await hasAttribute("save", "imported")).toEqual([true, true]);
    await rm(directory, { recursive: true });
  });
});
