const mask = "xxxxx";

/** What is before the host of an address: up to the last `@`, as a password may have any character but a slash in it. */
const inText = /([a-z][a-z0-9+.-]*:\/\/)([^/\s]*)@/gi;
/** The same of what is one address and nothing else, where a space is a character as any other. */
const inAddress = /([a-z][a-z0-9+.-]*:\/\/)([^/]*)@/gi;

/**
 * An address, or a text with addresses in it, without the names and passwords that are before a host: `https://xxxxx:xxxxx@host/`.
 * The name that ssh logs in with is no secret. What may be a password is taken for one: `https://host?mail=a@b`, too.
 */
export function withoutCredentials(text: string): string {
  return text.replace(inText, (whole, scheme: string, user: string) => {
    if (!isSecret(scheme, user)) return whole;
    return `${scheme}${user.includes(":") ? `${mask}:${mask}` : mask}@`;
  });
}

/** Whether an address, or `NAME=ADDRESS`, has a name or a password before its host that no record may have. */
export function hasCredentials(address: string): boolean {
  return [...address.matchAll(inAddress)].some(([, scheme = "", user = ""]) => isSecret(scheme, user));
}

/** An address as what it leads to, whoever asks: nothing stands for the credentials that it may have. */
export function bareAddress(address: string): string {
  return address.replace(inAddress, (whole, scheme: string, user: string) => (isSecret(scheme, user) ? scheme : whole));
}

function isSecret(scheme: string, user: string): boolean {
  return scheme.toLowerCase() !== "ssh://" || user.includes(":");
}
