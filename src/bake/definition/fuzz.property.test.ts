// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import fc from "fast-check";
import { expect, test } from "vitest";
import { BerthError } from "../../base/errors.ts";
import { parseBakeFile } from "./parse-file.ts";
import { printable } from "./print.ts";
import { resolveBodies } from "./resolve.ts";
import { planTargets } from "./targets.ts";

// A seed of its own, so that a run is like the last.
const runs = { seed: 20_261_129, numRuns: 400 } as const;

const words =
  'a b X target group variable function default tags args matrix name inherits for in if else endif null true 1 0.5 "x" "${X}" "%{ if true }y%{ endif }" "$${" <<E\nE\n { } [ ] ( ) = == => . , : ? ... * + - / ! && || ~ ${ %{ " \\ # // /* \n é 😀 upper join range format convert try list target.a.tags'.split(
    " ",
  );

/** Something that looks like HCL now and then. */
const texts = fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(" "));

/** Expressions that can mostly be read. */
const expressions: fc.Arbitrary<string> = fc.letrec<{ readonly expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("1", "-2.5", "true", "null", '"t"', '"é😀"', "X", "Y", "[]", "{}", "target.t.tags", "nope"),
    fc
      .tuple(tie("expression"), fc.constantFrom("+", "==", "&&", "<", "/", "%"), tie("expression"))
      .map((parts) => `(${parts.join(" ")})`),
    fc.array(tie("expression"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
    fc
      .array(tie("expression"), { maxLength: 2 })
      .map((items) => `{${items.map((item, i) => `k${i} = ${item}`).join(", ")}}`),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `[for k, v in ${a} : ${b}]`),
    tie("expression").map((inner) => `"<\${${inner}}>"`),
    fc.tuple(tie("expression"), fc.constantFrom("[0]", ".a", '["k0"]', "[*].a", ".*.b")).map((parts) => parts.join("")),
    fc
      .tuple(
        fc.constantFrom(
          ..."upper join length merge concat format jsonencode range setproduct flatten slice replace regex can try chunklist f".split(
            " ",
          ),
        ),
        fc.array(tie("expression"), { maxLength: 3 }),
      )
      .map(([name, args]) => `${name}(${args.join(", ")})`),
  ),
})).expression;

/** Read a file as a definition. @returns whether it is one; a refusal is a {@link BerthError}, and nothing else */
function isDefinition(name: string, text: string): boolean {
  try {
    const config = resolveBodies([parseBakeFile({ name, text })], { lookup: () => undefined, builtin: {} });
    const names = config.targets.map((target) => target.name);
    if (names.length > 0)
      JSON.stringify(printable(planTargets(config, { names, overrides: [], lookup: () => undefined })));
    return true;
  } catch (error) {
    if (
      error instanceof BerthError ||
      (error instanceof Error && /^(failed to find|target |infinite)/.test(error.message))
    )
      return false;
    throw error;
  }
}

test("any text is a definition, or is refused with a reason", () => {
  fc.assert(
    fc.property(texts, fc.constantFrom("f.hcl", "f.json", "f"), (text, name) => {
      isDefinition(name, text);
    }),
    runs,
  );
});

test("any bytes are refused or read", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      isDefinition("f.hcl", `a = "${text}"\n`);
      isDefinition("f.json", JSON.stringify({ target: { a: { args: { X: text } } } }));
    }),
    runs,
  );
});

test("any expression has a value, or is refused at its place", () => {
  let valid = 0;
  fc.assert(
    fc.property(expressions, (expression) => {
      const text = `X = "x"\nY = [1, 2]\nfunction "f" {\n  params = [a]\n  variadic_params = b\n  result = [a, b]\n}\ntarget "t" {\n  tags = ["a"]\n  args = { V = jsonencode(${expression}) }\n}\n`;
      if (isDefinition("f.hcl", text)) valid++;
    }),
    runs,
  );
  // Were most refused, the test would say little.
  expect(valid).toBeGreaterThan(runs.numRuns / 10);
});
