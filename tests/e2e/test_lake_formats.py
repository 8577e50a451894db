"""Iceberg metadata that Nilus writes, read by code that is not ours: Debian's Avro, and icebird's manifest reader."""
import datetime
import decimal
import gzip
import json
import os
import pathlib
import struct
import subprocess

import avro.datafile
import avro.io
import pytest

BUILD = pathlib.Path(os.environ["NILUS_BIN"]).parent


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    subprocess.run([BUILD / "nilus_lake_test", "--gtest_filter=Sample.*"], check=True, capture_output=True,
                   env={**os.environ, "NILUS_LAKE_SAMPLE": str(folder)})
    return folder


def metadata_of(warehouse, table):
    folder = warehouse / "s" / table / "metadata"
    version = (folder / "version-hint.text").read_text()
    plain, packed = folder / f"v{version}.metadata.json", folder / f"v{version}.gz.metadata.json"
    return json.loads(plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes()))


def avro_file(url):
    assert url.startswith("file:///"), url
    with avro.datafile.DataFileReader(open(url[7:], "rb"), avro.io.DatumReader()) as reader:
        rows = list(reader)
        header = {key: value.decode() for key, value in reader.meta.items() if key != "avro.sync"}
    return rows, header


def snapshot_of(metadata):
    return next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])


def field_ids(schema):
    """name → field-id of all fields of a record's schema, below it too."""
    found = {}
    if isinstance(schema, list):
        for branch in schema:
            found.update(field_ids(branch))
    elif isinstance(schema, dict):
        for field in schema.get("fields", []):
            found[field["name"]] = field["field-id"]
            found.update(field_ids(field["type"]))
        if schema.get("type") == "array":
            found.update(field_ids(schema["items"]))
    return found


def live(metadata):
    rows, _ = avro_file(snapshot_of(metadata)["manifest-list"])
    for manifest in rows:
        entries, header = avro_file(manifest["manifest_path"])
        for entry in entries:
            if entry["status"] != 2:
                yield manifest, header, entry


def test_lists_and_manifests_have_the_field_ids_of_the_specification(warehouse):
    metadata = metadata_of(warehouse, "parts3")
    manifests, header = avro_file(snapshot_of(metadata)["manifest-list"])
    ids = field_ids(json.loads(header["avro.schema"]))
    assert {"manifest_path": 500, "manifest_length": 501, "partition_spec_id": 502, "content": 517, "sequence_number": 515,
            "min_sequence_number": 516, "added_snapshot_id": 503, "added_files_count": 504, "existing_files_count": 505,
            "deleted_files_count": 506, "added_rows_count": 512, "existing_rows_count": 513, "deleted_rows_count": 514,
            "partitions": 507, "contains_null": 509, "contains_nan": 518, "lower_bound": 510, "upper_bound": 511,
            "key_metadata": 519, "first_row_id": 520}.items() <= ids.items()
    assert [m["content"] for m in manifests] == [0, 1]
    for manifest in manifests:
        assert os.path.getsize(manifest["manifest_path"][7:]) == manifest["manifest_length"]
    _, header = avro_file(manifests[0]["manifest_path"])
    ids = field_ids(json.loads(header["avro.schema"]))
    assert {"status": 0, "snapshot_id": 1, "data_file": 2, "sequence_number": 3, "file_sequence_number": 4, "content": 134,
            "file_path": 100, "file_format": 101, "partition": 102, "record_count": 103, "file_size_in_bytes": 104,
            "column_sizes": 108, "value_counts": 109, "null_value_counts": 110, "nan_value_counts": 137, "lower_bounds": 125,
            "upper_bounds": 128, "key_metadata": 131, "split_offsets": 132, "equality_ids": 135, "sort_order_id": 140,
            "first_row_id": 142, "referenced_data_file": 143, "content_offset": 144, "content_size_in_bytes": 145,
            "a_x2Db_x20_xC3_xA4": 1016}.items() <= ids.items()
    assert header["content"] == "data" and header["format-version"] == "3" and header["partition-spec-id"] == "0"
    assert [f["field-id"] for f in json.loads(header["partition-spec"])] == list(range(1000, 1019))
    assert json.loads(header["schema"])["fields"][5]["type"] == "decimal(20, 2)"


