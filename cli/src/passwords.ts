/** Connection strings, fit to be shown. */

/** `text` with `***` for the password of a URL, whatever characters it has, and for those among its parameters. */
export function withoutPasswords(text: string): string {
  return text
    .replace(/^([^/?#]+:\/\/[^:/?#@]*):.*@/s, '$1:***@')
    .replace(/\b(pass\w*|pwd|sslpassword)=[^&;\s]*/gi, '$1=***');
}
