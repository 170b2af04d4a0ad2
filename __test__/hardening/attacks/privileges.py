# More rights than a program was started with.
import resource
import shutil
import socket

CAPSET, PRCTL, IOPRIO_SET = 126, 157, 251
PR_CAP_AMBIENT, PR_SET_SECUREBITS = 47, 28
CAP_SYS_NICE = 23
VERSION_3 = 0x20080522


def capset():
    header = struct.pack("<Ii", VERSION_3, 0)
    bit = 1 << CAP_SYS_NICE
    call(CAPSET, ctypes.c_char_p(header), ctypes.c_char_p(struct.pack("<6I", bit, bit, bit, 0, 0, 0)))


def ambient():
    capset()
    call(PRCTL, PR_CAP_AMBIENT, 2, CAP_SYS_NICE, 0, 0)


def of_root(path):
    shutil.copy("/bin/true", path)
    os.chown(path, 0, 0)
    os.chmod(path, 0o4755)


def with_capability():
    shutil.copy("/bin/true", "/sandbox/able")
    # CAP_SYS_ADMIN, effective and permitted.
    os.setxattr("/sandbox/able", "security.capability", struct.pack("<5I", 0x02000001, 1 << 21, 0, 0, 0))


def root_for_files():
    LIBC.setfsuid(0)
    # The call tells only what was before.
    if LIBC.setfsuid(0) != 0:
        raise PermissionError(errno.EPERM, "setfsuid")


def first_at_disks():
    # The class of real time.
    call(IOPRIO_SET, 1, 0, 1 << 13 | 4)


attempt("user root", lambda: os.setuid(0))
attempt("group root", lambda: os.setgid(0))
attempt("other groups", lambda: os.setgroups([0, 6]))
attempt("root for files", root_for_files)
attempt("a capability", capset)
attempt("a capability that programs inherit", ambient)
attempt("other rules for root", lambda: call(PRCTL, PR_SET_SECUREBITS, 0, 0, 0, 0))
attempt("a program of root's", lambda: of_root("/sandbox/setuid"))
attempt("a program with a capability", with_capability)
attempt("more than its limit of descriptors", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10_000, 10_000)))
attempt("a core file", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)))
attempt("priority over others", lambda: os.nice(-5))
attempt("priority over others at disks", first_at_disks)
attempt("the name of the machine", lambda: socket.sethostname("escaped"))
tell()
