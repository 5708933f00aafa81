import type * as Http from "node:http";
import type * as Https from "node:https";
import type * as Tls from "node:tls";

// Loaded when they are first used, and not as modules, whose every export Node would look at: that of a whole WebSocket among them.

/** Node's HTTP. */
export function nodeHttp(): typeof Http {
  return process.getBuiltinModule("node:http");
}

/** Node's HTTPS. */
export function nodeHttps(): typeof Https {
  return process.getBuiltinModule("node:https");
}

/** Node's TLS. */
export function nodeTls(): typeof Tls {
  return process.getBuiltinModule("node:tls");
}
