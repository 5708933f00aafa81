import { expect, test } from "vitest";
import { signed } from "./s3-sign.ts";

const identity = {
  region: "us-east-1",
  accessKeyID: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const host = "https://examplebucket.s3.amazonaws.com";
const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const now = new Date("2013-05-24T00:00:00Z");

// The examples of Amazon's documentation of Signature Version 4 for S3.
test.each([
  [
    "an object",
    "GET",
    "/test.txt",
    { range: "bytes=0-9" },
    empty,
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "a name that is encoded",
    "PUT",
    "/test%24file.text",
    { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  [
    "a query without a value",
    "GET",
    "/?lifecycle",
    {},
    empty,
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  [
    "a query",
    "GET",
    "/?max-keys=2&prefix=J",
    {},
    empty,
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
])("%s is signed as Amazon does it", (_, method, path, headers, payload, signature) => {
  const { authorization } = signed({ method, url: new URL(path, host), headers, payload }, identity, now);
  expect(authorization).toMatch(new RegExp(`, Signature=${signature}$`));
});

test("a session's token is signed, too", () => {
  const request = { method: "GET", url: new URL(host), headers: {}, payload: empty };
  const headers = signed(request, { ...identity, sessionToken: "token" }, now);
  expect(headers["x-amz-security-token"]).toBe("token");
  expect(headers["authorization"]).toContain(
    "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,",
  );
});
