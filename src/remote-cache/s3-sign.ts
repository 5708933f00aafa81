import { createHash, createHmac } from "node:crypto";

/** Who asks a store that speaks S3. */
export interface S3Identity {
  readonly region: string;
  readonly accessKeyID: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A request that is to be signed. */
export interface S3Request {
  readonly method: string;
  readonly url: URL;
  /** Those that are signed, by their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the body is known by: its SHA-256, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string;
}

/**
 * The headers of a request with its signature.
 *
 * @see AWS Signature Version 4, "Create a signed AWS API request"
 */
export function signed(
  { method, url, headers, payload }: S3Request,
  identity: S3Identity,
  now: Date = new Date(),
): Readonly<Record<string, string>> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const date = time.slice(0, 8);
  const { region, accessKeyID, secretAccessKey, sessionToken } = identity;
  const all: Readonly<Record<string, string>> = {
    ...headers,
    "x-amz-content-sha256": payload,
    "x-amz-date": time,
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
  };
  const sorted = Object.entries({ ...all, host: url.host }).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = sorted.map(([name]) => name).join(";");
  const canonical = [
    method,
    url.pathname,
    queryOf(url),
    ...sorted.map(([name, value]) => `${name}:${value.trim()}`),
    "",
    names,
    payload,
  ].join("\n");
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", time, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const key = [date, region, "s3", "aws4_request"].reduce<Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyID}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...all, authorization };
}

function queryOf({ searchParams }: URL): string {
  return [...searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join("&");
}

/** A part of a path or a query as S3 signs it. @see RFC 3986 section 2.3 */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
