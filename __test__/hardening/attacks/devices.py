# Device nodes: making them anywhere, and opening those of the host. Nothing is read from them, nothing is written.
import stat

PLACES = ("/sandbox", "/tmp", "/dev/shm")
# The memory of the machine would be 1:1; 1:3 is /dev/null, as forbidden to make and harmless.
NULL = os.makedev(1, 3)
# A loop device that nobody has given a file stands for the host's disks.
DISK = os.makedev(7, 0)


def make(path, kind, device):
    os.mknod(path, kind | 0o666, device)
    return path


def make_and_open(path, kind, device):
    try:
        opened(make(path, kind, device), os.O_RDONLY)
    finally:
        if os.path.lexists(path):
            os.unlink(path)


for place in PLACES:
    attempt(f"a character device in {place}", lambda: os.unlink(make(f"{place}/character", stat.S_IFCHR, NULL)))
    attempt(f"a block device in {place}", lambda: os.unlink(make(f"{place}/block", stat.S_IFBLK, DISK)))
attempt("a disk", lambda: make_and_open("/sandbox/disk", stat.S_IFBLK, DISK))
attempt("the kernel's messages", lambda: make_and_open("/sandbox/kmsg", stat.S_IFCHR, os.makedev(1, 11)))
attempt("a tunnel to the network", lambda: make_and_open("/sandbox/tun", stat.S_IFCHR, os.makedev(10, 200)))
attempt("file systems in user space", lambda: make_and_open("/sandbox/fuse", stat.S_IFCHR, os.makedev(10, 229)))
tell()
