/** A form that secrets have, which next to nothing else has. */
interface SecretForm {
  readonly what: string;
  readonly pattern: RegExp;
}

const forms: readonly SecretForm[] = [
  { what: "AWS access key", pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  { what: "AWS secret key", pattern: /\baws_secret_access_key["']?\s{0,4}[=:]\s{0,4}["']?[A-Za-z0-9/+]{40}\b/gi },
  {
    what: "private key",
    pattern:
      /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\r?\n|\\n)(?:[A-Za-z-]{1,32}: [^\n]{0,256}\r?\n){0,8}\s{0,4}[A-Za-z0-9+/=]{32}[^-]{0,16384}/g,
  },
  { what: "GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{82})\b/g },
  { what: "GitLab token", pattern: /\bglpat-[A-Za-z0-9_-]{20,}/g },
  { what: "npm token", pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { what: "npm auth token", pattern: /_(?:authToken|auth|password)\s{0,4}=\s{0,4}(?!\$)[^\s$]{8,}/g },
  { what: "Slack token", pattern: /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g },
  { what: "Google API key", pattern: /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g },
  { what: "Stripe key", pattern: /\b[rs]k_live_[A-Za-z0-9]{20,}/g },
  { what: "PyPI token", pattern: /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}/g },
  { what: "registry credentials", pattern: /"auth"\s{0,8}:\s{0,8}"[A-Za-z0-9+/]{8,}={0,2}"/g },
  {
    what: "password in a URL",
    pattern: /\b[a-z][a-z0-9+]{1,12}:\/\/[^\s/:@"'$<>{}]{1,64}:[^\s/@"'$<>{}]{6,128}@[a-z0-9]/gi,
  },
];

/** What each form has somewhere: few texts have it, and the rest is seen to have no secret by this alone. */
const signs =
  /AKIA|ASIA|aws_secret|-BEGIN|gh[pousr]_|github_pat|glpat-|npm_|_(?:auth|password)|xox|AIza|k_live_|pypi-|"auth"|:\/\//i;

/** What stands in the place of a secret. */
const hidden = "***";

/** The kinds of secrets that a text has, each once. What documents show for an example isn't one. */
export function secretsIn(text: string): readonly string[] {
  if (!signs.test(text)) return [];
  return forms.filter(({ pattern }) => matchesOf(pattern, text).length > 0).map(({ what }) => what);
}

/** Names whose values aren't shown, whatever their form. */
const secretName = /TOKEN|SECRET|PASS(?:WD|WORD|PHRASE)?$|PASSWORD|API_?KEY|CREDENTIAL|AUTH|PRIVATE/i;

/** The same text with what may be a secret left out, also in `NAME=value` where the name says so. */
export function withoutSecrets(text: string): string {
  const known = forms.reduce((rest, { pattern }) => rest.replace(pattern, hidden), text);
  return known.replace(/(^|[\s"'])([A-Za-z_][A-Za-z0-9_]*)=([^\s"']+)/g, (whole, before: string, name: string) =>
    secretName.test(name) ? `${before}${name}=${hidden}` : whole,
  );
}

function matchesOf(pattern: RegExp, text: string): readonly string[] {
  return [...text.matchAll(pattern)]
    .map(([match]) => match)
    .filter((match) => !/EXAMPLE|example|x{8}|X{8}/.test(match));
}
