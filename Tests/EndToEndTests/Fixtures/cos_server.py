"""An object storage for tests: it stores what is put, if the signature is right, and misbehaves where it is told to.

The signature (version 5, SHA-1) is computed here from the published description alone. It is also a proxy behind which
there is a metadata service, if a test gives it a role. Prints its port as a line, and ends with its standard input.

A test talks to it under `/control/`:
  POST plan        a list of what to do with the next uploads, one each, such as {"status": 500}; see `Connection.put`
  POST credentials {SECRET ID: [SECRET KEY, TOKEN]}, instead of the hub's
  POST metadata    {"role": NAME, "credential": {...}}
  GET uploads      all uploads so far, each with what was wrong with it, if anything
  GET object/KEY   the bytes that are stored
"""

import email.utils
import hashlib
import hmac
import json
import os
import re
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.parse

SIGNED = {"content-length", "content-type", "date", "host", "x-cos-security-token"}

lock = threading.Lock()
folder = tempfile.TemporaryDirectory()
credentials = {"hub-secret-id": ["hub-secret-key", "hub-token"]}
metadata = {}
plan = []
uploads = []
objects = {}


class Refused(Exception):
    """The request is not one that the storage takes."""


class Ended(Exception):
    pass


def escaped(text):
    return urllib.parse.quote(text, safe="-_.~")


