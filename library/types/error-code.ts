/** What errors are told apart by. The addon has the same list, and a test compares the two. */

/** Every code that an error of isol8 can have. */
export const ERROR_CODES = [
  'INVALID_OPTIONS',
  'INVALID_CONFIG',
  'INVALID_REQUEST',
  'INVALID_PACKAGE',
  'UNKNOWN_RUNTIME',
  'INVALID_ADAPTER',
  'DOCKER_UNAVAILABLE',
  'DOCKER_FAILED',
  'IMAGE_NOT_FOUND',
  'IMAGE_BUILD_FAILED',
  'IMAGE_UNUSABLE',
  'INVALID_EXTRA_CA',
  'MIRROR_CREDENTIALS',
  'SANDBOX_START_FAILED',
  'SANDBOX_LOST',
  'SPAWN_FAILED',
  'WORKDIR_FAILED',
  'WRITE_FILE_FAILED',
  'READ_FILE_FAILED',
  'INSTALL_FAILED',
  'SETUP_FAILED',
  'RUNTIME_SWITCH',
  'NO_CONTAINER',
  'SESSION_LOST',
  'SECCOMP_PROFILE',
  'UNKNOWN_OCI_RUNTIME',
  'STDIN_FAILED',
  'ABORT_ERR',
  'STOPPED',
  'INTERNAL',
] as const;

/** `error.code` of an error of isol8. */
export type Isol8ErrorCode = (typeof ERROR_CODES)[number];
