"""The other side of the transport's tests: HTTP, TLS, WebSocket and a proxy, well-behaved and not.

Prints one line of JSON with its ports and the file of its certificate authority, and ends with its standard input.
The path of a request chooses what happens; see `Connection.answer` and `WebSocket.run`.
"""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
lock = threading.Lock()
counts = {"connections": 0, "running": 0, "most": 0}
log = {}


def note(name, value):
    """Keeps what happened under the name that the client chose, for it to ask for."""
    with lock:
        log.setdefault(name, []).append(value)


class Ended(Exception):
    pass


class Connection:
    def __init__(self, connection, secure):
        self.connection = connection
        self.secure = secure
        self.buffer = bytearray()
        with lock:
            counts["connections"] += 1
            self.serial = counts["connections"]

    def receive(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def fill(self):
        chunk = self.connection.recv(1 << 16)
        if not chunk:
            raise Ended()
        self.buffer += chunk

    def send(self, data):
        self.connection.sendall(data)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Not through TLS, which would say goodbye.
        os.close(self.connection.detach())
        raise Ended()

    def wait_for_end(self):
        while True:
            self.fill()
            self.buffer.clear()

    def run(self):
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.fill()
                if self.buffer[0] < 32:
                    # TLS, where none is spoken.
                    self.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    raise Ended()
            self.head = self.receive(self.buffer.index(b"\r\n\r\n") + 4)[:-4].decode()
            lines = self.head.split("\r\n")
            self.method, target, _ = lines[0].split(" ", 2)
            self.headers = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                self.headers[name.lower()] = value.strip()
            self.url = urllib.parse.urlsplit(target)
            self.query = dict(urllib.parse.parse_qsl(self.url.query))
            self.name = self.query.get("name", "")
            self.body = self.receive(int(self.headers.get("content-length", "0")))
            if self.url.path.startswith("/ws/"):
                WebSocket(self).run(self.url.path[4:])
                return
            self.answer(self.url.path)

    def reply(self, body, status=200, extra=""):
        if isinstance(body, str):
            body = body.encode()
        head = f"HTTP/1.1 {status} Status\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        self.send(head.encode() + body)

    def answer(self, path):
        part = path.split("/")[1:]
        if part[0] == "head":
            self.reply(self.head)
        elif part[0] == "body":
            self.reply(self.body)
        elif part[0] == "serial":
            self.reply(str(self.serial))
        elif part[0] == "log":
            with lock:
                found = list(log.get(self.name, []))
            self.reply(json.dumps(found))
        elif part[0] == "status":
            self.reply(f"status {part[1]}", status=int(part[1]))
        elif part[0] == "redirect":
            self.reply("elsewhere", status=302, extra="Location: /body\r\n")
        elif part[0] == "bytes":
            self.reply(b"x" * int(part[1]))
        elif part[0] == "chunks":
            self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(int(part[1]) // 1024):
                self.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
            self.send(b"0\r\n\r\n")
        elif part[0] == "slow":
            note(self.name, "asked")
            try:
                self.wait_for_end()
            finally:
                note(self.name, "ended")
        elif part[0] == "kept":
            self.reply("kept")
            try:
                self.wait_for_end()
            finally:
                note(self.name, "ended")
        elif part[0] == "slowbody":
            self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            self.wait_for_end()
        elif part[0] == "short":
            self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            raise Ended()
        elif part[0] == "reset":
            self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            self.reset()
        elif part[0] == "close":
            raise Ended()
        elif part[0] == "stale":
            # As if it kept the connection, which it does not.
            self.reply(str(self.serial))
            raise Ended()
        elif part[0] == "garbage":
            self.send(b"this is not HTTP\r\n\r\n")
            raise Ended()
        elif part[0] == "busy":
            with lock:
                counts["running"] += 1
                counts["most"] = max(counts["most"], counts["running"])
            time.sleep(0.2)
            with lock:
                counts["running"] -= 1
                most = counts["most"]
            self.reply(str(most))
        else:
            self.reply("unknown path", status=404)


class WebSocket:
    def __init__(self, http):
        self.http = http

    def accept(self, key=None, extra=b""):
        key = key or self.http.headers["sec-websocket-key"]
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.http.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n" + extra
        )

    @staticmethod
    def frame(opcode, payload, final=True, mask=False):
        head = bytes([(0x80 if final else 0) | opcode])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 1 << 16:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        return head + (b"\0\0\0\0" if mask else b"") + payload

    def send(self, *arguments, **options):
        self.http.send(self.frame(*arguments, **options))

    def receive(self):
        """A frame: its opcode and payload. Clients mask."""
        first, second = self.http.receive(2)
        if not second & 0x80:
            note(self.http.name, "not masked")
            raise Ended()
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self.http.receive(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.http.receive(8))
        key = self.http.receive(4)
        note(self.http.name + ".keys", key.hex())
        payload = self.http.receive(length)
        pad = (key * (length // 4 + 1))[:length]
        plain = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
        return first & 0x0F, plain.to_bytes(length, "big")

    def wait_for_close(self):
        """Notes the client's close frame."""
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if payload else None
                note(self.http.name, [code, payload[2:].decode()])
                return payload

    def run(self, mode):
        mode, _, argument = mode.partition("/")
        if mode == "silent":
            self.http.wait_for_end()
        elif mode == "refused":
            self.http.reply("no", status=403)
            return
        elif mode == "badaccept":
            self.accept(key="dGhlIHNhbXBsZSBub25jZQ==")
            self.http.wait_for_end()
        elif mode == "early":
            self.accept(extra=self.frame(1, b"early"))
        elif mode == "finupgrade":
            raise Ended()
        else:
            self.accept()

        if mode in ("echo", "early"):
            while True:
                opcode, payload = self.receive()
                if opcode == 9:
                    self.send(10, payload)
                elif opcode == 8:
                    code = struct.unpack(">H", payload[:2])[0] if payload else None
                    note(self.http.name, [code, payload[2:].decode()])
                    self.send(8, payload)
                    return
                elif opcode in (1, 2):
                    self.send(opcode, payload)
        elif mode == "head":
            self.send(1, self.http.head.encode())
            self.wait_for_close()
        elif mode == "fragments":
            self.send(1, b"Hel", final=False)
            self.send(9, b"are you there?")
            self.send(0, b"lo", final=False)
            self.send(0, "…".encode())
            opcode, payload = self.receive()
            self.send(1, f"{opcode} {payload.decode()}".encode())
            self.wait_for_close()
        elif mode == "burst":
            for number in range(int(argument)):
                self.send(2, struct.pack(">I", number) + b"x" * 1020)
            self.wait_for_close()
        elif mode == "masked":
            self.send(1, b"hello", mask=True)
            self.wait_for_close()
        elif mode == "opcode":
            self.send(1, b"before")
            self.send(3, b"reserved")
            self.wait_for_close()
        elif mode == "utf8":
            self.send(1, b"\xff\xfe")
            self.wait_for_close()
        elif mode == "toobig":
            self.http.send(bytes([0x82, 127]) + struct.pack(">Q", (16 << 20) + 1))
            self.wait_for_close()
        elif mode == "reset":
            self.http.reset()
        elif mode == "fin":
            raise Ended()
        elif mode == "close":
            self.send(8, struct.pack(">H", int(argument)) + b"bye" if argument else b"")
            self.wait_for_close()
        elif mode == "nofin":
            self.wait_for_close()
            started = time.monotonic()
            try:
                self.http.wait_for_end()
            finally:
                note(self.http.name, time.monotonic() - started)
        elif mode == "held":
            try:
                self.http.wait_for_end()
            finally:
                note(self.http.name, "ended")
        elif mode == "deaf":
            # Reads nothing, so that the client's output piles up. Ends with the process.
            threading.Event().wait()


class Proxy:
    """An HTTP proxy for names under `.test`, all of which are this server."""

    def __init__(self, connection, ports):
        self.connection = connection
        self.ports = ports

    def run(self):
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = self.connection.recv(1 << 16)
            if not chunk:
                return
            data += chunk
        head = data.split(b"\r\n\r\n", 1)[0].decode()
        method, target, _ = head.split("\r\n")[0].split(" ", 2)
        note("proxy", f"{method} {target}")
        if method == "CONNECT":
            host, port = target.rsplit(":", 1)
            if host == "refused.test":
                self.connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            server = socket.create_connection((address, int(port)))
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            url = urllib.parse.urlsplit(target)
            server = socket.create_connection((address, url.port or self.ports["http"]))
            server.sendall(data)
        threading.Thread(target=self.pump, args=(server, self.connection), daemon=True).start()
        self.pump(self.connection, server)

    @staticmethod
    def pump(source, sink):
        try:
            while chunk := source.recv(1 << 16):
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(folder):
    """A certificate authority, and of it certificates for localhost, for another name, and one that is over."""

    def path(name):
        return os.path.join(folder, name)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=test authority", "-keyout", path("ca.key"),
            "-out", path("ca.pem"))
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", path("self.key"), "-out", path("self.pem"))
    with open(path("ca.conf"), "w") as file:
        file.write("[ca]\ndefault_ca=a\n[a]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\n"
                   "copy_extensions=copy\n[p]\ncommonName=supplied\n" % (path("index"), path("serial"), folder))
    for name, host, end in [("good", "localhost", "21000101000000Z"), ("other", "other.test", "21000101000000Z"),
                            ("expired", "localhost", "20200102000000Z")]:
        open(path("index"), "w").close()
        names = f"subjectAltName=DNS:{host}" + (",DNS:proxied.test" if name == "good" else "")
        openssl("req", *key, "-subj", f"/CN={host}", "-addext", names, "-keyout", path(name + ".key"),
                "-out", path(name + ".csr"))
        openssl("ca", "-batch", "-config", path("ca.conf"), "-cert", path("ca.pem"), "-keyfile", path("ca.key"),
                "-rand_serial", "-startdate", "20200101000000Z", "-enddate", end, "-notext",
                "-in", path(name + ".csr"), "-out", path(name + ".pem"))
    return path


def guard(work, connection):
    try:
        work()
    except (Ended, OSError, ssl.SSLError):
        pass
    finally:
        try:
            connection.close()
        except OSError:
            pass


def listen(host, serve, family=socket.AF_INET):
    """Listens on a free port and serves each connection on a thread of its own."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, 0))
    listener.listen(64)

    def loop():
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


def serve_plain(connection):
    guard(lambda: Connection(connection, False).run(), connection)


def serve_secure(context):
    def serve(connection):
        try:
            secure = context.wrap_socket(connection, server_side=True)
        except (OSError, ssl.SSLError):
            connection.close()
            return
        guard(lambda: Connection(secure, True).run(), secure)

    return serve


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = make_certificates(folder)
        ports = {"http": listen(address, serve_plain)}
        for name in ("good", "other", "expired", "self"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path(name + ".pem"), path(name + ".key"))
            ports[name] = listen(address, serve_secure(context))
        ports["proxy"] = listen(address, lambda c: guard(lambda: Proxy(c, ports).run(), c))
        try:
            ports["ipv6"] = listen("::1", serve_plain, socket.AF_INET6)
        except OSError:
            ports["ipv6"] = 0
        # A port that nobody listens on, for as long as it is held.
        held = socket.socket()
        held.bind((address, 0))
        ports["nobody"] = held.getsockname()[1]
        print(json.dumps({"ports": ports, "authority": path("ca.pem")}), flush=True)
        sys.stdin.buffer.read()


main()
