import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratchOfTest } from "../../src/base/testing.ts";
import { type Berth, openBerth } from "../support/berth.ts";
import { type Docker, openDocker } from "../support/docker.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { type Outcome, runProgram } from "../support/program.ts";
import { openRegistry, openScriptedRegistry, type Registry, type ScriptedRegistry } from "../support/registry.ts";

/** Texts of the client are compared with today's, which is the one in PATH where that is Docker's. */
const version = (await runProgram("sh", ["-c", "docker --version || true"])).stdout;
const isToday = Number(/version (\d+)/.exec(version)?.[1]) >= 28 && process.getuid?.() === 0;
if (!isToday)
  process.stderr.write(
    "\n*** SKIPPED: no comparison with Docker's login: it needs root and Docker's client 28 ***\n\n",
  );

const users = { me: "secret" };

describe.skipIf(!isToday)("login and logout as Docker's:", () => {
  let docker: Docker;
  let berth: Berth;
  const servers: Record<string, Registry | ScriptedRegistry> = {};

  beforeAll(async () => {
    enterPrivateNetwork();
    const opened = await openDocker();
    if ("reason" in opened) throw new Error(opened.reason);
    docker = opened;
    berth = openBerth();
    servers["basic"] = await openRegistry({ htpasswd: users });
    servers["bearer"] = await openRegistry({ tokenServer: { users } });
    servers["open"] = await openRegistry();
    servers["missing"] = await openScriptedRegistry((_, reply) => void reply.writeHead(404).end("none"));
    servers["mute"] = await openScriptedRegistry((_, reply) => void reply.writeHead(401).end());
  });
  afterAll(async () => {
    for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
    await berth[Symbol.asyncDispose]();
    await docker[Symbol.asyncDispose]();
  });

  /** What each did in turn, and the configuration that it left. */
  async function both(calls: readonly Call[], before?: (host: (name: string) => string) => object): Promise<Pair> {
    const host = (name: string): string => servers[name]?.host ?? name;
    const words = (args: readonly string[]): readonly string[] =>
      args.map((arg) => arg.replace(/\{(\w+)\}/g, (_, name: string) => host(name)));
    const runs = {
      berth: (args: readonly string[], env: Record<string, string>, input: string) => berth.run(args, { env, input }),
      docker: (args: readonly string[], env: Record<string, string>, input: string) =>
        runProgram("docker", args, { env: { ...docker.env, ...env }, input }),
    };
    const sideOf = async (run: (typeof runs)["berth"]): Promise<object> => {
      const directory = scratchOfTest("config");
      const path = join(directory, "config.json");
      if (before !== undefined) writeFileSync(path, JSON.stringify(before(host)));
      const outcomes: Outcome[] = [];
      for (const [args, input = ""] of calls)
        outcomes.push(await run(words(args), { DOCKER_CONFIG: directory }, input));
      const plain = (text: string): string =>
        text
          .replaceAll(directory, "DIR")
          .replaceAll("berth", "docker")
          .replace(/\n+Usage: [\s\S]*/, "")
          .replace(/^hint: .*\n/gm, "")
          .replace(/"identitytoken":"[^"]+"/g, '"identitytoken":"TOKEN"');
      return {
        outcomes: outcomes.map(({ code, stdout, stderr }) => ({ code, stdout: plain(stdout), stderr: plain(stderr) })),
        config: plain(fileOf(path)),
      };
    };
    return { berth: await sideOf(runs.berth), docker: await sideOf(runs.docker) };
  }

  const login = (host: string, ...flags: readonly string[]): readonly string[] => ["login", ...flags, host];
  const good = ["-u", "me", "-p", "secret"];

  test.each<[string, readonly Call[]]>([
    ["with a password, and again with what is stored", [[login("{basic}", ...good)], [login("{basic}")]]],
    ["a password on standard input", [[login("{basic}", "-u", "me", "--password-stdin"), "secret\r\n"]]],
    ["the same twice", [[login("{basic}", ...good)], [login("{basic}", ...good)]]],
    ["an identity token", [[login("{bearer}", ...good)], [login("{bearer}")]]],
    ["where anybody may", [[login("{open}", ...good)]]],
    ["a wrong password", [[login("{basic}", "-u", "me", "-p", "no")], [login("{bearer}", "-u", "me", "-p", "no")]]],
    ["a server that is no registry", [[login("{missing}", ...good)], [login("{mute}", ...good)]]],
    ["a server that isn't there", [[login("127.0.0.1:1", ...good)]]],
    ["a server's URL", [[login("http://{basic}/v2/", ...good)], [["logout", "https://{basic}/x"]]]],
    ["no host", [[login("a b", ...good)]]],
    [
      "without a terminal",
      [[login("{basic}")], [login("{basic}", "-u", "me")], [login("{basic}", "-p", "secret")], [["login"]]],
    ],
    ["an empty password on standard input", [[login("{basic}", "-u", "me", "--password-stdin"), "\n"]]],
    ["empty words", [[login("{basic}", "-u", "", "-p", "x")], [login("{basic}", "-u", "me", "-p", "")]]],
    [
      "flags that don't go together",
      [[login("{basic}", ...good, "--password-stdin")], [login("{basic}", "--password-stdin")]],
    ],
    ["too many words", [[["login", "a", "b"]], [["logout", "a", "b"]]]],
    [
      "logging out of what is stored, and of what isn't",
      [[login("{basic}", ...good)], [["logout", "{basic}"]], [["logout", "{basic}"]], [["logout"]]],
    ],
    ["a second registry", [[login("{basic}", ...good)], [login("{open}", ...good)], [["logout", "{basic}"]]]],
  ])("%s", async (_, calls) => {
    const { berth: mine, docker: other } = await both(calls);
    expect(mine).toEqual(other);
  });

  test("what is stored and wrong", async () => {
    const auth = Buffer.from("me:old").toString("base64");
    const { berth: mine, docker: other } = await both([[login("{basic}")]], (host) => ({
      auths: { [host("basic")]: { auth } },
    }));
    expect(mine).toEqual(other);
  });

  test("a helper that isn't there", async () => {
    const { berth: mine, docker: other } = await both([[login("{basic}", ...good)]], () => ({ credsStore: "nosuch" }));
    expect(mine).toEqual(other);
  });
});

/** A command line, and what it reads on standard input. */
type Call = readonly [args: readonly string[], input?: string];

interface Pair {
  readonly berth: object;
  readonly docker: object;
}

/** The configuration as one line of JSON, hosts in order. */
function fileOf(path: string): string {
  try {
    const { auths = {}, ...more } = JSON.parse(readFileSync(path, "utf8")) as { auths?: object };
    return JSON.stringify({ auths: Object.fromEntries(Object.entries(auths).sort()), ...more });
  } catch {
    return "";
  }
}
