import { codeOf, messageOf } from "../../base/errors.ts";

/** Write something of a record. @returns why that couldn't be done, where it is the disk's or the database's fault */
export async function unlessFull(write: () => Promise<void>): Promise<string | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (!["ERR_SQLITE_ERROR", "ENOSPC", "EDQUOT", "EIO", "EROFS"].includes(codeOf(error) ?? "")) throw error;
    return messageOf(error);
  }
}
