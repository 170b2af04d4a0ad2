"""Leaves a message in the keyring of the user, or looks for one, and prints what came of it.

`MESSAGE` names it, and `ACT` is what to do: `leave`, `find`, or `doors`, which knocks at all of them.
"""

import ctypes
import errno
import mmap
import platform
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

PROCESS_KEYRING, USER_KEYRING = -2, -4
SEARCH, READ, SET_TIMEOUT = 10, 11, 15
ADD_KEY, REQUEST_KEY, KEYCTL = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[platform.machine()]


def call(number, *args):
    words = [arg if isinstance(arg, (bytes, ctypes.Array)) else ctypes.c_long(arg) for arg in args]
    returned = libc.syscall(ctypes.c_long(number), *words)
    if returned < 0:
        raise OSError(ctypes.get_errno(), "")
    return returned


def leave():
    call(ADD_KEY, b"user", MESSAGE, MESSAGE, len(MESSAGE), USER_KEYRING)
    # It goes by itself where this works.
    call(KEYCTL, SET_TIMEOUT, search(), 60)
    return "left"


def search():
    """Takes the key into a keyring of this process, without which it could only be looked at."""
    return call(KEYCTL, SEARCH, USER_KEYRING, b"user", MESSAGE, PROCESS_KEYRING)


def find():
    key = search()
    text = ctypes.create_string_buffer(len(MESSAGE))
    call(KEYCTL, READ, key, text, len(MESSAGE))
    return f"found {text.raw.decode()}"


def interrupt_0x80(number):
    """A 32-bit system call with zeroes for arguments."""
    zeroes = b"\x53\x31\xdb\x31\xc9\x31\xd2\x31\xf6"  # push rbx; xor ebx, ecx, edx and esi
    code = zeroes + b"\xb8" + struct.pack("<I", number) + b"\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    returned = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if returned < 0:
        raise OSError(-returned, "")


def word(act):
    try:
        return str(act() or "ok")
    except OSError as error:
        return errno.errorcode[error.errno]


def doors():
    calls = {"add_key": ADD_KEY, "request_key": REQUEST_KEY, "keyctl": KEYCTL}
    answers = {name: word(lambda: call(number, 0, 0, 0, 0, 0)) for name, number in calls.items()}
    if platform.machine() == "x86_64":
        # A kernel without this table has none of its calls.
        for name, number in calls.items():
            answers[f"{name} of x32"] = word(lambda: call(number | 0x40000000, 0, 0, 0, 0, 0))
        for name, number in {"add_key": 286, "request_key": 287, "keyctl": 288}.items():
            answers[f"{name} by int 0x80"] = word(lambda: interrupt_0x80(number))
    return "\n".join(f"{name}: {answer}" for name, answer in answers.items())


print(word({"leave": leave, "find": find, "doors": doors}[ACT]))
