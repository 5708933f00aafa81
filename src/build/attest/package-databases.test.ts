import { expect, test } from "vitest";
import { lockReader } from "./lock-files.ts";
import { apkPackages, distributionIn, dpkgPackages, pythonPackages } from "./package-databases.ts";
import { packageURL } from "./package-url.ts";

const urls = (found: readonly { readonly url: string }[] | undefined): readonly string[] =>
  found?.map(({ url }) => url) ?? [];

test("a package URL has its parts encoded, qualifiers in order, and no empty ones", () => {
  expect(
    packageURL({
      ...{ type: "npm", namespace: "@a b", name: "c/d", version: "1:2+3" },
      qualifiers: { z: "é", a: "x/y", none: undefined, empty: "" },
    }),
  ).toBe("pkg:npm/%40a%20b/c%2Fd@1:2%2B3?a=x%2Fy&z=%C3%A9");
});

test("os-release tells the distribution, quoted or not", () => {
  expect(distributionIn('NAME="Debian"\nVERSION_ID="12"\nID=debian\n')).toEqual({ id: "debian", version: "12" });
  expect(distributionIn("ID='alpine'\n")).toEqual({ id: "alpine", version: "" });
});

test("of dpkg's packages those are taken that are installed, and those of status.d, which don't say", () => {
  const text = `Package: a
Status: install ok installed
Maintainer: Jo <jo@example.org>
Architecture: amd64
Version: 1:2-3
Description: short
 Package: no field

Package: gone
Status: deinstall ok config-files
Version: 1

Package: plain
Version: 2
`;
  const debian = { id: "debian", version: "12" };
  expect(dpkgPackages(text, "/status", debian)).toEqual([
    {
      ...{ name: "a", version: "1:2-3", from: "/status", supplier: "Jo <jo@example.org>" },
      url: "pkg:deb/debian/a@1:2-3?arch=amd64&distro=debian-12",
    },
    { name: "plain", version: "2", url: "pkg:deb/debian/plain@2?distro=debian-12", from: "/status" },
  ]);
  expect(dpkgPackages("", "/status", debian)).toEqual([]);
});

test("apk's packages", () => {
  const text = "C:Q1abc\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\nF:lib\nR:ld.so\nP:not again\n\nP:half\n";
  expect(apkPackages(text, "/db", { id: "alpine", version: "3.20.1" })).toEqual([
    {
      ...{ name: "musl", version: "1.2.5-r0", from: "/db", license: "MIT" },
      url: "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1",
    },
  ]);
});

test("a Python package's name is in the form that its URL wants", () => {
  expect(urls(pythonPackages("Name: Foo_Bar.baz\nVersion: 1.0\n\nVersion: 2\n", "/x"))).toEqual([
    "pkg:pypi/foo-bar-baz@1.0",
  ]);
});

test.each<readonly [string, string, readonly string[]]>([
  [
    "package-lock.json",
    JSON.stringify({
      packages: {
        "": { name: "own", version: "1.0.0" },
        "node_modules/a": { version: "1.0.0", license: "MIT" },
        "node_modules/a/node_modules/@b/c": { version: "2.0.0" },
        "node_modules/linked": { link: true, version: "1.0.0" },
        "node_modules/alias": { name: "real", version: "3.0.0" },
        broken: 7,
      },
    }),
    ["pkg:npm/a@1.0.0", "pkg:npm/%40b/c@2.0.0", "pkg:npm/real@3.0.0"],
  ],
  ["composer.lock", '{"packages":[{"name":"v/n","version":"1"},{"name":4}]}', ["pkg:composer/v/n@1"]],
  ["Cargo.lock", '[[package]]\nname = "x"\nversion = "1"\n\n[[package]]\nname = "y"\n', ["pkg:cargo/x@1"]],
  ["uv.lock", '[[package]]\nname = "x"\nversion = "1"\n', ["pkg:pypi/x@1"]],
  ["package-lock.json", "no JSON", []],
  ["composer.lock", '{"packages":{}}', []],
])("%s", (name, text, expected) => {
  expect(urls(lockReader(name)?.(text, "/x"))).toEqual(expected);
});

test("no other file is a lock file", () => {
  expect(["toString", "package.json", ""].map(lockReader)).toEqual([undefined, undefined, undefined]);
});
