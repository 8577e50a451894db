"""The catalog in a database, on a real PostgreSQL: what lake/catalog_test.cc asks of every catalog."""
import json
import os
import pathlib
import sqlite3
import subprocess

BUILD = pathlib.Path(os.environ["NILUS_BIN"]).parent


def run_catalog_tests(uri):
    return subprocess.run([BUILD / "nilus_lake_test", "--gtest_filter=All/Catalogs.*/postgres"], capture_output=True, text=True,
                          env={**os.environ, "NILUS_TEST_POSTGRES": uri}, timeout=300)


def test_postgres(database):
    done = run_catalog_tests(database.uri)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIPPED" not in done.stdout
    # The tables are those of Iceberg's JDBC catalog, and the rows of dropped tables are gone.
    columns = database.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'iceberg_tables' ORDER BY ordinal_position")
    assert [c for c, in columns] == ["catalog_name", "table_namespace", "table_name", "metadata_location", "previous_metadata_location"]


def test_a_wrong_password_is_told_without_it(database):
    """Trust authentication knows no wrong password; a server that is not there does for the message."""
    done = run_catalog_tests("postgresql://somebody:s3cr3t@127.0.0.1:1/nowhere")
    assert done.returncode != 0
    assert "s3cr3t" not in done.stdout + done.stderr


def load_items(nilus, folder, address):
    with sqlite3.connect(folder / "s.db") as db:
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO items VALUES (1), (2)")
    return nilus.run(nilus.manifest({"address": f"sqlite:///{folder}/s.db", "options": {"source_table": "items"}},
                                    {"address": address, "options": {"dest_table": "lake.items", "incremental_strategy": "replace"}}))


COUNT = "SELECT count(*) AS n FROM lake.items"


def test_a_role_that_may_only_select_reads(nilus, tmp_path, database):
    address = f"lakehouse://{tmp_path}/w?catalog_type=sql&catalog_uri={database.uri}"
    missing = nilus("query", address, COUNT)
    assert missing.code == 1 and "lake.items" in missing.err and "no catalog is yet" in missing.err, missing
    assert database.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'iceberg%'") == [(0,)]
    assert "NOTICE" not in load_items(nilus, tmp_path, address).err
    database.execute("DROP ROLE IF EXISTS lake_reader; CREATE ROLE lake_reader LOGIN; GRANT SELECT ON iceberg_tables, iceberg_namespace_properties TO lake_reader")
    done = nilus("query", address.replace("postgres@", "lake_reader@"), COUNT, "--format", "jsonl")
    assert done.code == 0 and json.loads(done.out) == {"n": 2} and "NOTICE" not in done.err, done


def test_reading_makes_no_sqlite_catalog(nilus, tmp_path):
    address = f"lakehouse://{tmp_path}/w?catalog_type=sql&catalog_uri=sqlite:///{tmp_path}/c.db"
    load_items(nilus, tmp_path, address)
    assert nilus.query(address, COUNT) == [{"n": 2}]
    mistyped = nilus("query", address.replace("c.db", "nope.db"), COUNT)
    assert mistyped.code == 1 and "no catalog is yet" in mistyped.err, mistyped
    assert not (tmp_path / "nope.db").exists()
