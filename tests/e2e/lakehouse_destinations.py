"""Iceberg tables as destinations of the fault and kill tests: in a folder (format 2 and 3), behind a catalog in a database and one that speaks REST, in a bucket;
icebird reads them."""
import atexit
import contextlib
import itertools
import re
import shutil
import sqlite3

import iceberg_reader
from rest_double import RestDouble
from s3_double import BUCKET, S3Double


# What the tests load, and what Nilus keeps beside it.
TABLES = {"items", "items__lines", "items__lines__tags", "items__dead_letters", "_nilus_state", "_nilus_loads"}


class LakehouseDestination:
    """A folder that is its own catalog."""
    kind, fault_prefix, table = "lakehouse_v2", ("lake", "store."), "lake.items"
    strategies = {"replace", "append", "merge", "delete+insert", "scd2"}
    needs_recovery = False
    commits_tables_together = False  # a folder has no step for several tables
    sink_options = {"loader_file_size": 60}

    def __init__(self, folder, postgres):
        self.folder = folder
        self.path = folder / "warehouse"
        self.path.mkdir()
        self._saves = itertools.count(1)

    @property
    def uri(self):
        return f"lakehouse://{self.path}"

    def save(self):
        target = self.folder / f"saved-{next(self._saves)}"
        shutil.copytree(self.path, target)
        return target

    def restore(self, saved):
        shutil.rmtree(self.path)
        shutil.copytree(saved, self.path)

    def discard(self, saved):
        shutil.rmtree(saved)

    def fingerprint(self, saved):
        """Names are new in every run. What a run looks at is the tables' versions; files that no version names it does not see."""
        return sorted((p.parent.parent.name, p.name if p.suffix == ".json" else p.read_text()) for p in saved.rglob("metadata/v*") if p.is_file())

    def metadata_file(self, table="items"):
        """The current one of the table, whatever the version hint says; None: there is no table."""
        versions = list((self.path / "lake" / table / "metadata").glob("v*.metadata.json"))
        return max(versions, key=lambda p: int(p.name.split(".")[0][1:]), default=None)

    def rows(self, columns, table="items"):
        current = self.metadata_file(table)
        return [] if current is None else iceberg_reader.reader().rows_of(current.parent.parent, current.name, columns)

    def leftovers(self):
        """Tables beside the one that was loaded. Files of killed loads stay, as Iceberg's way is: test_lake_orphans.py looks at them."""
        return [str(p) for p in self.path.glob("*/*") if p.is_dir() and p.name not in TABLES]


class DeletionVectorDestination(LakehouseDestination):
    kind = "lakehouse_v3"
    strategies = {"merge", "delete+insert", "scd2"}  # the others write what format 2 does
    sink_options = {"loader_file_size": 60, "format_version": 3}


class SqlLakehouseDestination(LakehouseDestination):
    """Tables found by a database: the JDBC catalog's, in SQLite."""
    kind = "lakehouse_sql"
    commits_tables_together = True
    strategies = {"append", "merge"}  # what differs is how a commit is made current

    def __init__(self, folder, postgres):
        super().__init__(folder, postgres)
        self.catalog = self.path / "catalog.db"  # beside the tables, so that both are saved and put back

    @property
    def uri(self):
        return f"{super().uri}?catalog_type=sql&catalog_uri=sqlite:///{self.catalog}"

    def leftovers(self):
        # A first load that was killed right before its table came to be: the next one took a folder of its own.
        return [path for path in super().leftovers() if re.sub("-[0-9a-f]{8}$", "", path.rsplit("/", 1)[1]) not in TABLES]

    def fingerprint(self, saved):
        catalog = saved / self.catalog.name
        if not catalog.exists():
            return "no catalog"
        with contextlib.closing(sqlite3.connect(catalog)) as db:
            # 00002-<uuid>.metadata.json: the number is the version.
            return db.execute("SELECT table_name, substr(metadata_location, instr(metadata_location, '/metadata/'), 15) FROM iceberg_tables ORDER BY 1").fetchall()

    def metadata_file(self, table="items"):
        if not self.catalog.exists():
            return None
        with contextlib.closing(sqlite3.connect(self.catalog)) as db:
            found = db.execute("SELECT metadata_location FROM iceberg_tables WHERE table_namespace = 'lake' AND table_name = ?", (table,)).fetchone()
        return found and self.path / found[0].removeprefix(f"file://{self.path}/")


