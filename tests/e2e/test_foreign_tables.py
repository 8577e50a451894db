"""Tables that somebody else made: what their columns would change about a value is kept beside them, and never changed without a word."""
import itertools
import json
import sqlite3

import pytest

import duckdb_file


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


def merged(rows):
    """column → its value, of the columns that have one."""
    return [{name: value for name, value in row.items() if value is not None and not name.startswith("_nilus")} for row in rows]


class TestPostgres:
    """What a cast from text rounds, cuts or refuses is kept as text; the usual types need no cast."""

    @pytest.fixture
    def target(self, postgres):
        return postgres.create_database()

    def rows(self, database):
        return merged(json.loads(row) for (row,) in database.execute("SELECT row_to_json(t)::text FROM raw.t ORDER BY id"))

    def load(self, nilus, source, target, declared, strategy="append", expect=0, **options):
        target.execute(f"CREATE SCHEMA IF NOT EXISTS raw; DROP TABLE IF EXISTS raw.t, raw.t__dead_letters; CREATE TABLE raw.t(id bigint, c {declared})")
        options.setdefault("primary_key", "id" if strategy == "merge" else None)
        return nilus.run(manifest(nilus, source, target.uri, strategy, "raw.t", **{k: v for k, v in options.items() if v}), expect=expect)

    # declared type, a value that it keeps, one that it does not
    LOSSY = [("name", "short", "x" * 70), ("numeric(5,-2)", "1200", "1250"), ("money", "1.5", "1.005"), ("varbit(3)", "101", "10101"), ("bit(3)", "101", "1"),
             ("interval(0)", "2 seconds", "1.6 seconds"), ("interval year to month", "1 year", "1 year 3 days"), ("timetz(0)", "10:00:00+02", "10:00:00.6+02"),
             ("varchar(3)[]", "{abc}", "{abcd}"), ("numeric(4,1)[]", "{1,2.5}", "{1.25}"), ('"char"', "a", "abc"), ("oid", "5", "-1"),
             ("inet", "10.0.0.1/32", "nowhere"), ("int4range", "[1,5]", "[5,1]"), ("int[]", "{1,2}", "{1,x}"), ("en", "a", "zz"), ("pos", "5", "-5"), ("short", "abc", "abcd"),
             ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "x"), ("regclass", "pg_class", "no_such_table")]
    DOMAINS = "CREATE TYPE en AS ENUM ('a', 'b'); CREATE DOMAIN pos AS int CHECK (VALUE > 0); CREATE DOMAIN short AS varchar(3) CHECK (VALUE <> '')"

    @pytest.mark.parametrize("strategy", ["append", "merge"])
    def test_what_does_not_fit_is_kept_beside(self, strategy, nilus, target, tmp_path):
        target.execute(self.DOMAINS)
        for declared, kept, lost in self.LOSSY:
            is_number = declared in ("pos", "oid", "numeric(5,-2)")
            values = [int(v) if is_number else v for v in (kept, lost)]
            report = self.load(nilus, write(tmp_path, {"id": 1, "c": values[0]}, {"id": 2, "c": values[1]}), target, declared, strategy).report
            assert report["tables"][0]["variants"] == [{"column": "c", "variant": "c__v_text", "values": 1}], declared
            first, second = self.rows(target)
            assert "c" in first and "c__v_text" not in first and second == {"id": 2, "c__v_text": lost}, (declared, first, second)

    def test_a_key_that_would_be_cut(self, nilus, target, tmp_path):
        target.execute("CREATE SCHEMA raw; CREATE TABLE raw.t(id name, v text)")
        source = write(tmp_path, {"id": "a" * 63 + "1", "v": "1"}, {"id": "a" * 63 + "2", "v": "2"})
        error = nilus.run(manifest(nilus, source, target.uri, "merge", "raw.t", primary_key="id"), expect=1).report["error"]
        assert "primary key column `id`" in error["message"] and "name" in error["message"] and error["fix"]
        assert target.execute("SELECT count(*) FROM raw.t") == [(0,)]

    @pytest.mark.parametrize("declared,kept,lost", [("varchar(3)", "ab", "abcd"), ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "x"), ("en", "a", "zz")])
    def test_discard_row_makes_letters(self, declared, kept, lost, nilus, target, tmp_path):
        target.execute(self.DOMAINS)
        report = self.load(nilus, write(tmp_path, {"id": 1, "c": kept}, {"id": 2, "c": lost}), target, declared, contract="discard_row").report
        assert report["tables"][0]["rows_dead_lettered"] == 1 and self.rows(target) == [{"id": 1, "c": kept}]
        ((payload, column, reason),) = target.execute('SELECT payload::text, "column", reason FROM raw.t__dead_letters')
        assert json.loads(payload) == {"id": 2, "c": lost} and column == "c" and "cannot hold" in reason

    def test_discard_row_of_what_only_the_server_judges_is_an_error(self, nilus, target, tmp_path):
        error = self.load(nilus, write(tmp_path, {"id": 1, "c": "1.6 seconds"}), target, "interval(0)", contract="discard_row", expect=1).report["error"]
        assert "column `c`" in error["message"] and "interval(0)" in error["message"] and error["fix"]

    def test_discard_value(self, nilus, target, tmp_path):
        report = self.load(nilus, write(tmp_path, {"id": 1, "c": "1.6 seconds"}, {"id": 2, "c": "1 second"}), target, "interval(0)", contract="discard_value").report
        assert report["tables"][0]["discarded"] == [{"column": "c", "values": 1}]
        assert self.rows(target) == [{"id": 1}, {"id": 2, "c": "00:00:01"}]


