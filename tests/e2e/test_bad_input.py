"""Wrong input is met with one clear message, the exit code of spec 11, and an untouched destination."""
import os
import pathlib
import sqlite3
import subprocess

import pytest

BATCH = """
name: p
version: v1alpha
type: nilus
spec:
  type: batch
  source: {{address: "{source}", options: {{source_table: {table}}}}}
  sink: {{address: "{sink}", options: {{dest_table: lake.t, incremental_strategy: {strategy}}}}}
"""


def clear(done, code, *words):
    """Exit code, a message with these words, and no traces of a crash."""
    assert done.code == code, done
    text = done.all_output
    for word in words:
        assert word.lower() in text.lower(), f"{word!r} is missing\n{done}"
    for ugly in ("terminate called", "std::", "Assertion", "Segmentation", "backtrace", "exception"):
        assert ugly not in text, done


# --- manifests

@pytest.mark.parametrize("text, words", [
    ("name: p\n\tversion: v1alpha\n", ["manifest", ":2:", "tab"]),
    ("name: p\nname: q\nversion: v1alpha\ntype: nilus\n", [":2:", "name"]),
    ("a: &a [x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)), ["alias"]),
    ("[" * 50_000, ["nest"]),
    ("\0\x01\x02binary", []),
    ("", []),
    ("just text", []),
    ("name: p\nversion: v1alpha\ntype: nilus\nspec: {type: batch, sorce: {}}\n", ["source"]),
    ("name: p\nversion: v1alpha\ntype: nils\n", ["nilus"]),
], ids=["tab", "duplicate key", "anchors that explode", "deep nesting", "binary", "empty", "no mapping", "unknown key", "unknown type"])
def test_wrong_yaml(text, words, nilus):
    path = nilus.folder / "manifest.yaml"
    path.write_bytes(text.encode())
    for command in ("validate", "run"):
        clear(nilus(command, path), 2, "manifest.yaml", *words)


def test_a_manifest_of_50_megabytes(nilus):
    path = nilus.folder / "manifest.yaml"
    path.write_text("name: p\n# " + "x" * 50_000_000)
    clear(nilus("validate", path), 2, "manifest.yaml", "large")


def test_a_manifest_that_is_not_there(nilus):
    clear(nilus("run", "nowhere.yaml"), 2, "nowhere.yaml")


def test_every_problem_is_reported_at_once(nilus):
    path = nilus.write("""
        name: p
        version: v1alpha
        type: nilus
        spec:
          type: batch
          source:
            address: postgresql://h/d
            options: {source-tabel: a.b, extract_parallelism: many, mask: {email: hashh}}
          sink:
            address: file:///tmp/x
            options: {dest_table: nodot, incremental_strategy: upsert}
        """)
    done = nilus("validate", path)
    clear(done, 2, "source_table", "extract_parallelism", "hash", "Table name must be in the format <schema>.<table>", "merge")
    assert done.all_output.count("manifest-1.yaml:") >= 5, done


def test_an_unset_variable_is_named_and_no_other_value_shown(nilus):
    path = nilus.write(BATCH.format(source="postgresql://u:{NOT_SET_ANYWHERE}@127.0.0.1/{ALSO_SECRET}", table="public.t", sink="file:///tmp/x", strategy="replace"))
    done = nilus("run", path, env={"ALSO_SECRET": "value-to-hide"})
    clear(done, 2, "NOT_SET_ANYWHERE")
    assert "value-to-hide" not in done.all_output


def test_an_unknown_scheme(nilus):
    clear(nilus("run", nilus.write(BATCH.format(source="postgrsql://h/d", table="a.b", sink="file:///tmp/x", strategy="replace"))), 2, "postgresql")


@pytest.mark.parametrize("address", ["postgresql://h/d?sslmod=disable", "duckdb:///x.duckdb?lock_wait_second=1", "sqlite:///x.db?busy_timeot=1",
                                     "file:///tmp/x?formt=csv", "lakehouse:///tmp/x?catalog_typ=sql", "delta:///tmp/x?regin=eu-west-1"])
def test_a_parameter_that_no_connector_knows(address, nilus):
    """As source, as sink, and alone: a wish that nobody reads is no wish."""
    word = address[address.index("?") + 1:address.index("=")]
    wrong = [nilus("run", nilus.write(BATCH.format(source=address, table="a.b", sink="file:///tmp/x", strategy="replace"))), nilus("check", address)]
    if not address.startswith("delta:"):
        wrong.append(nilus("run", nilus.write(BATCH.format(source="sqlite:///x.db", table="b", sink=address, strategy="replace"))))
    for done in wrong:
        clear(done, done.code, f"'{word}'", "did you mean")
        assert done.code != 0
    clear(nilus("validate", nilus.write(BATCH.format(source=address, table="a.b", sink="file:///tmp/x", strategy="replace"))), 2, f"'{word}'")


# --- sources

def test_wrong_password_host_and_database(nilus, tmp_path, postgres):
    sink = f"file://{tmp_path}/out"
    def run(source, table="public.t"):
        return nilus("run", nilus.write(BATCH.format(source=source, table=table, sink=sink, strategy="replace")), env={"NILUS_RETRY_ATTEMPTS": "2"})
    clear(run("postgresql://postgres@127.0.0.1:1/db"), 1, "127.0.0.1")
    clear(run(f"postgresql://nobody_known@127.0.0.1:{postgres.port}/postgres"), 1, "nobody_known")
    clear(run(f"postgresql://postgres@127.0.0.1:{postgres.port}/no_such_db"), 1, "no_such_db")
    clear(run("postgresql://postgres@no-such-host.invalid/db"), 1, "no-such-host.invalid")
    assert not (tmp_path / "out" / "lake" / "t").exists()


def test_unknown_table_and_columns(nilus, tmp_path, database):
    database.execute("CREATE TABLE customers (id bigint, name text)")
    sink = f"file://{tmp_path}/out"
    def run(table, **options):
        return nilus.run(nilus.manifest({"address": database.uri, "options": {"source_table": table, **options}}, {"address": sink, "options": {"dest_table": "lake.t"}}),
                         expect=None)
    clear(run("public.custmers"), 1, "custmers", "customers")
    clear(run("public.customers", sql_exclude_columns="nam"), 2, "nam", "name")
    clear(run("public.customers", incremental_key="updated"), 2, "updated")
    clear(run("query:SELECT nothing FROM customers"), 1, "nothing")
    clear(run("query:SELEC 1"), 2, "syntax")
    assert not (tmp_path / "out" / "lake" / "t").exists()


def test_an_incremental_key_without_an_order(nilus, tmp_path):
    (tmp_path / "items.jsonl").write_text('{"id": 1, "at": 5}\n{"id": 2, "at": "monday"}\n')
    done = nilus.run(nilus.manifest({"address": f"file://{tmp_path}", "options": {"source_table": "items.jsonl", "incremental_key": "at"}},
                                    {"address": f"duckdb:///{tmp_path}/x.duckdb", "options": {"dest_table": "lake.items"}}), expect=None)
    clear(done, 2, "`at`", "items.jsonl", "a string in some rows and a number")


@pytest.mark.parametrize("text, words", [
    ("a,b\n1,2\n3\n5,6\n", ["3"]),
    ("a,b\n1,2\n3,4,5\n", ["3"]),
    ('a,b\n1,"open\n3,4\n', ["quote"]),
    (b"a,b\n1,ok\n2,\xff\xfe\n", ["utf"]),
], ids=["short row", "long row", "unclosed quote", "invalid UTF-8"])
def test_broken_csv(text, words, nilus, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for sink in (f"duckdb:///{tmp_path}/x.duckdb", f"file://{tmp_path}/out"):
        done = nilus("run", nilus.write(BATCH.format(source=f"file://{path}", table="broken", sink=sink, strategy="replace")))
        clear(done, 1, "broken.csv", *words)
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_no_file_matches(nilus, tmp_path):
    done = nilus("run", nilus.write(BATCH.format(source=f"file://{tmp_path}/none/*.csv", table="t", sink=f"duckdb:///{tmp_path}/x.duckdb", strategy="replace")))
    clear(done, 1, "none")


def test_broken_json(nilus, tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    done = nilus("run", nilus.write(BATCH.format(source=f"file://{tmp_path}/x.jsonl", table="t", sink=f"duckdb:///{tmp_path}/x.duckdb", strategy="replace")))
    clear(done, 1, "x.jsonl")


def test_a_source_database_that_is_none(nilus, tmp_path):
    (tmp_path / "x.db").write_text("this is no database " * 100)
    for source in (f"sqlite:///{tmp_path}/x.db", f"duckdb:///{tmp_path}/x.db", f"sqlite:///{tmp_path}/missing.db", f"duckdb:///{tmp_path}/missing.db"):
        done = nilus("run", nilus.write(BATCH.format(source=source, table="main.t", sink=f"file://{tmp_path}/out", strategy="replace")))
        assert done.code in (1, 2), done  # a file that is no database is wrong input; one that is missing fails the run
        clear(done, done.code, source.rsplit("/", 1)[1])
    assert not (tmp_path / "missing.db").exists(), "opening a source must not create it"


# --- names

def test_columns_that_collide_after_naming(nilus, tmp_path, database):
    database.execute('CREATE TABLE t ("userId" bigint, user_id bigint); INSERT INTO t VALUES (1, 2)')
    done = nilus("run", nilus.write(BATCH.format(source=database.uri, table="public.t", sink=f"duckdb:///{tmp_path}/x.duckdb", strategy="replace")))
    clear(done, 2, "userId", "user_id", "SCHEMA_NAMING")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_column_that_becomes_one_of_ours(form, nilus, tmp_path, database):
    database.execute('CREATE TABLE t (id bigint, "_nilusId" text); INSERT INTO t VALUES (1, \'x\')')
    done = nilus("run", nilus.write(BATCH.format(source=database.uri, table="public.t", sink=f"file://{tmp_path}/out?format={form}", strategy="replace")))
    clear(done, done.code, "`_nilusId`", "`_nilus_id`", "sql_exclude_columns")
    assert done.code != 0 and not (tmp_path / "out" / "lake" / "t").exists()


def test_sql_in_every_identifier(nilus, tmp_path, postgres):
    evil = "x'; DROP TABLE keep; --\"; DROP TABLE keep; --"
    source, sink = postgres.create_database(), postgres.create_database()
    quoted = '"' + evil.replace('"', '""')[:63] + '"'
    for database in (source, sink):
        database.execute("CREATE TABLE keep (id bigint)")
    source.execute(f'CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} (id bigint PRIMARY KEY, {quoted} text)'.replace("%", "%%"))
    source.execute(f"INSERT INTO {quoted}.{quoted} VALUES (1, 'x'), (2, '''; DROP TABLE keep; --')")
    for strategy in ("replace", "append", "merge", "scd2"):
        for address in (sink.uri, f"duckdb:///{tmp_path}/x.duckdb", f"sqlite:///{tmp_path}/x.db"):
            manifest = nilus.manifest({"address": source.uri, "options": {"source_table": f"{quoted}.{quoted}", "primary_key": "id"}},
                                      {"address": address, "options": {"dest_table": f"main.{evil}", "incremental_strategy": strategy}},
                                      name=evil)
            done = nilus("run", manifest, "--json", env={"SCHEMA_NAMING": "direct"})
            assert done.code in (0, 1, 2), done
            clear(done, done.code)
    for database in (source, sink):
        assert database.exists("keep")
    assert source.execute(f"SELECT count(*) FROM {quoted}.{quoted}") == [(2,)]


@pytest.mark.parametrize("kind", ["postgres", "duckdb", "sqlite", "file"])
def test_1598_columns(kind, nilus, tmp_path, postgres):
    """Two more are ours: PostgreSQL takes 1,600."""
    source = postgres.create_database()
    source.execute("CREATE TABLE wide (" + ", ".join(f"c{i} integer" for i in range(1598)) + "); INSERT INTO wide (c0, c1597) SELECT i, -i FROM generate_series(1, 10) i")
    sink = {"postgres": postgres.create_database().uri, "duckdb": f"duckdb:///{tmp_path}/x.duckdb", "sqlite": f"sqlite:///{tmp_path}/x.db", "file": f"file://{tmp_path}/out"}[kind]
    done = nilus("run", nilus.write(BATCH.format(source=source.uri, table="public.wide", sink=sink, strategy="replace").replace("lake.t", "main.wide")), "--json")
    clear(done, 0)
    assert done.report["tables"][0]["rows_out"] == 10


# --- values and destinations

def test_a_value_of_100_megabytes(nilus, tmp_path, database):
    database.execute("CREATE TABLE big (id bigint, body text); INSERT INTO big SELECT 1, repeat('0123456789', 10000000); INSERT INTO big VALUES (2, 'small')")
    for sink in (f"file://{tmp_path}/out", f"duckdb:///{tmp_path}/x.duckdb", f"sqlite:///{tmp_path}/x.db"):
        text = BATCH.format(source=database.uri, table="public.big", sink=sink, strategy="replace").replace("lake.t", "main.big")
        clear(nilus("run", nilus.write(text)), 0)
    with sqlite3.connect(tmp_path / "x.db") as db:
        assert db.execute("SELECT id, length(body) FROM big ORDER BY id").fetchall() == [(1, 100_000_000), (2, 5)]


def test_a_value_that_no_limit_holds_is_refused(nilus, tmp_path, database):
    database.execute("CREATE TABLE big (id bigint, body text); INSERT INTO big SELECT 9, repeat('0123456789', 14000000)")
    text = BATCH.format(source=database.uri, table="public.big", sink=f"file://{tmp_path}/out", strategy="replace")
    done = nilus("run", nilus.write(text), "--json")
    clear(done, 1, "`body`", "resources.limits.memory to 5")


def test_a_value_of_100_megabytes_into_postgres(nilus, postgres):
    source, sink = postgres.create_database(), postgres.create_database()
    source.execute("CREATE TABLE big (id bigint, body text); INSERT INTO big SELECT 1, repeat('0123456789', 10000000)")
    clear(nilus("run", nilus.write(BATCH.format(source=source.uri, table="public.big", sink=sink.uri, strategy="replace"))), 0)
    assert sink.execute("SELECT id, length(body) FROM lake.t") == [(1, 100_000_000)]


@pytest.mark.parametrize("kind", ["postgres", "duckdb", "sqlite", "file"])
def test_empty_tables(kind, nilus, tmp_path, postgres):
    source = postgres.create_database()
    source.execute("CREATE TABLE nothing (id bigint PRIMARY KEY, name text)")
    sink_database = postgres.create_database()
    sink = {"postgres": sink_database.uri, "duckdb": f"duckdb:///{tmp_path}/x.duckdb", "sqlite": f"sqlite:///{tmp_path}/x.db", "file": f"file://{tmp_path}/out"}[kind]
    manifest = nilus.write(BATCH.format(source=source.uri, table="public.nothing", sink=sink, strategy="replace").replace("lake.t", "main.t"))
    for _ in range(2):
        done = nilus("run", manifest, "--json")
        clear(done, 0)
        assert done.report["tables"][0]["rows_out"] == 0
    if kind == "postgres":
        assert sink_database.rows("main.t") == []


@pytest.mark.parametrize("kind", ["postgres", "duckdb", "sqlite"])
def test_keys_under_merge(kind, nilus, tmp_path, postgres):
    source, sink_database = postgres.create_database(), postgres.create_database()
    source.execute("CREATE TABLE t (id bigint, version bigint); INSERT INTO t VALUES (1, 1), (1, 2), (2, 1)")
    sink = {"postgres": sink_database.uri, "duckdb": f"duckdb:///{tmp_path}/x.duckdb", "sqlite": f"sqlite:///{tmp_path}/x.db"}[kind]
    manifest = nilus.manifest({"address": source.uri, "options": {"source_table": "public.t", "primary_key": "id"}},
                              {"address": sink, "options": {"dest_table": "main.t", "incremental_strategy": "merge"}})
    nilus.run(manifest)
    def rows():
        return sorted((row["id"], row["version"]) for row in nilus.query(sink, "SELECT id, version FROM main.t"))
    assert rows() == [(1, 2), (2, 1)], "the last version of a key wins"
    source.execute("INSERT INTO t VALUES (NULL, 3), (3, 3)")
    clear(nilus.run(manifest, expect=1), 1, "id", "NULL")
    assert rows() == [(1, 2), (2, 1)], "a refused load leaves the destination as it was"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 6 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", folder], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("mounting a file system needs root and CAP_SYS_ADMIN")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "file", "lakehouse"])
def test_disk_full(kind, nilus, small_disk, tmp_path, database):
    database.execute("CREATE TABLE t (id bigint, body text)")
    database.execute("INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 100) i")
    sink = {"duckdb": f"duckdb:///{small_disk}/x.duckdb", "sqlite": f"sqlite:///{small_disk}/x.db", "file": f"file://{small_disk}/out?format=csv",
            "lakehouse": f"lakehouse://{small_disk}"}[kind]
    manifest = nilus.write(BATCH.format(source=database.uri, table="public.t", sink=sink, strategy="append").replace("lake.t", "main.t"))
    nilus.run(manifest)
    database.execute("INSERT INTO t SELECT i, string_agg(md5((i * j)::text), '') FROM generate_series(101, 6000) i, generate_series(1, 100) j GROUP BY i")
    done = nilus("run", manifest, "--json")
    clear(done, 1, "space")
    for extra in small_disk.rglob("*.tmp"):
        assert extra.stat().st_size < 6_000_000
    count = nilus.query(sink, "SELECT count(*) AS n FROM main.t")
    assert count == [{"n": 100}], "what was there before is there still"


def test_permission_denied(nilus, tmp_path, database):
    database.execute("CREATE TABLE t (id bigint); CREATE ROLE reader LOGIN" if not database.execute("SELECT 1 FROM pg_roles WHERE rolname = 'reader'") else "CREATE TABLE t (id bigint)")
    as_reader = database.uri.replace("postgres@", "reader@")
    clear(nilus("run", nilus.write(BATCH.format(source=as_reader, table="public.t", sink=f"file://{tmp_path}/out", strategy="replace"))), 1, "GRANT", "SELECT")
    clear(nilus("run", nilus.write(BATCH.format(source=database.uri, table="public.t", sink=as_reader, strategy="replace"))), 1, "GRANT", "CREATE")
    assert not database.exists("lake.t")


def test_a_file_destination_that_cannot_be_written(nilus, tmp_path, database):
    database.execute("CREATE TABLE t (id bigint)")
    (tmp_path / "taken").write_text("a file, not a folder")
    clear(nilus("run", nilus.write(BATCH.format(source=database.uri, table="public.t", sink=f"file://{tmp_path}/taken", strategy="replace"))), 2, "taken")


def test_a_table_dropped_while_it_is_read(nilus, tmp_path, database):
    """The reader's lock makes DROP wait, or the run fails and says so; it never succeeds with half a table."""
    database.execute("CREATE TABLE t (id bigint, body text); INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i")
    manifest = nilus.write(BATCH.format(source=database.uri, table="public.t", sink=f"file://{tmp_path}/out?format=csv", strategy="replace"))
    process = nilus.start("run", manifest, "--json", env={"NILUS_FAULT": "engine.after_open:pause"})
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    import signal
    import threading
    dropper = threading.Thread(target=lambda: database.execute("DROP TABLE t"))
    dropper.start()
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    dropper.join(60)
    assert not dropper.is_alive()
    files = list((pathlib.Path(tmp_path) / "out" / "lake" / "t").glob("*.csv"))
    rows = sum(len(f.read_text().splitlines()) - 1 for f in files)
    if process.returncode == 0:
        assert rows == 20000
    else:
        assert rows == 0 and err


def test_commands(nilus):
    clear(nilus("rnu"), 2, "run")
    clear(nilus(), 2)
    assert nilus("--version").code == 0
    assert nilus("--help").code == 0


def test_stopping_is_graceful(nilus, tmp_path, database):
    import signal
    database.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 10) i")
    for number in (signal.SIGTERM, signal.SIGINT):
        manifest = nilus.write(BATCH.format(source=database.uri, table="public.t", sink=f"file://{tmp_path}/out", strategy="replace"))
        process = nilus.start("run", manifest, env={"NILUS_FAULT": "engine.after_open:pause"})
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.kill(process.pid, number)
        os.kill(process.pid, signal.SIGCONT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert not (tmp_path / "out" / "lake" / "t").exists()