class S3LakehouseDestination(LakehouseDestination):
    """A bucket, reached through a depot. Its server is the tests' own double, which lives as long as the test program."""
    kind = "lakehouse_s3"
    strategies = {"append", "merge"}

    def __init__(self, folder, postgres):
        super().__init__(folder, postgres)
        self.bucket = bucket()
        self.bucket.objects = {}
        (folder / "resources").mkdir()
        (folder / "resources" / "depot.yaml").write_text(self.bucket.depot("warehouse"))

    uri = "dataos://bucket?purpose=rw"

    def save(self):
        return dict(self.bucket.objects)

    def restore(self, saved):
        self.bucket.objects = dict(saved)

    def discard(self, saved):
        pass

    def fingerprint(self, saved):
        return sorted(key if key.endswith(".json") else (key + saved[key][0].decode()) for key in saved if "/metadata/v" in key)

    def rows(self, columns, table="items"):
        self.bucket.write_to(self.folder / "mirror")
        self.path = self.folder / "mirror" / "warehouse"
        current = self.metadata_file(table)
        return [] if current is None else iceberg_reader.reader().rows_of(self.path / "lake" / table, current.name, columns,
                                                                          (f"s3://{BUCKET}/warehouse", str(self.path)))

    def leftovers(self):
        return sorted({"/".join(key.split("/")[:3]) for key in self.bucket.objects} - {f"warehouse/lake/{table}" for table in TABLES})


class TidyLakehouseDestination(LakehouseDestination):
    """Compacted and expired behind every commit."""
    kind = "lakehouse_tidy"
    strategies = {"merge", "append"}
    sink_options = {"loader_file_size": 60, "upkeep_every_commits": 1, "upkeep_small_files": 2, "upkeep_keep_snapshots": 2}


class RestLakehouseDestination(LakehouseDestination):
    """Tables behind a REST catalog, the tests' own double, which lives as long as the test program. Tables that are there already are committed together."""
    kind = "lakehouse_rest"
    commits_tables_together = False  # the nested scenario brings a new one
    strategies = {"append", "merge"}

    def __init__(self, folder, postgres):
        super().__init__(folder, postgres)
        self.catalog = rest_catalog()
        self.catalog.warehouse, self.catalog.tables, self.catalog.schemas = self.path, {}, set()

    @property
    def uri(self):
        return self.catalog.uri

    def save(self):
        return super().save(), dict(self.catalog.tables), set(self.catalog.schemas)

    def restore(self, saved):
        super().restore(saved[0])
        self.catalog.tables, self.catalog.schemas = dict(saved[1]), set(saved[2])

    def discard(self, saved):
        super().discard(saved[0])

    def fingerprint(self, saved):
        return sorted((*key, path.name.split("-")[0]) for key, (_, path) in saved[1].items())

    def metadata_file(self, table="items"):
        return self.catalog.tables.get(("lake", table), (None, None))[1]


_running = contextlib.ExitStack()
atexit.register(_running.close)


def bucket():
    if not hasattr(bucket, "double"):
        bucket.double = _running.enter_context(S3Double.start())
    return bucket.double


def rest_catalog():
    if not hasattr(rest_catalog, "double"):
        rest_catalog.double = _running.enter_context(RestDouble.start("/nowhere"))
    return rest_catalog.double


LAKEHOUSE_VARIANTS = [DeletionVectorDestination, SqlLakehouseDestination, RestLakehouseDestination, S3LakehouseDestination, TidyLakehouseDestination]
