/** Lines of a file, from 1, both included. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

/** What a failed build is reported with. */
export interface Failure {
  readonly message: string;
  /** `[3/4] RUN make`, and the last lines that it wrote. */
  readonly step?: { readonly name: string; readonly output: readonly string[] };
  /** The Dockerfile, and its lines that are to blame. */
  readonly source?: { readonly name: string; readonly text: string; readonly lines: LineRange };
}

/** The report of a failed build in BuildKit's form: the step's last output, its place in the Dockerfile, the error. */
export function failureText({ message, step, source }: Failure): string {
  const blocks = [
    ...(step === undefined ? [] : ["------", ` > ${step.name}:`, ...step.output, "------"]),
    ...(source === undefined ? [] : excerpt(source)),
    `ERROR: failed to solve: ${message}`,
  ];
  return blocks.join("\n");
}

const rule = "-".repeat(20);

/** The Dockerfile around some lines of it: two lines around a single one, one around several, as BuildKit has it. */
export function excerpt({ name, text, lines }: NonNullable<Failure["source"]>): readonly string[] {
  const all = text.split(/\r?\n/);
  const around = lines.start === lines.end ? 2 : 1;
  const start = Math.max(1, lines.start - around);
  const end = Math.min(all.length, lines.end + around);
  const shown = all.slice(start - 1, end).map((line, index) => {
    const number = start + index;
    const mark = number >= lines.start && number <= lines.end ? ">>>" : "   ";
    return ` ${String(number).padStart(3)} | ${mark} ${line}`;
  });
  return [`${name}:${lines.start}`, rule, ...shown, rule];
}
