# The same client for both sides of the network case: through the proxy of a filtered sandbox, or straight to the server.
# Prints numbers as JSON. What is asked for stands in the environment.
import json, os, selectors, socket, time

task = json.loads(os.environ["BENCH"])
proxied, server = task["proxied"], f"127.0.0.1:{task['port']}"


def connect():
    s = socket.create_connection(("127.0.0.1", 8118 if proxied else task["port"]), 30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def request(method, path, headers=""):
    target = f"http://{server}{path}" if proxied else path
    return f"{method} {target} HTTP/1.1\r\nHost: {server}\r\n{headers}\r\n".encode()


def head(s):
    data = b""
    while b"\r\n\r\n" not in data:
        data += s.recv(65536) or exit("the connection ended in a head")
    return data.split(b"\r\n\r\n", 1)


def small(count):
    """Milliseconds of each of many small requests on one connection."""
    s, ask, times = connect(), request("GET", "/small"), []
    for _ in range(count):
        begun = time.perf_counter()
        s.sendall(ask)
        top, body = head(s)
        while len(body) < task["small"]:
            body += s.recv(65536)
        times.append((time.perf_counter() - begun) * 1000)
    return times


def connects(count):
    """Milliseconds until each of many new connections to the server can be used."""
    ask, times = f"CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n\r\n".encode(), []
    for _ in range(count):
        begun = time.perf_counter()
        s = connect()
        if proxied:
            s.sendall(ask)
            assert b" 200 " in head(s)[0]
        times.append((time.perf_counter() - begun) * 1000)
        s.close()
    return times


def down(size):
    """Megabytes per second from the server."""
    s = connect()
    s.sendall(request("GET", f"/down?bytes={size}"))
    buffer, total = bytearray(1 << 20), len(head(s)[1])
    begun = time.perf_counter()
    while total < size:
        total += s.recv_into(buffer) or exit("the connection ended early")
    return size / 1e6 / (time.perf_counter() - begun)


def up(size):
    """Megabytes per second to the server, which answers when it has all."""
    s, block = connect(), bytes(1 << 18)
    s.sendall(request("POST", "/up", f"Content-Length: {size}\r\n"))
    begun = time.perf_counter()
    for _ in range(size // len(block)):
        s.sendall(block)
    head(s)
    return size / 1e6 / (time.perf_counter() - begun)


def many(count):
    """Bytes that each of many transfers at once gets within the same second or so, once all of them have begun."""
    waiting, buffer = selectors.DefaultSelector(), bytearray(1 << 16)
    for number in range(count):
        s = connect()
        s.sendall(request("GET", f"/down?bytes={1 << 40}"))
        s.setblocking(False)
        waiting.register(s, selectors.EVENT_READ, number)
    got, begun, until = [0] * count, set(), None
    while until is None or time.perf_counter() < until:
        for key, _ in waiting.select(1):
            length = key.fileobj.recv_into(buffer)
            begun.add(key.data)
            if until is not None:
                got[key.data] += length
        if until is None and len(begun) == count:
            until = time.perf_counter() + task["seconds"]
    return got


print(json.dumps(globals()[task["what"]](task["amount"])))
