import { expect, onTestFinished, test } from "vitest";
import type { Handler } from "../../test/support/listen.ts";
import { openScriptedRegistry } from "../../test/support/registry.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { repositoryOfTest, streamOf, type TestRegistries, uploadOf } from "./testing.ts";

const bytes = Buffer.from(Array.from({ length: 3 << 20 }, (_, n) => (n * 7) % 251));
const digest = digestOf(bytes);
const unknown = { body: () => ({ bytes: streamOf(bytes), digest: () => digest }) };

/** What a registry that takes uploads does otherwise than it should; undefined for a request that is answered as usual. */
type Fault = (request: {
  readonly method: string;
  readonly number: number;
  readonly length: number;
}) => Fate | undefined;

interface Fate {
  /** Take this many bytes of the request, and cut the connection. */
  readonly cutAt?: number;
  readonly status?: number;
  /** Forget what there is of the upload. */
  readonly lose?: true;
}

interface Uploads {
  readonly host: string;
  readonly log: readonly string[];
  /** What was stored in the end. */
  readonly stored: () => Digest | undefined;
}

/** A registry that takes uploads, in parts if need be, and fails as it is told. `number` counts the requests of a method. */
async function takingUploads(fault: Fault = () => undefined, location = "/v2/app/blobs/uploads/"): Promise<Uploads> {
  let upload: Buffer[] | undefined;
  let stored: Digest | undefined;
  const log: string[] = [];
  const counts = new Map<string, number>();
  const handler: Handler = async (request, response) => {
    const { method = "", url = "", headers } = request;
    if (url === "/v2/") return void response.end();
    if (method === "HEAD") return void response.writeHead(404).end();
    const range = headers["content-range"];
    log.push(range === undefined ? method : `${method} ${range}`);
    const number = (counts.get(method) ?? 0) + 1;
    counts.set(method, number);
    const fate = fault({ method, number, length: Number(headers["content-length"] ?? 0) });
    if (fate?.lose === true) upload = undefined;
    if (fate?.status !== undefined) return void response.writeHead(fate.status, { connection: "close" }).end();
    if (method === "POST") upload = [];
    if (upload === undefined) return void response.writeHead(404).end();
    let taken = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      const part = chunk.subarray(0, (fate?.cutAt ?? Number.POSITIVE_INFINITY) - taken);
      upload.push(part);
      taken += part.length;
      if (taken === fate?.cutAt) return void response.destroy();
    }
    const size = Buffer.concat(upload).length;
    if (method === "PUT") {
      stored = digestOf(Buffer.concat(upload));
      return void response.writeHead(stored === new URL(url, "http://x").searchParams.get("digest") ? 201 : 400).end();
    }
    const place = location.replace("HOST", headers.host ?? "");
    response.writeHead(method === "GET" ? 204 : 202, {
      location: `${place}${log.length}?state=x`,
      range: `0-${Math.max(0, size - 1)}`,
    });
    response.end();
  };
  const registry = await openScriptedRegistry(handler);
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return { host: registry.host, log, stored: () => stored };
}

async function push(registry: Uploads, upload = uploadOf(bytes), options: TestRegistries = {}): Promise<void> {
  expect(await repositoryOfTest(registry.host, options).upload(upload)).toBe("pushed");
  expect(registry.stored()).toBe(upload.digest ?? digest);
}

test.each(["/v2/app/blobs/uploads/", "http://HOST/v2/app/blobs/uploads/"])(
  "an upload goes on at %s",
  async (location) => {
    const registry = await takingUploads(undefined, location);
    await push(registry);
    expect(registry.log).toEqual(["POST", "PATCH", "PUT"]);
  },
);

test("an upload goes on nowhere else than over HTTP", async () => {
  const registry = await takingUploads(undefined, "ftp://HOST/");
  await expect(repositoryOfTest(registry.host).upload(uploadOf(bytes))).rejects.toThrow(
    'unsupported protocol scheme "ftp"',
  );
});

test("a small blob goes with the request that ends its upload", async () => {
  const registry = await takingUploads();
  await push(registry, uploadOf(Buffer.from("small")));
  expect(registry.log).toEqual(["POST", "PUT"]);
});

test("an upload that is cut goes on behind what the registry has", async () => {
  const registry = await takingUploads(({ method, number }) =>
    method === "PATCH" && number === 1 ? { cutAt: 1_000_000 } : undefined,
  );
  await push(registry);
  expect(registry.log).toEqual(["POST", "PATCH", "GET", `PATCH 1000000-${bytes.length - 1}`, "PUT"]);
});

