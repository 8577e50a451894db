"""Lakehouses under bad conditions: stores that fail a fifth of all calls, many writers, other engines, clocks that jump."""
import copy
import json
import os
import pathlib
import random
import signal
import sqlite3
import time
import uuid

import avro.datafile
import avro.io
import avro.schema
import pytest

from lakehouse_destinations import LakehouseDestination, S3LakehouseDestination, SqlLakehouseDestination

SEED = int(os.environ.get("NILUS_TEST_SEED", str(random.randrange(1 << 30))))


def make_source(path, ids, word="n"):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT, at BIGINT)")
        db.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", [(i, f"{word}{i}", i) for i in ids])


def manifest_of(nilus, source, destination, strategy, name="p", **sink_options):
    return nilus.manifest({"address": f"sqlite:///{source}", "options": {"source_table": "items", "primary_key": "id"}},
                          {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": strategy, **sink_options}}, name=name)


def names(destination):
    rows = destination.rows(["id", "name"])
    assert len(rows) == len(set(rows))
    return {int(number): name for number, name in rows}


def test_a_bucket_that_fails_a_fifth_of_all_calls(nilus, tmp_path, postgres):
    """503 before, 500 and resets before and behind what was done, answers cut short or late: each load is there exactly once."""
    print(f"seed {SEED}")
    destination = S3LakehouseDestination(tmp_path, postgres)
    merging = manifest_of(nilus, tmp_path / "s.db", destination, "merge")
    appending = manifest_of(nilus, tmp_path / "a.db", destination, "append", name="appender")
    expected = {}
    destination.bucket.spoil(0.2, SEED)
    try:
        for load in range(5):
            ids = range(load * 20, load * 20 + 40)
            make_source(tmp_path / "s.db", ids, f"load{load}-")
            nilus.run(merging)
            expected.update({i: f"load{load}-{i}" for i in ids})
        make_source(tmp_path / "a.db", range(1000, 1010))
        nilus.run(appending)
        expected.update({i: f"n{i}" for i in range(1000, 1010)})
    finally:
        destination.bucket.spoil(0, 0)
    assert destination.bucket.spoiled > 20, "too few calls were spoiled for this to tell anything"
    assert names(destination) == expected, f"seed {SEED}"


@pytest.mark.parametrize("kind", [S3LakehouseDestination, SqlLakehouseDestination], ids=lambda kind: kind.kind)
def test_eight_writers_all_land(kind, nilus, tmp_path, postgres):
    destination = kind(tmp_path, postgres)
    make_source(tmp_path / "s.db", [0])
    nilus.run(manifest_of(nilus, tmp_path / "s.db", destination, "merge"))
    expected = {0: "n0"}
    running = []
    for writer in range(1, 9):
        ids = range(writer * 100, writer * 100 + 30)
        make_source(tmp_path / f"s{writer}.db", ids, f"w{writer}-")
        expected.update({i: f"w{writer}-{i}" for i in ids})
        running.append(nilus.start("run", manifest_of(nilus, tmp_path / f"s{writer}.db", destination, "append" if writer % 2 else "merge", name=f"w{writer}"), "--json"))
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, (out, err)
    assert names(destination) == expected


class OtherEngine:
    """Writes to a table in a folder by the format's document, knowing nothing of Nilus: Avro by Debian's library, JSON by hand."""

    def __init__(self, destination):
        self.destination = destination

    def _read(self, url):
        with avro.datafile.DataFileReader(open(url.removeprefix("file://"), "rb"), avro.io.DatumReader()) as reader:
            return list(reader), dict(reader.meta)

    def _write(self, path, rows, meta):
        with avro.datafile.DataFileWriter(open(path, "wb"), avro.io.DatumWriter(), avro.schema.parse(meta["avro.schema"].decode())) as writer:
            for name, value in meta.items():
                if not name.startswith("avro."):
                    writer.set_meta(name, value)
            for row in rows:
                writer.append(row)

    def commit(self, change):
        """change(metadata, manifest list rows) → the next manifest list's rows."""
        current = self.destination.metadata_file()
        metadata = json.loads(current.read_text())
        folder = current.parent
        before = next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])
        rows, meta = self._read(before["manifest-list"])
        snapshot = copy.deepcopy(before)
        snapshot.update({"snapshot-id": random.randrange(1, 1 << 62), "parent-snapshot-id": before["snapshot-id"], "sequence-number": metadata["last-sequence-number"] + 1,
                         "timestamp-ms": metadata["last-updated-ms"] + 1, "manifest-list": f"file://{folder}/snap-{uuid.uuid4()}.avro", "summary": {"operation": "delete"}})
        self._write(snapshot["manifest-list"].removeprefix("file://"), change(metadata, rows), meta)
        metadata["snapshots"].append(snapshot)
        metadata["snapshot-log"].append({"snapshot-id": snapshot["snapshot-id"], "timestamp-ms": snapshot["timestamp-ms"]})
        metadata.update({"current-snapshot-id": snapshot["snapshot-id"], "last-sequence-number": snapshot["sequence-number"], "last-updated-ms": snapshot["timestamp-ms"]})
        metadata["refs"]["main"]["snapshot-id"] = snapshot["snapshot-id"]
        version = int(current.name.split(".")[0][1:]) + 1
        (folder / f"v{version}.metadata.json").write_text(json.dumps(metadata))
        (folder / "version-hint.text").write_text(str(version))


