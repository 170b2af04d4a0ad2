// The platforms that there is a package for, from the list of targets in the manifest.

const CPUS = { x86_64: 'x64', aarch64: 'arm64' };

/**
 * What a Rust target is called elsewhere: `os`, `cpu` and `libc` as npm knows them, `name` as napi writes it
 * (`linux-x64-gnu`), and `guest`, the target of the guest inside, since containers run Linux on the same processor.
 */
export function platformOf(target) {
  const [arch, , system, abi] = target.split('-');
  const cpu = CPUS[arch];
  const os = system === 'darwin' ? 'darwin' : 'linux';
  const libc = { gnu: 'glibc', musl: 'musl' }[abi];
  if (!cpu || (os === 'linux') !== Boolean(libc)) throw new Error(`${target} is no target that there is a package for`);
  const name = [os, cpu, abi].filter(Boolean).join('-');
  return { target, name, os, cpu, libc, guest: `${arch}-unknown-linux-gnu` };
}

/**
 * All platforms of a package with this manifest.
 *
 * @returns {ReturnType<typeof platformOf>[]}
 */
export const platformsOf = ({ napi }) => napi.targets.map(platformOf);

/** The file of the addon for a platform, as napi names it. */
export const addonFile = ({ napi }, { name }) => `${napi.binaryName}.${name}.node`;
