import { randomUUID } from "node:crypto";
import { digestOf } from "../../src/oci/digest.ts";
import { type Call, digestForm, notAllowed, Refused, type Upload } from "./strict-call.ts";

/** Take a blob, in one request or several. */
export function uploads(call: Call): void {
  const { registry, repository, method, query, name, path } = call;
  const upload = repository.uploads.get(name);
  if (method === "POST") begin(call);
  else if (upload === undefined) throw new Refused(404, "BLOB_UPLOAD_UNKNOWN");
  else {
    if (query.get("state") !== upload.state)
      registry.wrong(`${method} to a place of ${path} that the registry has left`);
    (uploadMethods[method] ?? notAllowed)(call);
  }
}

const uploadMethods: Readonly<Record<string, (call: Call) => void>> = {
  GET: (call) => placed(call, call.name, 204),
  PATCH: patch,
  PUT: end,
  DELETE: ({ repository, response, name }) => {
    repository.uploads.delete(name);
    response.writeHead(204).end();
  },
};

function end(call: Call): void {
  const { registry, repository, query, name, path, response, body } = call;
  if (body.length > 0) append(call);
  const { bytes } = uploadOf(call);
  const digest = query.get("digest") ?? "";
  if (!digestForm.test(digest)) registry.wrong(`an upload to ${path} ends without a digest`);
  if (digestOf(bytes) !== digest) throw new Refused(400, "DIGEST_INVALID");
  repository.blobs.set(digest, bytes);
  repository.uploads.delete(name);
  response.writeHead(201, { Location: `/v2/${path}/blobs/${digest}` }).end();
}

function uploadOf({ repository, name }: Pick<Call, "repository" | "name">): Upload {
  const upload = repository.uploads.get(name);
  if (upload === undefined) throw new Error(`no upload ${name}`);
  return upload;
}

function begin(call: Call): void {
  const { registry, repository, query, path, name, request } = call;
  if (name !== "") notAllowed();
  if (request.headers["content-length"] !== "0") registry.wrong("POST of an upload has no Content-Length: 0");
  const [mount, from] = [query.get("mount"), query.get("from")];
  const bytes = registry.repositories.get(from ?? "")?.blobs.get(mount ?? "");
  if (mount !== null && bytes !== undefined && registry.options.mounts === true) {
    repository.blobs.set(mount, bytes);
    return void call.response.writeHead(201, { Location: `/v2/${path}/blobs/${mount}` }).end();
  }
  const id = randomUUID();
  repository.uploads.set(id, { bytes: Buffer.of(), state: "" });
  const { leastChunk } = registry.options;
  if (leastChunk !== undefined) call.response.setHeader("OCI-Chunk-Min-Length", leastChunk);
  placed(call, id, 202);
}

/** Say where an upload goes on: elsewhere each time. */
function placed({ repository, response, path }: Call, id: string, status: number): void {
  const upload = uploadOf({ repository, name: id });
  upload.state = randomUUID();
  const has = upload.bytes.length;
  response.writeHead(status, {
    Location: `/v2/${path}/blobs/uploads/${id}?state=${upload.state}`,
    ...(has > 0 || status === 204 ? { Range: `0-${Math.max(has - 1, 0)}` } : {}),
  });
  response.end();
}

function patch(call: Call): void {
  const { mostAtOnce = Number.POSITIVE_INFINITY } = call.registry.options;
  if (call.body.length > mostAtOnce) throw new Refused(413, "SIZE_INVALID");
  append(call);
  placed(call, call.name, 202);
}

/** Take the bytes of a request. */
function append({ registry, repository, request, body, name, method }: Call): void {
  const upload = uploadOf({ repository, name });
  const { "content-type": type, "content-range": range, "content-length": length } = request.headers;
  if (type !== "application/octet-stream") registry.wrong(`${method} of an upload is of the type ${type}`);
  if (range !== undefined) {
    const [, first, last] = /^(\d+)-(\d+)$/.exec(range) ?? [];
    const isWhole = Number(last) - Number(first) + 1 === body.length && Number(length) === body.length;
    if (!isWhole) registry.wrong(`${method} of ${body.length} bytes says that it is of the range ${range}`);
    if (Number(first) !== upload.bytes.length) throw new Refused(416, "BLOB_UPLOAD_INVALID");
  }
  upload.bytes = Buffer.concat([upload.bytes, body]);
}
