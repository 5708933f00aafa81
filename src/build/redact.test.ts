import { expect, test } from "vitest";
import { bareAddress, hasCredentials, withoutCredentials } from "./redact.ts";

test.each([
  ["ADD https://user:word@host/x /y", "ADD https://xxxxx:xxxxx@host/x /y"],
  ["https://token@host/x.git#a@b", "https://xxxxx@host/x.git#a@b"],
  ["https://a:p@ss@host/ ssh://git@host/", "https://xxxxx:xxxxx@host/ ssh://git@host/"],
  ["HTTPS://a:p#s?s@host/ SSH://git@host/", "HTTPS://xxxxx:xxxxx@host/ SSH://git@host/"],
  ["https://to#ken@host", "https://xxxxx@host"],
  ["ssh://git:word@host/", "ssh://xxxxx:xxxxx@host/"],
  ["socks5h://user:word@proxy:1080", "socks5h://xxxxx:xxxxx@proxy:1080"],
  ["https://host,https://user:word@other/", "https://host,https://xxxxx:xxxxx@other/"],
  ["git@host:x https://host/@scope?a@b", "git@host:x https://host/@scope?a@b"],
  ["https://host and mail a@b", "https://host and mail a@b"],
])("%s is told without who asks", (text, told) => {
  expect(withoutCredentials(text)).toBe(told);
});

test.each([
  ["https://user:word@host/team/app.git#main", "https://host/team/app.git#main"],
  ["https://a:p#s?s@host/", "https://host/"],
  ["https://token@host", "https://host"],
  ["ssh://git:word@host/", "ssh://host/"],
  ["http://user:two words@proxy", "http://proxy"],
])("%s has credentials, and leads to %s", (address, bare) => {
  expect(hasCredentials(address)).toBe(true);
  expect(hasCredentials(`HTTP_PROXY=${address}`)).toBe(true);
  expect(bareAddress(address)).toBe(bare);
});

test.each(["ssh://git@host/x.git", "git@host:x.git", "https://host/@scope", "http://proxy:3128", "/a/directory@2"])(
  "%s has none",
  (address) => {
    expect(hasCredentials(address)).toBe(false);
    expect(bareAddress(address)).toBe(address);
  },
);
