#!/usr/bin/env python3
"""A name server on 127.0.0.1, port 53, that knows one name.

    dns_server.py NAME ADDRESS

Answers with the IPv4 address; with nothing for other types; that there is no such name for all others.
"""

import socket
import struct
import sys


def question(packet: bytes) -> tuple[str, int, int]:
    """The name and type that are asked for, and where the question ends."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1:at + 1 + length].decode("ascii", "replace").lower())
        at += length + 1
    kind = struct.unpack_from(">H", packet, at + 1)[0]
    return ".".join(labels), kind, at + 5


def answer(packet: bytes, name: str, address: str) -> bytes:
    asked, kind, end = question(packet)
    records = b""
    if asked == name and kind == 1:
        records = struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    flags = 0x8580 if asked == name else 0x8583
    return packet[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0) + packet[12:end] + records


def main(name: str, address: str) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    print("listening", flush=True)
    while True:
        packet, client = server.recvfrom(4096)
        try:
            server.sendto(answer(packet, name.lower(), address), client)
        except (IndexError, struct.error):
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
