"""Incremental extraction as spec 04 says, on every sink: boundary rows, intervals, full refresh, limits, NULL keys, strategies."""
import json
import shutil
import sqlite3

import pytest

from destinations import DESTINATIONS


@pytest.fixture(params=DESTINATIONS, ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


class Source:
    def __init__(self, folder):
        self.path = folder / "source.db"
        self.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, updated_at BIGINT)")

    def execute(self, sql, rows=None):
        with sqlite3.connect(self.path) as db:
            db.executemany(sql, rows) if rows else db.execute(sql)

    def add(self, *rows):
        self.execute("INSERT INTO items VALUES (?,?,?)", rows)


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path)


def pipeline(nilus, source, destination, strategy, key="updated_at", primary_key="id", sink=None, **options):
    chosen = {"source_table": "items", **options}
    if key: chosen["incremental_key"] = key
    if primary_key: chosen["primary_key"] = primary_key
    return nilus.manifest({"address": f"sqlite:///{source.path}", "options": chosen},
                          {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": strategy, **(sink or {})}}, name="items")


def rows(destination):
    return sorted((int(i), n, None if u in (None, "") else int(u)) for i, n, u in destination.rows(["id", "name", "updated_at"]))


def loaded(done):
    return done.report["tables"][0]["rows_out"]


def needs(destination, strategy):
    if strategy not in destination.strategies:
        pytest.skip(f"{destination.kind} has no {strategy}")


@pytest.mark.parametrize("strategy", ["append", "merge", "delete+insert"])
def test_boundary_rows_are_neither_missed_nor_doubled(strategy, nilus, source, destination):
    needs(destination, strategy)
    manifest = pipeline(nilus, source, destination, strategy)
    source.add((1, "a", 1), (2, "b", 2), (3, "c", 2))
    nilus.run(manifest)
    source.add((4, "late, with the boundary's value", 2), (5, "e", 3))
    nilus.run(manifest)
    expected = [(1, "a", 1), (2, "b", 2), (3, "c", 2), (4, "late, with the boundary's value", 2), (5, "e", 3)]
    assert rows(destination) == expected
    again = nilus.run(manifest)
    assert rows(destination) == expected
    if strategy != "delete+insert":
        assert loaded(again) == 0


def test_identical_rows_without_a_key_are_counted(nilus, source, destination):
    source.execute("CREATE TABLE events (name TEXT, at BIGINT)")
    source.execute("INSERT INTO events VALUES (?,?)", [("same", 5), ("same", 5), ("other", 4)])
    options = {"source_table": "events", "incremental_key": "at"}
    manifest = nilus.manifest({"address": f"sqlite:///{source.path}", "options": options},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})
    nilus.run(manifest)
    source.execute("INSERT INTO events VALUES (?,?)", [("same", 5)])
    nilus.run(manifest)
    nilus.run(manifest)
    assert sorted(destination.rows(["name", "at"])) == [("other", "4"), ("same", "5"), ("same", "5"), ("same", "5")]


def test_merge_takes_the_new_version(nilus, source, destination):
    needs(destination, "merge")
    manifest = pipeline(nilus, source, destination, "merge")
    source.add((1, "a", 1), (2, "b", 2))
    nilus.run(manifest)
    source.execute("UPDATE items SET name = 'changed', updated_at = 3 WHERE id = 1")
    nilus.run(manifest)
    assert rows(destination) == [(1, "changed", 3), (2, "b", 2)]


def test_delete_insert_removes_what_left_the_interval(nilus, source, destination):
    needs(destination, "delete+insert")
    manifest = pipeline(nilus, source, destination, "delete+insert", interval_start="2024-01-01", interval_end="2024-02-01", key="day", primary_key=None)
    source.execute("DROP TABLE items")
    source.execute("CREATE TABLE items (id BIGINT, name TEXT, updated_at BIGINT, day DATE)")
    source.execute("INSERT INTO items VALUES (?,?,?,?)", [(1, "before", 0, "2023-12-31"), (2, "in", 0, "2024-01-01"), (3, "in too", 0, "2024-01-31"), (4, "after", 0, "2024-02-01")])
    nilus.run(manifest)
    assert [row[0] for row in rows(destination)] == [2, 3]
    source.execute("DELETE FROM items WHERE id = 3")
    source.execute("INSERT INTO items VALUES (?,?,?,?)", [(5, "new", 0, "2024-01-15")])
    nilus.run(manifest)
    assert [row[0] for row in rows(destination)] == [2, 5]


def test_replace_takes_everything_each_time(nilus, source, destination):
    manifest = pipeline(nilus, source, destination, "replace", key=None)
    source.add((1, "a", 1), (2, "b", 2))
    nilus.run(manifest)
    source.execute("DELETE FROM items WHERE id = 1")
    source.add((3, "c", 3))
    nilus.run(manifest)
    assert rows(destination) == [(2, "b", 2), (3, "c", 3)]


def test_replace_with_a_key_still_takes_everything(nilus, source, destination):
    """A replace that read only what is new would lose the rest."""
    manifest = pipeline(nilus, source, destination, "replace")
    source.add((1, "a", 1), (2, "b", 2))
    nilus.run(manifest)
    source.add((3, "c", 3))
    nilus.run(manifest)
    assert rows(destination) == [(1, "a", 1), (2, "b", 2), (3, "c", 3)]


def test_scd2_keeps_versions(nilus, source, destination):
    needs(destination, "scd2")
    manifest = pipeline(nilus, source, destination, "scd2", key=None)
    source.add((1, "a", 1), (2, "b", 2), (3, "c", 3))
    nilus.run(manifest)
    source.execute("UPDATE items SET name = 'changed' WHERE id = 1")
    source.execute("DELETE FROM items WHERE id = 3")
    nilus.run(manifest)
    nilus.run(manifest)
    versions = sorted((int(i), n, end is not None) for i, n, end in destination.rows(["id", "name", "_nilus_valid_to"]))
    assert versions == [(1, "a", True), (1, "changed", False), (2, "b", False), (3, "c", True)]
    for start, end in destination.rows(["_nilus_valid_from", "_nilus_valid_to"]):
        assert start and (end is None or start < end)


def test_full_refresh_forgets_cursor_and_table(nilus, source, destination):
    manifest = pipeline(nilus, source, destination, "append")
    source.add((1, "a", 1), (2, "b", 2))
    nilus.run(manifest)
    source.execute("DELETE FROM items WHERE id = 1")
    nilus.run(manifest, arguments=["--set", "spec.sink.options.full_refresh=true"])
    assert rows(destination) == [(2, "b", 2)]
    nilus.run(manifest)
    assert rows(destination) == [(2, "b", 2)]


def test_intervals_are_half_open(nilus, source, destination):
    source.execute("CREATE TABLE days (id BIGINT, name TEXT, updated_at BIGINT, at TIMESTAMP)")
    source.execute("INSERT INTO days VALUES (?,?,?,?)", [(1, "x", 0, "2024-01-01 00:00:00"), (2, "x", 0, "2024-01-01 23:59:59.999999"), (3, "x", 0, "2024-01-02 00:00:00")])
    manifest = nilus.manifest({"address": f"sqlite:///{source.path}", "options": {"source_table": "days", "incremental_key": "at", "interval_start": "2024-01-01", "interval_end": "2024-01-02"}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})
    nilus.run(manifest)
    assert [row[0] for row in rows(destination)] == [1, 2]


def test_null_keys(nilus, source, destination):
    source.add((1, "a", 1), (2, "null", None))
    failed = nilus.run(pipeline(nilus, source, destination, "append"), expect=1)
    assert "updated_at" in failed.all_output and "incremental_key_nulls" in failed.all_output
    assert rows(destination) == []
    nilus.run(pipeline(nilus, source, destination, "append", incremental_key_nulls="exclude"))
    assert rows(destination) == [(1, "a", 1)]


def test_limits_and_excluded_columns(nilus, source, destination):
    source.add(*[(i, f"n{i}", i) for i in range(100)])
    done = nilus.run(pipeline(nilus, source, destination, "replace", key=None, sql_limit=10, sql_exclude_columns="name"))
    assert loaded(done) == 10
    assert len(destination.rows(["id", "updated_at"])) == 10
    done = nilus.run(pipeline(nilus, source, destination, "replace", key=None, page_size=10, yield_limit=3))
    assert loaded(done) == 30


def test_state_can_be_shown_set_and_reset(nilus, source, destination):
    manifest = pipeline(nilus, source, destination, "append")
    source.add((1, "a", 1), (2, "b", 2))
    nilus.run(manifest)
    shown = nilus("state", "show", manifest)
    assert shown.code == 0 and "updated_at" in shown.out and "2" in shown.out, shown
    position = json.loads(nilus("state", "show", manifest, "--json").out)["position"]
    assert nilus("state", "set", manifest, "1").code == 0
    put_back = nilus("state", "set", manifest, "-", stdin=json.dumps(position).encode() if isinstance(position, dict) else position.encode())
    assert put_back.code == 0, put_back
    assert loaded(nilus.run(manifest)) == 0
    assert nilus("state", "reset", manifest).code == 0
    nilus.run(manifest)
    assert len(rows(destination)) == 4, "after a reset everything is read again: append appends it again"


def test_a_new_column_is_added(nilus, source, destination):
    manifest = pipeline(nilus, source, destination, "append")
    source.add((1, "a", 1))
    nilus.run(manifest)
    source.execute("ALTER TABLE items ADD COLUMN extra TEXT")
    source.execute("INSERT INTO items VALUES (?,?,?,?)", [(2, "b", 2, "more")])
    nilus.run(manifest)
    if destination.kind == "files":  # each file has the columns of its load
        assert "extra" in "".join(p.read_text() for p in destination.path.rglob("*.csv"))
    else:
        assert sorted(destination.rows(["id", "extra"])) == [("1", None), ("2", "more")]


def test_plan_tells_what_a_run_would_do_and_writes_nothing(nilus, source, destination):
    source.add((1, "a", 1))
    manifest = pipeline(nilus, source, destination, "append")
    planned = nilus("plan", manifest)
    assert planned.code == 0, planned
    for word in ("items", "updated_at", "bigint"):
        assert word in planned.out, planned
    assert rows(destination) == []


def test_a_cut_read_does_not_stand_in_its_own_way(nilus, postgres):
    """A limit cuts a parallel read of the very table that the load replaces: the source's snapshot must not hold up the commit."""
    database = postgres.create_database()
    database.execute("CREATE TABLE items AS SELECT i AS id, repeat('x', 200) AS name FROM generate_series(1, 20000) i; ANALYZE items")
    manifest = nilus.manifest({"address": database.uri, "options": {"source_table": "public.items", "page_size": 100, "yield_limit": 3,
                                                                   "extract_parallelism": 2}},
                              {"address": database.uri, "options": {"dest_table": "public.items", "incremental_strategy": "replace"}})
    done = nilus.run(manifest)
    assert loaded(done) == 300
    assert database.execute("SELECT count(*), count(DISTINCT id) FROM items") == [(300, 300)]


def test_a_destination_that_is_gone_is_not_filled_from_the_cursor_on(nilus, source, destination):
    """Its position outlives the table: going on would leave out, without a word, what the table held."""
    manifest = pipeline(nilus, source, destination, "append")
    source.add((1, "a", 1))
    nilus.run(manifest)
    if destination.kind == "postgres":
        destination.database.execute("DROP TABLE lake.items")
    elif destination.kind == "files":
        shutil.rmtree(destination.path / "lake" / "items")
    elif destination.kind == "sqlite":
        with sqlite3.connect(destination.path) as db:
            db.execute("DROP TABLE items")
    else:
        pytest.skip("nothing here but Nilus writes to DuckDB files")
    source.add((2, "b", 2))
    refused = nilus.run(manifest, expect=2)
    assert "is gone" in refused.report["error"]["message"] and "full_refresh" in refused.report["error"]["fix"]
    nilus.run(pipeline(nilus, source, destination, "append", sink={"full_refresh": True}))
    assert rows(destination) == [(1, "a", 1), (2, "b", 2)]


@pytest.mark.parametrize("name", ["_nilus_state", "_nilus_loads"])
def test_no_pipeline_writes_into_the_state_of_others(nilus, source, destination, name):
    source.add((1, "a", 1))
    schema = destination.table.split(".")[0]
    refused = nilus.run(pipeline(nilus, source, destination, "replace", key=None, sink={"dest_table": f"{schema}.{name}"}), expect=2)
    assert name in refused.report["error"]["message"]
