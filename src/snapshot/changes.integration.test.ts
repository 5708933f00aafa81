import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Entry } from "../archive/testing.ts";
import { inMount, testStore } from "./testing.ts";

const parent: readonly Entry[] = [
  ["etc/mod", "file", "1"],
  ["etc/del", "file", "1"],
  ["etc/mode", "file", "1"],
  ["etc/ren", "file", "1"],
  ["d/a", "file", "1"],
  ["d/sub/b", "file", "1"],
  ["e/x", "file", "1"],
  ["f", "file", "1"],
  ["l", "symlink", "f"],
  ["tmp", "dir"],
  ["same", "file", "1"],
];

/** What `docker diff` says after these commands in a container (dockerd 20.10, overlay2). */
test.each<[string, string[]]>([
  ["true", []],
  ["echo 2 > etc/new", ["C /etc", "A /etc/new"]],
  ["echo 22 >> etc/mod", ["C /etc", "C /etc/mod"]],
  ["rm etc/del", ["C /etc", "D /etc/del"]],
  ["chmod 600 etc/mode", ["C /etc", "C /etc/mode"]],
  ["rm -r d; mkdir d", ["C /d", "D /d/a", "D /d/sub"]],
  ["rm -r d; mkdir d; echo 1 > d/new; echo 3 > d/a", ["C /d", "C /d/a", "A /d/new", "D /d/sub"]],
  ["rm -r d", ["D /d"]],
  ["rm f; mkdir f; echo > f/x", ["C /f", "A /f/x"]],
  ["rm -r e; ln -s etc e", ["C /e"]],
  ["rm -r e; echo > e", ["C /e"]],
  ["mv etc/ren etc/ren2", ["C /etc", "D /etc/ren", "A /etc/ren2"]],
  ["mkdir -p n/m; echo > n/m/o; echo > n-x", ["A /n", "A /n-x", "A /n/m", "A /n/m/o"]],
  ["touch -d @1 same; chmod 644 same", []],
  ["touch -d @2 same", ["C /same"]],
  ["touch -d @9 same", ["C /same"]],
  ["touch -d @1.5 same", []],
  ["mkdir -p n/m; mkfifo n/p; ln -s p n/l; mknod n/z c 1 5", ["A /n", "A /n/l", "A /n/m", "A /n/p", "A /n/z"]],
  ["chmod 700 d", ["C /d"]],
  ["chown 1 etc/mode", ["C /etc", "C /etc/mode"]],
  ["rm l; ln -s g l", ["C /l"]],
  ["touch d/sub", []],
  ["echo > tmp/x; rm tmp/x", []],
  ["ln etc/mod etc/mod2", ["C /etc", "A /etc/mod2"]],
  ["mv d d2", ["D /d", "A /d2", "A /d2/a", "A /d2/sub", "A /d2/sub/b"]],
  ["rm -r e; mkdir e; echo 1 > e/x", ["C /e", "C /e/x"]],
  ["rm -r e; mkdir e; cp same e/x; touch -d @1 e/x", []],
])("%s", async (script, expected) => {
  await using store = await testStore();
  await using active = await store.snapshotter.prepare("c", await store.commit(parent), {
    init: (init) => {
      mkdirSync(join(init, "etc"));
      writeFileSync(join(init, "etc/hosts"), "");
    },
  });
  const [mount] = active.mounts();
  if (mount === undefined) throw new Error("no mount");
  inMount(mount, script);
  const changes = await active.changes();
  expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(expected);
});
