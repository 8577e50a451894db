"""A source whose columns change, on every sink: what fits the table's columns goes there, what does not goes beside them (spec 03)."""
import csv
import json
import sqlite3

import pytest

from destinations import DESTINATIONS


@pytest.fixture(params=DESTINATIONS, ids=lambda kind: kind.kind)
def destination(request, tmp_path, postgres):
    return request.param(tmp_path, postgres)


class Source:
    """A SQLite table that is made anew, with other types, for each run."""

    def __init__(self, folder):
        self.path = folder / "source.db"

    def make(self, columns, *rows):
        with sqlite3.connect(self.path) as db:
            db.execute("DROP TABLE IF EXISTS items")
            db.execute(f"CREATE TABLE items ({columns})")
            db.executemany(f"INSERT INTO items VALUES ({', '.join('?' * len(rows[0]))})", rows)


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path)


def pipeline(nilus, source, destination, sink=None, **options):
    return nilus.manifest({"address": f"sqlite:///{source.path}", "options": {"source_table": "items", "primary_key": "id", **options}},
                          {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append", **(sink or {})}}, name="items")


def rows(destination, *columns):
    """Rows as texts, sorted. In a folder of files each file has the columns of its load; what it lacks is NULL."""
    if destination.kind != "files":
        return sorted(destination.rows(columns), key=repr)
    found = []
    for file in (destination.path / "lake" / "items").glob("*.csv"):
        with open(file, newline="") as opened:
            found += [tuple(row.get(column) or None for column in columns) for row in csv.DictReader(opened)]
    return sorted(found, key=repr)


def columns_of(destination):
    if destination.kind == "files":
        schema = json.loads((destination.path / "lake" / "items" / ".nilus_schema.json").read_text())
        return {column["name"] for column in schema["columns"]}
    if destination.kind == "postgres":
        return {name for (name,) in destination.database.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'lake' AND table_name = 'items'")}
    if destination.kind == "sqlite":
        with sqlite3.connect(destination.path) as db:
            return {row[1] for row in db.execute("PRAGMA table_info(items)")}
    return None


def test_changed_types_are_coerced_or_kept_beside(nilus, source, destination):
    manifest = pipeline(nilus, source, destination)
    source.make("id BIGINT, discount BIGINT", (1, 10))
    nilus.run(manifest)
    source.make("id BIGINT, discount DOUBLE", (2, 2.5), (3, 7.0))
    changed = nilus.run(manifest).report
    assert changed["tables"][0]["variants"] == [{"column": "discount", "variant": "discount__v_double", "values": 1}]
    assert {"table": destination.table, "change": "column added", "column": "discount__v_double", "after": "double"} in changed["schema_changes"]
    source.make("id BIGINT, discount TEXT", (4, "42"), (5, "half"), (6, "0042"))
    nilus.run(manifest)
    source.make("id BIGINT, discount BIGINT", (7, 11))
    nilus.run(manifest)
    assert rows(destination, "id", "discount", "discount__v_double", "discount__v_text") == [
        ("1", "10", None, None), ("2", None, "2.5", None), ("3", "7", None, None), ("4", "42", None, None),
        ("5", None, None, "half"), ("6", None, None, "0042"), ("7", "11", None, None)]


def test_variant_columns_appear_only_when_a_value_needs_them(nilus, source, destination):
    manifest = pipeline(nilus, source, destination)
    source.make("id BIGINT, n BIGINT", (1, 10))
    nilus.run(manifest)
    source.make("id BIGINT, n TEXT", (2, "5"), (3, None))
    done = nilus.run(manifest).report
    assert done["tables"][0]["variants"] == [] and done["schema_changes"] == []
    columns = columns_of(destination)
    assert columns is None or not any("__v_" in column for column in columns)


def test_columns_come_and_go(nilus, source, destination):
    manifest = pipeline(nilus, source, destination)
    source.make("id BIGINT, a TEXT", (1, "a"))
    nilus.run(manifest)
    source.make("id BIGINT, b TEXT", (2, "b"))
    nilus.run(manifest)
    source.make("id BIGINT, a TEXT, b TEXT", (3, "a", "b"))
    nilus.run(manifest)
    assert rows(destination, "id", "a", "b") == [("1", "a", None), ("2", None, "b"), ("3", "a", "b")]


@pytest.mark.parametrize("strategy", ["merge", "scd2", "delete+insert"])
def test_evolution_under_strategies_that_change_rows(strategy, nilus, source, destination):
    if strategy not in destination.strategies:
        pytest.skip(f"{destination.kind} has no {strategy}")
    options = {"incremental_key": "id"} if strategy == "delete+insert" else {}
    manifest = pipeline(nilus, source, destination, sink={"incremental_strategy": strategy}, **options)
    source.make("id BIGINT, n BIGINT", (1, 10), (2, 20))
    nilus.run(manifest)
    source.make("id BIGINT, n TEXT", (1, "x"), (2, "y"))
    nilus.run(manifest)
    now = rows(destination, "id", "n", "n__v_text")
    if strategy == "scd2":
        assert now == [("1", "10", None), ("1", None, "x"), ("2", "20", None), ("2", None, "y")]
    else:  # delete+insert goes on from the cursor, 2
        assert now == [("1", None, "x") if strategy == "merge" else ("1", "10", None), ("2", None, "y")]


def test_a_value_that_is_gone_from_its_variant_column_ends_its_version(nilus, source, destination):
    """The last load has no value for the variant column, and so no such column."""
    if "scd2" not in destination.strategies:
        pytest.skip(f"{destination.kind} has no scd2")
    manifest = pipeline(nilus, source, destination, sink={"incremental_strategy": "scd2"})
    source.make("id BIGINT, n BIGINT", (1, None), (2, 20))
    nilus.run(manifest)
    source.make("id BIGINT, n TEXT", (1, "x"), (2, "20"))
    nilus.run(manifest)
    source.make("id BIGINT, n BIGINT", (1, None), (2, 20))
    nilus.run(manifest)
    nilus.run(manifest)
    versions = [(*row[:3], row[3] is None) for row in rows(destination, "id", "n", "n__v_text", "_nilus_valid_to")]
    assert sorted(versions, key=repr) == [("1", None, "x", False), ("1", None, None, False), ("1", None, None, True), ("2", "20", None, True)]


@pytest.mark.parametrize("nesting", ["0", "1"])
def test_a_json_key_that_no_document_has_any_more_ends_its_versions(nesting, nilus, destination, tmp_path):
    if "scd2" not in destination.strategies:
        pytest.skip(f"{destination.kind} has no scd2")
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items.jsonl", "max_table_nesting": nesting}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "scd2", "primary_key": "id"}})
    for text in ('{"id": 1, "n": 10}\n{"id": 2}\n', '{"id": 1}\n{"id": 2}\n', '{"id": 1, "n": null}\n{"id": 2}\n', '{"id": 1}\n{"id": 2}\n'):
        (tmp_path / "items.jsonl").write_text(text)
        nilus.run(manifest)
    versions = [(*row[:2], row[2] is None) for row in rows(destination, "id", "n", "_nilus_valid_to")]
    assert sorted(versions, key=repr) == [("1", "10", False), ("1", None, True), ("2", None, True)]


@pytest.mark.parametrize("nesting", ["0", "1"])
def test_a_column_that_is_not_of_nilus_is_no_reason_for_a_version(nesting, nilus, postgres, tmp_path):
    """Of a table in PostgreSQL that somebody adds a column to and fills."""
    database = postgres.create_database()
    (tmp_path / "items.jsonl").write_text('{"id": 1, "n": 10}\n')
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items.jsonl", "max_table_nesting": nesting}},
                              {"address": database.uri, "options": {"dest_table": "versions.items", "incremental_strategy": "scd2", "primary_key": "id"}})
    nilus.run(manifest)
    database.execute("ALTER TABLE versions.items ADD COLUMN theirs text, ADD COLUMN twice bigint GENERATED ALWAYS AS (n * 2) STORED")
    database.execute("UPDATE versions.items SET theirs = 'x'")
    nilus.run(manifest)
    assert database.execute("SELECT id, n, theirs, twice, _nilus_valid_to IS NULL FROM versions.items") == [(1, 10, "x", 20, True)]


@pytest.mark.parametrize("nesting", ["0", "1"])
def test_a_reset_state_knows_the_columns_that_were_brought(nesting, nilus, postgres, tmp_path):
    """Also of a key that is masked: that it was is forgotten, and no change of the mask."""
    database = postgres.create_database()
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items.jsonl", "max_table_nesting": nesting, "mask": {"id": "hash"},
                                                                            "sql_exclude_columns": "left"}},
                              {"address": database.uri, "options": {"dest_table": "versions.items", "incremental_strategy": "scd2", "primary_key": "id"}})
    (tmp_path / "items.jsonl").write_text('{"id": 1, "n": 10, "left": 1}\n{"id": 2, "m": 1}\n')
    nilus.run(manifest)
    assert nilus("state", "reset", manifest).code == 0
    (tmp_path / "items.jsonl").write_text('{"id": 1}\n{"id": 2, "m": 1, "left": 2}\n')
    nilus.run(manifest)
    nilus.run(manifest)
    versions = database.execute("SELECT n, m, _nilus_valid_to IS NULL FROM versions.items ORDER BY 1, 2, 3")
    assert versions == [(10, None, False), (None, 1, True), (None, None, True)]


