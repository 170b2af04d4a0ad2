"""What the programs in here share. Each prints one JSON object: what was tried, and what came of it.

"done"      it worked
"refused X" the kernel answered with error X, or killed who tried
"absent"    this machine has nothing of the kind
"""

import ctypes
import errno
import json
import os
import signal
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
ABSENT = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
ANSWERS = {}


def call(number, *args):
    """A system call by its number on x86-64."""
    words = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in args]
    returned = LIBC.syscall(ctypes.c_long(number), *words)
    if returned == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned


def verdict(act):
    try:
        act()
        return "done"
    except OSError as error:
        return "absent" if error.errno in ABSENT else "refused " + errno.errorcode.get(error.errno, str(error))
    except ValueError as error:  # what Python makes of EPERM from setrlimit()
        if "not allowed" not in str(error):
            raise
        return "refused EPERM"


def attempt(name, act):
    """Tries `act` in a child, so that no attempt changes the next and a deadly one is only an answer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, verdict(act).encode())
        except BaseException as error:  # it must be heard of
            os.write(writer, f"broken {error!r}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if not said:
        said = "refused " + signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "broken"
    ANSWERS[name] = said


def opened(path, flags=os.O_WRONLY):
    """Opens, and does nothing with it: that it can be opened is enough."""
    os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC))


def tell():
    print(json.dumps(ANSWERS))
