import { BerthError } from "../base/errors.ts";

/** Who a process runs as. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The group itself, then the others that the user is a member of, then those asked for. */
  readonly additionalGids: readonly number[];
  /** Home directory; `/` when the user has none. */
  readonly home: string;
}

/**
 * Look up `user`, `uid`, `user:group` or `uid:gid` in the files of a container, by Docker's rules: digits are an ID even
 * where a name is the same, an ID needs no entry, and groups of a member count only when no group is written.
 *
 * @param text empty for root
 * @param passwd the text of /etc/passwd; empty when there is none
 * @param group the text of /etc/group; empty when there is none
 * @param groupAdd more groups, by name or ID
 * @throws {BerthError} invalid-argument, with Docker's text
 * @see passwd(5), group(5)
 */
export function resolveUser(
  text: string,
  passwd: string,
  group: string,
  groupAdd: readonly string[] = [],
): ResolvedUser {
  const [userText = "", groupText = ""] = text.split(":");
  const user = findUser(userText, passwd);
  const groups = parseGroups(group);
  const gid = groupText === "" ? user.gid : gidOf(groupText, groups);
  const memberOf = groupText === "" ? groups.filter(({ members }) => members.includes(user.name)) : [];
  const gids = [gid, ...memberOf.map((entry) => entry.gid), ...groupAdd.map((name) => gidOf(name, groups))];
  return { uid: user.uid, gid, additionalGids: [...new Set(gids)], home: user.home };
}

interface User {
  /** Empty when the user has no entry: nobody's name. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function findUser(text: string, passwd: string): User {
  const uid = text === "" ? 0 : numericID(text);
  for (const [name = "", , uidText = "", gidText = "", , home] of entries(passwd)) {
    const matches = uid === undefined ? name === text : Number(uidText) === uid;
    if (matches && digits.test(uidText) && digits.test(gidText)) {
      return { name, uid: Number(uidText), gid: Number(gidText), home: home || "/" };
    }
  }
  if (uid !== undefined) return { name: "", uid, gid: 0, home: "/" };
  throw new BerthError("invalid-argument", `unable to find user ${text}: no matching entries in passwd file`);
}

function gidOf(text: string, groups: readonly Group[]): number {
  const gid = numericID(text) ?? groups.find(({ name }) => name === text)?.gid;
  if (gid !== undefined) return gid;
  throw new BerthError("invalid-argument", `unable to find group ${text}: no matching entries in group file`);
}

function parseGroups(text: string): readonly Group[] {
  return entries(text)
    .filter(([, , gid = ""]) => digits.test(gid))
    .map(([name = "", , gid, members = ""]) => ({
      name,
      gid: Number(gid),
      members: members.split(",").filter((member) => member !== ""),
    }));
}

function entries(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

const digits = /^\d+$/;
const largestID = 2 ** 31 - 1;

function numericID(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id >= 0 && id <= largestID) return id;
  throw new BerthError("invalid-argument", `uids and gids must be in range 0-${largestID}`);
}