@pytest.mark.parametrize("nesting", ["0", "1"])
def test_what_becomes_of_a_value_does_not_hang_on_its_neighbours(nesting, nilus, destination, tmp_path):
    """2.5 beside a string in one JSON file, and the same in files of their own."""
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "*.jsonl", "max_table_nesting": nesting}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})
    for number, text in enumerate(('{"id": 1, "n": 10}\n', '{"id": 2, "n": 2.5}\n{"id": 3, "n": "x"}\n{"id": 4, "n": 7}\n', '{"id": 5, "n": 2.5}\n', '{"id": 6, "n": "x"}\n')):
        (tmp_path / f"{number}.jsonl").write_text(text)
        nilus.run(manifest)
    if destination.kind == "files":
        return  # each file has a schema of its own
    assert rows(destination, "id", "n", "n__v_double", "n__v_text") == [
        ("1", "10", None, None), ("2", None, "2.5", None), ("3", None, None, "x"), ("4", "7", None, None), ("5", None, "2.5", None), ("6", None, None, "x")]


def test_a_key_that_does_not_fit_is_an_error(nilus, source, destination):
    if "merge" not in destination.strategies:
        pytest.skip(f"{destination.kind} has no merge")
    manifest = pipeline(nilus, source, destination, sink={"incremental_strategy": "merge"})
    source.make("id BIGINT, n BIGINT", (1, 10))
    nilus.run(manifest)
    source.make("id TEXT, n BIGINT", ("2", 20), ("three", 30))
    failed = nilus.run(manifest, expect=1)
    assert "`id`" in failed.report["error"]["message"] and "three" not in failed.report["error"]["message"]
    assert rows(destination, "id", "n") == [("1", "10")]


