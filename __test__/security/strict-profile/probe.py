"""Makes system calls and says how the kernel answered each.

Runs inside a container: `python3 probe.py < refused.json`. Needs nothing but Python's standard library.

stdin:  {"numbers": {call: {machine: number | null}}, "probes": [{"label", "call", "args"}, ...]}; other keys are
        ignored. An argument is an integer, or a string such as "0x20000"; missing ones are 0. Two calls are not
        in `numbers`: `int80` makes a 32-bit getpid through interrupt 0x80, and `x32` makes an x32 getpid.
stdout: {label: answer}, where an answer is one of
        {"errno": "EPERM"}   the call failed with this error
        {"ok": 0}            the call succeeded and returned this
        {"signal": "SIGSYS"} the process that made the call was killed
        {"absent": true}     this machine has no such call

Every call is made in a child of its own, so that none can disturb the next one and a deadly one is only an answer.
"""

import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import sys

# Bit 30 of the number selects the x32 table; 39 is getpid there, as on x86-64.
X32_GETPID = 0x40000000 | 39
# mov eax, 20 (getpid of 32-bit x86); int 0x80; ret
INT80_GETPID = bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3])
# These return twice when the kernel lets them.
FORKING = {"clone", "clone3"}


def interrupt_0x80():
    """Enters the kernel by the 32-bit gate. Errors come back as small negative numbers."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(INT80_GETPID)
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    returned = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return {"errno": errno.errorcode[-returned]} if returned < 0 else {"ok": returned}


def system_call(number, args, forking):
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    # As 64-bit values, so that a test can set bits above those that the kernel looks at.
    returned = syscall(ctypes.c_long(number), *(ctypes.c_ulong(arg) for arg in args))
    if returned == -1:
        return {"errno": errno.errorcode[ctypes.get_errno()]}
    if forking and returned == 0:
        os._exit(0)
    if forking:
        os.waitpid(returned, 0)
    return {"ok": returned}


def answer(probe, numbers):
    call, machine = probe["call"], platform.machine()
    if call in ("int80", "x32"):
        if machine != "x86_64":
            return {"absent": True}
        return interrupt_0x80() if call == "int80" else system_call(X32_GETPID, [], False)
    number = numbers[call].get(machine)
    if number is None:
        return {"absent": True}
    args = [int(arg, 0) if isinstance(arg, str) else arg for arg in probe.get("args", [])]
    args += [0] * (6 - len(args))
    return system_call(number, args, call in FORKING)


def in_a_child(probe, numbers):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(answer(probe, numbers)).encode())
        except BaseException as error:  # the parent must hear of it whatever it is
            os.write(writer, json.dumps({"broken": repr(error)}).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"signal": signal.Signals(os.WTERMSIG(status)).name}
    return json.loads(said)


def main():
    request = json.load(sys.stdin)
    answers = {probe["label"]: in_a_child(probe, request["numbers"]) for probe in request["probes"]}
    json.dump(answers, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
