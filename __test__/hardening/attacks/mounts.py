# Mounting, by the old and the new interface, taking mounts away, and changing what "/" is.
MOUNT, UMOUNT2, PIVOT_ROOT, CHROOT = 165, 166, 155, 161
OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, FSPICK, MOUNT_SETATTR = 428, 429, 430, 431, 432, 433, 442
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_PRIVATE = 1, 2, 32, 4096, 1 << 18
AT_FDCWD, AT_EMPTY_PATH = ctypes.c_long(-100), 0x1000
TEXT = ctypes.c_char_p
WHERE = b"/sandbox/mounts"
os.makedirs(WHERE, exist_ok=True)


def mount(source, target, kind, flags=0):
    call(MOUNT, TEXT(source), TEXT(target), TEXT(kind), flags, TEXT(b""))


def over_what_is_hidden():
    mount(b"tmpfs", b"/proc/acpi" if os.path.isdir("/proc/acpi") else b"/sys/firmware", b"tmpfs")


def by_parts():
    context = call(FSOPEN, TEXT(b"tmpfs"), 0)
    call(FSCONFIG, context, 6, TEXT(None), TEXT(None), 0)
    made = call(FSMOUNT, context, 0, 0)
    call(MOVE_MOUNT, made, TEXT(b""), AT_FDCWD, TEXT(WHERE), 4)


def by_copy_of_a_tree():
    call(OPEN_TREE, AT_FDCWD, TEXT(b"/etc"), 1)


def by_attributes():
    attributes = struct.pack("<4Q", 0, 1, 0, 0)
    call(MOUNT_SETATTR, AT_FDCWD, TEXT(b"/"), 0, TEXT(attributes), len(attributes))


def pivot():
    mount(b"tmpfs", WHERE, b"tmpfs")
    os.makedirs(WHERE + b"/old")
    call(PIVOT_ROOT, TEXT(WHERE), TEXT(WHERE + b"/old"))


def in_own_namespace(act):
    # Where it works, it must not change what the other attempts find.
    def acted():
        if os.getuid() == 0:
            call(272, 0x20000)
            mount(b"none", b"/", b"", MS_PRIVATE | 16384)
        act()
    return acted


MOUNTED = {
    "a file system": lambda: mount(b"tmpfs", WHERE, b"tmpfs"),
    "the kernel's processes": lambda: mount(b"proc", WHERE, b"proc"),
    "the kernel's devices": lambda: mount(b"sysfs", WHERE, b"sysfs"),
    "a place a second time": lambda: mount(b"/etc", WHERE, b"", MS_BIND),
    "/ with other flags": lambda: mount(b"none", b"/sandbox", b"", MS_REMOUNT | MS_BIND | MS_NOSUID),
    "something over what is hidden": over_what_is_hidden,
    "by the parts of the new interface": by_parts,
    "a copy of a tree": by_copy_of_a_tree,
    "with other attributes": by_attributes,
    "the context of a mount": lambda: call(FSPICK, AT_FDCWD, TEXT(b"/sandbox"), 0),
    "away with /tmp": lambda: call(UMOUNT2, TEXT(b"/dev/shm"), 2),
    "another root": pivot,
    "another root, by chroot()": lambda: call(CHROOT, TEXT(b"/sandbox")),
}
for what, act in MOUNTED.items():
    attempt(what, in_own_namespace(act))
tell()
