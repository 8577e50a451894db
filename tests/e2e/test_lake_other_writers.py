"""Tables that another program wrote, from the format's document alone (iceberg_writer.py): every format and what only that format has."""
import datetime
import json
import sqlite3

import avro.datafile
import avro.io
import pytest

import iceberg_writer

DAY = 19_000  # 2022-01-08


def field(number, name, kind, **more):
    return {"id": number, "name": name, "required": False, "type": kind, **more}


ID_NAME = [field(1, "id", "long"), field(2, "name", "string")]
ID_NAME_COLUMNS = [("id", "long", 1), ("name", "string", 2)]


def rows(nilus, warehouse, sql):
    return [tuple(row.values()) for row in nilus.query(f"lakehouse://{warehouse}", sql)]


def test_format_1(nilus, tmp_path):
    """No sequence numbers, one schema and one spec, counts of the manifest list left out, partitions by identity and by bucket."""
    table = iceberg_writer.Table(tmp_path, "s.t", 1, [*ID_NAME, field(3, "day", "date")],
                                 [("day", 1000, {"type": "int", "logicalType": "date"}, 3, "identity"), ("id_bucket", 1001, "int", 1, "bucket[4]")])
    table.add_rows([*ID_NAME_COLUMNS, ("day", "date", 3)], [(1, "a", DAY), (2, None, DAY)], {"day": datetime.date(2022, 1, 8), "id_bucket": 1})
    first = table.commit()
    # An identity partition's column need not be in the file.
    table.add_rows(ID_NAME_COLUMNS, [(3, "c")], {"day": datetime.date(2022, 1, 9), "id_bucket": 2})
    table.commit(lists_manifests_itself=True)
    assert rows(nilus, tmp_path, "SELECT id, name, day FROM s.t ORDER BY id") == [(1, "a", "2022-01-08"), (2, None, "2022-01-08"), (3, "c", "2022-01-09")]
    assert rows(nilus, tmp_path, f"SELECT count(*) FROM s.t FOR VERSION AS OF {first}") == [(2,)]


def test_format_2(nilus, tmp_path):
    """Inherited sequence numbers, position and equality deletes in their order, a renamed, a dropped and a widened column, a file without field ids."""
    table = iceberg_writer.Table(tmp_path, "s.t", 2, [field(1, "number", "int"), field(2, "name", "string"), field(3, "gone", "double")])
    old = [("number", "int", 1), ("name", "string", 2), ("gone", "double", 3)]
    first = table.add_rows(old, [(i, f"n{i}", i / 2) for i in range(1, 9)])
    table.commit()
    table.evolve([field(1, "id", "long"), field(2, "name", "string"), field(4, "added", "boolean")])
    table.add_rows([("id", "long", 1), ("name", "string", 2), ("added", "boolean", 4)], [(5, "again", True), (10**12, "wide", None)])
    table.add_equality_deletes([("id", "long", 1)], [(5,), (6,)])  # of older rows only: not of the 5 that comes with them
    table.commit("overwrite")
    table.add_position_deletes([(first, 0), (first, 7), ("file:///somewhere/else.parquet", 1)])
    table.commit("delete")
    table.properties["schema.name-mapping.default"] = json.dumps([{"field-id": 1, "names": ["number", "id"]}, {"field-id": 2, "names": ["name"]}])
    table.add_rows([("number", "int", None), ("name", "string", None)], [(77, "mapped")])
    table.commit()
    assert rows(nilus, tmp_path, "SELECT id, name, added FROM s.t ORDER BY id") == [
        (2, "n2", None), (3, "n3", None), (4, "n4", None), (5, "again", True), (7, "n7", None), (77, "mapped", None), (10**12, "wide", None)]


def test_files_that_name_logical_types_alone(nilus, tmp_path):
    """The older converted types are no duty any more; DuckDB knows text, decimals and dates by nothing else."""
    table = iceberg_writer.Table(tmp_path, "s.t", 2, [*ID_NAME, field(3, "price", "decimal(9, 2)"), field(4, "day", "date"), field(5, "at", "timestamp")])
    columns = [*ID_NAME_COLUMNS, ("price", "decimal(9, 2)", 3), ("day", "date", 4), ("at", "timestamp", 5)]
    table.add_rows(columns, [(1, "ä\\x41", "-1.25", DAY, 1_000_000), (2, None, None, None, None)], converted_types=False)
    table.add_rows(columns, [(3, "ä", "9999999.99", -1, 0)])
    table.commit()
    assert rows(nilus, tmp_path, "SELECT name, CAST(price AS VARCHAR), day, \"at\" FROM s.t ORDER BY id") == [
        ("ä\\x41", "-1.25", "2022-01-08", "1970-01-01T00:00:01"), (None, None, None, None), ("ä", "9999999.99", "1969-12-31", "1970-01-01T00:00:00")]


