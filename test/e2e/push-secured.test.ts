import { afterEach, beforeEach, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

let berth: Berth;
beforeEach(async () => {
  berth = await openBerthWithBusybox();
});
afterEach(() => berth[Symbol.asyncDispose]());

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

async function pushBusybox({ host }: Registry): Promise<{ code: number; last: string; error: string | undefined }> {
  await berth.out(["tag", "busybox", `${host}/team/app:1`]);
  const { code, stdout, stderr } = await berth.run(["push", `${host}/team/app:1`]);
  return { code, last: lines(stdout).at(-1) ?? "", error: lines(stderr)[0] };
}

test("a registry that wants a password gets the one that login has kept, and tells who has none", async () => {
  await using registry = await openRegistry({ htpasswd: { user: "secret" } });
  expect(await pushBusybox(registry)).toMatchObject({ code: 1, error: "no basic auth credentials" });
  await berth.out(["login", "-u", "user", "--password-stdin", registry.host], { input: "secret" });
  expect(await pushBusybox(registry)).toMatchObject({ code: 0, last: expect.stringMatching(/^1: digest: sha256:/) });
  const name = `docker://${registry.host}/team/app:1`;
  const { stdout } = await runProgram("skopeo", [
    ...["inspect", "--tls-verify=false", "--creds", "user:secret", "--format", "{{.Digest}}", name],
  ]);
  const [digest] = JSON.parse(await berth.out(["image", "inspect", "--format", "{{json .RepoDigests}}", "busybox"]));
  expect(digest).toBe(`${registry.host}/team/app@${stdout.trim()}`);
});

test("behind a token server a push asks for what it needs, and mounts between repositories", async () => {
  await using registry = await openRegistry({ tokenServer: { users: { user: "secret" } } });
  await berth.out(["login", "-u", "user", "--password-stdin", registry.host], { input: "secret" });
  const before = registry.tokenRequests.length;
  expect(await pushBusybox(registry)).toMatchObject({ code: 0 });
  const [only, ...more] = registry.tokenRequests.slice(before);
  expect([only?.scopes, more]).toEqual([["repository:team/app:pull,push"], []]);
  await berth.out(["tag", "busybox", `${registry.host}/other/app:1`]);
  expect(await berth.out(["push", `${registry.host}/other/app:1`])).toContain(": Mounted from team/app");
});

test("with TLS a registry's authority has to be known", async () => {
  await using registry = await openRegistry({ tls: true });
  const settings = (insecure: boolean): object => ({ registries: { [registry.host]: { insecure } } });
  const files = await berth.files("settings", { strict: JSON.stringify(settings(false)) });
  await berth.out(["tag", "busybox", `${registry.host}/app:1`]);
  const args = ["--config-file", `${files}/strict`, "push", `${registry.host}/app:1`];
  const unknown = await berth.run(args);
  expect(unknown.code).toBe(1);
  expect(lines(unknown.stderr)[0]).toContain("certificate signed by unknown authority");
  const trusted = { env: { SSL_CERT_FILE: registry.certificates?.ca.certificate ?? "" } };
  expect(await berth.run(args, trusted)).toMatchObject({ code: 0 });
});
