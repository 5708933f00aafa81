import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratchOfTest } from "../../src/base/testing.ts";
import { type Berth, openBerth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { runProgram } from "../support/program.ts";
import { berthOnTerminal } from "../support/pseudo-terminal.ts";
import { openRegistry, openScriptedRegistry, type Registry } from "../support/registry.ts";
import { makeImage, serveImage } from "../support/served-image.ts";

const password = "pass-w0rd:Ünsafe";
const users = { me: password };

let berth: Berth;
let basic: Registry;
let bearer: Registry;

beforeAll(async () => {
  berth = openBerth();
  [basic, bearer] = await Promise.all([openRegistry({ htpasswd: users }), openRegistry({ tokenServer: { users } })]);
});
afterAll(async () => {
  await Promise.all([basic, bearer].map((registry) => registry[Symbol.asyncDispose]()));
  await berth[Symbol.asyncDispose]();
});

interface Client {
  /** Where its configuration is. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly config: () => Record<string, Record<string, unknown>>;
}

/** A user with a configuration of its own. */
function client(config?: object, programs: Readonly<Record<string, string>> = {}): Client {
  const directory = scratchOfTest("login");
  if (config !== undefined) writeFileSync(join(directory, "config.json"), JSON.stringify(config));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return {
    directory,
    env: { ...berth.env, DOCKER_CONFIG: directory, PATH: `${directory}:${process.env["PATH"]}` },
    config: () => JSON.parse(readFileSync(join(directory, "config.json"), "utf8")),
  };
}

const encoded = (text: string): string => Buffer.from(text).toString("base64");

test("a password on standard input logs in, and is kept where only the user can read it", async () => {
  const { env, directory, config } = client();
  const login = ["login", "-u", "me", "--password-stdin", basic.host];
  const first = await berth.run(login, { env, input: `${password}\n` });
  expect(first).toEqual({
    code: 0,
    stdout: "Login Succeeded\n",
    stderr: `
WARNING! Your credentials are stored unencrypted in '${directory}/config.json'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

`,
  });
  expect(config()).toEqual({ auths: { [basic.host]: { auth: encoded(`me:${password}`) } } });
  expect(statSync(join(directory, "config.json")).mode & 0o777).toBe(0o600);

  const again = await berth.run(["login", basic.host], { env });
  expect(again).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
  expect(again.stderr).toContain("Authenticating with existing credentials... [Username: me]\n");

  const out = await berth.out(["logout", basic.host], { env });
  expect(out).toBe(`Removing login credentials for ${basic.host}`);
  expect(config()).toEqual({ auths: {} });
});

test("--config names the directory of the configuration", async () => {
  const directory = join(scratchOfTest("login"), "made");
  await berth.out(["--config", directory, "login", "-u", "me", "--password-stdin", basic.host], { input: password });
  expect(Object.keys(JSON.parse(readFileSync(join(directory, "config.json"), "utf8")).auths)).toEqual([basic.host]);
});

test("an identity token of a token server is kept in place of the password", async () => {
  const { env, config } = client();
  const outcome = await berth.run(["login", "-u", "me", "--password-stdin", bearer.host], { env, input: password });
  expect(outcome).toEqual({ code: 0, stdout: "Login Succeeded\n", stderr: "" });
  expect(config()["auths"]?.[bearer.host]).toEqual({ auth: encoded("me:"), identitytoken: expect.any(String) });
});

test("a wrong password is told in Docker's words, and nothing is stored", async () => {
  const { env, directory } = client();
  const from = (host: string) =>
    berth.run(["login", "-u", "me", "--password-stdin", host], { env, input: "not the password" });
  const status = "failed with status: 401 Unauthorized";
  expect(await from(basic.host)).toEqual({
    code: 1,
    stdout: "",
    stderr: `Error response from daemon: login attempt to http://${basic.host}/v2/ ${status}\n`,
  });
  expect(await from(bearer.host)).toEqual({
    code: 1,
    stdout: "",
    stderr: `Error response from daemon: Get "http://${bearer.host}/v2/": unauthorized: incorrect username or password\n`,
  });
  expect(existsSync(join(directory, "config.json"))).toBe(false);
});

test("a registry that fails is told by its answer, at once", async () => {
  const { env } = client();
  await using broken = await openScriptedRegistry((_, response) => void response.writeHead(500).end());
  const outcome = await berth.run(["login", "-u", "me", "--password-stdin", broken.host], { env, input: password });
  expect(outcome).toMatchObject({
    code: 1,
    stderr: `Error response from daemon: login attempt to http://${broken.host}/v2/ failed with status: 500 Internal Server Error\n`,
  });
});

test("a helper gets the secret on its standard input, and the file doesn't", async () => {
  const script = `echo "$*" >> "$DOCKER_CONFIG/verbs"
case $1 in
  store) cat > "$DOCKER_CONFIG/stored" ;;
  get) cat "$DOCKER_CONFIG/stored" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm -f "$DOCKER_CONFIG/stored" ;;
esac`;
  const { env, directory, config } = client({ credsStore: "test" }, { "docker-credential-test": script });
  const outcome = await berth.run(["login", "-u", "me", "--password-stdin", basic.host], { env, input: password });
  expect(outcome).toEqual({ code: 0, stdout: "Login Succeeded\n", stderr: "" });
  expect(config()).toEqual({ credsStore: "test", auths: { [basic.host]: {} } });
  expect(JSON.parse(readFileSync(join(directory, "stored"), "utf8"))).toEqual({
    ServerURL: basic.host,
    Username: "me",
    Secret: password,
  });
  expect((await berth.run(["login", basic.host], { env })).stdout).toBe("Login Succeeded\n");
  await berth.out(["logout", basic.host], { env });
  expect(existsSync(join(directory, "stored"))).toBe(false);
  expect(new Set(readFileSync(join(directory, "verbs"), "utf8").trim().split("\n"))).toEqual(
    new Set(["store", "get", "erase"]),
  );
});

test("a helper that isn't there: logging in fails, logging out says so", async () => {
  const { env } = client({ credsStore: "nosuch" });
  const missing = 'err: exec: "docker-credential-nosuch": executable file not found in $PATH, out: ``';
  const outcome = await berth.run(["login", "-u", "me", "--password-stdin", basic.host], { env, input: password });
  expect(outcome).toMatchObject({ code: 1, stdout: "" });
  expect(outcome.stderr).toContain(`Error saving credentials: error storing credentials - ${missing}\n`);
  const out = await berth.run(["logout", basic.host], { env });
  expect(out.code).toBe(0);
  expect(out.stderr).toBe(
    `WARNING: could not erase credentials:\n${basic.host}: error erasing credentials - ${missing}\n`,
  );
});

test("a configuration that can't be read is warned of, and never overwritten", async () => {
  const { env, directory } = client();
  const path = join(directory, "config.json");
  writeFileSync(path, '{"auths":');
  const outcome = await berth.run(["login", "-u", "me", "--password-stdin", basic.host], { env, input: password });
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain(`Error saving credentials: ${path}: not valid JSON`);
  expect(readFileSync(path, "utf8")).toBe('{"auths":');
});

test("ten at once lose nothing", async () => {
  const { env, config, directory } = client();
  const registries = await Promise.all(
    Array.from({ length: 10 }, () => openScriptedRegistry((_, reply) => void reply.end())),
  );
  await Promise.all(
    registries.map(({ host }) => berth.out(["login", "-u", "me", "--password-stdin", host], { env, input: password })),
  );
  expect(Object.keys(config()["auths"] ?? {}).sort()).toEqual(registries.map(({ host }) => host).sort());
  await Promise.all(registries.map(({ host }) => berth.out(["logout", host], { env })));
  expect(config()).toEqual({ auths: {} });
  expect(readdirSync(directory)).toEqual(["config.json"]);
  for (const registry of registries) await registry[Symbol.asyncDispose]();
});

describe("on a terminal", () => {
  test("name and password are asked for, and the password isn't shown", async () => {
    const { env, config } = client();
    const terminal = berthOnTerminal(["login", basic.host], { env });
    await terminal.shows(/Username: /);
    terminal.type("me\r");
    await terminal.shows(/Password: /);
    terminal.type(`${password}\r`);
    const { code, screen, modes } = await terminal.ended();
    expect(screen).toMatch(/^\r\n\r\nWARNING! Your credentials are stored unencrypted [\s\S]*\r\nLogin Succeeded\r\n$/);
    expect(screen).not.toContain(password);
    expect(code).toBe(0);
    expect(modes.after).toBe(modes.before);
    expect(config()["auths"]?.[basic.host]).toEqual({ auth: encoded(`me:${password}`) });
  });

  test("what is stored and wrong is asked for again, its name offered", async () => {
    const { env, config } = client({ auths: { [basic.host]: { auth: encoded("me:old") } } });
    const terminal = berthOnTerminal(["login", basic.host], { env });
    await terminal.shows(/Login did not succeed, error: Error response from daemon: .* 401 Unauthorized/);
    await terminal.shows(/Username \(me\): /);
    terminal.type("\r");
    await terminal.shows(/Password: /);
    terminal.type(`${password}\r`);
    expect((await terminal.ended()).code).toBe(0);
    expect(config()["auths"]?.[basic.host]).toEqual({ auth: encoded(`me:${password}`) });
  });

  test("Ctrl-C at the password gives the terminal back as it was", async () => {
    const terminal = berthOnTerminal(["login", "-u", "me", basic.host], client());
    await terminal.shows(/Password: /);
    terminal.type("secret\x03");
    const { code, screen, modes } = await terminal.ended();
    expect(code).toBe(130);
    expect(screen).not.toContain("secret");
    expect(modes.after).toBe(modes.before);
  });

  test.each([
    [["login", "-u", "me"], "\r", "Error: Password Required"],
    [["login"], "", "berth doesn't log in to Docker Hub by a web page"],
    [["login"], "", "`berth login -u NAME` asks for a personal access token"],
  ])("%j, where %j is typed, fails: %s", async (args, typed, message) => {
    const terminal = berthOnTerminal(args, client());
    if (typed !== "") await terminal.shows(/Password: /);
    terminal.type(typed);
    const { code, screen } = await terminal.ended();
    expect(code).toBe(1);
    expect(screen).toContain(message);
  });
});

describe("a pull proves who asks", () => {
  test.each<[string, () => Registry]>([
    ["with a name and a password", () => basic],
    ["with an identity token", () => bearer],
  ])("%s, from the login to the logout", async (_, registry) => {
    const { env } = client();
    const name = `${registry().host}/team/app:v1`;
    const archive = join(scratchOfTest("archive"), "busybox.tar");
    await berth.out(["import", baseArchives().busybox, "busybox"]);
    await berth.out(["save", "-o", archive, "busybox"]);
    const to = ["--dest-tls-verify=false", "--dest-creds", `me:${password}`, `docker-archive:${archive}`];
    const pushed = await runProgram("skopeo", ["--insecure-policy", "copy", "-q", ...to, `docker://${name}`]);
    expect(pushed).toMatchObject({ code: 0 });
    const refused = /^Error response from daemon: .*(no basic auth credentials|access to the resource is denied)/;
    expect(await berth.run(["pull", name], { env })).toMatchObject({ code: 1, stderr: expect.stringMatching(refused) });
    await berth.out(["login", "-u", "me", "--password-stdin", registry().host], { env, input: password });
    expect(await berth.out(["pull", "-q", name], { env })).toBe(name);
    await berth.out(["logout", registry().host], { env });
    expect(await berth.run(["pull", name], { env })).toMatchObject({ code: 1, stderr: expect.stringMatching(refused) });
  });

  test("with a registry token as it is, and with what podman's file has for a repository", async () => {
    const serve = serveImage(makeImage(1000));
    const wanted = (path: string): string =>
      path.includes("/token/")
        ? "Bearer registry-token"
        : `Basic ${encoded(path.includes("/team/") ? "team:a" : "all:b")}`;
    await using server = await openScriptedRegistry((request, reply) => {
      const { url = "", headers } = request;
      if (url === "/v2/" || headers.authorization === wanted(url)) return serve(request, reply);
      const realm = `realm="http://${headers.host}/token"`;
      reply.writeHead(401, { "www-authenticate": `${wanted(url).split(" ")[0]} ${realm}` }).end();
    });
    const { env, directory } = client();
    const podman = { ...env, REGISTRY_AUTH_FILE: join(directory, "auth.json") };
    const auths = { [server.host]: { auth: encoded("all:b") }, [`${server.host}/team`]: { auth: encoded("team:a") } };
    writeFileSync(podman.REGISTRY_AUTH_FILE, JSON.stringify({ auths }));
    for (const path of ["team/app", "other/app"]) {
      expect(await berth.run(["pull", "-q", `${server.host}/${path}`], { env: podman })).toMatchObject({ code: 0 });
    }
    const token = client({ auths: { [server.host]: { registrytoken: "registry-token" } } });
    expect(await berth.run(["pull", "-q", `${server.host}/token/app`], token)).toMatchObject({ code: 0 });
  });

  test("with nothing where a helper fails, which is told", async () => {
    await using server = await openScriptedRegistry(serveImage(makeImage(1000)));
    await using closed = await openScriptedRegistry((_, reply) => {
      reply.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    });
    const { env } = client({ credsStore: "nosuch" });
    expect(await berth.run(["pull", "-q", `${server.host}/x`], { env })).toMatchObject({ code: 0, stderr: "" });
    const refused = await berth.run(["pull", "-q", `${closed.host}/x`], { env });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^WARNING: credentials can't be read .*docker-credential-nosuch/);
  });
});

test("settings that block Docker Hub keep a login from asking it", async () => {
  const outcome = await berth.run(["login", "-u", "me", "--password-stdin"], { ...client(), input: password });
  expect(outcome).toMatchObject({ code: 1, stdout: "" });
  expect(outcome.stderr).toContain("The settings file blocks docker.io");
});

test("nothing secret is printed, nor kept outside of the configuration, whatever a registry says", async () => {
  const { env, directory } = client();
  // It says what it was told, in every way that it can; so does its token server.
  await using echo = await openScriptedRegistry((request, reply) => {
    const sent = request.headers.authorization ?? "";
    const isToken = request.url?.startsWith("/token") === true;
    const plain = Buffer.from(sent.replace(/^Basic /, ""), "base64").toString();
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="${sent}"`;
    const headers = { "content-type": "application/json", "www-authenticate": challenge };
    reply.writeHead(isToken ? 403 : 401, headers);
    reply.end(
      JSON.stringify({ errors: [{ code: "DENIED", message: `you sent ${sent}, or ${plain}, or ${password}!` }] }),
    );
  });
  const scratch = join(directory, "cwd");
  mkdirSync(scratch);
  const options = { env, cwd: scratch, input: password };
  const outcomes = [
    await berth.run(["-D", "login", "-u", "me", "--password-stdin", echo.host], options),
    await berth.run(["-D", "login", "-u", "me", "-p", password, echo.host], options),
    await berth.run(["-D", "login", "-u", "me", "-p", password, bearer.host], options),
    await berth.run(["-D", "login", `https://me:${password}@registry.test`, "-u", "me", "-p", password], options),
    await berth.run(["-D", "logout", `https://me:${password}@registry.test`], options),
    await berth.run(["-D", "login", "-u", "me", "--password-stdin", "127.0.0.1:1"], options),
    await berth.run(["-D", "login", "-u", "me", "--password-stdin", basic.host], options),
    await berth.run(["-D", "login", basic.host], options),
  ];
  expect(outcomes.map(({ code }) => code)).toEqual([1, 1, 0, 1, 0, 1, 0, 0]);
  expect(outcomes[0]?.stderr).toContain("denied: you sent");
  const secrets = [password, "pass-w0rd", encoded(`me:${password}`)];
  const places = [berth.directory, directory];
  const files = places.flatMap((place) => filesBelow(place)).filter((path) => path !== join(directory, "config.json"));
  const texts = [
    ...outcomes.map(({ stdout, stderr }) => stdout + stderr),
    ...files.map((path) => readFileSync(path, "latin1")),
  ];
  for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
});

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
