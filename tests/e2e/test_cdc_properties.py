"""What properties of a capture do, and what is said of those that do nothing."""
import json

from cdc_fixtures import no_service_is_left, server, source  # noqa: F401
from cdc_world import PostgresEnd, Service


def test_decimals_and_bytes_land_as_their_modes_say(nilus, tmp_path, server, source):
    """From a snapshot and from the log alike, and in the changelog's before and after; a type hint wins."""
    source.execute("CREATE TABLE prices (id int PRIMARY KEY, net numeric(12,2), gross numeric, kept numeric(12,2), raw bytea)")
    source.execute("ALTER TABLE prices REPLICA IDENTITY FULL")
    values = r"12.50, 'NaN', 0.10, '\xfbefff'"
    source.execute(f"INSERT INTO prices VALUES (1, {values})")
    end = PostgresEnd(tmp_path, server)
    modes = {"decimal.handling.mode": "double", "binary.handling.mode": "base64-url-safe"}
    rows = Service(nilus, source, end, options={"type_hints": {"prices.kept": "decimal(12,3)"}}, **modes).start()
    log = Service(nilus, source, end, name="log", options={"strategy": "changelog"}, sink_options={"incremental_strategy": "append"},
                  **{**modes, "topic.prefix": "log", "decimal.handling.mode": "string"}).start()
    rows.settle()
    log.settle()
    source.execute(f"INSERT INTO prices VALUES (2, {values})")
    source.execute("UPDATE prices SET net = 1 WHERE id = 2")
    rows.settle()
    log.settle()
    rows.stop()
    log.stop()
    kinds = dict(end.database.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'shop_public_prices'"))
    assert [kinds[name] for name in ("net", "gross", "kept", "raw")] == ["double precision", "double precision", "numeric", "text"]
    assert not any(name.startswith(("gross__", "raw__")) for name in kinds), kinds
    for key, net in ((1, "12.5"), (2, "1")):
        row = end.database.execute("SELECT net::text, gross::text, kept::text, raw FROM lake.shop_public_prices WHERE id = %s", (key,))
        assert row == [(net, "NaN", "0.100", "--__")], row
    changes = end.database.execute("SELECT operation, before, after, source FROM lake.log_public_prices ORDER BY id, (source->>'lsn')::bigint")
    first = {"id": 1, "net": "12.50", "gross": "NaN", "kept": "0.10", "raw": "--__"}
    assert [row[:3] for row in changes] == [("r", None, first), ("c", None, {**first, "id": 2}),
                                            ("u", {**first, "id": 2}, {**first, "id": 2, "net": "1.00"})]
    assert {row[3]["db"] for row in changes} == {source.name}


def test_what_has_no_effect_or_matches_nothing_is_told(nilus, tmp_path, server, source):
    source.execute('CREATE TABLE "Order Items" (id int PRIMARY KEY, v text); CREATE VIEW seen AS SELECT 1 AS id')
    end = PostgresEnd(tmp_path, server)
    service = Service(nilus, source, end, options={"type_hints": {"vv": "text"}}, **{
        "table.include.list": r"public\.Order Items,public\.seen,public\.orders", "tombstones.on.delete": "false",
        "snapshot.include.collection.list": "public.Order Items,public.o"})
    expected = ["table public.Order Items becomes `lake.shop_public_order_items` by normalization",
                "type_hints: `vv` is no column of any captured table",
                "snapshot.include.collection.list: `public.o` matches no captured table",
                r"table.include.list: `public\.seen` matches only views",
                r"table.include.list: `public\.orders` matches no table"]
    plan = nilus("plan", service.manifest, env=service.env)
    assert plan.code == 0 and all(text in plan.out for text in expected), plan
    service.start()
    service.settle()
    warnings = service.stop()["warnings"]
    assert all(any(text in warning for warning in warnings) for text in expected), warnings
    checked = nilus("validate", service.manifest)
    assert checked.code == 0 and "there are no tombstones" in checked.err + checked.out, checked


def test_what_would_hide_or_typo_is_refused(nilus, tmp_path, server, source):
    source.execute("CREATE TABLE people (id int PRIMARY KEY, ssn text); INSERT INTO people VALUES (1, '123-45-6789')")
    end = PostgresEnd(tmp_path, server)
    unwrap = {"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}
    for properties, told in (({"column.mask.with.12.chars": "public.people.ssn"}, "source.options.mask"),
                             ({"column.blacklist": "public.people.ssn"}, "column.exclude.list"),
                             ({**unwrap, "transforms.unwrap.delete.handlng.mode": "rewrite"}, "delete.handling.mode"),
                             ({"database.include.list": "other"}, "source.address")):
        service = Service(nilus, source, end, **properties)
        done = nilus("run", service.manifest, "--json", env=service.env)
        assert done.code != 0 and told in done.all_output, done
    assert not source.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (service.slot,))
    plan = nilus("plan", service.manifest, "--json", env=service.env)
    assert not json.loads(plan.out)["is_usable"], plan
