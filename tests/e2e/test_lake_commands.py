"""`nilus lake`: what it says of a table, and that rows survive whatever it does to the table's files."""
import json
import os
import pathlib
import sqlite3
import time

import pytest


class Table:
    """A lakehouse table that an incremental pipeline appends to."""

    def __init__(self, nilus, folder, strategy="append", **options):
        self.nilus, self.folder = nilus, folder
        self.address = f"lakehouse://{folder}/warehouse"
        self.source = folder / "s.db"
        with sqlite3.connect(self.source) as db:
            db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, at BIGINT, name TEXT)")
        self.manifest = nilus.manifest(
            {"address": f"sqlite:///{self.source}", "options": {"source_table": "items", "primary_key": "id", "incremental_key": "at"}},
            {"address": self.address, "options": {"dest_table": "shop.items", "incremental_strategy": strategy, **options}})
        self.clock = 0

    def load(self, ids):
        with sqlite3.connect(self.source) as db:
            for number in ids:
                self.clock += 1
                db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", (number, self.clock, f"n{number}-{self.clock}"))
        self.nilus.run(self.manifest)

    def lake(self, action, *arguments, expect=0):
        done = self.nilus("lake", action, self.address, "shop.items", "--format", "jsonl", *arguments)
        assert done.code == expect, done
        return [json.loads(line) for line in done.out.splitlines()]

    def rows(self):
        return self.nilus.query(self.address, "SELECT id, \"at\", name FROM shop.items ORDER BY ALL")

    def files(self):
        return {p for p in (self.folder / "warehouse").rglob("*") if p.is_file()}


def expected(table):
    with sqlite3.connect(table.source) as db:
        return [dict(zip(("id", "at", "name"), row)) for row in db.execute("SELECT id, \"at\", name FROM items ORDER BY 1, 2, 3")]


def test_files_and_snapshots(nilus, tmp_path):
    table = Table(nilus, tmp_path)
    for i in range(3):
        table.load(range(i * 10, i * 10 + 10))
    snapshots = table.lake("snapshots")
    assert [s["operation"] for s in snapshots] == ["append"] * 3
    assert [s["total_records"] for s in snapshots] == [10, 20, 30]
    assert [s["refs"] for s in snapshots] == ["", "", "main"]
    assert len({s["load_id"] for s in snapshots}) == 3
    files = table.lake("files")
    assert sum(f["records"] for f in files) == 30 and {f["content"] for f in files} == {"data"}
    assert len(table.lake("files", "--snapshot", str(snapshots[0]["snapshot_id"]))) == 1
    for file in files:
        assert os.path.getsize(file["path"].removeprefix("file://")) == file["bytes"]


@pytest.mark.parametrize("where, opened", [
    ("id = 15", [1]), ("id BETWEEN 5 AND 9", [0]), ("id IN (3, 12)", [0, 1]), ("name LIKE 'n2%' AND id > 19", [2]), ("id = 7 + 8", [1]), ("id > 100", []),
    ("id = 15 OR name IS NULL", [0, 1, 2]), ("id % 2 = 0", [0, 1, 2])])
def test_queries_open_the_files_that_may_hold_their_rows(where, opened, nilus, tmp_path):
    """The others may as well be broken."""
    table = Table(nilus, tmp_path)
    for i in range(3):
        table.load(range(i * 10, i * 10 + 10))
    sql = f"SELECT count(*) AS n FROM (SELECT * FROM shop.items AS i) AS q WHERE {where}"
    rows = nilus.query(table.address, sql)
    by_time = sorted((pathlib.Path(f["path"].removeprefix("file://")) for f in table.lake("files")), key=lambda path: path.stat().st_mtime_ns)
    assert len(by_time) == 3
    for path in [path for number, path in enumerate(by_time) if number not in opened]:
        path.write_bytes(b"broken")
    assert nilus.query(table.address, sql) == rows
    for number in opened:
        whole = by_time[number].read_bytes()
        by_time[number].write_bytes(b"broken")
        assert nilus("query", table.address, sql).code != 0, number
        by_time[number].write_bytes(whole)