test("so does one whose digest is known at the end alone", async () => {
  const registry = await takingUploads(({ method, number }) =>
    method === "PATCH" && number === 1 ? { cutAt: 1_000_000 } : undefined,
  );
  expect(await repositoryOfTest(registry.host).upload(unknown)).toBe("pushed");
  expect([registry.stored(), registry.log]).toEqual([digest, ["POST", "PATCH", "GET", "PATCH", "PUT"]]);
});

test("an upload of which all arrived, but not the answer, is ended", async () => {
  const registry = await takingUploads(({ method }) => (method === "PATCH" ? { cutAt: bytes.length } : undefined));
  await push(registry);
  expect(registry.log).toEqual(["POST", "PATCH", "GET", "PUT"]);
});

test.each([416, 503])("after %d, the registry is asked where it goes on", async (status) => {
  const registry = await takingUploads(({ method, number }) =>
    method === "PATCH" && number === 1 ? { status } : undefined,
  );
  await push(registry);
  expect(registry.log).toEqual(["POST", "PATCH", "GET", "PATCH", "PUT"]);
});

test("an upload that the registry has lost begins anew", async () => {
  const registry = await takingUploads(({ method, number }) => {
    if (method === "PATCH" && number === 1) return { cutAt: 1000 };
    return method === "GET" ? { lose: true } : undefined;
  });
  await push(registry);
  expect(registry.log).toEqual(["POST", "PATCH", "GET", "POST", "PATCH", "PUT"]);
});

test("a registry that doesn't take all at once gets it in pieces", async () => {
  const big = Buffer.concat(Array.from({ length: 6 }, () => bytes));
  const registry = await takingUploads(({ method, length }) =>
    method === "PATCH" && length > 10 << 20 ? { status: 413 } : undefined,
  );
  await push(registry, uploadOf(big));
  const piece = 8 << 20;
  expect(registry.log).toEqual([
    "POST",
    "PATCH",
    "GET",
    `PATCH 0-${piece - 1}`,
    `PATCH ${piece}-${2 * piece - 1}`,
    `PATCH ${2 * piece}-${big.length - 1}`,
    "PUT",
  ]);
});

test("pieces that are too large as well get smaller, down to what any proxy lets through", async () => {
  const refusing = (most: number): ReturnType<typeof takingUploads> =>
    takingUploads(({ method, length }) => (method === "PATCH" && length > most ? { status: 413 } : undefined));
  const nginx = await refusing(1 << 20);
  await push(nginx, uploadOf(bytes));
  const mebibyte = 1 << 20;
  const pieces = Array.from({ length: Math.ceil(bytes.length / mebibyte) }, (_, index) => {
    const first = index * mebibyte;
    return `PATCH ${first}-${Math.min(first + mebibyte, bytes.length) - 1}`;
  });
  expect(nginx.log.filter((line) => line !== "GET")).toEqual([
    "POST",
    "PATCH",
    `PATCH 0-${Math.min(bytes.length, 8 << 20) - 1}`,
    ...pieces,
    "PUT",
  ]);
  const none = await refusing(1000);
  await expect(repositoryOfTest(none.host).upload(uploadOf(bytes))).rejects.toThrow("413 Payload Too Large");
  expect(none.log.filter((line) => line.startsWith("PATCH"))).toHaveLength(4);
});

test("bytes of another digest than announced are told, and so is one that fails again and again; the upload is given up", async () => {
  const wrong = await takingUploads();
  const upload = { ...uploadOf(bytes), digest: digestOf("other") };
  await expect(repositoryOfTest(wrong.host).upload(upload)).rejects.toMatchObject({ kind: "data-loss" });
  expect(wrong.log.at(-1)).toBe("DELETE");
  const failing = await takingUploads(({ method }) => (method === "PATCH" ? { status: 503 } : undefined));
  const settings = { maxDownloadAttempts: 2 };
  await expect(repositoryOfTest(failing.host, { settings }).upload(uploadOf(bytes))).rejects.toMatchObject({
    kind: "unavailable",
    message: "received unexpected HTTP status: 503 Service Unavailable",
  });
  expect(failing.log).toEqual(["POST", "PATCH", "GET", "PATCH", "DELETE"]);
});

test("what the reading of the bytes fails with is not taken for a failure of the network", async () => {
  const registry = await takingUploads();
  const failure = new Error("the disk");
  const body = async function* (): AsyncGenerator<Buffer> {
    yield bytes;
    throw failure;
  };
  const upload = { body: () => ({ bytes: body(), digest: () => digest }) };
  await expect(repositoryOfTest(registry.host).upload(upload)).rejects.toBe(failure);
  expect(registry.log).toEqual(["POST", "PATCH", "DELETE"]);
});
