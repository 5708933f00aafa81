import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { builtImageConfig } from "./image-config.ts";
import type { LoweredImage } from "./stage-state.ts";

const [first, second] = [digestOf("1"), digestOf("2")];
const times = new Map([
  [first, "2024-05-01T10:00:00Z"],
  [second, "2024-05-01T11:00:00Z"],
]);
const empty = (created_by: string) => ({ entry: { created_by, comment: "c", empty_layer: true } });
const image: LoweredImage = {
  platform: { os: "linux", architecture: "amd64" },
  config: { Cmd: ["x"], Env: ["A=b"], OnBuild: [], User: "" },
  history: [
    { entry: { created: "2020-01-01T00:00:00Z", created_by: "base" } },
    empty("ENV A=b"),
    { entry: { created_by: "RUN 1", comment: "c" }, vertex: first },
    empty("USER x"),
    { entry: { created_by: "RUN 2", comment: "c" }, vertex: second },
    empty("CMD x"),
  ],
};
const solved = {
  diffIDs: [first],
  createdAt: (vertex: typeof first) => times.get(vertex),
  labels: {},
  now: "2030-01-01T00:00:00Z",
};

test("metadata has the time of the layer beside it, the image that of its last line", () => {
  const config = builtImageConfig(image, solved);
  expect(config.history?.map(({ created }) => created)).toEqual([
    "2020-01-01T00:00:00Z",
    "2024-05-01T10:00:00Z",
    "2024-05-01T10:00:00Z",
    "2024-05-01T10:00:00Z",
    "2024-05-01T11:00:00Z",
    "2024-05-01T11:00:00Z",
  ]);
  expect(config.created).toBe("2024-05-01T11:00:00Z");
});

test("fields come in BuildKit's order, empty ones not at all", () => {
  const text = JSON.stringify(builtImageConfig(image, { ...solved, labels: { b: "2", a: "1" } }));
  expect(text).toMatch(
    /^\{"architecture":"amd64","config":\{"Env":\["A=b"\],"Cmd":\["x"\],"Labels":\{"a":"1","b":"2"\}\},"created":/,
  );
  expect(text).toContain('{"created":"2024-05-01T10:00:00Z","created_by":"ENV A=b","comment":"c","empty_layer":true}');
});

test("no new time is later than the epoch, and the base keeps its own", () => {
  const config = builtImageConfig(image, { ...solved, epoch: "1970-01-01T00:00:01Z" });
  expect(config.history?.map(({ created }) => created)).toEqual([
    "2020-01-01T00:00:00Z",
    ...Array(5).fill("1970-01-01T00:00:01Z"),
  ]);
  expect(config.created).toBe("1970-01-01T00:00:01Z");
});

test("an image without steps has the time of its base", () => {
  const history = image.history.slice(0, 2);
  expect(builtImageConfig({ ...image, history }, solved).created).toBe("2020-01-01T00:00:00Z");
  expect(builtImageConfig({ ...image, history: [] }, solved).created).toBe("2030-01-01T00:00:00Z");
});
