import { expect, test } from "vitest";
import { startError } from "./runtime-error.ts";

test.each([
  [
    "executable file `nosuch` not found in $PATH: No such file or directory",
    "nosuch",
    127,
    'exec: "nosuch": executable file not found in $PATH',
  ],
  [
    "executable file `/nosuch` not found: No such file or directory",
    "/nosuch",
    127,
    'exec: "/nosuch": stat /nosuch: no such file or directory',
  ],
  ["open executable: Permission denied", "/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'],
  ["open executable: Permission denied", "notes", 127, 'exec: "notes": executable file not found in $PATH'],
  ["open executable: Not a directory", "/bin/sh/x", 125, 'exec: "/bin/sh/x": stat /bin/sh/x: not a directory'],
  [
    "chdir `/nosuch`: No such file or directory",
    "ls",
    127,
    'chdir to cwd ("/nosuch") set in config.json failed: no such file or directory',
  ],
  [
    "error stat'ing file `/x`: No such file or directory",
    "sh",
    127,
    "error stat'ing file `/x`: no such file or directory",
  ],
  [
    "writing file `cpuset.cpus`: Numerical result out of range",
    "sh",
    125,
    "writing file `cpuset.cpus`: numerical result out of range",
  ],
])("crun's %j is told in Docker's words", (said, command, exitCode, reason) => {
  for (const text of [said, `2026-01-02T03:04:05.678901Z: ${said}\n`, `a warning\n${said}\n`]) {
    const error = startError(text, command);
    expect(error.exitCode).toBe(exitCode);
    expect(error.message).toBe(
      "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: " +
        `unable to start container process: ${reason}: unknown`,
    );
  }
});

test("a directory is told with the words that Docker's daemon adds", () => {
  const { message, exitCode } = startError("open executable: Operation not permitted", "/bin");
  expect(exitCode).toBe(126);
  expect(message).toMatch(/process: exec: "\/bin": is a directory: unknown: permission denied$/);
});
