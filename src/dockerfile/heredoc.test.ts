import { describe, expect, test } from "vitest";
import { heredocMarks, heredocText, parseHeredocMark } from "./heredoc.ts";
import { parseDockerfile } from "./parse.ts";

function first(text: string): object | undefined {
  return parseDockerfile(`FROM a\n${text}`).stages[0]?.instructions[0];
}

describe("a heredoc mark", () => {
  const marks: readonly [string, object | undefined][] = [
    ["<<EOF", { name: "EOF", expand: true, chomp: false }],
    ["<<-EOF", { name: "EOF", expand: true, chomp: true }],
    ["<< EOF", { name: "EOF", expand: true, chomp: false }],
    ["3<<EOF", { name: "EOF", expand: true, chomp: false }],
    ["<<'EOF'", { name: "EOF", expand: false, chomp: false }],
    ['<<-"E F"', { name: "E F", expand: false, chomp: true }],
    ["<<E'O'F", { name: "EOF", expand: false, chomp: false }],
    ["<<a.txt", { name: "a.txt", expand: true, chomp: false }],
    ["<<", undefined],
    ["<<<EOF", undefined],
    ["<EOF", undefined],
    ["a<<EOF", undefined],
    ["<<A B", undefined],
  ];
  test.each(marks)("%s", (word, expected) => {
    expect(parseHeredocMark(word)).toEqual(expected);
  });

  const lines: readonly [string, readonly string[]][] = [
    ["RUN <<A cat <<B", ["A", "B"]],
    ["RUN echo '<<A' \"<<B\"", []],
    ["RUN echo \\<<A", []],
    ["RUN echo $((1<<2))", []],
    ["RUN echo 'open <<A", []],
  ];
  test.each(lines)("stands where a shell would see it: %s", (line, names) => {
    expect(heredocMarks(line).map(({ name }) => name)).toEqual(names);
  });
});

describe("heredocs", () => {
  test("give RUN the lines up to their name, one after the other", () => {
    expect(first("RUN <<A cat <<-'B'\na\n\n# $x\nA\n\tb\n\tB\nUSER c")).toMatchObject({
      original: "RUN <<A cat <<-'B'",
      command: { form: "shell", command: "<<A cat <<-'B'" },
      heredocs: [
        { name: "A", content: "a\n\n# $x\n", expand: true, chomp: false },
        { name: "B", content: "\tb\n", expand: false, chomp: true },
      ],
      span: { start: 2, end: 8 },
    });
  });

  test("become files for COPY, in place of sources", () => {
    expect(first('COPY <<a.txt b <<-"c.txt" /d/\n1 $x\na.txt\n\t\t2\n\tc.txt\n')).toMatchObject({
      sources: ["b"],
      files: [
        { name: "a.txt", content: "1 $x\n", expand: true },
        { name: "c.txt", content: "2\n", expand: false },
      ],
      destination: "/d/",
    });
  });

  test("keep CRLF in their content and allow it behind their name", () => {
    expect(first("COPY <<E /d\r\na\r\nE\r\n")).toMatchObject({ files: [{ name: "E", content: "a\r\n" }] });
  });

  test("mean nothing in the JSON form or in other instructions", () => {
    expect(first('RUN ["echo", "<<E"]\n')).toMatchObject({ heredocs: [] });
    expect(first("CMD cat <<E\n")).toMatchObject({ command: { form: "shell", command: "cat <<E" } });
  });

  test("end at a name without the tabs in front only for <<-", () => {
    expect(first("RUN <<E\n\tE\nE")).toMatchObject({ heredocs: [{ content: "\tE\n" }] });
    expect(heredocText({ content: "\t\ta\n\t b\n c\t\n", chomp: true })).toBe("a\n b\n c\t\n");
    expect(heredocText({ content: "\ta\n", chomp: false })).toBe("\ta\n");
  });
});
