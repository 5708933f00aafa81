import { BerthError } from "../base/errors.ts";
import type { Add, Copy, InlineFile, Transfer } from "./ast.ts";
import { type FlagValues, parseFlags } from "./flags.ts";
import { heredocText, parseHeredocMark } from "./heredoc.ts";
import { nodeOf, type Statement } from "./statements.ts";

const shared = { chown: "string", chmod: "string", link: "boolean", exclude: "list" } as const;
const copyFlags = { ...shared, from: "string", parents: "boolean" } as const;
const addFlags = { ...shared, "keep-git-dir": "boolean", checksum: "string", unpack: "boolean" } as const;

/** @throws {BerthError} invalid-argument with BuildKit's message */
export function parseCopy(statement: Statement): Copy {
  requireDestination(statement, "COPY");
  const flags = parseFlags(statement.flags, copyFlags);
  const from = flags("from")[0] || undefined;
  return {
    kind: "COPY",
    ...parseTransfer(statement, "COPY", flags),
    parents: flags("parents")[0] === "true",
    ...(from !== undefined && { from }),
  };
}

/** @throws {BerthError} invalid-argument with BuildKit's message */
export function parseAdd(statement: Statement): Add {
  requireDestination(statement, "ADD");
  const flags = parseFlags(statement.flags, addFlags);
  const checksum = flags("checksum")[0] || undefined;
  const keepGitDir = flags("keep-git-dir")[0];
  const unpack = flags("unpack")[0];
  return {
    kind: "ADD",
    ...parseTransfer(statement, "ADD", flags),
    ...(checksum !== undefined && { checksum }),
    ...(keepGitDir !== undefined && { keepGitDir: keepGitDir === "true" }),
    ...(unpack !== undefined && { unpack: unpack === "true" }),
  };
}

function requireDestination(statement: Statement, kind: string): void {
  if (statement.args.length < 2)
    throw new BerthError(
      "invalid-argument",
      `${kind} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
}

function parseTransfer(statement: Statement, kind: string, flags: FlagValues<keyof typeof shared>): Transfer {
  const { args } = statement;
  const destination = args.at(-1) ?? "";
  if (parseHeredocMark(destination) !== undefined)
    throw new BerthError("invalid-argument", `${kind} cannot accept a heredoc as a destination`);
  const words = args.slice(0, -1).map((word) => ({ word, file: inlineFile(statement, word) }));
  const chown = flags("chown")[0] || undefined;
  const chmod = flags("chmod")[0] || undefined;
  return {
    ...nodeOf(statement),
    sources: words.filter(({ file }) => file === undefined).map(({ word }) => word),
    files: words.flatMap(({ file }) => file ?? []),
    destination,
    link: flags("link")[0] === "true",
    exclude: flags("exclude"),
    ...(chown !== undefined && { chown }),
    ...(chmod !== undefined && { chmod }),
  };
}

/** The file that a source like `<<NAME` stands for. */
function inlineFile(statement: Statement, word: string): InlineFile | undefined {
  const mark = parseHeredocMark(word);
  if (mark === undefined) return undefined;
  const content = statement.heredocs.findLast(({ name }) => name === mark.name)?.content ?? "";
  return { name: mark.name, content: heredocText({ content, chomp: mark.chomp }), expand: mark.expand };
}
