// What a binary is for, read from its first bytes: enough to tell an addon of the wrong platform from the right one.

const ELF_CPUS = { 62: 'x64', 183: 'arm64' };
const MACH_O_CPUS = { 16777223: 'x64', 16777228: 'arm64' };

const ELF_64_LITTLE = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
const MACH_O_64_LITTLE = 0xfeedfacf;

/** `{ os, cpu }` of a program or library that begins at `at`; undefined if there is none. */
export function binaryAt(bytes, at = 0) {
  if (bytes.length < at + 64) return undefined;
  if (bytes.subarray(at, at + ELF_64_LITTLE.length).equals(ELF_64_LITTLE)) {
    const cpu = ELF_CPUS[bytes.readUInt16LE(at + 18)];
    return cpu && { os: 'linux', cpu };
  }
  if (bytes.readUInt32LE(at) === MACH_O_64_LITTLE) {
    const cpu = MACH_O_CPUS[bytes.readUInt32LE(at + 4)];
    return cpu && { os: 'darwin', cpu };
  }
  return undefined;
}

/** The programs inside another file, with where they begin. An addon has one: the guest. */
export function programsIn(bytes) {
  const found = [];
  for (let at = bytes.indexOf(ELF_64_LITTLE, 1); at !== -1; at = bytes.indexOf(ELF_64_LITTLE, at + 1)) {
    const binary = binaryAt(bytes, at);
    if (binary) found.push({ ...binary, at });
  }
  return found;
}

/** Why these bytes are not the addon for `platform` with a guest for its processor; undefined if they are. */
export function faultOfAddon(bytes, { os, cpu }) {
  const own = binaryAt(bytes);
  if (own?.os !== os || own.cpu !== cpu) {
    return `it is ${own ? `for ${own.os} ${own.cpu}` : 'no library'}, not for ${os} ${cpu}`;
  }
  const guests = programsIn(bytes);
  if (guests.length !== 1) return `it holds ${guests.length} Linux programs, where one is the guest`;
  const [guest] = guests;
  return guest.cpu === cpu ? undefined : `its guest is for ${guest.cpu}, and the containers are ${cpu}`;
}
