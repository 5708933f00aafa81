import { once } from "node:events";
import { chmodSync, chownSync, readFileSync, statSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path/posix";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import { heldDir } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { parseSshKey, type SshKey } from "./ssh-keys.ts";
import { WireReader, wire } from "./ssh-wire.ts";

/** One `--ssh`: an agent for steps, by what it is made of. */
export interface SshSource {
  readonly id: string;
  /** A socket of an agent, or files of keys. */
  readonly paths: readonly string[];
}

/** Answers one request of the agent's protocol, type and all. @see RFC 9987 */
type Answering = (request: Buffer) => Promise<Buffer>;

/** An agent for steps: it lists keys and signs with them, and nothing else. */
export interface SshAgent {
  /** Begin a conversation. */
  open(): Answering & Disposable;
}

/** By id. */
export type SshAgents = ReadonlyMap<string, SshAgent>;

/** What {@link openAgents} makes of an agent that nothing was given for. */
export const defaultAgent = "default";

/**
 * Get agents ready; keys are read now.
 *
 * @throws {BerthError} invalid-argument, in BuildKit's words: two of one id, keys beside a socket, a key with a passphrase
 */
export function openAgents(sources: readonly SshSource[]): SshAgents {
  const agents = new Map<string, SshAgent>();
  for (const { id, paths } of sources) {
    if (agents.has(id)) throw wrong(`duplicate agent ID ${JSON.stringify(id)}`);
    agents.set(id, agentOf(id, paths));
  }
  return agents;
}

function agentOf(id: string, paths: readonly string[]): SshAgent {
  const failed = `failed to convert agent config for ID: ${JSON.stringify(id)}`;
  const [socket, another] = paths.filter((path) => isSocket(path, failed));
  if (paths.length === 0) throw wrong(`${failed}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set`);
  if (another !== undefined) throw wrong(`${failed}: only single socket allowed`);
  if (socket === undefined) return keyring(paths.map((path) => keyIn(path, failed)));
  if (paths.length > 1) throw wrong(`${failed}: invalid combination of keys and sockets`);
  return { open: () => forwarded(socket) };
}

function isSocket(path: string, failed: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
    throw new BerthError("not-found", `${failed}: stat ${path}: no such file or directory`, { cause: error });
  }
}

/** Bytes of a key, at most. */
const keyLimit = 100 * 1024;

function keyIn(path: string, failed: string): SshKey {
  if (statSync(path).size > keyLimit) throw wrong(`${failed}: failed to parse ${path}: more than ${keyLimit} bytes`);
  try {
    return parseSshKey(readFileSync(path, "utf8"));
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    const hint = "Add the key to an agent (`ssh-add`), and give --ssh default: berth asks for no passphrase.";
    const details = error.message.includes("passphrase") ? { cause: error, hint } : { cause: error };
    throw new BerthError("invalid-argument", `${failed}: failed to parse ${path}: ${messageOf(error)}`, details);
  }
}

const requests = { list: 11, sign: 13 } as const;
const answers = { failure: 5, list: 12, signature: 14 } as const;
const failure = Buffer.from([answers.failure]);

function keyring(keys: readonly SshKey[]): SshAgent {
  const answer: Answering = async (request) => {
    const reader = new WireReader(request.subarray(1));
    if (request[0] === requests.list) {
      const list = keys.flatMap(({ publicKey }) => [wire.string(publicKey), wire.string("")]);
      return Buffer.concat([Buffer.from([answers.list]), wire.uint32(keys.length), ...list]);
    }
    const wanted = reader.string();
    const data = reader.string();
    const flags = reader.uint32();
    const key = keys.find(({ publicKey }) => publicKey.equals(wanted));
    if (key === undefined) return failure;
    return Buffer.concat([Buffer.from([answers.signature]), wire.string(key.sign(data, flags))]);
  };
  return { open: () => Object.assign(answer, { [Symbol.dispose]: () => undefined }) };
}

/** Hand requests on to an agent of the user's. */
function forwarded(path: string): Answering & Disposable {
  const socket = connect(path);
  // Who reads from it is told.
  socket.on("error", () => undefined);
  const frames = framesOf(socket);
  const answer: Answering = async (request) => {
    socket.write(wire.string(request));
    const { done, value } = await frames.next();
    return done === true ? failure : value;
  };
  return Object.assign(answer, { [Symbol.dispose]: () => socket.destroy() });
}

/** Bytes of a message, at most: OpenSSH's own limit. */
const messageLimit = 256 << 10;

/** The messages of a connection; it ends with the connection, or with what is no message. */
async function* framesOf(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let pending = Buffer.alloc(0);
  for await (const chunk of socket) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4) {
      const size = pending.readUInt32BE();
      if (size === 0 || size > messageLimit) return undefined;
      if (pending.length < size + 4) break;
      yield pending.subarray(4, size + 4);
      pending = pending.subarray(size + 4);
    }
  }
  return undefined;
}

/** A socket that an agent answers at. Disposing closes it and every connection. */
export interface AgentSocket extends AsyncDisposable {
  readonly path: string;
}

/** Who may use a socket. */
export interface SocketAccess {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Have an agent answer at a socket of its own, in the run root: the name of a socket is short. */
export async function listenAgent(
  { syscalls, runRoot }: Pick<Host, "syscalls" | "runRoot">,
  agent: SshAgent,
  { uid, gid, mode }: SocketAccess,
): Promise<AgentSocket> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await heldDir(syscalls, runRoot, "agent-"));
  const path = join(directory.path, "socket");
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => connections.delete(socket));
    void converse(socket, agent);
  });
  server.listen(path);
  await once(server, "listening");
  stack.defer(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of connections) socket.destroy();
    await closed;
  });
  chownSync(path, uid, gid);
  chmodSync(path, mode & 0o777);
  const owned = stack.move();
  return { path, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Answer one connection to its end. What a step sends may be anything: it can but lose its own connection. */
async function converse(socket: Socket, agent: SshAgent): Promise<void> {
  using answer = agent.open();
  try {
    for await (const request of framesOf(socket)) {
      const isAllowed = request[0] === requests.list || request[0] === requests.sign;
      socket.write(wire.string(isAllowed ? await answer(request) : failure));
    }
  } catch (error) {
    // A cut connection, or a malformed request: BerthErrors and Node's own codes.
    if (!(error instanceof BerthError) && codeOf(error) === undefined) throw error;
  } finally {
    socket.destroy();
  }
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
