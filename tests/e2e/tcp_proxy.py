"""A proxy on loopback between a client and a server, which cuts and slows what passes through it."""
import contextlib
import random
import socket
import struct
import threading
import time

CHUNK_BYTES = 16 << 10


class TcpProxy:
    """Lives as long as the `with` block. Connections that are made while it is `closed` are refused by a reset."""

    def __init__(self, target_port, seed=0):
        self.target_port, self.chance = target_port, random.Random(seed)
        self.closed = False
        self.delay_seconds = 0.0  # before each piece that passes
        self.cuts = 0
        self._lock = threading.Lock()
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._limits = {}  # bytes until a connection is cut, by connection

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self.cut()

    def cut(self):
        """All connections end at once, by a reset: also what is on its way is lost."""
        with self._lock:
            ended, self._open = self._open, []
        for pair in ended:
            self._reset(*pair)
        self.cuts += len(ended)

    def cut_after(self, most_bytes):
        """Each connection that is open now, or made later, ends after a random number of bytes."""
        self._limits = {"most": most_bytes}

    def _reset(self, *ends):
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                end.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.closed:
                self._reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                self._reset(client)
                continue
            pair = (client, server)
            with self._lock:
                self._open.append(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pass_on, args=(pair, source, sink), daemon=True).start()

    def _pass_on(self, pair, source, sink):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                passed += len(data)
                most = self._limits.get("most")
                if most and passed > self.chance.randrange(1, most):
                    sink.sendall(data[:self.chance.randrange(len(data) + 1)])  # a message ends somewhere in its middle
                    self.cuts += 1
                    break
                sink.sendall(data)
        with self._lock:
            if pair in self._open:
                self._open.remove(pair)
        self._reset(*pair)
