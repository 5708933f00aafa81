import { BerthError } from "../base/errors.ts";
import type { HttpResponse } from "./connection.ts";

/**
 * The whole body of an answer.
 *
 * @throws {BerthError} data-loss, when it has more than `limit` bytes
 */
export async function wholeBody(response: HttpResponse, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = Number(response.headers["content-length"] ?? 0);
  if (size > limit) {
    response.discard();
    throw tooLarge(limit);
  }
  size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): BerthError {
  return new BerthError("data-loss", `the registry's answer has more than ${limit} bytes`);
}

/** The beginning of a body that is to be shown: at most `limit` bytes as text. */
export async function beginningOf(response: HttpResponse, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString();
}
