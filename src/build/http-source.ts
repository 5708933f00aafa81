import type { HttpResponse } from "../registry/connection.ts";

/** A question to a web server. */
export interface HttpQuestion {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/** Asks web servers; disposing closes the connections. */
export interface HttpClient extends Disposable {
  /**
   * Redirects are followed, but not from TLS to none; another server than the first never gets to see who asks. Names and passwords
   * of the address are sent, and told nobody.
   *
   * @throws {BerthError} with the request in front, as Go's net/http writes it
   */
  ask(address: string, question: HttpQuestion): Promise<HttpResponse>;
}

/** Get ready to ask web servers, through the proxies of the settings. */
export async function openHttp(): Promise<HttpClient> {
  const [{ version }, { readSettings }, { proxySettings }, { sendFollowing }, { openTransport }, { described }] =
    await Promise.all([
      import("../base/version.ts"),
      import("../host/settings.ts"),
      import("../registry/proxies.ts"),
      import("../registry/redirects.ts"),
      import("../registry/transport.ts"),
      import("../registry/registry-error.ts"),
    ]);
  const transport = openTransport({
    verifies: () => true,
    userAgent: `berth/${version}`,
    proxies: proxySettings(readSettings().proxies, process.env),
    addressOf: () => undefined,
    env: process.env,
  });
  return {
    ask: async (address, { method = "GET", headers = {}, signal }) => {
      const { url, authorization } = partsOf(address);
      const request = { method, url, headers: { ...authorization, ...headers }, signal };
      try {
        return await sendFollowing(transport, request, { allowsPlain: () => false });
      } catch (error) {
        throw described(error, method, url);
      }
    },
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}

function partsOf(address: string): { readonly url: URL; readonly authorization: Readonly<Record<string, string>> } {
  const url = new URL(address);
  const { username, password } = url;
  url.username = "";
  url.password = "";
  url.hash = "";
  if (username === "" && password === "") return { url, authorization: {} };
  const who = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, authorization: { Authorization: `Basic ${Buffer.from(who).toString("base64")}` } };
}
