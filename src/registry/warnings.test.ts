import { expect, test } from "vitest";
import { openScriptedRegistry } from "../../test/support/registry.ts";
import { digestOf } from "../oci/digest.ts";
import { registriesOfTest } from "./testing.ts";
import { warningsIn } from "./warnings.ts";

test.each<[string, readonly string[]]>([
  ['299 - "Your token expires."', ["Your token expires."]],
  ['299 - "one", 299 - "two, and more"', ["one", "two, and more"]],
  ['110 - "299 - \\"stale\\"", 299 - "said \\"so\\""', ['said "so"']],
  ['299 registry.test "with a name"', []],
  ['299 - "dated" "Wed, 21 Oct 2015 07:28:00 GMT"', ["dated"]],
  ['299 - "a\u001b[31m\u0007b"', ["a [31m b"]],
  ['299 - "f\u00c3\u00bcr alle\u009b2J"', ["für alle\ufffd2J"]],
  ['299 - "unended', []],
  ['299 - "  "', []],
  [`299 - "${"x".repeat(2000)}"`, [`${"x".repeat(1000)}...`]],
  [`299 - "${"x".repeat(5000)}"`, []],
  ["", []],
])("of the header %j, users are told %j", (header, texts) => {
  expect(warningsIn(header)).toEqual(texts);
});

test("a registry's warnings are told once each, without secrets, and not without end", async () => {
  let n = 0;
  await using registry = await openScriptedRegistry((request, response) => {
    if (request.url?.startsWith("/token") === true) return void response.end(JSON.stringify({ token: "secret" }));
    const authenticate = `Bearer realm="http://${request.headers.host}/token"`;
    const always = '299 - "going away", 299 - "not with secret"';
    response.setHeader("warning", [always, ...Array.from({ length: 10 }, () => `299 - "${n++}"`)]);
    if (request.headers.authorization === undefined) response.writeHead(401, { "www-authenticate": authenticate });
    response.end();
  });
  const told: string[] = [];
  const registries = registriesOfTest({ warn: (message) => told.push(message) });
  const repository = registries.repository({ domain: registry.host, path: "app" });
  for (let count = 0; count < 3; count++) await repository.hasBlob(digestOf("bytes"));
  const says = (text: string): string => `${registry.host} says: ${text}`;
  expect(told.slice(0, 3)).toEqual([says("going away"), says("not with secret"), says("0")]);
  expect(told).toContain(says("not with xxxxx"));
  expect(told).toHaveLength(32);
});
