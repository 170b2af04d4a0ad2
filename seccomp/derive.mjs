#!/usr/bin/env node
// Derives strict.json, the seccomp profile of every sandbox, from Docker's default profile (docker-default.json)
// and what we take away from it (subtract.json).
//
// What always holds: the result allows nothing that Docker's default does not allow to a container without
// capabilities, on two architectures, each without its 32-bit (or x32) side.
//
//   node seccomp/derive.mjs           writes strict.json
//   node seccomp/derive.mjs --check   writes nothing; exit code 1 when strict.json is not what would be written

import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Our architectures: Docker's name in rules, libseccomp's in the map. No sub-architectures: those are 32-bit. */
const ARCHITECTURES = { amd64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' };

/** Docker's default profile without what `subtraction` names, as the object that becomes strict.json. */
export function derive(dockerDefault, subtraction) {
  const removed = new Set(subtraction.remove.flatMap((entry) => entry.names));
  const narrowed = new Map(subtraction.narrow.map((entry) => [entry.name, entry]));
  const allowedByDocker = new Set();

  const kept = dockerDefault.syscalls.flatMap((rule) => {
    const conditions = withoutCapabilities(rule);
    if (conditions === null) return [];
    for (const name of rule.names) allowedByDocker.add(name);
    const names = rule.names.filter((name) => !removed.has(name) && !narrowed.has(name));
    if (names.length === 0) return [];
    const { action, errnoRet, args } = rule;
    return [{ names, action, errnoRet, args, ...conditions }];
  });

  for (const name of narrowed.keys()) {
    if (!allowedByDocker.has(name)) throw new Error(`cannot narrow ${name}: Docker's default does not allow it`);
    if (removed.has(name)) throw new Error(`${name} is both removed and narrowed`);
  }

  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1, // EPERM; newer calls than the profile knows get ENOSYS from the OCI runtime
    archMap: Object.values(ARCHITECTURES).map((architecture) => ({ architecture, subArchitectures: [] })),
    syscalls: [...kept, ...subtraction.narrow.flatMap(narrowRules)],
  };
}

/**
 * The conditions that remain of a rule once no capability is held and only our architectures exist, or null when
 * it can never apply. A container has SETUID, SETGID and KILL at most, and Docker ties no rule to those.
 */
function withoutCapabilities({ includes = {}, excludes = {} }) {
  if (includes.caps?.length) return null;
  const ours = (arches = []) => arches.filter((arch) => arch in ARCHITECTURES);
  const included = ours(includes.arches);
  const excluded = ours(excludes.arches);
  if (includes.arches?.length && included.length === 0) return null;
  const conditions = {};
  if (included.length || includes.minKernel) {
    conditions.includes = { arches: orNothing(included), minKernel: includes.minKernel };
  }
  if (excluded.length || excludes.minKernel) {
    conditions.excludes = { arches: orNothing(excluded), minKernel: excludes.minKernel };
  }
  return conditions;
}

/** JSON leaves out what is undefined. */
function orNothing(list) {
  return list.length ? list : undefined;
}

/** One rule per combination of allowed values. Only equality is used, so a value nobody thought of is refused. */
function narrowRules({ name, arguments: parameters, allow }) {
  return allow.flatMap((values) => {
    let combinations = [[]];
    for (const [parameter, { index, mask }] of Object.entries(parameters)) {
      if (!(parameter in values)) continue;
      combinations = combinations.flatMap((args) =>
        values[parameter].map((value) => [
          ...args,
          // In a masked comparison, libseccomp takes the mask first and the value second.
          { index, value: Number(mask), valueTwo: Number(value), op: 'SCMP_CMP_MASKED_EQ' },
        ]),
      );
    }
    return combinations.map((args) => ({ names: [name], action: 'SCMP_ACT_ALLOW', args }));
  });
}

function main([flag, ...rest]) {
  if (rest.length || (flag !== undefined && flag !== '--check')) {
    console.error('usage: node seccomp/derive.mjs [--check]');
    return 2;
  }
  const file = (name) => new URL(name, import.meta.url);
  const read = (name) => JSON.parse(readFileSync(file(name), 'utf8'));
  const wanted = `${JSON.stringify(derive(read('docker-default.json'), read('subtract.json')), null, 2)}\n`;
  if (flag === '--check') {
    if (readFileSync(file('strict.json'), 'utf8') === wanted) return 0;
    console.error('strict.json is out of date: run `node seccomp/derive.mjs`');
    return 1;
  }
  writeFileSync(file('strict.json'), wanted);
  return 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = main(process.argv.slice(2));
