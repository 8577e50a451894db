"""The catalog in a database, on a real PostgreSQL: what lake/catalog_test.cc asks of every catalog."""
import os
import pathlib
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
