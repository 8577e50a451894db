"""What the tests of change data capture share: a PostgreSQL with a log, a service under test, and where its rows land."""
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import time

import duckdb_file
import iceberg_reader
from harness import Postgres

LOG_SETTINGS = ("wal_level=logical", "max_replication_slots=40", "max_wal_senders=40", "logical_decoding_work_mem=64kB",
                "wal_sender_timeout=20s")
PATIENCE_SECONDS = 120  # for what will come; that it does not is a failure


def log_server(folder, **more):
    return Postgres(folder, settings=LOG_SETTINGS, **more)


def wait_until(condition, what, process=None):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process is None or process.poll() is None, f"the service ended: {process.stderr.read().decode()[-3000:]}"
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


class PostgresEnd:
    kind, schema = "postgres", "lake"

    def __init__(self, folder, server):
        self.database = server.create_database()
        self.address = self.database.uri

    def rows(self, table, columns):
        name = f"{self.schema}.{table}"
        if not self.database.exists(name):
            return []
        listed = ", ".join(f'"{c}"::text' for c in columns)
        return sorted(self.database.execute(f"SELECT {listed} FROM {name}"), key=repr)


class SqliteEnd:
    kind, schema = "sqlite", "main"

    def __init__(self, folder, server):
        self.path = folder / "destination.sqlite"
        self.address = f"sqlite:///{self.path}"

    def rows(self, table, columns):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
                return []
            listed = ", ".join(f'CAST("{c}" AS TEXT)' for c in columns)
            return sorted(db.execute(f"SELECT {listed} FROM {table}").fetchall(), key=repr)


class DuckdbEnd:
    kind, schema = "duckdb", "lake"

    def __init__(self, folder, server):
        self.path = folder / "destination.duckdb"
        self.address = f"duckdb:///{self.path}"

    def rows(self, table, columns):
        there = duckdb_file.query(self.path, f"SELECT 1 FROM duckdb_tables() WHERE schema_name = 'lake' AND table_name = '{table}'")
        if not there:
            return []
        listed = ", ".join(f'CAST("{c}" AS VARCHAR)' for c in columns)
        return sorted(map(tuple, duckdb_file.query(self.path, f"SELECT {listed} FROM lake.{table}")), key=repr)


class LakehouseEnd:
    kind, schema = "lakehouse", "lake"

    def __init__(self, folder, server):
        self.folder = folder / "warehouse"
        self.address = f"lakehouse://{self.folder}"

    def rows(self, table, columns):
        folder = pathlib.Path(self.folder, self.schema, table)
        if not folder.exists():
            return []
        return sorted(iceberg_reader.reader().rows(folder, columns), key=repr)


ENDS = [PostgresEnd, SqliteEnd, DuckdbEnd, LakehouseEnd]


