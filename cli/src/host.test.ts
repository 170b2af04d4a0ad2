import { expect, it } from 'vitest';
import { baseUrl } from './host.js';

it.each([
  ['http://localhost:3000', 'http://localhost:3000'],
  ['http://localhost:3000/', 'http://localhost:3000'],
  ['HTTPS://Example.COM:443/isol8/', 'https://example.com/isol8'],
  ['http://[::1]:3000', 'http://[::1]:3000'],
])('%s is the server at %s', (host, url) => {
  expect(baseUrl(host)).toBe(url);
});

it.each([
  '',
  'localhost',
  'localhost:3000',
  'ftp://host',
  'http://',
  'http://u:p@host',
  'http://host?key=x',
  'http://h#x',
])('refuses %j, which is no address of a server', (host) => {
  expect(() => baseUrl(host)).toThrow(
    `Invalid value for --host: ${host} (expected a URL such as http://localhost:3000)`,
  );
});