@pytest.mark.parametrize("version", ["2", "3"])
def test_compaction_and_expiry_keep_every_row(version, nilus, tmp_path):
    table = Table(nilus, tmp_path, strategy="merge", format_version=version)
    table.load(range(200))
    for i in range(6):  # changed rows are marked as deleted in the files that hold them
        table.load([*range(i * 7, i * 7 + 30), 1000 + i])
    assert table.rows() == expected(table)
    before = table.lake("files")
    assert any(f["content"] != "data" for f in before)
    dry = table.lake("compact", "--all", "--dry-run")[0]
    assert dry["groups"] >= 1 and table.lake("files") == before
    done = table.lake("compact", "--all")[0]
    assert done["groups"] == dry["groups"] and done["delete_files_removed"] >= 1
    after = table.lake("files")
    assert len(after) < len(before) and all(f["content"] == "data" for f in after)
    assert table.rows() == expected(table)
    # Old snapshots still read their own files, until they are expired.
    first = table.lake("snapshots")[0]["snapshot_id"]
    assert nilus.query(table.address, f"SELECT count(*) AS n FROM shop.items FOR VERSION AS OF {first}") == [{"n": 200}]
    count = len(table.files())
    expired = table.lake("expire", "--older-than", "2100-01-01", "--keep-last", "1")
    assert len(table.lake("snapshots")) == 1
    assert len(table.files()) <= count - sum(row["expired"] == "file" for row in expired) + 1
    assert table.rows() == expected(table)
    table.load([5, 6, 7])  # the pipeline goes on where it was
    assert table.rows() == expected(table)


def test_rolling_back_takes_the_position_along(nilus, tmp_path):
    table = Table(nilus, tmp_path)
    table.load(range(10))
    table.load(range(10, 20))
    first = table.lake("snapshots")[0]["snapshot_id"]
    table.lake("rollback", "--snapshot", str(first))
    assert len(table.rows()) == 10
    nilus.run(table.manifest)  # what was rolled back is loaded again
    assert table.rows() == expected(table)
    assert table.lake("rollback", "--snapshot", "12345", expect=1) == []


def test_orphans(nilus, tmp_path):
    table = Table(nilus, tmp_path)
    table.load(range(10))
    stray = tmp_path / "warehouse" / "shop" / "items" / "data" / "stray.parquet"
    stray.write_bytes(b"lost")
    assert table.lake("orphans") == [], "young files may belong to a load under way"
    old = time.time() - 100 * 3600
    os.utime(stray, (old, old))
    assert [pathlib.Path(row["path"]).name for row in table.lake("orphans")] == ["stray.parquet"]
    assert stray.exists()
    table.lake("orphans", "--delete")
    assert not stray.exists()
    assert table.rows() == expected(table)


def test_catalogs_over_one_warehouse_do_not_share_folders(nilus, tmp_path):
    table = Table(nilus, tmp_path)
    table.load(range(10))
    warehouse = table.address
    rows = {}
    for name, ids in (("folder", range(10)), ("prod", range(20)), ("dev", range(30))):
        if name != "folder":
            table.address = f"{warehouse}?catalog_type=sql&catalog_name={name}&catalog_uri=sqlite:///{tmp_path}/catalog.db"
            table.manifest = nilus.manifest(
                {"address": f"sqlite:///{table.source}", "options": {"source_table": "items", "primary_key": "id"}},
                {"address": table.address, "options": {"dest_table": "shop.items", "incremental_strategy": "merge"}})
            table.load(ids)
        rows[table.address] = table.rows()
    assert len({len(r) for r in rows.values()}) == 3
    for table.address in rows:
        table.lake("orphans", "--min-age-hours", "0", "--delete")
    for table.address, before in rows.items():
        assert table.rows() == before


def test_orphans_of_a_folder_with_other_tables_in_it_stay(nilus, tmp_path):
    table = Table(nilus, tmp_path)
    table.load(range(10))
    other = tmp_path / "warehouse" / "shop" / "other"
    (tmp_path / "warehouse" / "shop" / "items").rename(other)
    table.nilus.run(table.manifest)  # this one is named `items` again
    latest = max((tmp_path / "warehouse" / "shop" / "items" / "metadata").glob("v*.metadata.json"))
    latest.write_text(json.dumps(json.loads(latest.read_text()) | {"location": f"file://{tmp_path}/warehouse/shop"}))
    before = table.files()
    done = nilus("lake", "orphans", table.address, "shop.items", "--min-age-hours", "0", "--delete")
    assert done.code == 2 and "holds files of another table" in done.err and "/shop/other/" in done.err
    assert table.files() == before


def test_wrong_words_are_told(nilus, tmp_path):
    table = Table(nilus, tmp_path)
    table.load([1])
    done = nilus("lake", "compct", table.address, "shop.items")
    assert done.code == 2 and "did you mean `compact`?" in done.err
    done = nilus("lake", "files", table.address, "shop.nothing")
    assert done.code == 1 and "there is no table shop.nothing" in done.err
    done = nilus("lake", "files", f"sqlite:///{table.source}", "shop.items")
    assert done.code == 2 and "holds no Iceberg tables" in done.err
    done = nilus("lake", "expire", table.address, "shop.items", "--older-than", "yesterday")
    assert done.code == 2 and "is no time" in done.err
