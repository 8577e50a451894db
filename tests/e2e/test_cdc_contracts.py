"""Contracts and masks of change data capture that remember something: rows that do not fit, and the numbers of `sequential`."""
import json
import random

import pytest

from cdc_fixtures import SEED, no_service_is_left, server, source  # noqa: F401
from cdc_world import ENDS, PostgresEnd, Service, SqliteEnd

KILLS = 4
COLUMNS = ["id", "amount", "body"]
DISCARDING = {"options": {"type_hints": {"amount": "bigint"}}, "sink_options": {"schema_contract": "discard_row"}}


def make_orders(source):
    source.execute("CREATE TABLE orders (id bigint PRIMARY KEY, amount text, body text)")
    source.execute("ALTER TABLE orders ALTER body SET STORAGE EXTERNAL")
    source.execute("INSERT INTO orders SELECT i, CASE WHEN i % 10 = 0 THEN 'unknown' ELSE i::text END, repeat('b', 3000) || i FROM generate_series(1, 60) i")


def fitting(source):
    return sorted(source.execute("SELECT id::text, amount, body FROM orders WHERE amount ~ '^[0-9]+$'"), key=repr)


def letters(end):
    return [json.loads(row[0])["id"] for row in end.rows("shop_public_orders__dead_letters", ["payload"])]


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.kind)
def test_rows_that_do_not_fit_are_letters_once(kind, nilus, tmp_path, server, source):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    make_orders(source)
    end = kind(tmp_path, server)
    service = Service(nilus, source, end, **DISCARDING).start()
    service.settle()
    dead = 6  # of the snapshot
    for _ in range(KILLS):
        for _ in range(10):
            key = chance.randrange(1, 90)
            fits = chance.randrange(3) > 0
            amount = str(chance.randrange(1000)) if fits else "unknown"
            # The whole row: nothing of it is left out of the log.
            source.execute("INSERT INTO orders VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, body = excluded.body",
                           (key, amount, f"{chance.randrange(1 << 30)} " * 400))
            dead += not fits
            if chance.randrange(4) == 0:
                source.execute("DELETE FROM orders WHERE id = %s", (chance.randrange(1, 90),))
        service.kill()
        service.start()
    service.settle()
    service.stop()
    assert end.rows("shop_public_orders", COLUMNS) == fitting(source)
    assert len(letters(end)) == dead
    ids = end.rows("shop_public_orders__dead_letters", ["_nilus_id"])
    assert len(set(ids)) == len(ids)
    listed = nilus("dead-letters", "list", service.manifest, "--json", "--limit", "3")
    assert listed.code == 0, listed
    tables = json.loads(listed.out)["tables"]
    assert [(table["table"], table["letters"], len(table["shown"])) for table in tables] == [(f"{end.schema}.shop_public_orders__dead_letters", dead, 3)]
    replayed = nilus("dead-letters", "replay", service.manifest)
    assert replayed.code != 0 and "nilus cdc snapshot" in replayed.all_output
    dropped = nilus("dead-letters", "drop", service.manifest)
    assert dropped.code == 0 and f"dropped {dead} dead letters" in dropped.out
    assert letters(end) == [] and end.rows("shop_public_orders", COLUMNS) == fitting(source)
    assert "no dead letters" in nilus("dead-letters", "list", service.manifest).out
    # The position is as it was.
    source.execute("INSERT INTO orders VALUES (2000, '1', 'x')")
    service.start()
    service.settle()
    service.stop()
    assert end.rows("shop_public_orders", COLUMNS) == fitting(source) and letters(end) == []