@pytest.mark.parametrize("strategy", ["append", "merge", "replace"])
def test_a_table_that_another_engine_changes_in_between(strategy, nilus, tmp_path, postgres):
    """It takes away the oldest manifest's rows while a load stands before its commit, and gives the table a property."""
    destination = LakehouseDestination(tmp_path, postgres)
    make_source(tmp_path / "s.db", range(10), "old")
    nilus.run(manifest_of(nilus, tmp_path / "s.db", destination, "append", name="first"))
    (tmp_path / "s.db").unlink()
    make_source(tmp_path / "s.db", range(10, 20), "older")
    nilus.run(manifest_of(nilus, tmp_path / "s.db", destination, "append", name="second"))
    make_source(tmp_path / "n.db", range(5, 15), "new")
    manifest = manifest_of(nilus, tmp_path / "n.db", destination, strategy, name="third")
    run = nilus.start("run", manifest, "--json", env={"NILUS_FAULT": "lakehouse.sink.before_commit:pause"})
    _, status = os.waitpid(run.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "the run did not come to its commit"

    def change(metadata, manifests):
        metadata["properties"]["owner"] = "somebody else"
        return sorted(manifests, key=lambda row: row["sequence_number"])[1:]  # rows 0 to 9 go
    OtherEngine(destination).commit(change)
    os.kill(run.pid, signal.SIGCONT)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, (out, err)
    rows = sorted((int(number), name) for number, name in destination.rows(["id", "name"]))
    new = [(i, f"new{i}") for i in range(5, 15)]
    kept = {"append": [(i, f"older{i}") for i in range(10, 20)], "merge": [(i, f"older{i}") for i in range(15, 20)], "replace": []}[strategy]
    assert rows == sorted(new + kept)
    assert json.loads(destination.metadata_file().read_text())["properties"]["owner"] == "somebody else"


def test_clocks_that_jump(nilus, tmp_path, postgres):
    """Days forth and back between loads: no order, no position and no row depends on the clock, and no history goes backwards."""
    destination = LakehouseDestination(tmp_path, postgres)
    manifest = manifest_of(nilus, tmp_path / "s.db", destination, "merge", upkeep_every_commits=2, upkeep_small_files=2)
    expected = {}
    for load, days in enumerate([0, 1, -1, 400, -400, 0]):
        ids = range(load * 10, load * 10 + 20)
        make_source(tmp_path / "s.db", ids, f"load{load}-")
        nilus.run(manifest, env={"NILUS_CLOCK_SKEW_SECONDS": days * 86400})
        expected.update({i: f"load{load}-{i}" for i in ids})
        with sqlite3.connect(tmp_path / "s.db") as db:
            assert names(destination) == expected == dict(db.execute("SELECT id, name FROM items"))
        metadata = json.loads(destination.metadata_file().read_text())
        times = [entry["timestamp-ms"] for entry in metadata["snapshot-log"]]
        assert times == sorted(times) and times[-1] <= metadata["last-updated-ms"]


def test_a_clock_that_is_ahead_makes_no_young_file_an_orphan(nilus, tmp_path, postgres):
    destination = LakehouseDestination(tmp_path, postgres)
    make_source(tmp_path / "s.db", range(10))
    nilus.run(manifest_of(nilus, tmp_path / "s.db", destination, "append"))
    data = tmp_path / "warehouse" / "lake" / "items" / "data"
    (data / "under-way.parquet").write_bytes(b"a load is writing this")
    old = data / "old.parquet"
    old.write_bytes(b"lost long ago")
    os.utime(old, (time.time() - 100 * 3600,) * 2)
    done = nilus("lake", "orphans", destination.uri, destination.table, "--delete", "--format", "jsonl", env={"NILUS_CLOCK_SKEW_SECONDS": 30 * 86400})
    assert done.code == 0, done
    assert [pathlib.Path(json.loads(line)["path"]).name for line in done.out.splitlines()] == ["old.parquet"]
    assert (data / "under-way.parquet").exists() and not old.exists()
    assert not list((tmp_path / "warehouse").rglob("nilus-clock-*"))
    assert names(destination) == {i: f"n{i}" for i in range(10)}
