import { randomInt } from "node:crypto";
import { BerthError } from "../base/errors.ts";

const moods =
  "able agile amber ample awake bold brave breezy bright brisk calm candid careful cheerful civil clever cosy crisp curious daring deft eager earnest easy elated exact fair fearless fond frank fresh gallant gentle glad golden good graceful grand happy hardy hearty honest hopeful humble jolly jovial keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble patient peaceful plucky polite proud quick quiet ready relaxed robust serene sharp silent sincere sleek smart snug solid steady stoic sturdy sunny sweet swift tender thrifty tidy tranquil trusty upbeat valiant vivid warm wise witty zealous zen".split(
    " ",
  );
const people =
  "allen archimedes babbage bardeen bell bohr boole borg brahmagupta carson cerf chandrasekhar chebyshev clarke cori curie darwin davinci diffie dijkstra einstein elion engelbart euclid euler faraday fermat fermi feynman franklin galileo galois gates gauss germain goldberg goodall hamilton hawking heisenberg hellman hermann hertz hodgkin hopper hypatia jackson jang jennings joliot kalam kare keller kepler khorana knuth kowalevski lamarr lamport leakey lederberg lovelace lumiere maxwell mayer mcclintock mccarthy meitner mendel mendeleev mirzakhani morse moser neumann newton nightingale nobel noether noyce panini pare pascal pasteur payne perlman pike planck poincare ptolemy raman ramanujan ride ritchie roentgen rosalind rubin saha sammet shannon shaw shockley sinoussi snyder solomon spence stallman swanson swartz tesla thompson torvalds turing varahamihira villani wescoff wilson wing wright yalow yonath".split(
    " ",
  );

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** A name for a container that was given none: `brave_hopper`, as Docker makes them. */
export function randomName(): string {
  return `${moods[randomInt(moods.length)]}_${people[randomInt(people.length)]}`;
}

/** Check a container's name. @throws {BerthError} invalid-argument, in Docker's words */
export function checkName(name: string): string {
  const bare = name.startsWith("/") ? name.slice(1) : name;
  if (!namePattern.test(bare)) {
    throw new BerthError(
      "invalid-argument",
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  return bare;
}
