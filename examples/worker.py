#!/usr/bin/env python3
"""A whole worker without any library: executions of kind `shout` come back in capitals.

    worker.py /run/flowfabric/worker.sock

It speaks the wire protocol by itself: the greeting and framing of nng's request/reply over a Unix
socket, and msgpack. Any language that can open a socket can do the same.
"""

import os
import socket
import struct
import sys


# ---- msgpack: what the protocol needs of it ----

def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">BQ", 0xcf, value) if value >= 0 else struct.pack(">Bq", 0xd3, value)
    if isinstance(value, bytes):
        return struct.pack(">BI", 0xc6, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return struct.pack(">BI", 0xdb, len(text)) + text
    if isinstance(value, (list, tuple)):
        return struct.pack(">BI", 0xdd, len(value)) + b"".join(map(pack, value))
    return struct.pack(">BI", 0xdf, len(value)) + b"".join(
        pack(key) + pack(value[key]) for key in value)


FIXED = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q",
         0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
SIZED = {0xc4: ">B", 0xc5: ">H", 0xc6: ">I", 0xd9: ">B", 0xda: ">H", 0xdb: ">I",
         0xdc: ">H", 0xdd: ">I", 0xde: ">H", 0xdf: ">I"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self):
        first = self.take(1)[0]
        if first < 0x80 or first >= 0xe0:
            return first if first < 0x80 else first - 256
        if first < 0x90:
            return self.map(first & 15)
        if first < 0xa0:
            return [self.value() for _ in range(first & 15)]
        if first < 0xc0:
            return self.take(first & 31).decode()
        if first in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[first]
        if first in FIXED:
            return self.number(FIXED[first])
        n = self.number(SIZED[first])
        if first >= 0xde:
            return self.map(n)
        if first >= 0xdc:
            return [self.value() for _ in range(n)]
        return self.take(n).decode() if first >= 0xd9 else self.take(n)

    def map(self, n):
        return {self.value(): self.value() for _ in range(n)}


# ---- the wire ----

class Daemon:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b"\0SP\0\0\x30\0\0")      # a requester (48) greets
        self.receive(8)                                  # a replier (49) greets
        self.client = os.urandom(16)
        self.seq = 0

    def receive(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                raise ConnectionError("the daemon is gone")
            data += part
        return data

    def call(self, op, **args):
        """One call in a frame of its own; others may hold up to 1024."""
        self.seq += 1
        body = pack([1, self.client, self.seq, [[op, args]]])
        request = struct.pack(">I", 0x80000000 | self.seq)
        self.socket.sendall(struct.pack(">BQ", 1, 4 + len(body)) + request + body)
        while True:                                      # replies may come in any order
            n = struct.unpack(">BQ", self.receive(9))[1]
            reply = self.receive(n)
            if reply[:4] == request:
                break
        failed, result = Reader(reply[4:]).value()[2][0]
        if failed:
            raise RuntimeError(f"{op}: {result['code']}: {result['message']}")
        return result


# ---- the worker ----

def work(daemon):
    instance = "shout-" + os.urandom(8).hex()            # new at each start
    daemon.call("hello", client_name="worker.py", worker_instance_id=instance)
    while True:
        claimed = daemon.call("claim_many", lane_id="default", worker_id="shouters",
                              worker_instance_id=instance, lease_ttl_ms=30000,
                              block_ms=20000, max=1)     # waits in the daemon for work
        for claim in claimed["claims"]:
            handle = claim["handle"]
            # Work that takes longer than a third of the lease renews it: renew {handle}.
            if claim["execution_kind"] == "shout":
                daemon.call("complete", handle=handle,
                            payload=(claim.get("input_payload") or b"").upper())
            else:
                daemon.call("fail", handle=handle, classification="transient",
                            failure_category="runtime_no_handler",
                            reason={"message": "this worker can only shout"})


if __name__ == "__main__":
    work(Daemon(sys.argv[1]))
