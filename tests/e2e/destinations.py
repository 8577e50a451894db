"""Destinations of the fault and kill tests: each can be saved, put back, and read by something that is not Nilus where there is such a thing."""
import csv
import hashlib
import shutil
import sqlite3
import contextlib
import itertools

import duckdb_file
from lakehouse_destinations import LAKEHOUSE_VARIANTS, TABLES, LakehouseDestination


class PostgresDestination:
    kind, fault_prefix, table = "postgres", "postgres.sink.", "lake.items"
    strategies = {"replace", "append", "merge", "delete+insert", "scd2"}
    needs_recovery = False
    sink_options = {}

    def __init__(self, folder, postgres):
        self.server = postgres
        self.database = postgres.create_database()

    @property
    def uri(self):
        return self.database.uri

    def _wait_for_backends(self):
        """A killed client's server process ends by itself a moment later; a template must have no sessions."""
        with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (self.database.name,))

    def save(self):
        self._wait_for_backends()
        return self.server.create_database(template=self.database.name)

    def restore(self, saved):
        self.server.drop_database(self.database.name)
        with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self.database.name} TEMPLATE {saved.name}")

    def discard(self, saved):
        self.server.drop_database(saved.name)

    def fingerprint(self, saved):
        """Tells states apart that a run could; None: nobody knows, so each counts as different."""
        return None

    def rows(self, columns, table="items"):
        if not self.database.exists(f"lake.{table}"):
            return []
        rows = self.database.execute(f"SELECT {', '.join(columns)} FROM lake.{table}")
        return [tuple(None if v is None else str(v) for v in row) for row in rows]

    def leftovers(self):
        return [name for (name,) in self.database.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'lake' AND relkind = 'r'"
            " AND relname !~ '^(items(__lines|__lines__tags|__dead_letters)?|_nilus_state|_nilus_loads)$'")]


class FileDatabase:
    """What SQLite and DuckDB share: a database that is a file."""
    needs_recovery = False
    sink_options = {}
    strategies = {"replace", "append", "merge", "delete+insert", "scd2"}

    def __init__(self, folder, postgres):
        self.folder = folder
        self.path = folder / f"destination.{self.kind}"
        self._saves = itertools.count(1)

    @property
    def uri(self):
        return f"{self.kind}:///{self.path}"

    def _files(self, base):
        return [p for p in base.parent.iterdir() if p.name.startswith(base.name)]

    def save(self):
        target = self.folder / f"saved-{next(self._saves)}"
        target.mkdir()
        for file in self._files(self.path):
            shutil.copy(file, target / file.name)
        return target

    def restore(self, saved):
        for file in self._files(self.path):
            file.unlink()
        for file in saved.iterdir():
            shutil.copy(file, self.folder / file.name)

    def discard(self, saved):
        shutil.rmtree(saved)

    def fingerprint(self, saved):
        digest = hashlib.sha256()
        for file in sorted(saved.iterdir()):
            digest.update(f"{file.name} {file.stat().st_size} ".encode() + file.read_bytes())
        return digest.hexdigest()


class SqliteDestination(FileDatabase):
    kind, fault_prefix, table = "sqlite", "sqlite.sink.", "main.items"

    def _tables(self):
        if not self.path.exists():
            return []
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def rows(self, columns, table="items"):
        if table not in self._tables():
            return []
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return [tuple(None if v is None else str(v) for v in row) for row in db.execute(f"SELECT {', '.join(columns)} FROM {table}")]

    def leftovers(self):
        return [name for name in self._tables() if name not in TABLES]


class DuckdbDestination(FileDatabase):
    kind, fault_prefix, table = "duckdb", "duckdb.sink.", "lake.items"

    def _tables(self):
        if not self.path.exists():
            return []
        return [name for (name,) in duckdb_file.query(self.path, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'lake'")]

    def rows(self, columns, table="items"):
        if table not in self._tables():
            return []
        listed = ", ".join(f'CAST("{column}" AS VARCHAR)' for column in columns)
        return duckdb_file.query(self.path, f"SELECT {listed} FROM lake.{table}")

    def leftovers(self):
        return [name for name in self._tables() if name not in TABLES]


class FilesDestination:
    kind, fault_prefix, table = "files", "files.sink.", "lake.items"
    strategies = {"replace", "append"}
    needs_recovery = True  # what a crash left half-published is finished by the next run
    sink_options = {"loader_file_size": 60}

    def __init__(self, folder, postgres):
        self.folder = folder
        self.path = folder / "files"
        self._saves = itertools.count(1)

    @property
    def uri(self):
        return f"file://{self.path}?format=csv"

    def save(self):
        target = self.folder / f"saved-{next(self._saves)}"
        if self.path.exists():
            shutil.copytree(self.path, target)
        else:
            target.mkdir()
        return target

    def restore(self, saved):
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(saved, self.path)

    def discard(self, saved):
        shutil.rmtree(saved)

    def fingerprint(self, saved):
        return None

    def rows(self, columns, table="items"):
        rows = []
        for file in sorted((self.path / "lake" / table).glob("*.csv")):
            with open(file, newline="") as opened:
                rows += [tuple(row.get(column) for column in columns) for row in csv.DictReader(opened)]
        return rows

    def leftovers(self):
        """Data files that no reader of the table's folder would see."""
        seen = set(self.path.glob("lake/items*/*.csv"))
        return [str(p) for p in self.path.rglob("*.csv*") if p not in seen]


DESTINATIONS = [PostgresDestination, DuckdbDestination, SqliteDestination, FilesDestination, LakehouseDestination]
# Where every step of a commit is cut.
COMMITTING_DESTINATIONS = [*DESTINATIONS, *LAKEHOUSE_VARIANTS]