DEFAULTED = [field(3, "flag", "boolean", **{"initial-default": True, "write-default": False}), field(4, "count", "int", **{"initial-default": 7}),
             field(5, "big", "long", **{"initial-default": 10**12, "write-default": 5}), field(6, "ratio", "double", **{"initial-default": 0.5}),
             field(7, "price", "decimal(9, 2)", **{"initial-default": "14.20"}), field(8, "day", "date", **{"initial-default": "2022-01-08"}),
             field(9, "at", "timestamp", **{"initial-default": "2022-01-08T01:02:03.000004"}),
             field(10, "instant", "timestamptz", **{"initial-default": "2022-01-08T01:02:03.000004+00:00"}),
             field(11, "note", "string", **{"initial-default": "it's; --"}), field(12, "bytes", "binary", **{"initial-default": "00ff"}),
             field(13, "later", "string", **{"write-default": "only for writers"})]


def format_3(tmp_path):
    """Rows before and after columns with defaults were added, two deletion vectors in one Puffin file, new types."""
    table = iceberg_writer.Table(tmp_path, "s.t", 3, ID_NAME)
    first = table.add_rows(ID_NAME_COLUMNS, [(i, f"n{i}") for i in range(70_000)])
    second = table.add_rows(ID_NAME_COLUMNS, [(100_000 + i, f"m{i}") for i in range(4)])
    table.commit()
    table.add_deletion_vectors({first: [*range(0, 10), 65_535, 65_536, 69_999], second: [1]})
    table.commit("delete")
    table.evolve([*ID_NAME, *DEFAULTED, field(14, "precise", "timestamp_ns"), field(15, "precise_at", "timestamptz_ns"), field(16, "nothing", "unknown")])
    table.add_rows([*ID_NAME_COLUMNS, ("flag", "boolean", 3), ("precise", "timestamp_ns", 14), ("precise_at", "timestamptz_ns", 15)],
                   [(200_000, None, None, 1_700_000_000_123_456_789, 1_700_000_000_123_456_000)], first_row_id=70_004)
    table.commit()
    return table


def test_format_3(nilus, tmp_path):
    format_3(tmp_path)
    assert rows(nilus, tmp_path, "SELECT count(*), min(id), max(id), count(name), sum(CASE WHEN id < 100000 THEN 1 END) FROM s.t") == [
        (70_004 - 14 + 1, 10, 200_000, 70_004 - 14, 70_000 - 13)]
    assert rows(nilus, tmp_path, "SELECT id FROM s.t WHERE id IN (9, 10, 65534, 65535, 65536, 65537, 69998, 69999) OR id >= 100000 ORDER BY 1") == [
        (10,), (65_534,), (65_537,), (69_998,), (100_000,), (100_002,), (100_003,), (200_000,)]
    # Rows that are older than a column have its initial default; a NULL that was written stays NULL.
    columns = ", ".join(f'"{one["name"]}"' for one in DEFAULTED)
    assert rows(nilus, tmp_path, f"SELECT {columns} FROM s.t WHERE id = 10") == [
        (True, 7, 10**12, 0.5, 14.2, "2022-01-08", "2022-01-08T01:02:03.000004", "2022-01-08T01:02:03.000004Z", "it's; --", "00ff", None)]
    assert rows(nilus, tmp_path, "SELECT flag, count, precise, precise_at, nothing FROM s.t WHERE id = 200000") == [
        (None, 7, "2023-11-14T22:13:20.123456", "2023-11-14T22:13:20.123456Z", None)]


def test_format_3_is_written_on(nilus, tmp_path):
    """A merge into another program's table: vectors grow, row ids go on where the table stood, rows of files without ids keep those that they inherit. What the
    load leaves out is the write default, or NULL, and not the initial default, which is older rows' alone."""
    table = format_3(tmp_path / "warehouse")
    source = tmp_path / "s.db"
    with sqlite3.connect(source) as db:
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO items VALUES (?, ?)", [(10, "changed"), (300_000, "new")])
    manifest = nilus.manifest({"address": f"sqlite:///{source}", "options": {"source_table": "items", "primary_key": "id"}},
                              {"address": f"lakehouse://{tmp_path}/warehouse", "options": {"dest_table": "s.t", "incremental_strategy": "merge"}})
    nilus.run(manifest)
    assert rows(nilus, tmp_path / "warehouse", "SELECT id, name, count, later FROM s.t WHERE id IN (9, 10, 11, 300000) ORDER BY 1") == [
        (10, "changed", None, "only for writers"), (11, "n11", 7, None), (300_000, "new", None, "only for writers")]
    assert rows(nilus, tmp_path / "warehouse", "SELECT count(*) FROM s.t") == [(70_004 - 14 + 1 + 1,)]
    newest = max((table.folder / "metadata").glob("v*.metadata.json"), key=lambda path: int(path.name[1:].split(".")[0]))
    metadata = json.loads(newest.read_text())
    snapshot = next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])
    assert snapshot["first-row-id"] == table.next_row_id
    assert metadata["next-row-id"] >= table.next_row_id + 2 and snapshot["added-rows"] == metadata["next-row-id"] - table.next_row_id
    by_referenced = {}
    with avro.datafile.DataFileReader(open(snapshot["manifest-list"].removeprefix("file://"), "rb"), avro.io.DatumReader()) as manifests:
        for manifest_file in manifests:
            with avro.datafile.DataFileReader(open(manifest_file["manifest_path"].removeprefix("file://"), "rb"), avro.io.DatumReader()) as entries:
                for entry in entries:
                    if entry["status"] != 2 and entry["data_file"]["content"] == 1:
                        by_referenced.setdefault(entry["data_file"]["referenced_data_file"], []).append(entry["data_file"]["record_count"])
    assert by_referenced == {table.url("data/00001.parquet"): [14], table.url("data/00002.parquet"): [1]}


