import { expect, test } from "vitest";
import type { Container, ContainerState } from "../../container/container.ts";
import { defaultRequest } from "../../container/request.ts";
import type { Engine } from "../../engine/engine.ts";
import { digestOf } from "../../oci/digest.ts";
import type { ImageSummary } from "../engine-types.ts";
import { filters } from "../flags/filter.ts";
import { filterContainers } from "./container-filters.ts";
import { filterImages } from "./image-filters.ts";

const flag = filters("");
const read = (texts: readonly string[]) => texts.reduce((before, text) => flag.read(text, before), flag.initial);

interface Made {
  readonly name: string;
  readonly references: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly parent?: string;
}

/** Newest first, one a day. */
const made: readonly Made[] = [
  { name: "child", references: ["child:latest", "h.io/team/child:1"], labels: { a: "1" }, parent: "middle" },
  { name: "middle", references: [], labels: {}, parent: "base" },
  { name: "lost", references: [], labels: { a: "2" } },
  { name: "base", references: ["base:latest", "base:2", `base@sha256:${"0".repeat(64)}`], labels: { a: "1", b: "" } },
];

const summaries = made.map(
  ({ name, references, parent }, index): ImageSummary => ({
    id: digestOf(name),
    created: `2026-11-${20 - index}T00:00:00.5Z`,
    references,
    size: 1,
    parent: parent === undefined ? undefined : digestOf(parent),
    variantOf: [],
  }),
);

/** The part of the engine that lists look at. */
const images = {
  list: () => summaries,
  get: (name: string) => {
    const index = made.findIndex((each) => each.name === name || digestOf(each.name) === name);
    const summary = summaries[index];
    if (summary === undefined) throw new Error(`No such image: ${name}`);
    return { ...summary, config: { config: { Labels: made[index]?.labels } } };
  },
} as unknown as Engine["images"];

const listed = (texts: readonly string[], all = false): readonly string[] =>
  filterImages(images, { given: read(texts), all }).map(
    ({ id }) => made.find(({ name }) => digestOf(name) === id)?.name ?? "",
  );

test.each<[readonly string[], readonly string[]]>([
  [[], ["child", "lost", "base"]],
  [["dangling=true"], ["lost"]],
  [["dangling=0"], ["child", "base"]],
  [["label=a"], ["child", "lost", "base"]],
  [["label=a=1", "label=b"], ["base"]],
  [["before=child"], ["lost", "base"]],
  [["since=base"], ["child", "lost"]],
  [["since=base", "before=child"], ["lost"]],
  [["since=base", "since=lost"], ["child"]],
  [["since=lost", "since=base"], ["child"]],
  [["until=2026-11-18"], ["base"]],
  [["reference=base"], ["base"]],
  [["reference=*:2"], ["base"]],
  [["reference=*"], ["child", "base"]],
  [["reference=*/*/child:*"], ["child"]],
  [
    ["reference=child", "reference=base"],
    ["child", "base"],
  ],
])("images -f %j lists %j", (texts, names) => {
  expect(listed(texts)).toEqual(names);
});

test("-a shows what only others are made from, and a reference leaves the names that fit", () => {
  expect(listed([], true)).toEqual(["child", "middle", "lost", "base"]);
  const [base] = filterImages(images, { given: read(["reference=base:2"]), all: false });
  expect(base?.references).toEqual(["base:2"]);
});

test.each([
  ["foo=x", "invalid filter 'foo'"],
  ["dangling=maybe", "invalid filter 'dangling=[maybe]'"],
  ["before=nosuch", "No such image: nosuch"],
  ["until=x", 'failed to parse value as time or duration: "x"'],
  ["reference=[", "syntax error in pattern"],
])("images -f %s is refused in Docker's words", (text, message) => {
  expect(() => listed([text])).toThrow(message);
});

const started = { startedAt: "2026-11-24T11:58:00Z", finishedAt: "2026-11-24T11:59:00Z" };
const states: Readonly<Record<string, ContainerState>> = {
  up: { status: "running", pid: 1, ...started },
  failed: { status: "exited", code: 3, oomKilled: false, ...started },
  done: { status: "exited", code: 0, oomKilled: false, ...started },
  fresh: { status: "created" },
};

const containers = Object.entries(states).map(
  ([name, state], index): Container => ({
    id: `${index}a`.padEnd(64, String(index)),
    name,
    imageID: digestOf(name === "up" ? "child" : "base"),
    chainID: undefined,
    created: started.startedAt,
    request: { ...defaultRequest("base"), network: name === "up" ? "bridge" : "none" },
    config: {
      args: ["sh"],
      hostname: "h",
      ExposedPorts: name === "up" ? { "80/tcp": {} } : {},
      Labels: { name },
      mounts: [
        { kind: "volume", name: `${name}-data`, source: "/v", target: "/data", readonly: false, propagation: "" },
      ],
    },
    state,
    endpoint: undefined,
    directory: "/c",
  }),
);

const engine = {
  images,
  containers: { list: async () => containers },
  networks: { list: async () => [{ id: "beef00", name: "bridge" }] },
} as unknown as Engine;

test.each<[readonly string[], readonly string[]]>([
  [[], ["up", "failed", "done", "fresh"]],
  [["name=^/?do"], ["done"]],
  [["name=["], []],
  [["id=1a"], ["failed"]],
  [["id="], []],
  [["label=name=up"], ["up"]],
  [
    ["exited=0", "exited=3"],
    ["failed", "done"],
  ],
  [
    ["status=created", "status=running"],
    ["up", "fresh"],
  ],
  [["ancestor=base"], ["up", "failed", "done", "fresh"]],
  [["ancestor=child"], ["up"]],
  [["before=failed"], ["done", "fresh"]],
  [["since=done"], ["up", "failed"]],
  [
    ["since=fresh", "before=up"],
    ["failed", "done"],
  ],
  [["volume=done-data"], ["done"]],
  [["volume=/data"], ["up", "failed", "done", "fresh"]],
  [["network=beef"], ["up"]],
  [["network=none"], ["failed", "done", "fresh"]],
  [["expose=70-90"], ["up"]],
  [["publish=80"], []],
  [["is-task=true"], []],
  [["health=none"], ["up", "failed", "done", "fresh"]],
  [["health=healthy"], []],
])("ps -a -f %j lists %j", async (texts, names) => {
  const found = await filterContainers(engine, { given: read(texts), all: true });
  expect(found.map(({ name }) => name)).toEqual(names);
});

test("without -a only what runs is listed, unless a status or a number is asked for", async () => {
  const names = async (texts: readonly string[], last?: number) =>
    (await filterContainers(engine, { given: read(texts), all: false, last })).map(({ name }) => name);
  expect(await names([])).toEqual(["up"]);
  expect(await names(["exited=0"])).toEqual([]);
  expect(await names(["status=exited"])).toEqual(["failed", "done"]);
  expect(await names([], 2)).toEqual(["up", "failed"]);
});

test.each([
  ["foo=x", "invalid filter 'foo'"],
  ["status=x", "invalid filter 'status=x'"],
  ["health=x", "invalid filter 'health=x'"],
  ["exited=x", "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax"],
  ["since=nosuch", "No such container: nosuch"],
  ["publish=1:2", "filter for 'publish' should not contain ':': 1:2"],
])("ps -f %s is refused in Docker's words", async (text, message) => {
  await expect(filterContainers(engine, { given: read([text]), all: true })).rejects.toThrow(message);
});
