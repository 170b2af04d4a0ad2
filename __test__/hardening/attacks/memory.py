# Memory in the disguise KIND, up to TARGET MiB. Prints how many MiB it holds, again and again: whoever is killed for it
# has said how far it got.
import fcntl
import mmap
import resource
import socket
import threading
import time

MIB = 1 << 20
BLOCK = os.urandom(4096) * 256
HELD = []


def anonymous():
    while True:
        HELD.append(mmap.mmap(-1, MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        HELD[-1].write(BLOCK)
        yield MIB


def shared():
    while True:
        HELD.append(mmap.mmap(-1, MIB, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
        HELD[-1].write(BLOCK)
        yield MIB


def in_many(work):
    """Does it in one process after the other, each of which goes on to hold what it has."""
    def spread():
        while True:
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                try:
                    for held in work():
                        os.write(writer, struct.pack("q", held))
                except OSError:
                    pass
                os.close(writer)
                signal.pause()
            os.close(writer)
            with os.fdopen(reader, "rb", 0) as pipe:
                while len(said := pipe.read(8)) == 8:
                    yield struct.unpack("q", said)[0]
            if os.waitpid(-1, os.WNOHANG)[0] > 0:
                raise MemoryError("one was killed")
    return spread


def little():
    """Below every limit that a process could have."""
    for _ in range(16):
        HELD.append(bytearray(BLOCK))
        yield MIB


def files_in(place):
    def write():
        number = 0
        while True:
            with open(f"{place}/block-{number}", "wb", 0) as file:
                file.write(BLOCK)
            number += 1
            yield MIB
    return write


def memfd():
    while True:
        HELD.append(os.memfd_create("block"))
        os.write(HELD[-1], BLOCK)
        yield MIB


def system_v():
    LIBC.shmat.restype = ctypes.c_void_p
    while True:
        segment = LIBC.shmget(0, MIB, 0o1600)
        if segment < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        ctypes.memmove(LIBC.shmat(segment, None, 0), BLOCK, MIB)
        yield MIB


def fill(write):
    """Writes until nothing fits any more."""
    held = 0
    try:
        while True:
            held += write(BLOCK[:65536])
    except (BlockingIOError, TimeoutError):
        return held


def pipes():
    for _ in range(400):
        reader, writer = os.pipe2(os.O_NONBLOCK)
        HELD.append((reader, writer))
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, MIB)
        except OSError:
            pass
        yield fill(lambda data: os.write(writer, data))


def unix_sockets():
    while True:
        left, right = socket.socketpair()
        HELD.append((left, right))
        left.setblocking(False)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MIB)
        yield fill(left.send)


def tcp():
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    while True:
        client = socket.create_connection(server.getsockname())
        HELD.append((client, server.accept()[0]))
        client.setblocking(False)
        yield fill(client.send)


def message_queues():
    # Messages of System V; POSIX has its own limit for each user.
    text = struct.pack("q", 1) + BLOCK[:8192]
    while True:
        queue = LIBC.msgget(0, 0o1600)
        if queue < 0:
            raise OSError(ctypes.get_errno(), "msgget")
        held = 0
        while LIBC.msgsnd(queue, ctypes.c_char_p(text), 8192, 0o4000) == 0:
            held += 8192
        yield held


def stacks():
    """Threads whose stacks have been used."""
    def deep(started):
        ctypes.memset(ctypes.create_string_buffer(4 * MIB), 1, 4 * MIB)
        held = bytearray(4 * MIB)
        for at in range(0, len(held), 4096):
            held[at] = 1
        started.set()
        time.sleep(1000)
    while True:
        started = threading.Event()
        threading.Thread(target=deep, args=(started,), daemon=True).start()
        started.wait()
        yield 4 * MIB


def page_tables():
    """One page in each 2 MiB costs two: itself, and the table that it is found in."""
    while True:
        HELD.append(mmap.mmap(-1, 512 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        for at in range(0, 512 * MIB, 2 * MIB):
            HELD[-1][at] = 1
        yield 256 * 2 * 4096


def inodes():
    number = 0
    while True:
        for _ in range(1000):
            open(f"/sandbox/{number}", "w").close()
            number += 1
        # Inode, name and what belongs to them: not much less than a kilobyte.
        yield 1000 * 1000


def descriptors():
    """Open files without contents. Each costs a quarter of a kilobyte for itself, and its name as much."""
    while True:
        for _ in range(1000):
            HELD.append(os.eventfd(0))
        yield 1000 * 500


KINDS = {
    "anonymous": anonymous, "shared": shared, "several": in_many(little), "memfd": memfd, "system_v": system_v, "pipes": in_many(pipes),
    "sandbox": files_in("/sandbox"), "tmp": files_in("/tmp"), "shm": files_in("/dev/shm"), "tcp": tcp,
    "unix_sockets": unix_sockets, "message_queues": message_queues, "stacks": stacks, "page_tables": page_tables,
    "inodes": inodes, "descriptors": in_many(descriptors),
}

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
total = 0
try:
    for held in KINDS[KIND]():
        total += held
        print(total >> 20, flush=True)
        if total >= TARGET * MIB:
            break
except (OSError, MemoryError, RuntimeError) as error:
    print(f"# {error}", file=sys.stderr)
os._exit(0)
