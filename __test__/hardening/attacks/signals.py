# Signals for PID 1, and more of them than anybody can take.


def storm():
    for number in range(1, 65):
        for _ in range(100):
            if number not in (32, 33):
                os.kill(1, number)


def queued():
    # sigqueue(): one at a time, with a value.
    for value in range(1000):
        if LIBC.sigqueue(1, signal.SIGRTMIN, ctypes.c_void_p(value)) != 0:
            raise OSError(ctypes.get_errno(), "sigqueue")


attempt("a storm for PID 1", storm)
attempt("a queue of signals for PID 1", queued)
attempt("a terminal's stop for PID 1", lambda: os.kill(1, signal.SIGSTOP))
tell()
