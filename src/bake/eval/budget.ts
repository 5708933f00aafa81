import { BerthError } from "../../base/errors.ts";
import { bakeLimits } from "../limits.ts";

/** What the evaluation of one definition has left. */
export class Budget {
  #steps: number = bakeLimits.steps;
  #calls = 0;

  /** Pay for work. @throws {BerthError} invalid-argument, when it is too much */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw tooMuch(`takes more than ${bakeLimits.steps} steps`);
  }

  /** Pay for a text that was made. @throws {BerthError} invalid-argument, when it is too long */
  spendText(length: number): void {
    if (length > bakeLimits.text) throw tooMuch(`makes a text of more than ${bakeLimits.text} characters`);
    this.spend(1 + length / 1024);
  }

  /** Do what may come to itself again. @throws {BerthError} invalid-argument, when it does so too often */
  call<T>(body: () => T): T {
    this.#calls++;
    if (this.#calls > bakeLimits.calls)
      throw tooMuch(`has more than ${bakeLimits.calls} functions and references that wait for each other`);
    try {
      return body();
    } finally {
      this.#calls--;
    }
  }
}

function tooMuch(what: string): BerthError {
  return new BerthError("invalid-argument", `the bake definition ${what}`, {
    hint: "Such a definition is refused, since it comes from outside: see docs/bake.md.",
  });
}
