"""Takes stock of everything that one run can leave to the next, and prints it as one line of JSON.

What differs from run to run anyway (process ids, times) is left out, so that two clean sandboxes look the same.
"""

import json
import os
import stat
import time

MOUNTS = ["/sandbox", "/tmp", "/dev/shm", "/dev/mqueue"]


def processes():
    """Command lines of all processes but this one."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid():
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found.append(repr(file.read()))
    return found


def entries(mount):
    """All paths in a mount; where one cannot look, the path says so."""
    found = []
    for directory, names, files in os.walk(os.fsencode(mount), onerror=lambda error: found.append(repr(error))):
        found += [repr(os.path.join(directory, name)) for name in names + files]
    return sorted(found)


def root(mount):
    status = os.stat(mount)
    try:
        attributes = os.listxattr(mount)
    except OSError as error:
        attributes = error.strerror
    return [oct(status.st_mode), status.st_uid, status.st_gid, status.st_nlink, attributes, status.st_atime > 1e9]


def inodes(mount):
    """How many are taken: finds what has no name (any more), too."""
    usage = os.statvfs(mount)
    return usage.f_files - usage.f_ffree


def lines(path):
    with open(path) as file:
        return file.read().splitlines()[1:]


SEQPACKET = "0005"


def unix_sockets():
    """Without addresses and inode numbers. The guest has a pair of its own.

    While it starts this program it has one more, of packets, and may be slow to close its end: wait a second for that,
    no longer, since what a run has left there stays.
    """
    for _ in range(100):
        found = [[*line.split()[1:6], *line.split()[7:]] for line in lines("/proc/net/unix")]
        if not any(SEQPACKET in socket for socket in found):
            break
        time.sleep(0.01)
    return found


print(json.dumps({
    "processes": processes(),
    "entries": {mount: entries(mount) for mount in MOUNTS},
    "roots": {mount: root(mount) for mount in MOUNTS},
    "inodes": {mount: inodes(mount) for mount in MOUNTS if mount != "/dev/mqueue"},
    "system_v": {kind: lines(f"/proc/sysvipc/{kind}") for kind in ("shm", "sem", "msg")},
    "unix_sockets": unix_sockets(),
    "tcp_sockets": lines("/proc/net/tcp") + lines("/proc/net/tcp6"),
    "udp_sockets": lines("/proc/net/udp") + lines("/proc/net/udp6"),
    "script": stat.filemode(os.stat("/sandbox/main.py").st_mode),
}))
