"""Iceberg tables that Nilus writes, read by code that is not ours; what a load that fails leaves; writers at the same time."""
import json
import os
import sqlite3
import subprocess

import pytest

import iceberg_reader
from harness import BINARY


@pytest.fixture
def warehouse(tmp_path):
    folder = tmp_path / "warehouse"
    folder.mkdir()
    return folder


def source_with(path, rows, columns="id INTEGER PRIMARY KEY, name TEXT, at BIGINT"):
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE IF NOT EXISTS items ({columns})")
        db.executemany(f"INSERT OR REPLACE INTO items VALUES ({','.join('?' * len(rows[0]))})", rows)


def load(nilus, source, warehouse, strategy, table="lake.items", expect=0, env=None, source_options=None, name="p", **sink_options):
    options = {"source_table": "items", "primary_key": "id", **(source_options or {})}
    manifest = nilus.manifest({"address": f"sqlite:///{source}", "options": options},
                              {"address": f"lakehouse://{warehouse}",
                               "options": {"dest_table": table, "incremental_strategy": strategy, **sink_options}}, name=name)
    return nilus.run(manifest, expect=expect, env=env or {})


def read(warehouse, columns=("id", "name"), table="items"):
    return sorted(iceberg_reader.reader().rows(warehouse / "lake" / table, list(columns)), key=repr)