class TestDuckdb:
    @pytest.fixture
    def duck(self, tmp_path, nilus):
        self.path = tmp_path / "d.duckdb"
        return self

    def make(self, declared):
        if self.path.exists():
            self.path.unlink()
        duckdb_file.change(self.path, f"CREATE SCHEMA raw; CREATE TABLE raw.t(id BIGINT, c {declared})")

    def rows(self):
        names = [name for (name,) in duckdb_file.query(self.path, "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'raw' AND table_name = 't' ORDER BY column_index")]
        return merged(dict(zip(names, row)) for row in duckdb_file.query(self.path, "SELECT COLUMNS(*)::VARCHAR FROM raw.t ORDER BY id"))

    # declared type, a value that it keeps, one that it does not, the type of the source's column
    LOSSY = [("TIMESTAMP_S", "2024-01-01 10:00:00", "2024-01-01 10:00:00.6", "timestamp"), ("TIMESTAMP_MS", "2024-01-01 10:00:00.6", "2024-01-01 10:00:00.6006", "timestamp"),
             ("TIMESTAMP_NS", "2024-01-01", "2400-01-01", "timestamp"), ("ENUM('a', 'b')", "a", "zz", "text"), ("UUID", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "x", "text"),
             ("TINYINT", "5", "300", "int"), ("UTINYINT", "255", "-1", "int"), ("UBIGINT", "5", "-1", "bigint"), ("INTEGER[]", "[1, 2.0]", "[1,2.5]", "json"),
             ("DOUBLE[]", "[1,2.50]", '[1,"x"]', "json"), ("STRUCT(a INTEGER)", '{"a": 1}', '{"a":1,"b":2}', "json"), ("MAP(VARCHAR, INTEGER)", '{"a": 1}', '{"a":1.5}', "json"),
             ("INTEGER[2]", "[1,2]", "[1,2,3]", "json"), ("INTERVAL", "1 year 3 days", "soon", "text"), ("BIT", "101", "12", "text")]

    @pytest.mark.parametrize("strategy", ["append", "merge"])
    def test_what_does_not_fit_is_kept_beside(self, strategy, nilus, duck, database):
        for declared, kept, lost, of in self.LOSSY:
            duck.make(declared)
            database.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t(id int, c {of}); INSERT INTO t VALUES (1, '{kept}'), (2, '{lost}')")
            report = nilus.run(manifest(nilus, database.uri, f"duckdb:///{duck.path}", strategy, "raw.t", source_table="public.t", primary_key="id")).report
            assert report["tables"][0]["variants"] == [{"column": "c", "variant": "c__v_text", "values": 1}], declared
            first, second = duck.rows()
            assert "c" in first and "c__v_text" not in first and "c" not in second, (declared, first, second)
            text = second["c__v_text"]
            assert text.startswith(lost.replace(" ", "T")) if of == "timestamp" else text == lost, (declared, text)

    def test_many_rows(self, nilus, duck, tmp_path):
        duck.make("TINYINT")
        (tmp_path / "in.csv").write_text("id,c\n" + "".join(f"{i},{i % 200}\n" for i in range(300_000)))
        report = nilus.run(manifest(nilus, f"file://{tmp_path}/in.csv", f"duckdb:///{duck.path}", "append", "raw.t")).report
        assert report["tables"][0]["variants"][0]["values"] == 300_000 // 200 * 72
        assert duckdb_file.query(duck.path, "SELECT count(*), sum(id), count(c), count(c__v_text), min(c__v_text), sum(c) + sum(c__v_text::int) FROM raw.t") == [
            ("300000", str(sum(range(300_000))), str(300_000 // 200 * 128), str(300_000 // 200 * 72), "128", str(sum(i % 200 for i in range(300_000))))]

    def test_contracts(self, nilus, duck, tmp_path):
        source = write(tmp_path, {"id": 1, "c": 300}, {"id": 2, "c": 3})
        duck.make("TINYINT")
        error = nilus.run(manifest(nilus, source, f"duckdb:///{duck.path}", "append", "raw.t", "freeze"), expect=1).report["error"]
        assert "column `c`" in error["message"] and "TINYINT" in error["message"] and error["fix"]
        nilus.run(manifest(nilus, source, f"duckdb:///{duck.path}", "append", "raw.t", "discard_value"))
        assert duck.rows() == [{"id": "1"}, {"id": "2", "c": "3"}]

    def test_a_key_that_does_not_fit(self, nilus, duck, tmp_path):
        duck.make("TINYINT")
        error = nilus.run(manifest(nilus, write(tmp_path, {"id": 1, "c": 300}), f"duckdb:///{duck.path}", "merge", "raw.t", primary_key="c"), expect=1).report["error"]
        assert "primary key column `c`" in error["message"] and "TINYINT" in error["message"]

    @pytest.mark.parametrize("declared,kept,lost", [("TINYINT", 5, 300), ("ENUM('a', 'b')", "a", "zz"), ("INTEGER[]", [1, 2], [1, 2.5])])
    def test_discard_row_makes_letters(self, declared, kept, lost, nilus, duck, tmp_path):
        duck.make(declared)
        report = nilus.run(manifest(nilus, write(tmp_path, {"id": 1, "c": kept}, {"id": 2, "c": lost}), f"duckdb:///{duck.path}", "append", "raw.t", "discard_row")).report
        assert report["tables"][0]["rows_dead_lettered"] == 1 and [row["id"] for row in duck.rows()] == ["1"]
        ((payload, column, reason),) = duckdb_file.query(duck.path, 'SELECT payload::VARCHAR, "column", reason FROM raw.t__dead_letters')
        assert json.loads(payload) == {"id": 2, "c": lost} and column == "c" and declared in reason


@pytest.mark.parametrize("depth", ["0", "1"])
def test_words_for_floats_inside_of_lists_are_strings(depth, nilus, tmp_path):
    """DuckDB's to_json writes NaN as it is, which is no JSON."""
    source, target = tmp_path / "s.duckdb", tmp_path / "d.db"
    duckdb_file.change(source, "CREATE TABLE s AS SELECT 1 AS id, [0.5, 'NaN'::DOUBLE, '-Infinity'::DOUBLE] AS l, {'NaN': 'Infinity'::FLOAT} AS o")
    nilus.run(manifest(nilus, f"duckdb:///{source}", f"sqlite:///{target}", source_table="main.s", max_table_nesting=depth))
    with sqlite3.connect(target) as db:
        if depth == "0":
            assert db.execute("SELECT l, o FROM t").fetchall() == [('[0.5,"NaN","-Infinity"]', '{"NaN":"Infinity"}')]
        else:
            assert [value for (value,) in db.execute("SELECT value FROM t__l ORDER BY _nilus_list_idx")] == [0.5, "NaN", float("-inf")]
