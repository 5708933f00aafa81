import { BerthError, codeOf } from "../base/errors.ts";
import { isObject } from "../base/json-object.ts";
import type { Operation } from "../base/operation.ts";
import type { Env } from "../host/docker-config.ts";
import { ExecError, exec } from "../host/exec.ts";
import { authOf, type StoredAuth } from "./auth-file.ts";

/** A program that keeps credentials: `docker-credential-NAME`. It gets secrets on its standard input alone. */
export interface CredentialHelper {
  /** What it has for a key; undefined where it has nothing. */
  get(key: string, operation?: Operation): Promise<StoredAuth | undefined>;
  store(key: string, auth: StoredAuth, operation?: Operation): Promise<void>;
  /** Also where it has nothing. */
  erase(key: string, operation?: Operation): Promise<void>;
}

/** How a helper is called. */
export interface HelperOptions {
  readonly env: Env;
  /** Milliseconds until it is ended: it may ask the user to unlock something. Two minutes when absent. */
  readonly patience?: number;
}

const patienceOfUsers = 120_000;
/** Most bytes that it may answer. */
const longestAnswer = 1 << 20;
/** Of what it says of a failure, so much is shown. */
const longestComplaint = 1_000;
/** The user name that stands for an identity token. */
const tokenUser = "<token>";
const notFound = "credentials not found in native keychain";

/** What it does to credentials, in the words of Docker's errors. */
const doing = { get: "getting", store: "storing", erase: "erasing" } as const;
type Verb = keyof typeof doing;

/**
 * Use the helper with this name. Errors have Docker's text, such as ``error getting credentials - err: exit status 1, out: `…` ``.
 *
 * @see docker-credential-helpers, README.md#development
 */
export function credentialHelper(name: string, { env, patience = patienceOfUsers }: HelperOptions): CredentialHelper {
  if (name.includes("/")) {
    throw new BerthError("invalid-argument", `the name of a credential helper has a slash: ${JSON.stringify(name)}`);
  }
  const program = `docker-credential-${name}`;
  /** @param secret of what it is told: nothing that it says of a failure may have it */
  const call = async (verb: Verb, input: string, { signal }: Operation, secret = ""): Promise<string> => {
    const limit = AbortSignal.timeout(patience);
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    try {
      return (await exec([program, verb], { stdin: input, env, signal: either, maxOutput: longestAnswer })).stdout;
    } catch (error) {
      signal?.throwIfAborted();
      const { what, out = "" } = limit.aborted
        ? { what: `no answer after ${patience / 1000} s` }
        : complaintOf(program, error);
      if (out === notFound) return "";
      const message = `error ${doing[verb]} credentials - err: ${what}, out: \`${out}\``;
      throw new BerthError("unavailable", without(message, secret), {
        // No cause: whoever looks at it would find the secret there.
        hint: `config.json names ${program} as the place of credentials: install it, or take its name out.`,
      });
    }
  };
  return {
    get: async (key, operation = {}) => {
      const answer = await call("get", key, operation);
      return answer === "" ? undefined : authIn(answer, program);
    },
    store: async (key, { username, password, identityToken }, operation = {}) => {
      const Secret = identityToken ?? password ?? "";
      const Username = identityToken === undefined ? username : tokenUser;
      await call("store", JSON.stringify({ ServerURL: key, Username, Secret }), operation, Secret);
    },
    erase: async (key, operation = {}) => {
      await call("erase", key, operation);
    },
  };
}

/** A text without a secret, as it is and as JSON has it. */
function without(text: string, secret: string): string {
  if (secret === "") return text;
  return text.replaceAll(JSON.stringify(secret).slice(1, -1), "***").replaceAll(secret, "***");
}

/** Why a helper failed, and what it said of that. */
interface Complaint {
  readonly what: string;
  readonly out?: string;
}

/** @throws what isn't a helper's failure */
function complaintOf(program: string, error: unknown): Complaint {
  if (!(error instanceof ExecError)) throw error;
  const { code, cause } = error;
  if (code === undefined) {
    const isMissing = codeOf(cause) === "ENOENT";
    const why = isMissing ? "executable file not found in $PATH" : (codeOf(cause) ?? "can't be started");
    return { what: `exec: "${program}": ${why}` };
  }
  const stderr = shown(error.stderr);
  const status = code > 128 ? `signal ${code - 128}` : `exit status ${code}`;
  return {
    what: stderr === "" ? status : `${status}: ${stderr}`,
    out: shown(error.stdout),
  };
}

/** What a helper said of a failure, unless it looks like the credentials: some answer and fail. */
function shown(text: string): string {
  const isAnswer = /^\s*\{|\bsecret\b["']?\s*[:=]/i.test(text);
  return isAnswer ? "(not shown: it may be the credentials)" : text.trim().slice(0, longestComplaint);
}

/** What isn't as it should be is not quoted: it may hold the secret. */
function authIn(answer: string, program: string): StoredAuth | undefined {
  const { Username, Secret } = objectIn(answer, program);
  if (typeof Username !== "string" || typeof Secret !== "string") throw wrongAnswer(program);
  if (Username === tokenUser) return authOf({ identityToken: Secret });
  const auth = authOf({ username: Username, password: Secret });
  return Object.keys(auth).length === 0 ? undefined : auth;
}

function objectIn(answer: string, program: string): { readonly Username?: unknown; readonly Secret?: unknown } {
  try {
    const value: unknown = JSON.parse(answer);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw wrongAnswer(program);
}

function wrongAnswer(program: string): BerthError {
  return new BerthError("unavailable", `error getting credentials: ${program} didn't answer with credentials`);
}
