import { describe, expect, test } from "vitest";
import { secretsIn, withoutSecrets } from "./secrets.ts";

// Put together here, so that nobody's scanner takes this file for a leak.
const word = (length: number): string => "aB3dE5gH7jK9".repeat(20).slice(0, length);
const pem = (kind: string): string => `-----BEGIN ${kind}PRIVATE ${"KEY"}-----\n${word(64)}\n-----END`;

describe("a secret is known by its form", () => {
  test.each([
    ["AWS access key", `key: ${"AKIA"}${"Q".repeat(8)}${"7".repeat(8)}`],
    ["AWS secret key", `aws_secret_access_key = ${word(40)}`],
    ["private key", pem("RSA ")],
    ["private key", pem("")],
    ["private key", pem("OPENSSH ")],
    ["private key", `${"-----BEGIN RSA PRIVATE"} KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n${word(64)}`],
    ["GitHub token", `${"ghp_"}${word(36)}`],
    ["GitHub token", `token=${"github_pat_"}${word(82)}`],
    ["GitLab token", `${"glpat"}-${word(20)}`],
    ["npm token", `${"npm_"}${word(36)}`],
    ["npm auth token", `//registry.npmjs.org/:_authToken=${word(20)}`],
    ["Slack token", `${"xoxb"}-${word(24)}`],
    ["Google API key", `${"AIza"}${word(35)}`],
    ["Stripe key", `${"sk_live"}_${word(24)}`],
    ["PyPI token", `${"pypi"}-AgEIcHlwaS5vcmc${word(60)}`],
    ["registry credentials", `{"auths":{"r.example":{"auth": "${word(20)}=="}}}`],
    ["password in a URL", `git clone https://user:${word(12)}@host.test/r.git`],
  ])("%s", (what, text) => {
    expect(secretsIn(text)).toContain(what);
    const shown = withoutSecrets(text);
    expect(shown).toContain("***");
    expect(shown).not.toContain(word(20));
  });
});

test.each([
  "AKIAIOSFODNN7EXAMPLE",
  "-----BEGIN RSA PRIVATE KEY-----",
  'if (text.startsWith("-----BEGIN PRIVATE KEY-----")) return parse(text);',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as .npmrc has it
  "//registry.npmjs.org/:_authToken=${NPM_TOKEN}",
  "https://user@host/path and https://host:8080/a@b",
  "https://$USER:$PASS@host/",
  "ghp_short",
  '"auth": ""',
])("%s is none", (text) => {
  expect(secretsIn(text)).toEqual([]);
});

test("values of names that say so aren't shown", () => {
  expect(withoutSecrets("|2 API_TOKEN=hunter2 A=b /bin/sh -c make")).toBe("|2 API_TOKEN=*** A=b /bin/sh -c make");
});
