# Files by which the kernel is told things: opened for writing, and nothing more.
import glob

HOST = [
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sysrq-trigger",
    "/proc/sys/kernel/poweroff_cmd", "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/kptr_restrict", "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/panic_on_oom",
    "/proc/sys/fs/file-max", "/proc/sys/fs/suid_dumpable", "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_unprivileged_port_start",
    "/proc/irq/default_smp_affinity", "/proc/mtrr", "/proc/kcore", "/proc/latency_stats",
    "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/profiling",
    "/sys/power/state", "/sys/module/kernel/parameters/panic", "/sys/kernel/security/apparmor/.load",
]


def remount(place):
    """Where mounting is allowed, the read-only flag goes, in a namespace of its own."""
    if os.getuid() == 0:
        text = ctypes.c_char_p
        call(165, text(b"none"), text(place.encode()), text(b""), 32 | 4096, text(b""))


def host_file(path):
    def act():
        if os.getuid() == 0 and path.startswith("/sys/"):
            # Together with a network namespace there is a new one, which is not read-only.
            call(272, 0x20000 | 0x40000000)
            os.makedirs("/sandbox/sys", exist_ok=True)
            text = ctypes.c_char_p
            call(165, text(b"none"), text(b"/sandbox/sys"), text(b"sysfs"), 0, text(b""))
            return opened("/sandbox" + path)
        opened(path)
    return act


for path in HOST:
    attempt(path, host_file(path))


def groups():
    """Directories of this process's control groups, wherever they are mounted."""
    for line in open("/proc/self/mountinfo"):
        fields = line.split()
        if "cgroup" in line.split(" - ")[1]:
            yield fields[4]


def remounted():
    if os.getuid() == 0:
        call(272, 0x20000)
        for place in groups():
            remount(place)


def every(names):
    def act():
        remounted()
        files = [file for place in groups() for name in names for file in glob.glob(f"{place}/{name}")]
        if not files:
            raise FileNotFoundError(errno.ENOENT, "none")
        failure = None
        for file in files:
            try:
                return opened(file)
            except OSError as error:
                failure = error
        raise failure
    return act


attempt("a program of its own when a control group empties", every(["release_agent"]))
attempt("limits of memory", every(["memory.limit_in_bytes", "memory.max"]))
attempt("limits of processes", every(["pids.max"]))
attempt("limits of processor time", every(["cpu.cfs_quota_us", "cpu.max"]))
attempt("which devices may be used", every(["devices.allow"]))
attempt("membership of control groups", every(["cgroup.procs"]))


def own_group():
    remounted()
    for place in groups():
        try:
            os.mkdir(f"{place}/escape")
            return os.rmdir(f"{place}/escape")
        except OSError as error:
            failure = error
    raise failure


attempt("a control group of its own", own_group)
tell()
