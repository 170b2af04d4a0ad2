#!/usr/bin/python3 -u
"""A guest that lies. It speaks the channel by hand, so that it can say what no guest would.

PID 1 of a container, in the place of isol8-init. What it lies about is the word after `LIE:` in the program that it is
asked to run, or, for what comes before any program, the environment variable GREETING of its image. Asked for nothing of
the kind it tells the truth, in the fewest words that an engine takes for an answer: it prints `honest` and has exited
with 0.

Below are, in this order: the multiplexer (yamux), the frames and messages of guest/protocol, the lies, and the loop.
"""

import os
import struct
import sys
import time

# --- The multiplexer: a header of twelve bytes, and a body.

DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8


def send(kind, flags, stream, length, body=b""):
    rest = memoryview(struct.pack(">BBHII", 0, kind, flags, stream, length) + body)
    while rest:
        rest = rest[os.write(1, rest) :]


def data(stream, body, flags=0):
    send(DATA, flags, stream, len(body), body)


def read_exactly(length):
    body = b""
    while len(body) < length:
        part = os.read(0, length - len(body))
        if not part:
            os._exit(0)
        body += part
    return body


# --- Frames and messages.

MESSAGE, STDIN, STDOUT, STDERR, FILE = range(5)


def frame(tag, payload, length=None):
    return struct.pack("<BI", tag, len(payload) if length is None else length) + payload


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def zigzag(number):
    return varint(number << 1 ^ number >> 63)


def text(words):
    words = words.encode() if isinstance(words, str) else words
    return varint(len(words)) + words


def hello(magic=b"isol8", speaks=None, build="a liar"):
    return frame(MESSAGE, magic + varint(version if speaks is None else speaks) + text(build))


def failure(kind, subject, number=0):
    return varint(kind) + text(subject) + zigzag(number)


STARTED = frame(MESSAGE, varint(0))


def ended(status=0, is_signal=False, wall=1000, cpu=1000, peak=1 << 20, memory=1 << 20, timed_out=0, out_of_memory=0):
    report = varint(1 if is_signal else 0) + zigzag(status) + bytes([timed_out, out_of_memory])
    return frame(MESSAGE, varint(1) + report + b"".join(map(varint, (wall, cpu, peak, memory))))


def failed(*args):
    return frame(MESSAGE, varint(2) + failure(*args))


def ack():
    return frame(MESSAGE, varint(0))


# --- The lies, by name. Each is told on the stream on which a program was to run.

MOST = (1 << 64) - 1


def flood(stream):
    block = frame(STDOUT, b"x" * 65536)
    say(stream, STARTED)
    while True:
        allow(stream, len(block))
        data(stream, block)


def drip(stream):
    say(stream, STARTED)
    while True:
        # Without a deadline of its own: whatever the engine has to say meanwhile is answered.
        attend(2)
        say(stream, frame(STDOUT, b"."))


