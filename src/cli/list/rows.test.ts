import { expect, test } from "vitest";
import type { Container, ContainerState } from "../../container/container.ts";
import { defaultRequest } from "../../container/request.ts";
import { digestOf } from "../../oci/digest.ts";
import type { HistoryLine, ImageSummary } from "../engine-types.ts";
import { formatRows } from "../format/listing.ts";
import { containerListing } from "./container-row.ts";
import { historyListing, wasteText } from "./history-row.ts";
import { imageListing, imageRows, splitName } from "./image-row.ts";

const now = Date.parse("2026-11-24T12:00:00Z");
const startedAt = "2026-11-24T11:58:00Z";

const container: Container = {
  id: "97d91dcc5dea".padEnd(64, "0"),
  name: "web",
  imageID: digestOf("image"),
  chainID: undefined,
  created: "2026-11-24T11:59:59Z",
  request: defaultRequest("busybox"),
  config: {
    args: ["sh", "-c", "echo out; echo err"],
    Labels: { b: "2", a: "1" },
    hostname: "h",
    mounts: [
      { kind: "volume", name: "data", source: "/v/data", target: "/data", readonly: false, propagation: "" },
      { kind: "bind", source: "/a/very/long/path", target: "/x", readonly: false, propagation: "" },
    ],
  },
  state: { status: "running", pid: 1, startedAt },
  endpoint: undefined,
  directory: "/c",
};

test.each<[ContainerState, string]>([
  [{ status: "created" }, "Created"],
  [{ status: "running", pid: 1, startedAt }, "Up 2 minutes"],
  [{ status: "paused", pid: 1, startedAt }, "Up 2 minutes (Paused)"],
  [
    { status: "exited", code: 137, oomKilled: false, startedAt, finishedAt: "2026-11-24T11:00:00Z" },
    "Exited (137) About an hour ago",
  ],
])("%j is %s", (state, words) => {
  const row = { container: { ...container, state }, whole: false, now };
  expect(formatRows(containerListing, [row], "{{.Status}}")).toBe(`${words}\n`);
});

test("ps is Docker's table", () => {
  expect(formatRows(containerListing, [{ container, whole: false, now }])).toBe(
    `CONTAINER ID   IMAGE     COMMAND                  CREATED        STATUS         PORTS     NAMES
97d91dcc5dea   busybox   "sh -c 'echo out; ec…"   1 second ago   Up 2 minutes             web
`,
  );
});

test.each([
  ["{{.Command}}", false, `"sh -c 'echo out; ec…"`],
  ["{{.Command}} {{.ID}}", true, `"sh -c 'echo out; echo err'" ${container.id}`],
  ["{{.Labels}} {{.Label `b`}}", false, "a=1,b=2 2"],
  ["{{.Mounts}} {{.LocalVolumes}}", false, "data,/a/very/long/p… 1"],
  ["{{.State}} {{.CreatedAt}} {{.Networks}}", false, "running 2026-11-24 11:59:59 +0000 UTC bridge"],
])("ps --format %s", (format, whole, line) => {
  expect(formatRows(containerListing, [{ container, whole, now }], format)).toBe(`${line}\n`);
});

const image: ImageSummary = {
  id: digestOf("image"),
  created: startedAt,
  references: ["localhost:5000/app:1", "busybox:latest"],
  size: 1982333,
  parent: undefined,
  variantOf: [],
};

test("images has a line for each name, and one without", () => {
  const rows = [image, { ...image, references: [] }].flatMap((each) => imageRows(each, { whole: false, now }));
  const id = image.id.slice(7, 19);
  expect(formatRows(imageListing, rows)).toBe(`REPOSITORY           TAG       IMAGE ID       CREATED         SIZE
localhost:5000/app   1         ${id}   2 minutes ago   1.98MB
busybox              latest    ${id}   2 minutes ago   1.98MB
<none>               <none>    ${id}   2 minutes ago   1.98MB
`);
});

test.each([
  ["a:b", "a", "b", "<none>"],
  ["h:5000/a", "h:5000/a", "<none>", "<none>"],
  ["a@sha256:0", "a", "<none>", "sha256:0"],
])("%s is the repository %s, the tag %s, the digest %s", (name, repository, tag, digest) => {
  expect(splitName(name)).toEqual({ repository, tag, digest });
});

const lines: readonly HistoryLine[] = [
  {
    id: image.id,
    created: startedAt,
    createdBy: '/bin/sh -c #(nop)  CMD ["sh"]\tand so on and on',
    comment: "m",
    size: 12,
    references: [],
  },
  {
    id: undefined,
    created: "1970-01-01T00:00:00Z",
    createdBy: "",
    comment: "Imported from -",
    size: 1982333,
    references: [],
  },
];

test.each([
  [true, "IMAGE          CREATED         CREATED BY                                      SIZE      COMMENT"],
  [false, "IMAGE          CREATED AT             CREATED BY                                      SIZE      COMMENT"],
])("history, human: %s", (human, heading) => {
  const rows = lines.map((line) => ({ line, whole: false, human, now }));
  const id = image.id.slice(7, 19);
  const [first, ...rest] = formatRows(historyListing(human), rows).split("\n");
  expect(first).toBe(heading);
  expect(rest).toEqual(
    human
      ? [
          `${id}   2 minutes ago   /bin/sh -c #(nop)  CMD ["sh"] and so on and …   12B       m`,
          "<missing>      N/A                                                             1.98MB    Imported from -",
          "",
        ]
      : [
          `${id}   2026-11-24T11:58:00Z   /bin/sh -c #(nop)  CMD ["sh"] and so on and …   12        m`,
          "<missing>      1970-01-01T00:00:00Z                                                   1982333   Imported from -",
          "",
        ],
  );
});

test("history -H=false has whole times in the field for people, too", () => {
  const rows = lines.map((line) => ({ line, whole: false, human: false, now }));
  expect(formatRows(historyListing(false), rows, "{{.CreatedSince}}")).toBe(
    "2026-11-24T11:58:00Z\n1970-01-01T00:00:00Z\n",
  );
});

test("history --waste has a column and a sum, in bytes without -H", () => {
  const rows = lines.map((line, index) => ({
    line: { ...line, wasted: index * 991167 },
    whole: false,
    human: true,
    now,
  }));
  expect(formatRows(historyListing(true, true), rows, "{{.Size}} {{.Wasted}}")).toBe("12B 0B\n1.98MB 991kB\n");
  expect(formatRows(historyListing(true, true), rows)).toContain("SIZE      WASTED    COMMENT");
  expect(wasteText(rows)).toBe("Total: 1.98MB, wasted: 991kB (50.0%)\n");
  expect(wasteText(rows.map((row) => ({ ...row, human: false })))).toBe("Total: 1982345, wasted: 991167 (50.0%)\n");
});

test("history has no field for waste where that isn't asked for, as Docker's has none", () => {
  const rows = lines.map((line) => ({ line, whole: false, human: true, now }));
  expect(formatRows(historyListing(true), rows, "json")).not.toContain("Wasted");
});
