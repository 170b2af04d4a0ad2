/**
 * Compiled and never run: the types of the configuration have the members that its JSON Schema has. Where they do
 * not, the compiler says that `true` is not `false`, and of which section.
 */
import type { Isol8Config, Isol8UserConfig, PoolSize, PrebuiltImageConfig, Runtime } from 'isol8';
import type schema from '../../schema/isol8.config.schema.json';

type Properties = typeof schema.properties;

/** The members of a section, by the schema. */
type Members<Name extends keyof Properties> = Properties[Name] extends { properties: infer Members }
  ? keyof Members
  : never;

type Section = { [Name in keyof Properties]: Members<Name> extends never ? never : Name }[keyof Properties];

type Same<A, B> = [A, B] extends [B, A] ? true : false;

export const configuration: Same<keyof Isol8UserConfig, keyof Properties> = true;

export const sections: { [Name in Section]: Same<keyof Isol8Config[Name], Members<Name>> } = {
  audit: true,
  auth: true,
  cleanup: true,
  defaults: true,
  dependencies: true,
  network: true,
  remoteCode: true,
  security: true,
  server: true,
};

export const runtimes: Same<Runtime, Members<'dependencies'>> = true;

export const image: Same<keyof PrebuiltImageConfig, keyof Properties['prebuiltImages']['items']['properties']> = true;

export const poolSize: Same<keyof PoolSize, keyof Properties['poolSize']['default']> = true;

export const partial: Isol8UserConfig = { $schema: './schema.json', defaults: { timeoutMs: 1 }, poolSize: 2 };

// @ts-expect-error the size is a number or whole
export const incomplete: Isol8UserConfig = { poolSize: { clean: 1 } };
