"""A destination that keeps nothing: the whole engine runs in front of it, and the source is told as by any other sink."""
from cdc_fixtures import no_service_is_left, server, source  # noqa: F401
from cdc_world import Service, number_of, wait_until


class Nowhere:
    kind, schema, address = "discard", "nowhere", "discard://"


def test_a_batch_is_read_anew_each_time(nilus, source):
    source.execute("CREATE TABLE items (id bigint PRIMARY KEY, note text)")
    source.execute("INSERT INTO items SELECT i, 'x' FROM generate_series(1, 1000) i")
    manifest = nilus.manifest({"address": source.uri, "options": {"source_table": "public.items", "incremental_key": "id"}},
                              {"address": "discard://", "options": {"dest_table": "nowhere.items", "incremental_strategy": "append"}})
    for _ in range(2):
        report = nilus.run(manifest).report
        assert [table["rows_inserted"] for table in report["tables"]] == [1000]


def test_changes_are_confirmed_and_gone(nilus, source):
    source.execute("CREATE TABLE items (id bigint PRIMARY KEY, note text)")
    source.execute("INSERT INTO items SELECT i, 'x' FROM generate_series(1, 100) i")
    service = Service(nilus, source, Nowhere).start()
    wait_until(lambda: service.confirmed() is not None, "the slot is made", service.process)
    source.execute("UPDATE items SET note = 'y' WHERE id <= 10")
    lsn = source.execute("SELECT pg_current_wal_lsn()")[0][0]
    wait_until(lambda: number_of(service.confirmed()) >= number_of(lsn), "the slot is confirmed", service.process)
    report = service.stop()
    # The update may come before the snapshot, which then has it.
    assert sum(table["rows_inserted"] for table in report["tables"]) in (100, 110)
