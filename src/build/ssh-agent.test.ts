import { generateKeyPairSync, verify } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { linux } from "../host/syscalls.ts";
import { type AgentSocket, listenAgent, openAgents, type SshAgent } from "./ssh-agent.ts";
import { WireReader, wire } from "./ssh-wire.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-ssh-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

function keyFile(): string {
  const path = join(directory, "key");
  writeFileSync(path, privateKey.export({ format: "pem", type: "pkcs8" }));
  return path;
}

function serve(agent: SshAgent | undefined): Promise<AgentSocket> {
  if (agent === undefined) throw new Error("no agent");
  const access = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o600 };
  return listenAgent({ syscalls: linux, runRoot: directory }, agent, access);
}

/** Send a request, and wait for its answer; undefined where the connection ends instead. */
async function ask(socket: Socket, request: Buffer): Promise<Buffer | undefined> {
  socket.write(wire.string(request));
  return await answerOf(socket);
}

async function answerOf(socket: Socket): Promise<Buffer | undefined> {
  const [chunk] = await Promise.race([once(socket, "data"), once(socket, "close").then(() => [undefined])]);
  return chunk instanceof Buffer ? chunk.subarray(4) : undefined;
}

describe("an agent of keys", () => {
  test("lists them and signs with them, and does nothing else", async () => {
    await using served = await serve(openAgents([{ id: "a", paths: [keyFile()] }]).get("a"));
    const socket = connect(served.path);
    const list = new WireReader((await ask(socket, Buffer.from([11])))?.subarray(1) ?? Buffer.alloc(0));
    expect(list.uint32()).toBe(1);
    const key = list.string();
    const data = wire.string("data");
    const request = (named: Buffer) => Buffer.concat([Buffer.from([13]), wire.string(named), data, wire.uint32(0)]);
    const signed = await ask(socket, request(key));
    expect(signed?.[0]).toBe(14);
    const signature = new WireReader(new WireReader(signed?.subarray(1) ?? data).string());
    expect(signature.text()).toBe("ecdsa-sha2-nistp256");
    expect(verify("sha256", Buffer.from("data"), publicKey, derOf(signature.string()))).toBe(true);
    for (const refused of [request(data), ...[17, 18, 19, 22, 25, 27].map((type) => Buffer.from([type]))])
      expect(await ask(socket, refused)).toEqual(Buffer.from([5]));
    socket.destroy();
  });

  test.each([
    ["a size of zero", Buffer.alloc(4)],
    ["a size without end", Buffer.from("ffffffff", "hex")],
    ["a request that is cut", wire.string(Buffer.from([13, 0, 0, 0, 9]))],
  ])("drops a connection with %s, and goes on", async (_, bytes) => {
    await using served = await serve(openAgents([{ id: "a", paths: [keyFile()] }]).get("a"));
    const socket = connect(served.path);
    socket.on("error", () => undefined);
    socket.write(bytes);
    expect(await answerOf(socket)).toBeUndefined();
    const other = connect(served.path);
    expect((await ask(other, Buffer.from([11])))?.[0]).toBe(12);
    other.destroy();
  });

  test("leaves nothing, and ends the connections that are open", async () => {
    const served = await serve(openAgents([{ id: "a", paths: [keyFile()] }]).get("a"));
    const socket = connect(served.path);
    await once(socket, "connect");
    const closed = once(socket, "close");
    await served[Symbol.asyncDispose]();
    await closed;
    expect(readdirSync(directory).filter((name) => name.startsWith("agent-"))).toEqual([]);
  });
});

/** Two numbers as SSH has them in the form that Node verifies. */
function derOf(numbers: Buffer): Buffer {
  const reader = new WireReader(numbers);
  const parts = [reader.string(), reader.string()].map((n) => Buffer.concat([Buffer.from([2, n.length]), n]));
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

describe("an agent of the user's", () => {
  test("is asked only what steps may ask", async () => {
    const asked: number[] = [];
    const path = join(directory, "users");
    const users = createServer((socket) => {
      socket.on("data", (chunk) => {
        asked.push(Buffer.from(chunk)[4] ?? -1);
        socket.write(wire.string(Buffer.from([12, 0, 0, 0, 0])));
      });
    });
    users.listen(path);
    await once(users, "listening");
    {
      await using served = await serve(openAgents([{ id: "a", paths: [path] }]).get("a"));
      const socket = connect(served.path);
      expect(await ask(socket, Buffer.from([11]))).toEqual(Buffer.from([12, 0, 0, 0, 0]));
      expect(await ask(socket, Buffer.from([19]))).toEqual(Buffer.from([5]));
      socket.destroy();
    }
    expect(asked).toEqual([11]);
    users.close();
    await once(users, "close");
  });

  test("that is gone costs the step its connection", async () => {
    const path = join(directory, "gone");
    const users = createServer();
    users.listen(path);
    await once(users, "listening");
    const agent = openAgents([{ id: "a", paths: [path] }]).get("a");
    users.close();
    await once(users, "close");
    await using served = await serve(agent);
    const socket = connect(served.path);
    expect(await ask(socket, Buffer.from([11]))).toBeUndefined();
  });
});

test.each([
  [["key", "key"], "invalid combination of keys and sockets"],
  [[], "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set"],
])("%j are no agent", async (given, message) => {
  const users = createServer();
  const path = join(directory, "both");
  users.listen(path);
  await once(users, "listening");
  const paths = given.map((_, index) => (index === 0 ? path : keyFile()));
  expect(() => openAgents([{ id: "a", paths }])).toThrow(`failed to convert agent config for ID: "a": ${message}`);
  users.close();
  await once(users, "close");
});

test("two agents can't have one id", () => {
  const source = { id: "a", paths: [keyFile()] };
  expect(() => openAgents([source, source])).toThrow('duplicate agent ID "a"');
});
