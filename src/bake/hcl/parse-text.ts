import type { Expression } from "./ast.ts";
import { tokenize, tokenizeTemplate } from "./lexer.ts";
import { parseExpression } from "./parse-expression.ts";
import { parseBare } from "./parse-template.ts";
import type { Source } from "./source.ts";
import { TokenReader } from "./token-reader.ts";

/** Read a text that is one expression. @throws {HclError} */
export function parseExpressionText(source: Source): Expression {
  const reader = new TokenReader(source, tokenize(source), parseExpression);
  return reader.within(false, () => {
    const expression = parseExpression(reader);
    if (reader.peek().kind === "end") return expression;
    throw reader.error(
      reader.peek(),
      "Extra characters after expression",
      "An expression was successfully parsed, but extra characters were found after it.",
    );
  });
}

/** Read a text that is a template from an offset on. @throws {HclError} */
export function parseTemplateText(source: Source, start: number): Expression {
  return parseBare(new TokenReader(source, tokenizeTemplate(source, start), parseExpression));
}
