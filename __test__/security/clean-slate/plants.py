"""One function for each kind of thing that a run can leave behind. Each prints a line that says what it did."""

import ctypes
import os
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PLACES = ["/sandbox", "/tmp", "/dev/shm"]


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def detached(work):
    """Runs work in a process with a session of its own and no ties to this one."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            os.close(reader)
            work(lambda: os.write(writer, b"ready"))
        os._exit(0)
    os.close(writer)
    os.wait()
    assert os.read(reader, 5) == b"ready"
    os.close(reader)


def daemons():
    def work(ready):
        os.chdir("/sandbox")
        open("held-open", "w").write("x")
        held = open("/tmp/deleted-but-open", "w")
        os.unlink("/tmp/deleted-but-open")
        ready()
        while True:
            time.sleep(1)
            held.write("x")
    for _ in range(3):
        detached(work)
    print("three daemons")


def forkers():
    def work(ready):
        ready()
        while True:
            try:
                if os.fork() != 0:
                    os._exit(0)
                open(f"/tmp/trace-{os.getpid()}", "w").close()
            except OSError:
                pass
    for _ in range(5):
        detached(work)
    print("five processes that are never the same")


def odd_names():
    names = [b"-rf", b"--help", b"..x", b"...", b". ", b" ", b"a\nb", b"\n", b"*", b"$(id)", b"\xff\xfe\x80", b"\x01\x1b[2J", b"n" * 255, b".hidden"]
    for place in PLACES:
        for name in names:
            path = os.path.join(os.fsencode(place), name)
            open(path, "w").close()
            directory = os.path.join(os.fsencode(place), b"d" + name[:200])
            os.makedirs(os.path.join(directory, name))
            open(os.path.join(directory, name, name), "w").close()
            for locked in (path, os.path.join(directory, name, name)):
                os.chmod(locked, 0)
    print(len(names), "names")


def locked_directories():
    for place in PLACES:
        for mode in (0, 0o111, 0o222, 0o444, 0o1000, 0o7555):
            directory = f"{place}/locked-{mode:o}"
            os.makedirs(f"{directory}/inner/most")
            open(f"{directory}/inner/most/file", "w").close()
            for path in (f"{directory}/inner/most", f"{directory}/inner", directory):
                os.chmod(path, mode)
    print("locked directories")


def deep_trees():
    for place in PLACES:
        os.chdir(place)
        for depth in range(2000):
            name = "d" * (200 if depth % 2 else 1)
            os.mkdir(name)
            os.chdir(name)
        open("bottom", "w").close()
    print("three trees of 2000 levels")


def crowds():
    for place in PLACES:
        for directory in range(10):
            os.mkdir(f"{place}/{directory}")
            for file in range(500):
                open(f"{place}/{directory}/{file}", "w").close()
    print("15000 files")


def special_files():
    for place in PLACES:
        os.mkfifo(f"{place}/pipe")
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"{place}/socket")
        server.listen()
        os.symlink("/etc", f"{place}/to-etc")
        os.symlink("/usr/local/bin/isol8-init", f"{place}/to-the-guest")
        os.symlink("..", f"{place}/to-the-parent")
        os.symlink("loop", f"{place}/loop")
        os.symlink("/nowhere", f"{place}/dangling")
        open(f"{place}/file", "w").close()
        os.link(f"{place}/file", f"{place}/hard-link")
        os.mkdir(f"{place}/directory")
        os.symlink("/proc/1/root", f"{place}/directory/to-another-root")
        with open(f"{place}/sparse", "w") as file:
            file.truncate(1 << 40)
    print("special files")


def system_v():
    for key in (0, 4321):
        checked(LIBC.shmget(key, 4096, 0o1600))
        checked(LIBC.semget(key, 3, 0o1600))
        checked(LIBC.msgget(key, 0o1600))
    # In use until the end, and marked as to be removed by nobody.
    LIBC.shmat.restype = ctypes.c_void_p
    assert LIBC.shmat(checked(LIBC.shmget(1234, 4096, 0o1000)), None, 0o10000) != -1
    print("segments, semaphores and queues")


def posix_ipc():
    checked(LIBC.shm_open(b"/planted", os.O_RDWR | os.O_CREAT, 0o600))
    LIBC.sem_open.restype = ctypes.c_void_p
    assert LIBC.sem_open(b"/planted", os.O_CREAT, 0o600, 1)
    for name in (b"/planted", b"/..x", b"/-rf", b"/new\nline", b"/" + b"q" * 255, b"/\xff\xfe"):
        queue = checked(LIBC.mq_open(name, os.O_RDWR | os.O_CREAT, 0, None))
        checked(LIBC.mq_send(queue, b"secret", 6, 0))
    print("segment, semaphore and queues")


def root_attributes():
    os.setxattr("/sandbox", "user.note", b"left for you")
    os.utime("/sandbox", (1, 1))
    os.chmod("/sandbox", 0o2777)
    open("/sandbox/file", "w").close()
    print("attributes")


def abstract_sockets():
    def work(ready):
        server = socket.socket(socket.AF_UNIX)
        server.bind(b"\0planted")
        server.listen()
        ready()
        while True:
            server.accept()
    detached(work)
    print("an abstract socket")


def listening_ports():
    def work(ready):
        servers = [socket.create_server(("127.0.0.1", 8118)), socket.create_server(("::1", 8119), family=socket.AF_INET6)]
        udp = socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 8120))
        ready()
        while servers:
            time.sleep(1)
    detached(work)
    print("ports")


def reset_names():
    for place in PLACES:
        for number in range(100):
            os.makedirs(f"{place}/.isol8-{number}/x")
        os.makedirs(f"{place}/.isol8-9223372036854775807/{'x' * 255}/y")
    print("names")


def lingering_connections():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    # Whoever closes first keeps the address for a minute.
    client.shutdown(socket.SHUT_WR)
    accepted.recv(1)
    accepted.close()
    client.recv(1)
    client.close()
    print(open("/proc/net/tcp").read().count(" 06 "), "connections in TIME_WAIT")
