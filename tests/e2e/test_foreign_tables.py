"""Tables that somebody else made: what their columns would change about a value is kept beside them, and never changed without a word."""
import itertools
import json
import sqlite3

import pytest


def write(tmp_path, *rows):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"file://{path}"


RUNS = itertools.count(1)  # each load is another pipeline's: none goes on from where one before it was


def manifest(nilus, source, sink, strategy="append", table="main.t", contract=None, **options):
    sink_options = {"dest_table": table, "incremental_strategy": strategy, **({"schema_contract": contract} if contract else {})}
    return nilus.manifest({"address": source, "options": {"source_table": "t", **options}}, {"address": sink, "options": sink_options}, name=f"p{next(RUNS)}")


class TestSqlite:
    """STRING, UUID, DECIMAL and the like have NUMERIC affinity: SQLite makes numbers of texts that look like some."""

    @pytest.fixture
    def sqlite(self, tmp_path):
        self.path = tmp_path / "d.db"
        return self

    def run(self, sql):
        with sqlite3.connect(self.path) as db:
            return db.execute(sql).fetchall()

    @property
    def uri(self):
        return f"sqlite:///{self.path}"

    @pytest.mark.parametrize("declared", ["STRING", "UUID", "ANY", "MONEY"])
    def test_texts_that_look_like_numbers(self, declared, nilus, sqlite, tmp_path):
        sqlite.run(f"CREATE TABLE t(id INTEGER, c {declared})")
        source = write(tmp_path, *({"id": i, "c": c} for i, c in enumerate(["007", "1E5", "123e4567", "42", "x", "1.5", "1.50"])))
        report = nilus.run(manifest(nilus, source, sqlite.uri)).report
        assert report["tables"][0]["variants"] == [{"column": "c", "variant": "c__v_text", "values": 4}]
        found = sqlite.run("SELECT CAST(c AS TEXT), c__v_text FROM t ORDER BY id")
        assert found == [(None, "007"), (None, "1E5"), (None, "123e4567"), ("42", None), ("x", None), ("1.5", None), (None, "1.50")]

    def test_decimals_and_json(self, nilus, sqlite, tmp_path):
        sqlite.run("CREATE TABLE t(id INTEGER, d DECIMAL(38,2), j JSON)")
        (tmp_path / "in.jsonl").write_text('{"id":1,"d":123456789012345678.25,"j":123456789012345678901}\n{"id":2,"d":1.10,"j":{"a":1}}\n{"id":3,"d":9007199254740993,"j":7}\n')
        nilus.run(manifest(nilus, f"file://{tmp_path}/in.jsonl", sqlite.uri))
        assert sqlite.run("SELECT d, d__v_text, j, j__v_text FROM t ORDER BY id") == [
            (None, "123456789012345678.25", None, "123456789012345678901"), (1.1, None, '{"a":1}', None), (9007199254740993, None, 7, None)]

    def test_keys_are_not_changed(self, nilus, sqlite, tmp_path):
        sqlite.run("CREATE TABLE t(id STRING, v TEXT)")
        source = write(tmp_path, {"id": "007", "v": "a"}, {"id": "7", "v": "b"})
        error = nilus.run(manifest(nilus, source, sqlite.uri, "merge", primary_key="id"), expect=1).report["error"]
        assert "1 value(s) of the primary key column `id`" in error["message"] and "STRING" in error["message"]
        assert sqlite.run("SELECT count(*) FROM t") == [(0,)]
        write(tmp_path, {"id": "x", "v": "a"}, {"id": "7", "v": "b"})
        nilus.run(manifest(nilus, source, sqlite.uri, "merge", primary_key="id"))
        write(tmp_path, {"id": "7", "v": "c"})
        nilus.run(manifest(nilus, source, sqlite.uri, "merge", primary_key="id"))
        assert sqlite.run("SELECT CAST(id AS TEXT), v FROM t ORDER BY 1") == [("7", "c"), ("x", "a")]

    @pytest.mark.parametrize("strategy", ["replace", "merge"])
    def test_a_table_that_an_index_keeps(self, strategy, nilus, sqlite, tmp_path):
        sqlite.run("CREATE TABLE t(id INTEGER, zip STRING)")
        sqlite.run("CREATE INDEX ix ON t(zip)")
        nilus.run(manifest(nilus, write(tmp_path, {"id": 1, "zip": "01234"}, {"id": 2, "zip": "1E5"}), sqlite.uri, strategy, primary_key="id"))
        assert sqlite.run("SELECT zip, zip__v_text FROM t ORDER BY id") == [(None, "01234"), (None, "1E5")]

    def test_contracts(self, nilus, sqlite, tmp_path):
        sqlite.run("CREATE TABLE t(id INTEGER, zip STRING)")
        source = write(tmp_path, {"id": 1, "zip": "01234"})
        error = nilus.run(manifest(nilus, source, sqlite.uri, contract="freeze"), expect=1).report["error"]
        assert "column `zip`" in error["message"] and error["fix"]
        report = nilus.run(manifest(nilus, source, sqlite.uri, contract="discard_value")).report
        assert report["tables"][0]["discarded"] == [{"column": "zip", "values": 1}]
        assert sqlite.run("SELECT id, zip FROM t") == [(1, None)]

    def test_a_variant_column_that_would_change_them_too(self, nilus, sqlite, tmp_path):
        sqlite.run("CREATE TABLE t(id INTEGER, zip STRING, zip__v_text STRING)")
        error = nilus.run(manifest(nilus, write(tmp_path, {"id": 1, "zip": "01234"}), sqlite.uri), expect=1).report["error"]
        assert "`zip__v_text`" in error["message"] and "STRING" in error["message"]

    def test_strict_tables_keep_any(self, nilus, sqlite, tmp_path):
        sqlite.run("CREATE TABLE t(id INT, c ANY) STRICT")
        nilus.run(manifest(nilus, write(tmp_path, {"id": 1, "c": "007"}), sqlite.uri))
        assert sqlite.run("SELECT c, typeof(c) FROM t") == [("007", "text")]
