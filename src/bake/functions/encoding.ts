import { constants, createHash, privateDecrypt, randomUUID } from "node:crypto";
import { messageOf } from "../../base/errors.ts";
import { ArgumentError, type Callable } from "../eval/scope.ts";
import { fromJson, toJson } from "../value/json.ts";
import { objectOf, types } from "../value/type.ts";
import { list, nullValue, object, text, type Value } from "../value/value.ts";
import { parseRecords } from "./csv.ts";
import { define, param, textOf } from "./define.ts";

function one(name: string, run: (given: string) => string): Callable {
  return define({ params: [param(name, "string")], run: ([given]) => text(run(textOf(given))) });
}

function hash(algorithm: string): Callable {
  return one("str", (given) => createHash(algorithm).update(given).digest("hex"));
}

function decodeBase64(given: string): string {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(given))
    throw new Error(`failed to decode base64 data '${given.slice(0, 16)}'`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(given, "base64"));
  } catch (error) {
    throw new Error("the result of decoding the provided string is not valid UTF-8", { cause: error });
  }
}

function urlEncode(given: string): string {
  const escaped = encodeURIComponent(given).replaceAll("%20", "+");
  return escaped.replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

const namespaces: Readonly<Record<string, string>> = {
  dns: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  url: "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
  oid: "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
  x500: "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
};

/** RFC 9562, section 5.5 */
function uuidOfName(namespace: string, name: string): string {
  const id = namespaces[namespace] ?? namespace;
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id))
    throw new Error(`uuidv5() doesn't support namespace ${namespace}`);
  const bytes = createHash("sha1")
    .update(Buffer.from(id.replaceAll("-", ""), "hex"))
    .update(name)
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

function decodeCsv(given: string): Value {
  const [names = [], ...rows] = parseRecords(given);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`duplicate column name ${JSON.stringify(repeated)}`);
  const objects = rows.map((row, index) => {
    if (row.length !== names.length) throw new Error(`record on line ${index + 2}: wrong number of fields`);
    return object(names.map((name, column) => [name, text(row[column] ?? "")] as const));
  });
  return list(objects, objectOf(names.map((name) => [name, types.string] as const)));
}

function decrypt(ciphertext: string, key: string): string {
  try {
    const padding = constants.RSA_PKCS1_PADDING;
    return privateDecrypt({ key, padding }, Buffer.from(ciphertext, "base64")).toString("utf8");
  } catch (error) {
    throw new Error(`failed to decrypt: ${messageOf(error)}`, { cause: error });
  }
}

/** Functions that encode, decode and hash. @see hashicorp/go-cty-funcs */
export const encodingFunctions: Readonly<Record<string, Callable>> = {
  base64decode: one("str", decodeBase64),
  base64encode: one("str", (given) => Buffer.from(given).toString("base64")),
  bcrypt: define({
    params: [param("str", "string")],
    rest: param("cost", "number"),
    run: () => {
      throw new Error("berth doesn't have bcrypt");
    },
  }),
  csvdecode: define({ params: [param("str", "string")], run: ([given]) => decodeCsv(textOf(given)) }),
  jsondecode: define({
    params: [param("str", "string")],
    run: ([given]) => {
      try {
        return fromJson(textOf(given));
      } catch (error) {
        throw new ArgumentError(0, messageOf(error), "str");
      }
    },
  }),
  jsonencode: define({
    params: [{ ...param("val", "dynamic"), nullable: true }],
    run: ([value]) => text(toJson(value ?? nullValue)),
  }),
  md5: hash("md5"),
  rsadecrypt: define({
    params: [param("ciphertext", "string"), param("privatekey", "string")],
    run: ([ciphertext, key]) => text(decrypt(textOf(ciphertext), textOf(key))),
  }),
  sha1: hash("sha1"),
  sha256: hash("sha256"),
  sha512: hash("sha512"),
  urlencode: one("str", urlEncode),
  uuidv4: define({ params: [], run: () => text(randomUUID()) }),
  uuidv5: define({
    params: [param("namespace", "string"), param("name", "string")],
    run: ([namespace, name]) => text(uuidOfName(textOf(namespace), textOf(name))),
  }),
};
