# Past the filter of system calls: by the gates and numbers of other machines that the processor still has.
import mmap
import platform

X32 = 0x40000000


def int_0x80(number, *args):
    """A 32-bit system call. Addresses have to lie below 4 GiB, as those of this page do."""
    names = (0xBB, 0xB9, 0xBA, 0xBE, 0xBF)
    code = b"\x53\x56\x57" + b"\xb8" + struct.pack("<I", number)
    code += b"".join(bytes([name]) + struct.pack("<I", arg) for name, arg in zip(names, args))
    code += b"\xcd\x80\x5f\x5e\x5b\xc3"
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    returned = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if returned < 0:
        raise OSError(-returned, os.strerror(-returned))


def x32(number, *args):
    # A kernel without this table says so by ENOSYS.
    try:
        call(X32 | number, *args)
    except OSError as error:
        raise OSError(errno.ENODEV if error.errno == errno.ENOSYS else error.errno, "") from error


if platform.machine() == "x86_64":
    attempt("an innocent call by int 0x80", lambda: int_0x80(20))
    attempt("a namespace by int 0x80", lambda: int_0x80(310, 0x10000000))
    attempt("a socket for kernel cryptography by int 0x80", lambda: int_0x80(359, 38, 5, 0))
    attempt("a keyring by int 0x80", lambda: int_0x80(288, 0, 0xFFFFFFFC, 1))
    attempt("an innocent call of x32", lambda: x32(39))
    attempt("a namespace by x32", lambda: x32(272, 0x10000000))
tell()
