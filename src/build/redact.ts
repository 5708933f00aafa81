const mask = "xxxxx";

/**
 * An address, or a text with addresses in it, without the names and passwords that are before a host: `https://xxxxx:xxxxx@host/`.
 * The name that ssh logs in with is no secret.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)([^/\s?#]*)@/gi, (whole, scheme: string, user: string) => {
    if (scheme === "ssh://" && !user.includes(":")) return whole;
    return `${scheme}${user.includes(":") ? `${mask}:${mask}` : mask}@`;
  });
}