class Service:
    """A pipeline of type: cdc from a database to an end."""
    running = []

    def __init__(self, nilus, database, end, name="shop", options=None, sink_options=None, memory="", **properties):
        self.nilus, self.database, self.end = nilus, database, end
        self.slot = f"slot_{database.name}_{name}"
        document = {"name": name, "version": "v1alpha", "type": "nilus", "spec": {
            "type": "cdc",
            "source": {"address": database.uri, "options": options or {},
                       "cdc": {"topic.prefix": "shop", "slot.name": self.slot, "publication.name": f"pub_{name}", **properties}},
            "sink": {"address": end.address, "options": {"dest_table": end.schema, "incremental_strategy": "merge", **(sink_options or {})}}}}
        if memory:
            document["spec"]["resources"] = {"limits": {"memory": memory}}
        self.manifest = nilus.write(json.dumps(document), f"{name}.yaml")
        self.env = {"NILUS_STATE_DIR": nilus.folder / "state"}
        self.process = None

    def start(self, **env):
        self.process = self.nilus.start("run", self.manifest, "--json", env={**self.env, **env})
        Service.running.append(self.process)
        return self

    @classmethod
    def end_all(cls):
        """Of a test that failed, too."""
        for process in cls.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        cls.running.clear()

    def wait_for_pause(self):
        """It stops itself at the fault point that it was started with; `go_on` continues it."""
        wait_until(lambda: os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None, "the service stops itself")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        """As an operator does it; the report."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, err.decode()[-4000:]
        return json.loads(out)

    def __call__(self, *arguments, expect=0):
        done = self.nilus("cdc", arguments[0], self.manifest, *arguments[1:], env=self.env)
        assert done.code == expect, done
        return done

    def confirmed(self):
        rows = self.database.execute("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", (self.slot,))
        return rows[0][0] if rows else None

    def status(self):
        """As the destination has it; None: nothing yet, or a service that has just begun holds its file."""
        done = self.nilus("cdc", "status", self.manifest, "--json", env=self.env)
        return json.loads(done.out) if done.code == 0 else None

    def wait_for_snapshots(self):
        """All that are asked for are taken."""
        requests = pathlib.Path(self.env["NILUS_STATE_DIR"])
        wait_until(lambda: not any(requests.rglob("requests/*.json")), "the requests are taken up", self.process)
        # What a service says of itself may be from before that: it has to pass a place that was not there then.
        self.database.execute("SELECT pg_logical_emit_message(true, 'nilus test', '')")
        self.settle()

    def settle(self, lsn=None):
        """Everything that is committed at the source now (or up to `lsn`) is at the destination: its own position says so."""
        lsn = lsn or self.database.execute("SELECT pg_current_wal_lsn()")[0][0]

        def is_there():
            status = self.status()
            return status is not None and status["position"] and not status["snapshot"] and number_of(status["position"]) >= number_of(lsn)

        wait_until(is_there, f"the position {lsn} is committed", self.process)


def number_of(lsn):
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


def expect_equal(source, end, table, columns, at=None):
    listed = ", ".join(f"{column}::text" for column in columns)
    assert end.rows(f"shop_public_{at or table}", columns) == sorted(source.execute(f"SELECT {listed} FROM {table}"), key=repr)


def make_items(source, rows=3):
    source.execute("CREATE TABLE items (id int NOT NULL CONSTRAINT items_key PRIMARY KEY, code text NOT NULL, v text)")
    source.execute("INSERT INTO items SELECT i, 'code ' || i, 'first' FROM generate_series(1, %s) i", (rows,))


def ended(service):
    """What it said at its end, which is a failure."""
    out, err = service.process.communicate(timeout=120)
    assert service.process.returncode in (1, 2), err.decode()[-3000:]
    return out.decode() + err.decode()


TABLES = {"accounts": ["id", "balance"], "docs": ["id", "title", "body"], "tags": ["name", "uses"], "pairs": ["a", "b", "v"]}


class Workload:
    """Random transactions: transfers whose sum stays, large values that updates leave out, changes of keys, truncates, what is rolled
    back, savepoints, prepared transactions, and new columns."""

    def __init__(self, database, seed, accounts=20):
        self.database, self.chance, self.accounts, self.columns = database, random.Random(seed), accounts, 0
        database.execute("""
            CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL);
            CREATE TABLE docs (id bigint PRIMARY KEY, title text, body text);
            ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
            CREATE TABLE tags (name text PRIMARY KEY, uses int);
            CREATE TABLE pairs (a int, b text, v text, PRIMARY KEY (a, b));""")
        database.execute("INSERT INTO accounts SELECT i, 100 FROM generate_series(1, %s) i", (accounts,))
        database.execute("INSERT INTO docs SELECT i, 'title ' || i, repeat('body ' || i, 700) FROM generate_series(1, 60) i")
        database.execute("INSERT INTO tags SELECT 'tag ' || i, i FROM generate_series(1, 30) i")
        database.execute("INSERT INTO pairs SELECT i % 7, 'b' || i, (i / 3.0)::text FROM generate_series(1, 50) i")

    def _statement(self, cursor):
        r = self.chance.randrange
        doc = r(1, 120)
        kind = r(12)
        if kind < 3:
            amount = r(50)
            source, target = r(1, self.accounts + 1), r(1, self.accounts + 1)
            cursor.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (amount, source))
            cursor.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (amount, target))
        elif kind == 3:
            cursor.execute("INSERT INTO docs (id, title, body) VALUES (%s, 'new', repeat(%s, 900)) ON CONFLICT DO NOTHING", (doc, f"n{r(1000)} "))
        elif kind == 4:
            cursor.execute("UPDATE docs SET title = %s WHERE id = %s", (f"title {r(1000)}", doc))
        elif kind == 5:
            cursor.execute("UPDATE docs SET body = repeat(%s, 800) WHERE id = %s", (f"u{r(1000)} ", doc))
        elif kind == 6:
            # a change of the key, now and then to one that another row has just left
            target = r(1, 120)
            cursor.execute("UPDATE docs SET id = %s WHERE id = %s AND NOT EXISTS (SELECT 1 FROM docs WHERE id = %s)", (target, doc, target))
        elif kind == 7:
            cursor.execute("DELETE FROM docs WHERE id = %s", (doc,))
        elif kind == 8:
            cursor.execute("INSERT INTO tags VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET uses = excluded.uses", (f"tag {r(60)}", r(9)))
        elif kind == 9:
            cursor.execute("DELETE FROM pairs WHERE a = %s", (r(7),))
        elif kind == 10:
            cursor.execute("INSERT INTO pairs SELECT %s, 'b' || i, i::text FROM generate_series(1, %s) i ON CONFLICT (a, b) DO UPDATE SET v = excluded.v",
                           (r(7), r(1, 40)))
        else:
            cursor.execute("UPDATE pairs SET b = b || %s WHERE a = %s AND length(b) < 40", (f"x{r(1 << 40)}", r(7)))

    def step(self, connection):
        """One transaction on a connection without autocommit."""
        with connection.cursor() as cursor:
            kind = self.chance.randrange(20)
            if kind == 0:
                cursor.execute("TRUNCATE tags")
            elif kind == 1 and self.columns < 4:
                self.columns += 1
                cursor.execute(f"ALTER TABLE tags ADD COLUMN note{self.columns} text")
                cursor.execute(f"UPDATE tags SET note{self.columns} = 'seen' WHERE uses > 4")
                # The log tells of a column with the next row, and the update may have met none.
                cursor.execute("INSERT INTO tags (name, uses) VALUES ('tag 0', 9) ON CONFLICT (name) DO UPDATE SET uses = excluded.uses")
            for _ in range(self.chance.randrange(1, 6)):
                self._statement(cursor)
            if kind == 2:
                cursor.execute("SAVEPOINT s")
                self._statement(cursor)
                cursor.execute("ROLLBACK TO SAVEPOINT s")
                self._statement(cursor)
        if kind == 3:
            connection.rollback()
        elif kind in (4, 5):
            name = f"t{self.chance.randrange(1 << 40)}"
            with connection.cursor() as cursor:
                cursor.execute(f"PREPARE TRANSACTION '{name}'")
            connection.commit()
            with contextlib.closing(self.database.server.connect(self.database.name)) as other, other.cursor() as cursor:
                cursor.execute(f"{'COMMIT' if kind == 4 else 'ROLLBACK'} PREPARED '{name}'")
        else:
            connection.commit()

    def run(self, transactions):
        with contextlib.closing(self.database.server.connect(self.database.name, autocommit=False)) as connection:
            for _ in range(transactions):
                self.step(connection)

    def columns_of(self, table):
        extra = [f"note{i}" for i in range(1, self.columns + 1)] if table == "tags" else []
        return TABLES[table] + extra

    def source_rows(self, table):
        listed = ", ".join(f"{c}::text" for c in self.columns_of(table))
        return sorted(self.database.execute(f"SELECT {listed} FROM {table}"), key=repr)

    def expect_equal(self, end, prefix="shop_public_"):
        for table in TABLES:
            expected = self.source_rows(table)
            found = end.rows(prefix + table, self.columns_of(table))
            assert len(found) == len(expected), f"{end.kind}, table {table}: {len(found)} rows, the source has {len(expected)}"
            assert found == expected, f"{end.kind}, table {table}"
