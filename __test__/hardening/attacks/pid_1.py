# Into PID 1, which is the guest in a sandbox: it holds the connection to the engine, and more rights than a program.
PTRACE, PROCESS_VM_READV, PIDFD_OPEN, PIDFD_GETFD, KCMP, PROCESS_MADVISE = 101, 310, 434, 438, 312, 440
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 16, 17, 0x4206


def read(name):
    def act():
        with open(f"/proc/1/{name}", "rb") as file:
            file.read(1)
    return act


def seize():
    call(PTRACE, PTRACE_SEIZE, 1, 0, 0)


def vm_read():
    # Where its first page is, says its map; what is in it does not matter.
    with open("/proc/1/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    buffer = ctypes.create_string_buffer(16)
    local = struct.pack("<QQ", ctypes.addressof(buffer), 16)
    remote = struct.pack("<QQ", start, 16)
    call(PROCESS_VM_READV, 1, ctypes.c_char_p(local), 1, ctypes.c_char_p(remote), 1, 0)


def its_connection():
    call(PIDFD_GETFD, call(PIDFD_OPEN, 1, 0), 0, 0)


attempt("its memory", lambda: opened("/proc/1/mem", os.O_RDWR))
attempt("its memory, by process_vm_readv()", vm_read)
attempt("its environment", read("environ"))
attempt("its map", read("maps"))
attempt("its root", lambda: os.listdir("/proc/1/root/"))
attempt("its directory", lambda: os.listdir("/proc/1/cwd/"))
attempt("its program", lambda: opened("/proc/1/exe", os.O_RDONLY))
attempt("its descriptors", lambda: os.listdir("/proc/1/fd"))
attempt("its connection", lambda: os.stat("/proc/1/fd/0"))
attempt("its connection, by pidfd_getfd()", its_connection)
attempt("its namespaces", lambda: opened("/proc/1/ns/net", os.O_RDONLY))
attempt("its debugger's place", seize)
attempt("a word with it", lambda: os.kill(1, 0))
attempt("its order of killing", lambda: opened("/proc/1/oom_score_adj"))
attempt("whether it shares files", lambda: call(KCMP, 1, os.getpid(), 2, 0, 0))
attempt("its limits", lambda: __import__("resource").prlimit(1, __import__("resource").RLIMIT_NOFILE))
attempt("its scheduling", lambda: os.sched_setaffinity(1, os.sched_getaffinity(0)))
tell()