def many_streams(stream):
    for number in range(2, 20_000, 2):
        data(number, b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", SYN)
    honest(stream)


def streams_left_open(stream):
    for number in range(2, 2000, 2):
        send(WINDOW_UPDATE, SYN, number, 0)
    honest(stream)


def pings(stream):
    for number in range(100_000):
        send(PING, SYN, 0, number)
    honest(stream)


def little_frames(stream):
    say(stream, STARTED)
    for _ in range(200_000):
        data(stream, b"")
    say(stream, ended())


def beyond_the_window(stream):
    for _ in range(2000):
        data(stream, frame(STDOUT, b"x" * 65536))
    # An engine that takes it as fast as it comes has seen nothing wrong so far.
    data(stream, b"", FIN)


def empty_output(stream):
    say(stream, STARTED + frame(STDOUT, b"") * 10_000 + ended())


def words_on_stderr(stream):
    for _ in range(2000):
        os.write(2, b"\x1b[2J" + b"all is lost " * 3000)
    honest(stream)


def file_of(length, *frames):
    """Answers a request for files so."""
    def answer(stream):
        say(stream, frame(MESSAGE, varint(0) + varint(length)) + b"".join(frames))
    return answer


def honest(stream):
    say(stream, STARTED + frame(STDOUT, b"honest\n") + ended())


LIES = {
    "nothing": lambda stream: None,
    "end": lambda stream: data(stream, b"", FIN),
    "reset": lambda stream: data(stream, b"", RST),
    "death": lambda stream: os._exit(1),
    "flood": flood,
    "drip": drip,
    "tag": lambda stream: say(stream, STARTED + frame(9, b"")),
    "long-message": lambda stream: say(stream, frame(MESSAGE, b"", 0xFFFFFFFF)),
    "long-data": lambda stream: say(stream, STARTED + frame(STDOUT, b"", 65537)),
    "malformed": lambda stream: say(stream, frame(MESSAGE, b"\xff" * 64)),
    "truncated": lambda stream: data(stream, STARTED[:3], FIN),
    "empty-message": lambda stream: say(stream, frame(MESSAGE, b"")),
    "trailing": lambda stream: say(stream, frame(MESSAGE, varint(0) + b"x" * 1000) + ended()),
    "stdin-back": lambda stream: say(stream, STARTED + frame(STDIN, b"x")),
    "file-in-output": lambda stream: say(stream, STARTED + frame(FILE, b"x")),
    "started-twice": lambda stream: say(stream, STARTED + STARTED + ended()),
    "never-started": lambda stream: say(stream, ended()),
    "ended-twice": lambda stream: say(stream, STARTED + ended() + ended(7) + frame(STDOUT, b"more")),
    "numbers": lambda stream: say(stream, STARTED + ended(-(1 << 31), False, MOST, MOST, MOST, MOST)),
    "no-time": lambda stream: say(stream, STARTED + ended(0, False, 0, MOST, 0, 0)),
    "signal": lambda stream: say(stream, STARTED + ended((1 << 31) - 1, True)),
    "all-at-once": lambda stream: say(stream, STARTED + ended(0, timed_out=1, out_of_memory=1)),
    "busy": lambda stream: say(stream, failed(6, "")),
    "write-failed": lambda stream: say(stream, failed(0, "/sandbox/x", 28)),
    "spawn-failed": lambda stream: say(stream, failed(5, "python3", 999_999)),
    "long-subject": lambda stream: say(stream, failed(5, "x" * 3_000_000, 2)),
    "escapes": lambda stream: say(stream, failed(5, "\x1b]0;owned\x07\x1b[2J\r\n[INFO] all is well", 2)),
    "many-streams": many_streams,
    "streams-left-open": streams_left_open,
    "pings": pings,
    "little-frames": little_frames,
    "empty-output": empty_output,
    "stderr": words_on_stderr,
    "unknown-stream": lambda stream: (data(999, b"x" * 1000), send(WINDOW_UPDATE, 0, 777, 5), honest(stream)),
    "own-stream": lambda stream: data(stream + 2, b"", SYN),
    "same-stream": lambda stream: data(stream, b"", SYN),
    "beyond-the-window": beyond_the_window,
    "long-frame": lambda stream: send(DATA, 0, stream, 0xFFFFFFFF),
    "credit": lambda stream: [send(WINDOW_UPDATE, 0, stream, 0xFFFFFFFF) for _ in range(3)],
    "kind": lambda stream: send(200, 0, stream, 0),
    "version": lambda stream: os.write(1, b"\xff" * 1200),
    "go-away": lambda stream: send(GO_AWAY, 0, 0, 0),
    "deaf": lambda stream: time.sleep(1000),
    # For those who ask for files afterwards.
    "file-too-long": honest,
    "file-of-wrong-length": honest,
    "file-of-nothing": honest,
    "file-never": honest,
    "ack-never": honest,
    "": honest,
}

GREETINGS = {
    "silent": lambda stream: time.sleep(1000),
    "version": lambda stream: data(stream, hello(speaks=9999), ACK),
    "magic": lambda stream: data(stream, hello(magic=b"OTHER"), ACK),
    "garbage": lambda stream: os.write(1, b"HTTP/1.1 200 OK\r\n\r\n" * 100),
    "gone": lambda stream: os._exit(0),
    "long": lambda stream: data(stream, frame(MESSAGE, b"", 0xFFFFFFFF), ACK),
    "build": lambda stream: data(stream, hello(speaks=9999, build="\x1b[2J" * 1000), ACK),
    "data": lambda stream: data(stream, frame(STDOUT, b"hello"), ACK),
    "pong": None,
    "reset": None,
    "": None,
}

# --- The loop.

# Of the channel, as the engine greets: after the tag and the length of its frame, the kind of request, and the magic.
VERSION_AT = 5 + 1 + len(b"isol8")
version = 0
GREETING = os.environ.get("GREETING", "")
streams = {}
lie = ""
control = None
credit = {}


def say(stream, frames):
    """In bodies that fit, waiting for room as an honest guest would."""
    for at in range(0, len(frames), 60_000):
        body = frames[at : at + 60_000]
        allow(stream, len(body))
        data(stream, body)


def allow(stream, length):
    while credit.get(stream, 0) < length:
        one()
    credit[stream] -= length


def attend(seconds):
    """Answers what comes for a while."""
    import select
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([0], [], [], left)[0]:
            one()


def one():
    """Takes one frame off the connection, and answers it."""
    _, kind, flags, stream, length = struct.unpack(">BBHII", read_exactly(12))
    if kind == PING:
        if flags & SYN:
            send(PING, ACK, 0, length)
        return
    if kind == GO_AWAY:
        os._exit(0)
    if kind == WINDOW_UPDATE:
        credit[stream] = credit.get(stream, 256 * 1024 if flags & SYN else 0) + length
    body = read_exactly(length) if kind == DATA else b""
    if flags & SYN:
        credit.setdefault(stream, 256 * 1024)
        streams[stream] = b""
        send(WINDOW_UPDATE, ACK, stream, 0)
    if stream in streams and body:
        send(WINDOW_UPDATE, 0, stream, len(body))
        streams[stream] += body
        heard(stream)
    if flags & (FIN | RST):
        streams.pop(stream, None)


def heard(stream):
    """What has come on a stream so far is enough for an answer, or is not."""
    global control, lie, version
    said = streams[stream]
    if len(said) < 5 or len(said) < 5 + struct.unpack("<I", said[1:5])[0]:
        return
    request = said[5] if stream != control else None
    if control is None:
        control = stream
        streams[stream] = b""
        version = said[VERSION_AT]
        act = GREETINGS[GREETING] or (lambda stream: data(stream, hello()))
        act(stream)
    elif stream == control:
        # A ping; it goes back as it came.
        streams[stream] = b""
        say(stream, said if GREETING != "pong" else frame(MESSAGE, varint(0xFFFFFFFE)))
    elif request == 1 and b"\0\1\0\0\0\1" in said:
        # Files, and then the word to start.
        del streams[stream]
        lie = (said.split(b"LIE:")[1:] or [b""])[0].split(b"\n")[0].decode()
        LIES[lie](stream)
    elif request == 3 and lie == "ack-never":
        pass
    elif request == 4 and lie.startswith("file-"):
        del streams[stream]
        files = {
            "file-too-long": file_of(MOST),
            "file-of-wrong-length": file_of(10, frame(FILE, b"x" * 100)),
            "file-of-nothing": file_of(10, frame(FILE, b"") * 1000),
            "file-never": lambda stream: None,
        }
        files[lie](stream)
    elif request == 4:
        say(stream, frame(MESSAGE, varint(1) + failure(1, "/x", 2)))
    elif request == 5:
        if GREETING != "reset":
            say(stream, frame(MESSAGE, varint(0)))
        else:
            say(stream, frame(MESSAGE, varint(200_000) + text("dirty") * 200_000))
    elif request == 8:
        # The way out. What is said on it from now on needs no answer.
        del streams[stream]
        say(stream, ack())
    elif request in (2, 6, 7, 9) or (request == 3 and b"\0\1\0\0\0\1" in said):
        say(stream, ack())


while True:
    one()
