"""A source whose types become wider: sinks that can make their column wider do, in the load's own step; others keep what does not fit beside it."""
import json
import sqlite3

import pytest

import duckdb_file
from destinations import DESTINATIONS
from harness import was_killed
from test_evolution import rows
from test_faults import passages

NARROW = "id int PRIMARY KEY, small smallint, n int, f real, d numeric(6,2), t varchar(4)"
WIDE = "ALTER small TYPE int, ALTER n TYPE bigint, ALTER f TYPE double precision, ALTER d TYPE numeric(12,2), ALTER t TYPE varchar(20)"


@pytest.fixture(params=DESTINATIONS, ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


@pytest.fixture
def source(postgres):
    database = postgres.create_database()
    database.execute(f"CREATE TABLE items ({NARROW}); INSERT INTO items VALUES (1, 1, 10, 0.5, 1.25, 'abc'), (2, NULL, NULL, NULL, NULL, NULL)")
    return database


def pipeline(nilus, source, destination, strategy="merge", sink=None, **options):
    options = {"source_table": "public.items", "primary_key": "id", "sql_reflection_level": "full_with_precision", **options}
    if strategy in ("append", "delete+insert"):
        options["incremental_key"] = "id"
    return nilus.manifest({"address": source.uri, "options": options},
                          {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": strategy, **(sink or {})}}, name="items")


def types(destination):
    if destination.kind == "postgres":
        return dict(destination.database.execute("SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'lake.items'::regclass AND attnum > 0 AND NOT attisdropped"))
    if destination.kind == "sqlite":
        with sqlite3.connect(destination.path) as db:
            return {row[1]: row[2] for row in db.execute("PRAGMA table_info(items)")}
    return dict(duckdb_file.query(destination.path, "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'lake' AND table_name = 'items'"))


EXPECTED = {"postgres": ["integer", "bigint", "double precision", "numeric(12,2)", "character varying(20)"],
            "duckdb": ["INTEGER", "BIGINT", "DOUBLE", "DECIMAL(12,2)", "VARCHAR"]}


def widen(source):
    source.execute(f"ALTER TABLE items {WIDE}")
    source.execute("INSERT INTO items VALUES (3, 40000, 5000000000, 1e300, 1234567890.25, 'a longer text')")


@pytest.mark.parametrize("strategy", ["append", "merge", "delete+insert", "scd2"])
def test_columns_become_wider_with_the_source(strategy, nilus, source, destination):
    if strategy not in destination.strategies:
        pytest.skip(f"{destination.kind} has no {strategy}")
    manifest = pipeline(nilus, source, destination, strategy)
    nilus.run(manifest)
    widen(source)
    report = nilus.run(manifest).report
    columns = ["small", "n", "f", "d", "t"]
    if destination.kind == "files":  # each file has its own columns; a value that the table's type does not hold goes beside
        assert ("3", None, "5000000000") in rows(destination, "id", "n", "n__v_bigint")
        return
    assert report["tables"][0]["variants"] == []
    widened = {(change["column"], change["before"], change["after"]) for change in report["schema_changes"] if change["change"] == "column widened"}
    assert {("n", "int", "bigint"), ("d", "decimal(6,2)", "decimal(12,2)")} <= {(c, "int" if b.startswith("int") else b, a) for c, b, a in widened}, report["schema_changes"]
    found = {row[0]: row[1:] for row in rows(destination, "id", *columns)}
    assert found["3"][0:2] == ("40000", "5000000000") and found["3"][3:] == ("1234567890.25", "a longer text")
    assert float(found["3"][2]) == 1e300 and found["1"][1] == "10" and float(found["1"][2]) == 0.5
    if destination.kind in EXPECTED:
        now = types(destination)
        assert [now[column] for column in columns] == EXPECTED[destination.kind]
    again = nilus.run(manifest).report
    assert again["schema_changes"] == [] and again["tables"][0]["variants"] == []


def test_a_frozen_table_is_not_widened(nilus, source, destination):
    nilus.run(pipeline(nilus, source, destination, "append"))
    widen(source)
    refused = nilus.run(pipeline(nilus, source, destination, "append", {"schema_contract": "freeze"}), expect=1)
    assert "freeze" in refused.report["error"]["message"]


def test_what_a_view_hangs_on_stays(nilus, source, destination):
    """PostgreSQL alters no column that a view shows: the value goes beside it."""
    if destination.kind != "postgres":
        pytest.skip("of PostgreSQL")
    manifest = pipeline(nilus, source, destination)
    nilus.run(manifest)
    destination.database.execute("CREATE VIEW lake.v AS SELECT n FROM lake.items")
    widen(source)
    assert {v["variant"] for v in nilus.run(manifest).report["tables"][0]["variants"]} >= {"n__v_bigint"}
    assert ("3", None, "5000000000") in rows(destination, "id", "n", "n__v_bigint")


def test_widening_cut_at_every_point(nilus, source, destination, tmp_path):
    if "merge" not in destination.strategies:
        pytest.skip(f"{destination.kind} has no merge")
    manifest = pipeline(nilus, source, destination)
    nilus.run(manifest)
    before = rows(destination, "id", "n", "d")
    widen(source)
    saved = destination.save()
    trace = tmp_path / "trace"
    nilus.run(manifest, env={"NILUS_FAULT_TRACE": trace})
    after = rows(destination, "id", "n", "d")
    assert ("3", "5000000000", "1234567890.25") in after
    for name, kind, count in passages(trace):
        for nth in sorted({1, count}):
            destination.restore(saved)
            cut = nilus.run(manifest, env={"NILUS_FAULT": f"{name}:kill:{nth}"}, expect=None)
            assert was_killed(cut.code), (name, cut)
            assert rows(destination, "id", "n", "d") in (before, after), name
            nilus.run(manifest)
            assert rows(destination, "id", "n", "d") == after, name
