# Into namespaces of one's own, where one is root: the first step of most ways out of a container.
CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000, 0x20000000, 0x40000000
CLONE, UNSHARE, SETNS, CLONE3, PIDFD_OPEN = 56, 272, 308, 435, 434
# Inside, before there is a mapping, one is nobody.
UID, GID = os.getuid(), os.getgid()


def become_root_inside():
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {UID} 1"), ("gid_map", f"0 {GID} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    os.setuid(0)


def in_new_user(make):
    def act():
        make()
        become_root_inside()
    return act


def by_clone(flags):
    child = call(CLONE, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def by_clone3(flags):
    arguments = struct.pack("<11Q", flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
    child = call(CLONE3, ctypes.c_char_p(arguments), len(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def by_setns(name):
    descriptor = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    call(SETNS, descriptor, 0)


def by_pidfd():
    call(SETNS, call(PIDFD_OPEN, os.getpid(), 0), CLONE_NEWNET)


def by_program():
    if os.spawnvp(os.P_WAIT, "unshare", ["unshare", "--user", "--map-root-user", "true"]) != 0:
        raise PermissionError(errno.EPERM, "unshare")


os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
attempt("root in a user namespace of its own, by unshare()", in_new_user(lambda: call(UNSHARE, CLONE_NEWUSER)))
attempt("root in a user namespace of its own, by the program unshare", by_program)
for what, flag in (("user", CLONE_NEWUSER), ("mount", CLONE_NEWNS), ("process", CLONE_NEWPID), ("network", CLONE_NEWNET)):
    attempt(f"a {what} namespace by unshare()", lambda: call(UNSHARE, flag))
    attempt(f"a {what} namespace by clone()", lambda: by_clone(flag))
    attempt(f"a {what} namespace by clone3()", lambda: by_clone3(flag))
for name in ("net", "uts", "ipc", "cgroup"):
    attempt(f"into the {name} namespace of a process, by setns()", lambda: by_setns(name))
attempt("into the namespace of a process, by a descriptor of the process", by_pidfd)
tell()