@pytest.mark.parametrize("kind", ["variant", "geometry", "geography"])
def test_types_that_are_not_read_are_named(nilus, tmp_path, kind):
    table = iceberg_writer.Table(tmp_path, "s.t", 3, [*ID_NAME, field(3, "shape", kind)])
    table.add_rows(ID_NAME_COLUMNS, [(1, "a")])
    table.commit()
    done = nilus("query", f"lakehouse://{tmp_path}", "SELECT * FROM s.t")
    assert done.code != 0 and "shape" in done.err and kind in done.err, done


def test_damaged_vectors_are_told(nilus, tmp_path):
    table = iceberg_writer.Table(tmp_path, "s.t", 3, ID_NAME)
    data = table.add_rows(ID_NAME_COLUMNS, [(1, "a"), (2, "b")])
    table.add_deletion_vectors({data: [1]})
    table.commit()
    assert rows(nilus, tmp_path, "SELECT id FROM s.t") == [(1,)]
    puffin = table.folder / "data" / "00002.puffin"
    whole = bytearray(puffin.read_bytes())
    for at, what in ((4 + 30, "a row"), (4 + 5, "the magic number")):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        puffin.write_bytes(damaged)
        done = nilus("query", f"lakehouse://{tmp_path}", "SELECT id FROM s.t")
        assert done.code != 0 and "deletion vector" in done.err, (what, done)


def load_items(nilus, folder, items, expect=0, **options):
    source = folder / "s.db"
    source.unlink(missing_ok=True)
    with sqlite3.connect(source) as db:
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO items VALUES (?, ?)", items)
    manifest = nilus.manifest({"address": f"sqlite:///{source}", "options": {"source_table": "items", "primary_key": "id"}},
                              {"address": f"lakehouse://{folder}/warehouse", "options": {"dest_table": "s.t", "incremental_strategy": "merge", **options}})
    return nilus.run(manifest, expect=expect)


def newest_schema(table):
    newest = max((table.folder / "metadata").glob("v*.metadata.json"), key=lambda path: int(path.name[1:].split(".")[0]))
    metadata = json.loads(newest.read_text())
    return {one["name"]: one for one in next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])["fields"]}


def test_a_column_in_another_case_is_not_added(nilus, tmp_path):
    table = iceberg_writer.Table(tmp_path / "warehouse", "s.t", 2, [field(1, "id", "long"), field(2, "Name", "string")])
    table.add_rows([("id", "long", 1), ("Name", "string", 2)], [(1, "a")])
    table.commit()
    before = sorted(tmp_path.glob("warehouse/s/t/*/*"))
    done = load_items(nilus, tmp_path, [(1, "b"), (2, "c")], expect=None)
    assert done.code != 0 and "`name`" in done.all_output and "`Name`" in done.all_output, done
    assert sorted(tmp_path.glob("warehouse/s/t/*/*")) == before
    assert rows(nilus, tmp_path / "warehouse", "SELECT * FROM s.t") == [(1, "a")]


@pytest.mark.parametrize("contract", ["freeze", "discard_row", "discard_value"])
def test_a_contract_keeps_required_columns(nilus, tmp_path, contract):
    table = iceberg_writer.Table(tmp_path / "warehouse", "s.t", 2, [field(1, "id", "long"), {**field(2, "name", "string"), "required": True}])
    table.add_rows(ID_NAME_COLUMNS, [(1, "a")])
    table.commit()
    done = load_items(nilus, tmp_path, [(1, "b"), (2, None)], expect=None, schema_contract=contract)
    assert done.code != 0 and "`name`" in done.all_output and "required" in done.all_output, done
    assert newest_schema(table)["name"]["required"] is True
    report = load_items(nilus, tmp_path, [(1, "b"), (2, "c")], schema_contract=contract).report
    assert newest_schema(table)["name"]["required"] is True
    assert "column made optional" not in [change["change"] for change in report["schema_changes"]]
    report = load_items(nilus, tmp_path, [(1, "b"), (2, None)]).report
    assert ("name", "column made optional") in [(change.get("column"), change["change"]) for change in report["schema_changes"]]
    assert rows(nilus, tmp_path / "warehouse", "SELECT id, name FROM s.t ORDER BY id") == [(1, "b"), (2, None)]