def test_letters_of_one_table_that_cannot_be_read_keep_no_others_back(nilus, tmp_path, server, source):
    make_orders(source)
    source.execute("CREATE TABLE refunds (id bigint PRIMARY KEY, amount text)")
    source.execute("INSERT INTO refunds VALUES (1, 'unknown')")
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **DISCARDING).start()
    service.settle()
    service.stop()
    end.database.execute("ALTER TABLE lake.shop_public_orders__dead_letters RENAME payload TO somebody_elses")
    listed = nilus("dead-letters", "list", service.manifest, "--json")
    assert listed.code == 1, listed
    answer = json.loads(listed.out)
    assert [table["table"] for table in answer["tables"]] == ["lake.shop_public_refunds__dead_letters"]
    assert [failure["table"] for failure in answer["failures"]] == ["lake.shop_public_orders"]
    assert "no column `payload`" in answer["failures"][0]["error"]["message"]
    dropped = nilus("dead-letters", "drop", service.manifest)
    assert dropped.code == 1 and "dropped 1 dead letter of lake.shop_public_refunds__dead_letters" in dropped.out
    assert "lake.shop_public_orders: " in dropped.err and "no table of dead letters" in dropped.err
    assert end.rows("shop_public_refunds__dead_letters", ["_nilus_id"]) == []


def test_a_row_that_fits_again_without_its_large_value_has_the_table_read_anew(nilus, tmp_path, server, source):
    make_orders(source)
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, **DISCARDING).start()
    service.settle()
    source.execute("UPDATE orders SET amount = '7' WHERE id = 10")  # the log leaves `body` out
    service.settle()
    assert end.rows("shop_public_orders", COLUMNS) == fitting(source)
    source.execute("UPDATE orders SET id = 1000, amount = 'unknown' WHERE id = 11")
    source.execute("UPDATE orders SET amount = '8' WHERE id = 12")
    service.settle()
    service.stop()
    assert end.rows("shop_public_orders", COLUMNS) == fitting(source)


def test_a_change_that_does_not_fit_is_not_in_the_append_log(nilus, tmp_path, server, source):
    make_orders(source)
    source.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    end = SqliteEnd(tmp_path, server)
    service = Service(nilus, source, end, options=DISCARDING["options"],
                      sink_options={**DISCARDING["sink_options"], "incremental_strategy": "append"}).start()
    service.settle()
    source.execute("UPDATE orders SET amount = 'none' WHERE id = 1")
    source.execute("DELETE FROM orders WHERE id IN (1, 2)")
    service.settle()
    report = service.stop()
    log = end.rows("shop_public_orders", ["_op", "id", "amount"])
    assert sorted(row for row in log if row[0] != "r") == [("d", "1", None), ("d", "2", "2")]
    assert len(log) == 54 + 2
    assert sorted(letters(end)) == [1, 10, 20, 30, 40, 50, 60]
    assert [table["rows_dead_lettered"] for table in report["tables"]] == [7]


def test_soft_deletes_do_not_go_with_it(nilus, tmp_path, server, source):
    make_orders(source)
    service = Service(nilus, source, PostgresEnd(tmp_path, server), **DISCARDING, transforms="unwrap",
                      **{"transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState", "transforms.unwrap.delete.handling.mode": "rewrite"})
    done = nilus("run", service.manifest)
    assert done.code != 0 and "soft deletes" in done.all_output


@pytest.mark.parametrize("kind", [PostgresEnd, SqliteEnd], ids=lambda kind: kind.kind)
def test_numbers_stay_the_same_whenever_it_is_killed(kind, nilus, tmp_path, server, source):
    source.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)")
    source.execute("INSERT INTO people SELECT i, 'name ' || i % 20 FROM generate_series(1, 100) i")
    end = kind(tmp_path, server)
    service = Service(nilus, source, end, options={"mask": {"name": "sequential"}}).start()
    for round_number in range(KILLS):
        source.execute("INSERT INTO people SELECT 1000 * (%s + 1) + i, 'name ' || i FROM generate_series(1, 40 + 10 * %s) i", (round_number, round_number))
        source.execute("UPDATE people SET name = 'name ' || (id + 1) %% 30 WHERE id %% 7 = %s", (round_number,))
        service.kill()
        service.start()
    service.settle()
    service.stop()
    names = dict(source.execute("SELECT id::text, name FROM people"))
    numbers = dict(end.rows("shop_public_people", ["id", "name"]))
    assert names.keys() == numbers.keys()
    by_name = {}
    for key, name in names.items():
        assert by_name.setdefault(name, numbers[key]) == numbers[key], f"{name} has two numbers"
    assert len(set(by_name.values())) == len(by_name)
    assert max(map(int, by_name.values())) <= 100
