import type { MergedTree } from "../snapshot/merged-tree.ts";
import type { Owner } from "./root-writer.ts";

/** Most bytes of a passwd or group file that are read, as BuildKit. */
const userFileLimit = 10 << 20;

/**
 * The owner that `--chown` or `USER` names in a file system. As in BuildKit: a number is its own group where none is
 * given, a name that the file system doesn't know is root.
 *
 * @param text `user[:group]`, names or numbers
 */
export function ownerOf(tree: Pick<MergedTree, "stat" | "readFile">, text: string): Owner {
  const [user = "", group] = text.split(/:(.*)/s);
  const owner = userIn(tree, user);
  return group === undefined ? owner : { uid: owner.uid, gid: groupIn(tree, group) };
}

function userIn(tree: Pick<MergedTree, "stat" | "readFile">, user: string): Owner {
  const number = numberOf(user);
  if (number !== undefined) return { uid: number, gid: number };
  const [, , uid, gid] = lineOf(tree, "/etc/passwd", user);
  return { uid: Number(uid ?? 0), gid: Number(gid ?? 0) };
}

function groupIn(tree: Pick<MergedTree, "stat" | "readFile">, group: string): number {
  return numberOf(group) ?? Number(lineOf(tree, "/etc/group", group)[2] ?? 0);
}

function numberOf(text: string): number | undefined {
  if (text === "root") return 0;
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : undefined;
}

/** The fields of the line that begins with `name`. */
function lineOf(tree: Pick<MergedTree, "stat" | "readFile">, file: string, name: string): readonly string[] {
  if (tree.stat(file)?.kind !== "file") return [];
  const lines = tree.readFile(file, userFileLimit).toString("utf8").split("\n");
  return lines.map((line) => line.trim().split(":")).find((fields) => fields[0] === name) ?? [];
}
