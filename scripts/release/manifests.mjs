// The manifests that are published. They differ from those in the checkout: what is needed to build is left out, and
// what only a release knows (the platforms, the repository) is put in.

import { addonFile } from './platforms.mjs';

/** The file with the licences of what others wrote. It is made when a package is, and is in each of them. */
export const NOTICES = 'THIRD-PARTY.txt';

const SHARED = ['name', 'version', 'description', 'license', 'keywords', 'engines'];
const LIBRARY = [...SHARED, 'main', 'types', 'exports', 'files'];
const CLI = [...SHARED, 'type', 'bin', 'files', 'dependencies'];

/** `isol8`. Each platform's addon is optional, so that an installation fetches the one that fits. */
export function libraryManifest(root, platforms, repository) {
  const addons = platforms.map((platform) => [packageName(root, platform), root.version]);
  return { ...pick(root, LIBRARY), ...origin(repository), optionalDependencies: Object.fromEntries(addons) };
}

/** `@isol8/cli`. */
export function cliManifest(cli, repository) {
  return { ...pick(cli, CLI), ...origin(repository, 'cli') };
}

/**
 * The package with the addon for one platform.
 *
 * @returns {Record<string, any>}
 */
export function platformManifest(root, platform, repository) {
  const { name, os, cpu, libc } = platform;
  const file = addonFile(root, platform);
  return {
    ...pick(root, SHARED),
    name: packageName(root, platform),
    description: `The native addon of isol8 for ${name}`,
    ...origin(repository),
    main: file,
    files: [file, NOTICES],
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
  };
}

/** The README of a platform's package. */
export function platformReadme(root, platform) {
  return `# ${packageName(root, platform)}

The native addon of \`isol8\` for \`${platform.target}\`, with the program that runs
as PID 1 of every sandbox. It is installed along with \`isol8\`; there is no reason to install it alone.
`;
}

const packageName = ({ napi }, { name }) => `${napi.packageName}-${name}`;

/** Where the source is: npm wants to know it to say which workflow a package comes from. */
const origin = (repository, directory) =>
  repository ? { repository: { type: 'git', url: `git+${repository}.git`, ...(directory && { directory }) } } : {};

const pick = (manifest, keys) =>
  Object.fromEntries(keys.filter((key) => key in manifest).map((key) => [key, manifest[key]]));
