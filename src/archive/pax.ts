import type { ByteString } from "./byte-string.ts";
import { invalidHeader, second } from "./tar-header.ts";

/** Records of a PAX extended header, keys and values as bytes. @see POSIX.1-2017 pax, "pax Extended Header" */
export type PaxRecords = ReadonlyMap<ByteString, ByteString>;

/**
 * Read `length key=value\n` records. A repeated key keeps the last value, but for the offsets and lengths of GNU's
 * sparse format 0.0, which are collected into its `GNU.sparse.map`.
 *
 * @throws {BerthError} invalid-argument, when a record's length or shape is wrong
 */
export function parsePax(data: Buffer): Map<ByteString, ByteString> {
  const records = new Map<ByteString, ByteString>();
  const sparse: ByteString[] = [];
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const digits = space < 0 ? "" : data.toString("latin1", at, space);
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > data.length || end <= space || data[end - 1] !== 10) {
      throw invalidHeader("malformed PAX record");
    }
    const equals = data.indexOf(61, space);
    if (equals <= space + 1 || equals >= end) throw invalidHeader("malformed PAX record");
    const key = data.toString("latin1", space + 1, equals);
    const value = data.toString("latin1", equals + 1, end - 1);
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") sparse.push(value);
    else records.set(key, value);
    at = end;
  }
  if (sparse.length > 0) records.set("GNU.sparse.map", sparse.join(","));
  return records;
}

/** A whole number of a PAX record. @throws {BerthError} invalid-argument */
export function paxInteger(text: ByteString): number {
  const value = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw invalidHeader("malformed PAX number");
  return value;
}

/** A time of a PAX record, decimal seconds, as nanoseconds. @throws {BerthError} invalid-argument */
export function paxTime(text: ByteString): bigint {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw invalidHeader("malformed PAX time");
  const [, sign, seconds = "0", fraction = ""] = match;
  const value = BigInt(seconds) * second + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -value : value;
}

/** Nanoseconds as the decimal seconds of a PAX record, without trailing zeros. */
export function paxTimeText(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const fraction = (size % second).toString().padStart(9, "0").replace(/0+$/, "");
  return `${ns < 0n ? "-" : ""}${size / second}${fraction === "" ? "" : `.${fraction}`}`;
}

/** One record; its length counts itself. */
export function paxRecord(key: ByteString, value: ByteString): ByteString {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length++;
  return `${length} ${key}=${value}\n`;
}

/** Extended attributes of an entry: star's and libarchive's records. */
export function paxXattrs(records: PaxRecords): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of records) {
    if (key.startsWith("LIBARCHIVE.xattr.")) {
      xattrs.set(percentDecoded(key.slice(17)), Buffer.from(value, "base64"));
    }
  }
  for (const [key, value] of records) {
    if (key.startsWith("SCHILY.xattr.")) {
      xattrs.set(Buffer.from(key.slice(13), "latin1").toString("utf8"), Buffer.from(value, "latin1"));
    }
  }
  return xattrs;
}

function percentDecoded(text: ByteString): string {
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
