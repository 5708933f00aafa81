import { afterAll, expect, test } from "vitest";
import { messageOf } from "../../src/base/errors.ts";
import { defaultSettings } from "../../src/host/settings.ts";
import { openRegistries } from "../../src/registry/registries.ts";
import { openDocker } from "../support/docker.ts";
import type { Handler } from "../support/listen.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { openRegistry, openScriptedRegistry } from "../support/registry.ts";

enterPrivateNetwork();
const docker = await openDocker();
afterAll(() => ("run" in docker ? docker[Symbol.asyncDispose]() : undefined));

/** What both say of a pull that fails. */
async function failures(host: string): Promise<{ readonly docker: string; readonly berth: string }> {
  if (!("run" in docker)) throw new Error(docker.reason);
  const { stderr } = await docker.run(["pull", `${host}/app:v1`]);
  await using registries = openRegistries({ settings: defaultSettings, credentials: () => Promise.resolve(undefined) });
  const repository = registries.repository({ domain: host, path: "app" });
  const berth = await repository.manifest("v1").then(
    () => "it did not fail",
    (error: unknown) => messageOf(error),
  );
  return { docker: stderr.trim().replace(/^Error response from daemon: /, ""), berth };
}

const json = { "content-type": "application/json" };
const errors = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });
const answers: readonly (readonly [string, Handler])[] = [
  [
    "a manifest that isn't there",
    (_, response) => void response.writeHead(404, json).end(errors("MANIFEST_UNKNOWN", "manifest unknown")),
  ],
  [
    "a repository that isn't there",
    (_, response) => void response.writeHead(404, json).end(errors("NAME_UNKNOWN", "no such name")),
  ],
  ["a repository for others", (_, response) => void response.writeHead(403, json).end(errors("DENIED", "not for you"))],
  [
    "a manifest that isn't there, and a detail",
    (_, response) =>
      void response
        .writeHead(404, json)
        .end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"v1"}}]}'),
  ],
  [
    "no access",
    (_, response) => void response.writeHead(401, json).end(errors("UNAUTHORIZED", "authentication required")),
  ],
  ["an unknown code", (_, response) => void response.writeHead(400, json).end(errors("ODD", "an odd message"))],
  [
    "two errors",
    (_, response) =>
      void response
        .writeHead(400, json)
        .end('{"errors":[{"code":"NAME_INVALID","message":"one"},{"code":"TAG_INVALID","message":"two"}]}'),
  ],
  [
    "too many requests",
    (_, response) =>
      void response.writeHead(429, { ...json, "retry-after": "3600" }).end(errors("TOOMANYREQUESTS", "slow down")),
  ],
];

test.skipIf(!("run" in docker)).each(answers)("a registry that answers with %s", async (_, handler) => {
  await using registry = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    return handler(request, response);
  });
  const said = await failures(registry.host);
  expect(said.berth).toBe(said.docker);
});

test.skipIf(!("run" in docker))("a registry with passwords, and one where nobody listens", async () => {
  let gone: string;
  {
    await using registry = await openRegistry({ htpasswd: { me: "secret" } });
    const said = await failures(registry.host);
    expect(said.berth).toBe(said.docker);
    gone = registry.host;
  }
  const said = await failures(gone);
  expect(said.berth).toBe(said.docker);
});

test.skipIf(!("run" in docker))("a registry behind a token server that lets nobody in", async () => {
  await using registry = await openRegistry({ tokenServer: {} });
  const said = await failures(registry.host);
  expect(said.berth).toBe(said.docker);
});
