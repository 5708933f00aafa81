import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { openScriptedRegistry } from "../../test/support/registry.ts";
import { digestOf } from "../oci/digest.ts";
import { registriesOfTest } from "./testing.ts";

/** A registry whose token server takes an identity token once, and gives another with each answer; first it refuses `failing` times. */
async function rotating({ failing = 0 } = {}): Promise<{ readonly host: string; readonly uses: () => number }> {
  let good = "first";
  let uses = 0;
  let failed = 0;
  const registry = await openScriptedRegistry(async (request, response) => {
    const { host = "", authorization } = request.headers;
    if (request.method !== "POST") {
      const challenge = { "www-authenticate": `Bearer realm="http://${host}/token"` };
      return void response.writeHead(authorization === undefined ? 401 : 200, challenge).end();
    }
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    const errors = [{ code: "DENIED", message: `no luck with ${form.get("refresh_token")}` }];
    if (failed++ < failing) return void response.writeHead(403).end(JSON.stringify({ errors }));
    if (form.get("refresh_token") !== good) return void response.writeHead(401).end();
    uses++;
    good = randomUUID();
    response.end(JSON.stringify({ access_token: randomUUID(), refresh_token: good }));
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return { host: registry.host, uses: () => uses };
}

test("an identity token that is replaced when it is used isn't used again, one request after the other and at once", async () => {
  const { host, uses } = await rotating();
  const registries = registriesOfTest({ credentials: { [host]: { identityToken: "first" } } });
  const has = (path: string): Promise<boolean> =>
    registries.repository({ domain: host, path }).hasBlob(digestOf("bytes"));
  expect(await has("one")).toBe(true);
  expect(await has("two")).toBe(true);
  expect(await Promise.all(["three", "four", "five"].map(has))).toEqual([true, true, true]);
  expect(uses()).toBe(5);
});

test("an identity token whose use failed is good for the next", async () => {
  const { host } = await rotating({ failing: 1 });
  const registries = registriesOfTest({ credentials: { [host]: { identityToken: "first" } } });
  const has = (): Promise<boolean> => registries.repository({ domain: host, path: "one" }).hasBlob(digestOf("bytes"));
  await expect(has()).rejects.toMatchObject({ message: expect.stringContaining("no luck with xxxxx") });
  expect(await has()).toBe(true);
});
