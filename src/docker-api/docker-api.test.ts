import { expect, test } from "vitest";
import type { Container, ContainerState } from "../container/container.ts";
import { defaultRequest } from "../container/request.ts";
import type { Image } from "../image/images.ts";
import { digestOf } from "../oci/digest.ts";
import { toContainerJSON } from "./container-json.ts";
import { toImageJSON } from "./image-json.ts";

const image: Image = {
  id: digestOf("image"),
  config: {
    os: "linux",
    architecture: "amd64",
    created: "2026-11-24T23:38:09.679847844Z",
    config: { Cmd: ["sh"], Env: ["A=b"], Labels: {} },
    rootfs: { type: "layers", diff_ids: [digestOf("layer")] },
    history: [{ comment: "Imported from -" }],
  },
  created: "2026-11-24T23:38:09.679847844Z",
  references: ["busybox:latest"],
  size: 1982333,
  parent: undefined,
  variantOf: [],
};

test("an image has the fields of Docker's inspect, empty ones as null", () => {
  expect(toImageJSON(image, { lower: [], upper: "/layers/1" })).toMatchObject({
    Id: image.id,
    RepoTags: ["busybox:latest"],
    RepoDigests: [],
    Parent: "",
    Comment: "Imported from -",
    Created: "2026-11-24T23:38:09.679847844Z",
    Config: { Cmd: ["sh"], Env: ["A=b"], Entrypoint: null, Labels: null, WorkingDir: "", User: "" },
    Architecture: "amd64",
    Os: "linux",
    Size: 1982333,
    RootFS: { Type: "layers", Layers: [digestOf("layer")] },
  });
});

function container(state: ContainerState): Container {
  const request = { ...defaultRequest("busybox"), openStdin: true, attachStdin: true };
  return {
    id: "a".repeat(64),
    name: "web",
    imageID: image.id,
    chainID: undefined,
    created: "2026-11-24T23:48:02Z",
    request: {
      ...request,
      resources: { memory: 64 << 20, nanoCpus: 500_000_000 },
      tmpfs: [{ target: "/t", options: ["size=1m"] }],
      volumes: [
        { kind: "volume", source: "vol1", target: "/data", readonly: false, createSource: true, noCopy: false },
        {
          kind: "bind",
          source: "/tmp",
          target: "/host",
          readonly: true,
          mode: "ro",
          createSource: true,
          noCopy: false,
        },
        { kind: "bind", source: "/etc", target: "/e", readonly: true, createSource: false, noCopy: false },
      ],
    },
    config: {
      args: ["sleep", "1000"],
      Cmd: ["sleep", "1000"],
      hostname: "web1",
      mounts: [
        { kind: "volume", name: "vol1", source: "/v/vol1", target: "/data", readonly: false, propagation: "" },
        { kind: "bind", source: "/tmp", target: "/host", readonly: true, propagation: "rprivate", mode: "ro" },
      ],
    },
    state,
    endpoint: {
      networkID: "n",
      networkName: "bridge",
      address: "172.17.0.2",
      prefixLength: 16,
      gateway: "172.17.0.1",
      mac: "02:42:ac:11:00:02",
    },
    directory: "/var/lib/berth/containers/a",
  };
}

const layers = { lower: ["/init", "/layers/2", "/layers/1"], upper: "/active/a/upper", work: "/active/a/work" };

const startedAt = "2026-11-24T23:48:02Z";
const finishedAt = "2026-11-24T23:48:05Z";

test.each<[ContainerState, object]>([
  [{ status: "created" }, { Status: "created", Running: false, Pid: 0, StartedAt: "0001-01-01T00:00:00Z" }],
  [
    { status: "running", pid: 7, startedAt },
    { Running: true, Paused: false, Pid: 7, ExitCode: 0, StartedAt: startedAt },
  ],
  [
    { status: "paused", pid: 7, startedAt },
    { Running: true, Paused: true, Pid: 7 },
  ],
  [
    { status: "exited", code: 137, oomKilled: true, startedAt, finishedAt },
    { Running: false, ExitCode: 137, OOMKilled: true, Pid: 0, StartedAt: startedAt, FinishedAt: finishedAt },
  ],
  [{ status: "exited", code: 127, oomKilled: false, startedAt, finishedAt, error: "no" }, { Error: "no" }],
])("state %j", (state, expected) => {
  expect(toContainerJSON(container(state), { layers, cgroups: "private" }).State).toMatchObject(expected);
});

test("a container shows its request in HostConfig, its mounts and its address", () => {
  const json = toContainerJSON(container({ status: "created" }), { layers, cgroups: "private" });
  expect(json).toMatchObject({
    Name: "/web",
    GraphDriver: {
      Data: { LowerDir: "/init:/layers/2:/layers/1", UpperDir: "/active/a/upper", WorkDir: "/active/a/work" },
      Name: "overlay2",
    },
    Path: "sleep",
    Args: ["1000"],
    Config: { Hostname: "web1", Image: "busybox", OpenStdin: true, StdinOnce: true, Labels: {} },
    HostConfig: {
      Binds: ["vol1:/data", "/tmp:/host:ro"],
      Mounts: [{ Type: "bind", Source: "/etc", Target: "/e", ReadOnly: true }],
      Memory: 64 << 20,
      MemorySwap: 128 << 20,
      NanoCpus: 500_000_000,
      NetworkMode: "bridge",
      PidsLimit: null,
      ShmSize: 64 << 20,
      Tmpfs: { "/t": "size=1m" },
    },
    NetworkSettings: { IPAddress: "172.17.0.2", Networks: { bridge: { Gateway: "172.17.0.1" } } },
  });
  expect(json.Mounts).toMatchObject([
    { Type: "volume", Name: "vol1", Destination: "/data", Driver: "local", RW: true },
    { Type: "bind", Source: "/tmp", Destination: "/host", Mode: "ro", RW: false },
  ]);
});

test("a privileged container has no masked paths", () => {
  const plain = container({ status: "created" });
  const { HostConfig } = toContainerJSON(
    { ...plain, request: { ...plain.request, privileged: true } },
    { layers, cgroups: "private" },
  );
  expect(HostConfig).toMatchObject({ Privileged: true, MaskedPaths: null, ReadonlyPaths: null });
});