def query(warehouse, sql):
    done = subprocess.run([BINARY, "query", f"lakehouse://{warehouse}", sql, "--format", "jsonl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def data_files(warehouse):
    return {str(p) for p in warehouse.rglob("*") if p.suffix in (".parquet", ".puffin")}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("partition", [None, "identity", "bucket", "truncate", "day"])
def test_every_kind_of_table_is_read_by_others(nilus, tmp_path, warehouse, version, partition):
    """Loads, merges and a new column on tables of each format and partitioning, row for row against SQLite."""
    source = tmp_path / "s.db"
    columns = "id INTEGER PRIMARY KEY, name TEXT, at BIGINT, kind TEXT, day TIMESTAMP"
    def rows(ids, word):
        return [(i, f"{word} {i}", i, f"kind{i % 5}", f"2024-03-{1 + i % 7:02} 10:00:00") for i in ids]
    source_with(source, rows(range(500), "first"), columns)
    options = {"format_version": version, "loader_file_size": 100}
    if partition:
        column = {"identity": "kind", "bucket": "id", "truncate": "name", "day": "day"}[partition]
        field = {"column": column, "type": partition, **({"bucket_count": 4} if partition == "bucket" else {})}
        if partition == "truncate":
            field["bucket_count"] = 2
        options["partition_by"] = [field]
    load(nilus, source, warehouse, "merge", **options)
    source_with(source, rows(range(100, 160), "second"), columns)
    load(nilus, source, warehouse, "merge", **options)
    with sqlite3.connect(source) as db:
        db.execute("ALTER TABLE items ADD COLUMN extra BIGINT")
        db.execute("UPDATE items SET extra = id * 2, name = 'third' WHERE id % 50 = 0")
    load(nilus, source, warehouse, "merge", **options)
    with sqlite3.connect(source) as db:
        expected = sorted([tuple(None if v is None else str(v) for v in row) for row in db.execute("SELECT id, name, extra FROM items")], key=repr)
    ours = sorted([(str(r["id"]), r["name"], None if r["extra"] is None else str(r["extra"]))
                   for r in query(warehouse, "SELECT id, name, extra FROM lake.items")], key=repr)
    assert ours == expected
    assert read(warehouse, ["id", "name", "extra"]) == expected


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("fault", ["lake.data_file.put:fatal", "lakehouse.sink.finished:fatal", "lakehouse.sink.deletes_written:fatal",
                                   "lakehouse.sink.before_commit:fatal"])
def test_a_load_that_fails_leaves_no_files(nilus, tmp_path, warehouse, version, fault):
    source = tmp_path / "s.db"
    source_with(source, [(i, f"n{i}", i) for i in range(100)])
    load(nilus, source, warehouse, "merge", format_version=version)
    before = data_files(warehouse)
    source_with(source, [(i, "changed", i) for i in range(10)])
    failed = load(nilus, source, warehouse, "merge", format_version=version, env={"NILUS_FAULT": fault}, expect=None)
    assert failed.code != 0
    assert data_files(warehouse) == before


def test_writers_at_the_same_time_all_land(nilus, tmp_path, warehouse):
    """Eight pipelines append and merge into one table; no row is lost, none doubled."""
    source_with(tmp_path / "s0.db", [(1, "x", 1)])
    load(nilus, tmp_path / "s0.db", warehouse, "merge", name="p0")
    manifests = []
    for writer in range(8):
        source = tmp_path / f"s{writer + 1}.db"
        source_with(source, [(1000 * (writer + 1) + i, f"w{writer}", i) for i in range(50)])
        manifests.append(nilus.manifest({"address": f"sqlite:///{source}", "options": {"source_table": "items", "primary_key": "id"}},
                                        {"address": f"lakehouse://{warehouse}",
                                         "options": {"dest_table": "lake.items", "incremental_strategy": "append" if writer % 2 else "merge"}},
                                        name=f"writer{writer}"))
    running = [subprocess.Popen([BINARY, "run", str(m)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HOME": str(tmp_path)}) for m in manifests]
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, out + err
    assert len(read(warehouse)) == 1 + 8 * 50
    assert len(set(read(warehouse))) == 1 + 8 * 50


def test_time_travel_branches_and_incremental_snapshots(nilus, tmp_path, warehouse):
    source = tmp_path / "s.db"
    source_with(source, [(1, "a", 1)])
    load(nilus, source, warehouse, "replace")
    source_with(source, [(2, "b", 2)])
    load(nilus, source, warehouse, "replace")
    metadata = json.loads(max((warehouse / "lake" / "items" / "metadata").glob("v*.metadata.json"), key=lambda p: int(p.name.split(".")[0][1:])).read_text())
    first = next(s for s in metadata["snapshots"] if s["summary"].get("total-records") == "1")["snapshot-id"]
    assert query(warehouse, f"SELECT id FROM lake.items FOR VERSION AS OF {first}") == [{"id": 1}]
    assert len(query(warehouse, "SELECT id FROM lake.items FOR VERSION AS OF 'main'")) == 2
    assert len(query(warehouse, "SELECT a.id FROM lake.items a JOIN lake.items FOR TIMESTAMP AS OF '2100-01-01' b ON a.id = b.id")) == 2
    target = tmp_path / "t.duckdb"
    def copy(table, **options):
        return nilus.run(nilus.manifest({"address": f"lakehouse://{warehouse}", "options": {"source_table": table, **options}},
                                        {"address": f"duckdb:///{target}", "options": {"dest_table": "raw.items", "incremental_strategy": "append"}},
                                        name="copy-" + table.replace("@", "-").replace(".", "-")))
    copy(f"lake.items@{first}")
    import duckdb_file
    assert duckdb_file.query(target, "SELECT count(*) FROM raw.items") == [("1",)]
    copy("lake.items")
    source_with(tmp_path / "third.db", [(3, "c", 3)])
    load(nilus, tmp_path / "third.db", warehouse, "append", name="appender")
    copy("lake.items")
    assert duckdb_file.query(target, "SELECT count(*), count(DISTINCT id) FROM raw.items") == [("4", "3")], "only what was appended since"


def test_odd_names_stay_in_the_warehouse(nilus, tmp_path, warehouse):
    source = tmp_path / "s.db"
    source_with(source, [(1, "a", 1)])
    env = {"SCHEMA_NAMING": "direct"}
    for number, table in enumerate(["lake.a b", "lake.ünïcode", "lake...", "lake.../../escaped", "lake.a*[b]?"]):
        load(nilus, source, warehouse, "merge", table=table, name=f"odd{number}", env=env, expect=None)
    outside = {p.name for p in tmp_path.iterdir()} - {"warehouse", "s.db"}
    assert not any("escaped" in name for name in outside), outside
    assert not (tmp_path.parent / "escaped").exists()
    assert query(warehouse, 'SELECT id FROM lake."a b"') == [{"id": 1}]
    assert query(warehouse, 'SELECT id FROM lake."a*[b]?"') == [{"id": 1}]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("strategy", ["append", "merge", "scd2", "replace"])
def test_json_stays_what_it_is_load_after_load(nilus, tmp_path, warehouse, version, strategy):
    """Strings, numbers, objects, and strings that look like them; a json column that comes later; no version of a row that did not change."""
    source = tmp_path / "x.jsonl"
    values = ["abc", "1", 1, {"a": 1}, '{"a":1}', "null", "", [1], 2.5, True, None]
    def load(first, key):
        source.write_text("".join(json.dumps({"id": first + i, key: value}) + "\n" for i, value in enumerate(values)))
        more = {"append": {"incremental_key": "id"}, "merge": {"changed_files": "reread"}}.get(strategy, {})
        options = {"source_table": "x", "primary_key": "id", **more}
        manifest = nilus.manifest({"address": f"file://{source}", "options": options},
                                  {"address": f"lakehouse://{warehouse}", "options": {"dest_table": "lake.x", "incremental_strategy": strategy, "format_version": version}})
        return nilus.run(manifest).report
    def stored(key):
        found = query(warehouse, f'SELECT id, CAST("{key}" AS VARCHAR) AS text FROM lake.x WHERE "{key}" IS NOT NULL ORDER BY id')
        return [(row["id"], type(json.loads(row["text"])), json.loads(row["text"])) for row in found]
    def expected(*starts):
        return [(start + i, type(value), value) for start in starts for i, value in enumerate(values) if value is not None]
    load(0, "p")
    assert stored("p") == expected(0)
    again = load(0, "p")
    assert stored("p") == expected(0)
    assert again["schema_changes"] == []
    if strategy == "scd2":
        assert query(warehouse, "SELECT count(*) n FROM lake.x") == [{"n": len(values)}]
    load(100, "p")
    assert stored("p") == (expected(100) if strategy == "replace" else expected(0, 100))
    load(200, "later")
    load(300, "later")
    assert stored("later") == (expected(300) if strategy == "replace" else expected(200, 300))
    nilus("lake", "compact", f"lakehouse://{warehouse}", "lake.x", "--all")
    load(400, "later")
    assert stored("later") == (expected(400) if strategy == "replace" else expected(200, 300, 400))
    out = tmp_path / "out"
    nilus.run(nilus.manifest({"address": f"lakehouse://{warehouse}", "options": {"source_table": "lake.x"}},
                             {"address": f"file://{out}?format=jsonl", "options": {"dest_table": "a.b", "incremental_strategy": "replace"}}, name="out"))
    read = {row["id"]: row["later"] for file in out.rglob("*.jsonl") for line in file.read_text().splitlines() for row in [json.loads(line)] if row.get("later") is not None}
    assert [read[400 + i] for i, value in enumerate(values) if value is not None] == [value for value in values if value is not None]
