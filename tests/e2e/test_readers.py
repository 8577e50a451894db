"""Readers of a destination never see half a load."""
import contextlib
import sqlite3
import threading

import pytest


def source_with(path, rows, generation):
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE IF EXISTS items")
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, generation BIGINT)")
        db.executemany("INSERT INTO items VALUES (?, ?)", [(i, generation) for i in range(rows)])


def watch(read, seen, stop):
    while not stop.is_set():
        seen.add(read())


@pytest.mark.parametrize("dependents", ["none", "view", "repeatable read"])
def test_replace_in_postgres(dependents, nilus, tmp_path, database, postgres):
    source_with(tmp_path / "s.db", 3000, 0)
    manifest = nilus.manifest({"address": f"sqlite:///{tmp_path}/s.db", "options": {"source_table": "items"}},
                              {"address": database.uri, "options": {"dest_table": "lake.items", "incremental_strategy": "replace"}})
    nilus.run(manifest)
    if dependents == "view":
        database.execute("CREATE VIEW lake.seen AS SELECT * FROM lake.items; GRANT SELECT ON lake.items TO PUBLIC")
    connection = postgres.connect(database.name, autocommit=dependents != "repeatable read")
    cursor = connection.cursor()

    def read():
        if dependents == "repeatable read":  # the snapshot is taken before the table is touched
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT 1")
        cursor.execute("SELECT count(*), count(DISTINCT generation) FROM lake.items")
        result = cursor.fetchone()
        if dependents == "repeatable read":
            connection.rollback()
        return result

    seen, stop = set(), threading.Event()
    reader = threading.Thread(target=watch, args=(read, seen, stop))
    reader.start()
    try:
        for generation in range(1, 9):
            source_with(tmp_path / "s.db", 3000, generation)
            nilus.run(manifest)
    finally:
        stop.set()
        reader.join()
        connection.close()
    assert seen == {(3000, 1)}, seen
    if dependents == "view":
        assert database.execute("SELECT count(*), max(generation) FROM lake.seen") == [(3000, 8)]


@pytest.mark.parametrize("strategy", ["append", "merge", "delete+insert", "scd2"])
def test_other_strategies_in_postgres(strategy, nilus, tmp_path, database, postgres):
    """What a reader counts is always a whole number of loads."""
    source = tmp_path / "s.db"
    with sqlite3.connect(source) as db:
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, at BIGINT)")
    options = {"source_table": "items", "primary_key": "id", **({} if strategy == "scd2" else {"incremental_key": "at"})}
    manifest = nilus.manifest({"address": f"sqlite:///{source}", "options": options},
                              {"address": database.uri, "options": {"dest_table": "lake.items", "incremental_strategy": strategy}})
    def add(load):
        with sqlite3.connect(source) as db:
            db.executemany("INSERT INTO items VALUES (?, ?)", [(load * 1000 + i, load * 1000 + i) for i in range(1000)])
    add(0)
    nilus.run(manifest)
    connection = postgres.connect(database.name)
    cursor = connection.cursor()

    def read():
        cursor.execute("SELECT count(*) FROM lake.items")
        return cursor.fetchone()[0]

    seen, stop = set(), threading.Event()
    reader = threading.Thread(target=watch, args=(read, seen, stop))
    reader.start()
    try:
        for load in range(1, 6):
            add(load)
            nilus.run(manifest)
    finally:
        stop.set()
        reader.join()
        connection.close()
    assert seen <= {1000 * n for n in range(1, 7)}, seen


def test_replace_of_files(nilus, tmp_path):
    source_with(tmp_path / "s.db", 2000, 0)
    table = tmp_path / "out" / "lake" / "items"
    manifest = nilus.manifest({"address": f"sqlite:///{tmp_path}/s.db", "options": {"source_table": "items"}},
                              {"address": f"file://{tmp_path}/out?format=csv",
                               "options": {"dest_table": "lake.items", "incremental_strategy": "replace", "loader_file_size": 250}})
    nilus.run(manifest)

    import os

    def read():
        """One look at the folder: the folder itself is held open, as a reader that lists and then opens would."""
        with contextlib.ExitStack() as opened:
            folder = os.open(table, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, folder)
            try:
                names = [name for name in os.listdir(folder) if name.endswith(".csv")]
                texts = []
                for name in names:
                    file = os.open(name, os.O_RDONLY, dir_fd=folder)
                    with os.fdopen(file) as text:
                        texts += text.read().splitlines()[1:]
            except FileNotFoundError:
                return "gone while reading"  # the folder was exchanged and the old one removed: to be read again
        return len(texts), len({line.split(",")[1] for line in texts})

    seen, stop = set(), threading.Event()
    reader = threading.Thread(target=watch, args=(read, seen, stop))
    reader.start()
    try:
        for generation in range(1, 9):
            source_with(tmp_path / "s.db", 2000, generation)
            nilus.run(manifest)
    finally:
        stop.set()
        reader.join()
    assert seen - {"gone while reading"} == {(2000, 1)}, seen


def test_one_snapshot_for_all_readers(nilus, tmp_path, database, postgres):
    """Rows move between the parts of a table while it is read in parallel: each is read exactly once, in one state."""
    database.execute("CREATE TABLE accounts (id bigint PRIMARY KEY, amount bigint, filler text);"
                     " INSERT INTO accounts SELECT i, 100, repeat('x', 500) FROM generate_series(1, 40000) i; ANALYZE accounts")
    stop = threading.Event()

    def transfer():
        import random
        chance = random.Random(7)
        with contextlib.closing(postgres.connect(database.name)) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                a, b = chance.sample(range(1, 40001), 2)
                cursor.execute("BEGIN; UPDATE accounts SET amount = amount - 5 WHERE id = %s; UPDATE accounts SET amount = amount + 5 WHERE id = %s; COMMIT", (a, b))

    writers = [threading.Thread(target=transfer) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        manifest = nilus.manifest({"address": database.uri, "options": {"source_table": "public.accounts", "extract_parallelism": 4}},
                                  {"address": f"sqlite:///{tmp_path}/x.db", "options": {"dest_table": "main.accounts", "incremental_strategy": "replace"}})
        for _ in range(5):
            nilus.run(manifest)
            with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as db:
                assert db.execute("SELECT count(*), count(DISTINCT id), sum(amount) FROM accounts").fetchone() == (40000, 40000, 4_000_000)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
