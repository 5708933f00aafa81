import { expect, test } from "vitest";
import { enterFiles } from "./enter-script.ts";

const overlay = {
  type: "overlay",
  source: "overlay",
  cwd: "/var/lib/berth/layers",
  options: ["lowerdir=2:1", "upperdir=../active/a b/upper", "workdir=../active/a b/work"],
};

test("One overlay and the cover of the empty hierarchy are one table", () => {
  expect(enterFiles({ mounts: [overlay], directory: "/run/it's", hideUnified: true })).toEqual({
    script: {
      path: "/run/it's/enter",
      text: `set -e
cd '/var/lib/berth/layers'
mount --all --fstab '/run/it'\\''s/mounts-0'
cd /
exec "$@"
`,
    },
    tables: [
      expect.objectContaining({
        path: "/run/it's/mounts-0",
        text: `overlay /run/it's/rootfs overlay lowerdir=2:1,upperdir=../active/a\\040b/upper,workdir=../active/a\\040b/work 0 0
none /sys/fs/cgroup/unified tmpfs mode=755 0 0
`,
      }),
    ],
  });
});

test("Mounts with working directories of their own get tables of their own, in order", () => {
  const bind = { type: "none", source: "/a#b\\c", target: "/mnt", options: [], cwd: "/elsewhere" };
  const { script, tables } = enterFiles({ mounts: [overlay, bind], directory: "/b", hideUnified: false });
  expect(tables.map(({ text }) => text)).toEqual([
    expect.stringMatching(/^overlay /),
    "/a\\043b\\134c /b/rootfs/mnt none defaults 0 0\n",
  ]);
  expect(script.text.match(/mounts-\d/g)).toEqual(["mounts-0", "mounts-1"]);
});
