"""What the end-to-end tests share: the program under test and real servers on free ports under a temporary folder."""
import contextlib
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap

import psycopg2

ROOT = pathlib.Path(os.environ.get("NILUS_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BINARY = os.environ.get("NILUS_BIN", str(ROOT / "build" / "test" / "nilus"))
POSTGRES15_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
TIMEOUT_SECONDS = 300  # of one command; a hang is a failure, not a measurement


def free_port():
    """From below the range that outgoing connections get theirs of: none of them takes it before the server does, or while it is down."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def as_server_user(command):
    """initdb and postgres refuse to run as root."""
    return ["runuser", "-u", "nobody", "--", *map(str, command)] if os.geteuid() == 0 else list(map(str, command))


def postgres18_bin():
    """The folder of PostgreSQL 18's programs, copied to where the server's user can reach it when a clone lies in a private folder."""
    native = pathlib.Path(os.environ.get("NILUS_POSTGRES18", ROOT / ".deps" / "postgres18" / "native"))
    if not (native / "bin" / "postgres").exists():
        return None
    if subprocess.run(as_server_user(["test", "-x", native / "bin" / "postgres"])).returncode == 0:
        return native / "bin"
    copy = pathlib.Path(tempfile.mkdtemp(prefix="nilus-pg18-"))
    copy.chmod(0o755)
    shutil.copytree(native, copy / "native", symlinks=True)
    return copy / "native" / "bin"


class Postgres:
    """A server that lives as long as the `with` block."""

    def __init__(self, folder, binaries=POSTGRES15_BIN, settings=()):
        self.binaries = pathlib.Path(binaries)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="nilus-pg-"))  # pytest's own folders are private to root
        self.port = free_port()
        self.settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}", "fsync=off",
                         "max_connections=60", "max_prepared_transactions=10", "shared_buffers=128MB", *settings]
        self._names = itertools.count(1)

    def __enter__(self):
        self.folder.chmod(0o777)
        data = self.folder / "data"
        self._quietly(["initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
        for attempts_left in (2, 1, 0):  # another program may take the port between finding and binding it
            try:
                self.start()
                return self
            except subprocess.CalledProcessError:
                if attempts_left == 0:
                    raise
                self.port = free_port()

    def start(self):
        options = " ".join(f"-c {setting}" for setting in self.settings)
        self._quietly(["pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", f"-p {self.port} {options}", "start"])

    def stop(self, mode="immediate"):
        self._quietly(["pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop"])

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _quietly(self, command):
        command[0] = self.binaries / command[0]
        done = subprocess.run(as_server_user(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              cwd="/tmp", timeout=120)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, list(map(str, command)), done.stdout)

    def connect(self, database="postgres", autocommit=True, **more):
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, **more)
        connection.autocommit = autocommit
        return connection

    def create_database(self, template=None):
        name = f"db{next(self._names)}"
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return Database(self, name)

    def drop_database(self, name):
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Database:
    def __init__(self, server, name):
        self.server, self.name = server, name

    @property
    def uri(self):
        return f"postgresql://postgres@127.0.0.1:{self.server.port}/{self.name}"

    def execute(self, sql, parameters=None):
        """Runs statements; rows of the last one as a list of tuples, if it has any."""
        with contextlib.closing(self.server.connect(self.name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def rows(self, table, columns="*"):
        """All rows as texts, sorted: PostgreSQL's own output is the oracle."""
        return sorted(self.execute(f"SELECT {columns} FROM {table}"), key=repr)

    def exists(self, table):
        return self.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))[0][0]


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def report(self):
        return json.loads(self.out)

    @property
    def all_output(self):
        return self.out + self.err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


class Nilus:
    """The program, run in a folder of its own."""

    def __init__(self, folder, binary=BINARY):
        self.folder, self.binary = pathlib.Path(folder), binary
        self._manifests = itertools.count(1)
        self.seeded_bug = None  # a defect of test builds: see src/nilus/engine/seeded_bug.h
        self.wait_percent = None  # how long test builds wait before they try again: see src/nilus/base/retry.cc

    def environment(self, extra):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "LSAN_OPTIONS",
                                                    "UBSAN_OPTIONS", "TSAN_OPTIONS")
                if name in os.environ}
        if self.seeded_bug:
            kept["NILUS_SEEDED_BUG"] = self.seeded_bug
        if self.wait_percent is not None:
            kept["NILUS_TEST_WAIT_PERCENT"] = str(self.wait_percent)
        return {**kept, **{name: str(value) for name, value in (extra or {}).items()}}

    def __call__(self, *arguments, env=None, stdin=None, timeout=TIMEOUT_SECONDS):
        done = subprocess.run([self.binary, *map(str, arguments)], cwd=self.folder, env=self.environment(env), input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def start(self, *arguments, env=None):
        return subprocess.Popen([self.binary, *map(str, arguments)], cwd=self.folder, env=self.environment(env),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def write(self, text, name=None):
        path = self.folder / (name or f"manifest-{next(self._manifests)}.yaml")
        path.write_text(textwrap.dedent(text))
        return path

    def manifest(self, source, sink, name="pipeline", **top):
        """A batch manifest from two dictionaries of {address, options}."""
        document = {"name": name, "version": "v1alpha", "type": "nilus", "spec": {"type": "batch", **top, "source": source, "sink": sink}}
        return self.write(json.dumps(document))  # JSON is YAML

    def run(self, manifest, env=None, expect=0, arguments=()):
        done = self("run", manifest, "--json", *arguments, env=env)
        assert expect is None or done.code == expect, done
        return done

    def query(self, address, sql, expect=0):
        """Rows as a list of dictionaries."""
        done = self("query", address, sql, "--format", "jsonl")
        assert done.code == expect, done
        return [json.loads(line) for line in done.out.splitlines()]


def was_killed(code):
    return code == -signal.SIGKILL
