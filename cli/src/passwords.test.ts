import { expect, it } from 'vitest';
import { withoutPasswords } from './passwords.js';

it.each([
  ['postgres://isol8:hunter2@db:5432/keys', 'postgres://isol8:***@db:5432/keys'],
  ['mysql://:hunter2@db/keys', 'mysql://:***@db/keys'],
  ['postgres://isol8:hun@ter:/2?@db/keys', 'postgres://isol8:***@db/keys'],
  ['postgresql+ssl://isol8:hunter2@db', 'postgresql+ssl://isol8:***@db'],
  [
    'postgres://db/keys?user=isol8&password=hunter2&sslmode=require',
    'postgres://db/keys?user=isol8&password=***&sslmode=require',
  ],
  ['postgres://db/keys?sslpassword=hunter2', 'postgres://db/keys?sslpassword=***'],
])('hides the password in %s', (text, shown) => {
  expect(withoutPasswords(text)).toBe(shown);
});

it.each(['/var/lib/isol8/auth.db', '~/.isol8/auth.db', 'postgres://isol8@db:5432/keys', 'sqlite:///a/b:c@d'])(
  'leaves %s as it is',
  (text) => {
    expect(withoutPasswords(text)).toBe(text);
  },
);
