import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { type CacheServer, openCacheServer } from "../support/cache-server.ts";
import { type Docker, openDocker } from "../support/docker.ts";
import { eventually } from "../support/eventually.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

// A real Docker and a real containerd with the cache as their mirror, in a network that reaches nobody else.

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)("Docker and containerd", () => {
  let stack: AsyncDisposableStack;
  let registry: Registry;
  let berth: Berth;
  let cache: CacheServer;
  let id: string;

  beforeAll(async () => {
    enterPrivateNetwork();
    stack = new AsyncDisposableStack();
    registry = stack.use(await openRegistry());
    berth = stack.use(await openBerthWithBusybox());
    id = await berth.out(["image", "inspect", "--format", "{{.Id}}", "busybox"]);
    await berth.out(["save", "--format", "oci", "--compression", "gzip", "-o", "busybox.tar", "busybox"]);
    const archive = `oci-archive:${join(berth.directory, "busybox.tar")}`;
    const args = ["copy", "--dest-tls-verify=false", archive, `docker://${registry.host}/library/mirrored:latest`];
    expect(await runProgram("skopeo", args)).toMatchObject({ code: 0 });
    cache = stack.use(await openCacheServer(berth, ["--upstream", registry.host]));
  });

  afterAll(() => stack[Symbol.asyncDispose]());

  test("Docker pulls through it as a mirror of Docker Hub", async () => {
    const docker = await openDocker(["--registry-mirror", cache.url]);
    if ("reason" in docker) {
      process.stderr.write(`\n*** SKIPPED: ${docker.reason} ***\n\n`);
      return;
    }
    await using opened: Docker = docker;
    const pulled = await opened.run(["pull", "mirrored"]);
    expect(pulled).toMatchObject({ code: 0, stdout: expect.stringContaining("Downloaded newer image for mirrored") });
    expect((await opened.run(["image", "inspect", "--format", "{{.Id}}", "mirrored"])).stdout.trim()).toBe(id);
    expect((await opened.run(["run", "--rm", "--network", "none", "mirrored", "echo", "hi"])).stdout).toBe("hi\n");
    expect(cache.requests()).toContainEqual(expect.stringMatching(/^GET \/v2\/library\/mirrored\/blobs\/\S+ 200 /));
    const absent = await opened.run(["pull", "absent"]);
    expect(absent.code).not.toBe(0);
  });

  test("containerd pulls through it by hosts.toml", async () => {
    const directory = join(berth.directory, "containerd");
    const socket = join(directory, "containerd.sock");
    const hosts = join(directory, "hosts");
    mkdirSync(join(hosts, registry.host), { recursive: true });
    writeFileSync(
      join(hosts, registry.host, "hosts.toml"),
      `server = "http://127.0.0.1:1"\n[host."${cache.url}"]\n  capabilities = ["pull", "resolve"]\n`,
    );
    const config = join(directory, "config.toml");
    writeFileSync(config, `version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n`);
    const places = ["--root", join(directory, "root"), "--state", join(directory, "state")];
    const server = spawn("/usr/bin/containerd", ["--config", config, "--address", socket, ...places], {
      stdio: "ignore",
    });
    const exited = once(server, "exit");
    try {
      const ctr = (...args: readonly string[]): ReturnType<typeof runProgram> =>
        runProgram("ctr", ["--address", socket, ...args]);
      await eventually(async () => ((await ctr("version")).code === 0 ? true : undefined));
      const before = cache.requests().length;
      const name = `${registry.host}/library/mirrored:latest`;
      const pulled = await ctr("images", "pull", "--hosts-dir", hosts, "--snapshotter", "native", name);
      expect(pulled).toMatchObject({ code: 0 });
      const blobs = cache
        .requests()
        .slice(before)
        .filter((line) => line.includes("/blobs/"));
      expect(blobs.length).toBeGreaterThan(0);
      expect(blobs.every((line) => line.includes(`?ns=${registry.host} 200 `))).toBe(true);
    } finally {
      server.kill("SIGTERM");
      await exited;
    }
  });
});