def test_a_hinted_column_that_is_only_ever_null_has_its_type(nilus, destination, tmp_path):
    """A JSON key without a value makes no column, but a hinted one does, and the type that the hint gives it stays."""
    (tmp_path / "items.jsonl").write_text('{"id": 1, "amount": null, "other": null}\n')
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items.jsonl", "type_hints": {"amount": "decimal(12,2)", "nowhere": "date"}}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})
    warnings = nilus.run(manifest).report["warnings"]
    assert any("`nowhere`" in warning for warning in warnings) and not any("`amount`" in warning for warning in warnings)
    columns = columns_of(destination)
    assert columns is None or columns == {"id", "amount", "_nilus_load_id", "_nilus_id"}
    if destination.kind == "postgres":
        types = dict(destination.database.execute("SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'lake.items'::regclass AND attnum > 0"))
        assert types["amount"] == "numeric(12,2)"


def test_rows_of_nothing_but_nulls(nilus, destination, tmp_path):
    """They are rows all the same: a hint gives a column its type, and the others are not there."""
    (tmp_path / "items.jsonl").write_text('{"a": null, "other": null}\n{"a": null}\n')
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items.jsonl", "type_hints": {"a": "bigint"}, "mask": {"other": "hash"}}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "replace"}})
    assert nilus.run(manifest).report["tables"][0]["rows_out"] == 2
    assert rows(destination, "a") == [(None,), (None,)]
    columns = columns_of(destination)
    assert columns is None or columns == {"a", "_nilus_load_id", "_nilus_id"}


