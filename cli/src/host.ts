/** The address of a server, as `--host` names it. */

/** The base URL without the slash at its end, so that paths can follow. Two ways to write the same server are one. */
export function baseUrl(host: string, source = '--host'): string {
  const url = URL.canParse(host) ? new URL(host) : undefined;
  const fits =
    url && ['http:', 'https:'].includes(url.protocol) && url.username + url.password + url.search + url.hash === '';
  if (!fits) throw new Error(`Invalid value for ${source}: ${host} (expected a URL such as http://localhost:3000)`);
  return url.href.replace(/\/$/, '');
}