@pytest.mark.parametrize("table", ["parts", "parts3"])
def test_partition_values_of_every_type(warehouse, table):
    entries = {e["data_file"]["file_path"].rsplit("/", 1)[1]: e["data_file"] for _, _, e in live(metadata_of(warehouse, table))}
    full = entries["full.parquet"]["partition"]
    assert full["flag"] is True and full["small"] == 7 and full["big"] == 8 and full["real"] == 1.5 and full["wide"] == 2.5
    assert full["price"] == decimal.Decimal("-1420.00")
    assert full["day"] == datetime.date(2017, 11, 16)
    assert full["clock"] == datetime.time(0, 0, 1)
    assert full["at"] == datetime.datetime(2017, 11, 16, 22, 31, 8, tzinfo=full["at"].tzinfo)
    assert full["text"] == "iceberg" and full["bytes"] == b"\x00\xff"
    assert (full["at_year"], full["at_month"], full["at_hour"]) == (47, 574, 419686)
    assert full["at_day"] == datetime.date(2017, 11, 16)
    assert full["a_x2Db_x20_xC3_xA4"] == 3 and full["price_trunc"] == decimal.Decimal("-1425.00") and full["text_trunc"] == "ic"
    assert set(entries["nulls.parquet"]["partition"].values()) == {None}
    bounds = {item["key"]: item["value"] for item in entries["full.parquet"]["lower_bounds"]}
    assert bounds == {1: struct.pack("<q", 1), 3: b"aaa"}
    if table == "parts3":
        vector = entries["dv.puffin"]
        assert (vector["file_format"], vector["content"], vector["content_offset"], vector["content_size_in_bytes"]) == ("PUFFIN", 1, 4, 44)
        assert vector["referenced_data_file"].endswith("/full.parquet")


def test_a_history_adds_up(warehouse):
    metadata = metadata_of(warehouse, "plain")
    assert metadata["format-version"] == 2 and len(metadata["snapshots"]) == 21
    assert metadata["refs"]["main"]["snapshot-id"] == metadata["current-snapshot-id"]
    times = [entry["timestamp-ms"] for entry in metadata["snapshot-log"]]
    assert times == sorted(times)
    total = 0
    for number, snapshot in enumerate(metadata["snapshots"][:-1], start=1):
        total += int(snapshot["summary"]["added-records"])
        assert snapshot["sequence-number"] == number
        assert int(snapshot["summary"]["total-records"]) == total
        files = {e["data_file"]["file_path"] for _, _, e in live({**metadata, "current-snapshot-id": snapshot["snapshot-id"]})}
        assert len(files) == number
        assert snapshot["summary"]["nilus.version"] == str(number)
    last = snapshot_of(metadata)
    assert last["summary"]["operation"] == "overwrite" and last["summary"]["deleted-data-files"] == "20"
    assert [e["data_file"]["record_count"] for _, _, e in live(metadata)] == [7]
    state = json.loads(metadata["properties"]["nilus.state.w/p:s.plain"])
    assert state["version"] == 20 and json.loads(last["summary"]["nilus.state.w/p:s.plain"])["version"] == 20


def test_large_manifests_are_deflated_and_whole(warehouse):
    metadata = metadata_of(warehouse, "large")
    entries = list(live(metadata))
    assert len(entries) == 2001
    assert {header["avro.codec"] for manifest, header, _ in entries if manifest["content"] == 0} == {"deflate"}
    assert {e["data_file"]["content"] for _, _, e in entries} == {0, 1}


def test_icebird_reads_the_same(warehouse):
    """icebird's own JSON and Avro code. It knows no fixed type (decimal partitions), and not every deflated block."""
    script = pathlib.Path(__file__).with_name("icebird_manifests.mjs")
    for table in ["plain", "days"]:
        metadata = metadata_of(warehouse, table)
        done = subprocess.run(["node", script, warehouse, f"s/{table}"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        theirs = json.loads(done.stdout)
        assert theirs["uuid"] == metadata["table-uuid"]
        ours = sorted((e["data_file"]["file_path"], e["data_file"]["record_count"], e["status"]) for _, _, e in live(metadata))
        assert sorted(tuple(entry) for entry in theirs["entries"] if entry[2] != 2) == ours
