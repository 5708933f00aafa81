import { execFileSync } from "node:child_process";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";

const env = { SOURCE_DATE_EPOCH: "1700000000" };
const images = ["base", "built", "committed"];

const Dockerfile = `FROM base
COPY . /src/
WORKDIR /made/here
RUN echo x > x; mkdir -p d/e; touch -d @5 d/old; ln -s x link; rm /bin/vi; chmod 700 /tmp
`;

/** Make the same content, at another time, and give the IDs and the index that a layout of the images has. */
async function made(berth: Berth, changed: number): Promise<{ readonly ids: string; readonly index: string }> {
  const context = await berth.files("context", { Dockerfile, "dir/file": "content\n" });
  for (const name of ["Dockerfile", "dir/file", "dir", ""]) utimesSync(join(context, name), changed, changed);
  await berth.out(["import", baseArchives().busybox, "base"], { env });
  await berth.out(["build", "-q", "--network", "none", "-t", "built", context], { env });
  await berth.out([
    "run",
    "--network",
    "none",
    "--name",
    "changes",
    "built",
    "sh",
    "-c",
    "date > /d; rm /d; echo y > /y",
  ]);
  await berth.out(["commit", "changes", "committed"], { env });
  await berth.out(["save", "--format", "oci", "-o", "layout.tar", ...images]);
  const ids = await berth.out(["inspect", "-f", "{{.Id}} {{json .RootFS.Layers}} {{.Created}}", ...images]);
  const index = execFileSync("tar", ["-xO", "-f", join(berth.directory, "layout.tar"), "index.json"]).toString();
  return { ids, index };
}

test("imports, builds and commits of equal content in two stores give equal IDs and manifest digests", async () => {
  await using one = openBerth();
  await using two = openBerth();
  const first = await made(one, 1_800_000_000);
  // What was built without SOURCE_DATE_EPOCH is no hit for a build with it.
  await two.out(["import", baseArchives().busybox, "base"], { env });
  const context = await two.files("context", { Dockerfile, "dir/file": "content\n" });
  await two.out(["build", "-q", "--network", "none", context]);
  const second = await made(two, 1_900_000_000);
  expect(second).toEqual(first);
  expect(first.ids.match(/2023-11-14T22:13:20(\.000)?Z/g)).toHaveLength(3);
  expect(first.index.match(/"digest":"sha256:[0-9a-f]{64}"/g)).toHaveLength(3);
});

test("files that are older than SOURCE_DATE_EPOCH keep their times", async () => {
  await using berth = openBerth();
  await made(berth, 1_600_000_000);
  const stat = "stat -c %Y /src/dir/file /made/here/d/old /made/here/x /y";
  const times = await berth.out(["run", "--rm", "--network", "none", "committed", "sh", "-c", stat]);
  expect(times.split("\n")).toEqual(["1600000000", "5", "1700000000", "1700000000"]);
});