def test_a_table_that_is_made_anew_says_what_changed(nilus, source, destination):
    manifest = pipeline(nilus, source, destination, {"incremental_strategy": "replace"})
    source.make("id BIGINT, n BIGINT, old TEXT", (1, 10, "a"))
    assert [(change.get("column"), change["change"]) for change in nilus.run(manifest).report["schema_changes"]] == [(None, "table created")]
    assert nilus.run(manifest).report["schema_changes"] == []
    source.make("id BIGINT, n TEXT, new DATE", (1, "x", "2024-01-01"))
    changes = {change["column"]: (change["change"], change.get("before"), change.get("after")) for change in nilus.run(manifest).report["schema_changes"]}
    assert {column: change[0] for column, change in changes.items()} == {"n": "column type changed", "old": "column removed", "new": "column added"}
    assert changes["n"][1:] == ("bigint", "text")


def test_a_json_value_goes_the_same_way_whatever_the_other_rows_are(nilus, destination, tmp_path):
    """An object in one row makes the column of its load json; the values beside it are taken as if they had come alone."""
    manifest = nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items-*.jsonl"}},
                              {"address": destination.uri, "options": {"dest_table": destination.table, "incremental_strategy": "append"}})

    def load(*lines):
        (tmp_path / f"items-{lines[0]['id']}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        nilus.run(manifest)

    load({"id": 1, "name": "Ann", "x": 7})
    load({"id": 2, "name": "Ann", "x": "abc"})
    load({"id": 3, "name": "Ann", "x": "abc"}, {"id": 4, "name": {"f": 1}, "x": {"f": 1}}, {"id": 5, "name": "B\u00e9a\n", "x": "42"})
    assert rows(destination, "id", "name", "x", "x__v_text") == [
        ("1", "Ann", "7", None), ("2", "Ann", None, "abc"), ("3", "Ann", None, "abc"), ("4", '{"f": 1}', None, None), ("5", "B\u00e9a\n", "42", None)]


def test_variants_keep_their_names_on_a_second_hop(nilus, source, tmp_path, destination):
    """What was loaded is a source itself: its variant columns are columns like others there."""
    if destination.kind != "sqlite":
        pytest.skip("one system is enough")
    source.make("id BIGINT, discount BIGINT", (1, 10))
    nilus.run(pipeline(nilus, source, destination))
    source.make("id BIGINT, discount TEXT", (2, "half"))
    nilus.run(pipeline(nilus, source, destination))
    second = nilus.manifest({"address": destination.uri, "options": {"source_table": "items"}},
                            {"address": f"file://{tmp_path}/second?format=jsonl", "options": {"dest_table": "lake.copy", "incremental_strategy": "replace"}}, name="second")
    nilus.run(second)
    lines = [json.loads(line) for file in (tmp_path / "second" / "lake" / "copy").glob("*.jsonl") for line in file.read_text().splitlines()]
    assert [(row["id"], row.get("discount"), row.get("discount__v_text")) for row in sorted(lines, key=lambda row: row["id"])] == [(1, 10, None), (2, None, "half")]