def mac(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()


def check(method, target, headers, address):
    """Refuses a request that is not signed as it should be, and says why."""
    fields = {}
    for part in headers.get("authorization", "").split("&"):
        name, found, value = part.partition("=")
        if not found or name in fields:
            raise Refused("Authorization cannot be read")
        fields[name] = value
    names = ["q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list",
             "q-signature"]
    if list(fields) != names or fields["q-sign-algorithm"] != "sha1":
        raise Refused("Authorization has other parts")
    if fields["q-ak"] not in credentials:
        raise Refused("the secret id is not known")
    key, token = credentials[fields["q-ak"]]
    if not re.fullmatch(r"\d+;\d+", fields["q-sign-time"]) or fields["q-key-time"] != fields["q-sign-time"]:
        raise Refused("the times are not times")
    start, end = map(int, fields["q-sign-time"].split(";"))
    if not start - 5 <= time.time() <= end or not 0 < end - start <= 600:
        raise Refused("the times are not those of now")
    listed = fields["q-header-list"].split(";")
    wanted = SIGNED if token else SIGNED - {"x-cos-security-token"}
    if listed != sorted(listed) or set(listed) != wanted or fields["q-url-param-list"]:
        raise Refused(f"other fields are signed: {listed}")
    if headers.get("x-cos-security-token", "") != token:
        raise Refused("x-cos-security-token is another one")
    if headers.get("host") != address:
        raise Refused("Host is another one")
    if headers.get("content-type") != "application/xml":
        raise Refused("Content-Type is another one")
    date = headers.get("date", "")
    moment = email.utils.parsedate_to_datetime(date)
    if abs(moment.timestamp() - time.time()) > 60 or email.utils.format_datetime(moment, usegmt=True) != date:
        raise Refused("Date is not that of now")
    if "transfer-encoding" in headers or not re.fullmatch(r"\d+", headers.get("content-length", "")):
        raise Refused("Content-Length is missing")
    signed = "&".join(f"{escaped(name)}={escaped(headers[name])}" for name in listed)
    request = f"{method.lower()}\n{urllib.parse.unquote(target)}\n\n{signed}\n"
    digest = hashlib.sha1(request.encode()).hexdigest()
    signature = mac(mac(key, fields["q-key-time"]), f"sha1\n{fields['q-sign-time']}\n{digest}\n")
    if not hmac.compare_digest(signature, fields["q-signature"]):
        raise Refused("the signature is wrong")


class Connection:
    def __init__(self, connection, address):
        self.connection = connection
        self.address = address
        self.buffer = bytearray()

    def receive(self):
        """The next bytes."""
        if self.buffer:
            taken = bytes(self.buffer)
            self.buffer.clear()
            return taken
        chunk = self.connection.recv(1 << 16)
        if not chunk:
            raise Ended()
        return chunk

    def reply(self, status, body=b"", more=""):
        head = f"HTTP/1.1 {status} Status\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        self.connection.sendall(head.encode() + body)

    def fail(self, status, code, message):
        lines = ["<?xml version='1.0' encoding='utf-8' ?>", "<Error>", f"\t<Code>{code}</Code>",
                 f"\t<Message>{message}</Message>", "\t<RequestId>NWU=</RequestId>", "</Error>", ""]
        self.reply(status, "\n".join(lines).encode())

    def run(self):
        while True:
            head = bytearray()
            while b"\r\n\r\n" not in head:
                head += self.receive()
            end = head.index(b"\r\n\r\n") + 4
            self.buffer[:0] = head[end:]
            lines = head[: end - 4].decode().split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            self.headers = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                if name.lower() in self.headers:
                    raise Ended()
                self.headers[name.lower()] = value.strip()
            path = urllib.parse.urlsplit(target).path
            if method == "PUT":
                self.put(target)
            elif path.startswith("/control/"):
                self.control(method, path[9:])
            else:
                self.tell(path)

    # MARK: Uploads

    def put(self, target):
        """Takes an upload as it is planned: {} is well, {"status": N, "code": C, "message": M} refuses it,
        {"reset": N} breaks it after so many bytes, {"rate": N} takes so many bytes a second."""
        upload = {"path": urllib.parse.unquote(target), "received": 0, "state": "running", "problem": None,
                  "expected": "expect" in self.headers}
        with lock:
            step = plan.pop(0) if plan else {}
            uploads.append(upload)
        try:
            self.take(target, step, upload)
        finally:
            if upload["state"] == "running":
                upload["state"] = "broken"

    def take(self, target, step, upload):
        refusal = None
        try:
            check("PUT", target, self.headers, self.address)
            if "status" in step:
                refusal = (step["status"], step.get("code", "Planned"), step.get("message", "as planned"))
        except (Refused, ValueError, TypeError) as error:
            upload["problem"] = str(error)
            refusal = (403, "SignatureDoesNotMatch", "The Signature you specified is invalid.")
        if refusal and "expect" in self.headers:
            # Before the body, which does not come then.
            upload["state"] = "refused"
            self.fail(*refusal)
            return
        if "expect" in self.headers:
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        handle, path = tempfile.mkstemp(dir=folder.name)
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file:
            self.store(file, digest, int(self.headers["content-length"]), step, upload)
        if refusal:
            upload["state"] = "refused"
            self.fail(*refusal)
            return
        with lock:
            objects[upload["path"]] = path
            upload["sha256"] = digest.hexdigest()
            upload["state"] = "stored"
        self.reply(200)

    def store(self, file, digest, length, step, upload):
        while upload["received"] < length:
            if upload["received"] >= step.get("reset", length):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise Ended()
            chunk = self.receive()
            left = length - upload["received"]
            self.buffer += chunk[left:]
            chunk = chunk[:left]
            file.write(chunk)
            digest.update(chunk)
            upload["received"] += len(chunk)
            if "rate" in step:
                time.sleep(len(chunk) / step["rate"])

    # MARK: The metadata service

    def tell(self, path):
        prefix = "/latest/meta-data/cam/security-credentials"
        with lock:
            role = metadata.get("role")
            if role and path == prefix:
                answer = role.encode()
            elif role and path == f"{prefix}/{role}":
                answer = json.dumps(metadata["credential"]).encode()
            else:
                answer = None
        if answer is None:
            self.reply(404)
        else:
            self.reply(200, answer)

    # MARK: The test's side

    def control(self, method, what):
        body = bytearray()
        while len(body) < int(self.headers.get("content-length", "0")):
            body += self.receive()
        given = json.loads(body) if body else None
        answer = b"{}"
        with lock:
            if method == "POST" and what == "plan":
                plan[:] = given
            elif method == "POST" and what == "credentials":
                credentials.clear()
                credentials.update(given)
            elif method == "POST" and what == "metadata":
                metadata.clear()
                metadata.update(given)
            elif what == "uploads":
                answer = json.dumps({"uploads": uploads}).encode()
            elif what.startswith("object/") and (path := objects.get(urllib.parse.unquote(what[6:]))):
                with open(path, "rb") as file:
                    answer = file.read()
            else:
                return self.reply(404, answer)
        self.reply(200, answer)


def serve(connection, address):
    try:
        Connection(connection, address).run()
    except (Ended, OSError):
        pass
    finally:
        connection.close()


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    port = listener.getsockname()[1]

    def loop():
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(connection, f"127.0.0.1:{port}"), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    print(port, flush=True)
    sys.stdin.buffer.read()
    folder.cleanup()


main()
