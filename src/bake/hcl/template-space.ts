import type { Expression, ForExpression } from "./ast.ts";
import type { Range } from "./source.ts";
import type { Token } from "./token.ts";

interface Sequence {
  readonly range: Range;
  /** `${~` and `%{~` */
  readonly trimsBefore: boolean;
  /** `~}` */
  readonly trimsBehind: boolean;
}

/** A part of a template, before directives are matched. */
export type TemplatePiece =
  | { readonly kind: "text"; readonly token: Token; readonly text: string }
  | (Sequence & { readonly kind: "interpolation"; readonly expression: Expression })
  | (Sequence & { readonly kind: "directive" } & (
        | { readonly word: "if"; readonly condition: Expression }
        | { readonly word: "for"; readonly intro: Pick<ForExpression, "keyName" | "valueName" | "collection"> }
        | { readonly word: "else" | "endif" | "endfor" }
      ));

/** Take the white space away that a `~` asks for. */
export function trimMarked(pieces: readonly TemplatePiece[]): readonly TemplatePiece[] {
  return pieces.map((piece, index) => {
    if (piece.kind !== "text") return piece;
    const before = pieces[index - 1];
    const behind = pieces[index + 1];
    let { text } = piece;
    if (before !== undefined && before.kind !== "text" && before.trimsBehind) text = text.trimStart();
    if (behind !== undefined && behind.kind !== "text" && behind.trimsBefore) text = text.trimEnd();
    return { ...piece, text };
  });
}

/** Take the indentation away that all lines of a `<<-` here-document share. */
export function dedent(pieces: readonly TemplatePiece[]): readonly TemplatePiece[] {
  const startsLine = (index: number): boolean => {
    const before = pieces[index - 1];
    return before === undefined || (before.kind === "text" && before.text.endsWith("\n"));
  };
  let shared = Number.POSITIVE_INFINITY;
  for (const [index, piece] of pieces.entries()) {
    if (!startsLine(index)) continue;
    if (piece.kind !== "text") shared = 0;
    else if (piece.text.trim() !== "" || (pieces[index + 1] !== undefined && !piece.text.endsWith("\n")))
      shared = Math.min(shared, indentation(piece.text));
  }
  return pieces.map((piece, index) =>
    piece.kind === "text" && startsLine(index)
      ? { ...piece, text: piece.text.slice(Math.min(shared, indentation(piece.text))) }
      : piece,
  );
}

function indentation(line: string): number {
  return /^[ \t]*/.exec(line)?.[0].length ?? 0;
}
