"""Iceberg tables of formats 1, 2 and 3 as the format's document tells (iceberg.apache.org/spec): metadata, manifest lists, manifests, position and equality deletes, deletion
vectors. Nothing here is Nilus's: Debian's Avro writes the manifests, parquet_writer.py the rows."""
import json
import pathlib
import struct
import zlib

import avro.datafile
import avro.io
import avro.schema

import parquet_writer

DATA, POSITION_DELETES, EQUALITY_DELETES = 0, 1, 2


def avro_field(name, field_id, kind, optional=False):
    return {"name": name, "type": ["null", kind], "default": None, "field-id": field_id} if optional else {"name": name, "type": kind, "field-id": field_id}


def avro_map(name, key_id, value_id, value):
    """A map with keys that are no strings: an array of pairs."""
    record = {"type": "record", "name": name, "fields": [avro_field("key", key_id, "int"), avro_field("value", value_id, value)]}
    return {"type": "array", "logicalType": "map", "items": record}


def manifest_list_schema(version):
    fields = [avro_field("manifest_path", 500, "string"), avro_field("manifest_length", 501, "long"), avro_field("partition_spec_id", 502, "int")]
    if version >= 2:
        fields += [avro_field("content", 517, "int"), avro_field("sequence_number", 515, "long"), avro_field("min_sequence_number", 516, "long")]
    fields.append(avro_field("added_snapshot_id", 503, "long"))
    for name, field_id, kind in (("added_files_count", 504, "int"), ("existing_files_count", 505, "int"), ("deleted_files_count", 506, "int"),
                                 ("added_rows_count", 512, "long"), ("existing_rows_count", 513, "long"), ("deleted_rows_count", 514, "long")):
        fields.append(avro_field(name, field_id, kind, optional=version == 1))
    if version >= 3:
        fields.append(avro_field("first_row_id", 520, "long", optional=True))
    return {"type": "record", "name": "manifest_file", "fields": fields}


def manifest_schema(version, partition_fields):
    """partition_fields: (name, field id, Avro type)."""
    data_file = [avro_field("content", 134, "int")] if version >= 2 else []
    data_file += [avro_field("file_path", 100, "string"), avro_field("file_format", 101, "string"),
                  avro_field("partition", 102, {"type": "record", "name": "r102", "fields": [avro_field(*field, optional=True) for field in partition_fields]}),
                  avro_field("record_count", 103, "long"), avro_field("file_size_in_bytes", 104, "long")]
    if version == 1:
        data_file.append(avro_field("block_size_in_bytes", 105, "long"))
    data_file += [avro_field("lower_bounds", 125, avro_map("k126_v127", 126, 127, "bytes"), optional=True),
                  avro_field("upper_bounds", 128, avro_map("k129_v130", 129, 130, "bytes"), optional=True)]
    if version >= 2:
        data_file.append(avro_field("equality_ids", 135, {"type": "array", "items": "int", "element-id": 136}, optional=True))
    if version >= 3:
        data_file += [avro_field("first_row_id", 142, "long", optional=True), avro_field("referenced_data_file", 143, "string", optional=True),
                      avro_field("content_offset", 144, "long", optional=True), avro_field("content_size_in_bytes", 145, "long", optional=True)]
    entry = [avro_field("status", 0, "int"), avro_field("snapshot_id", 1, "long", optional=version >= 2)]
    if version >= 2:
        entry += [avro_field("sequence_number", 3, "long", optional=True), avro_field("file_sequence_number", 4, "long", optional=True)]
    entry.append(avro_field("data_file", 2, {"type": "record", "name": "r2", "fields": data_file}))
    return {"type": "record", "name": "manifest_entry", "fields": entry}


def write_avro(path, schema, rows, meta=None):
    parsed = avro.schema.parse(json.dumps(schema))
    with avro.datafile.DataFileWriter(open(path, "wb"), avro.io.DatumWriter(), parsed) as writer:
        for key, value in (meta or {}).items():
            writer.set_meta(key, value.encode())
        for row in rows:
            writer.append(row)


def deletion_vector(rows):
    """The blob: Roaring's portable 64-bit format with array containers, framed by length, magic and CRC-32."""
    by_high, out = {}, bytearray()
    for row in sorted(rows):
        by_high.setdefault(row >> 32, {}).setdefault(row >> 16 & 0xFFFF, []).append(row & 0xFFFF)
    out += struct.pack("<Q", len(by_high))
    for high, containers in by_high.items():
        assert all(len(lows) <= 4096 for lows in containers.values())
        out += struct.pack("<III", high, 12346, len(containers))
        out += b"".join(struct.pack("<HH", key, len(lows) - 1) for key, lows in containers.items())
        offset = 8 + 8 * len(containers)
        for lows in containers.values():
            out += struct.pack("<I", offset)
            offset += 2 * len(lows)
        out += b"".join(struct.pack(f"<{len(lows)}H", *lows) for lows in containers.values())
    body = b"\xD1\xD3\x39\x64" + bytes(out)
    return struct.pack(">I", len(body)) + body + struct.pack(">I", zlib.crc32(body))


def write_puffin(path, vectors):
    """vectors: data file's URL → rows. Returns (URL, offset, length, rows) for each."""
    out, blobs, places = bytearray(b"PFA1"), [], []
    for url, rows in vectors.items():
        blob = deletion_vector(rows)
        blobs.append({"type": "deletion-vector-v1", "fields": [2147483645], "snapshot-id": -1, "sequence-number": -1, "offset": len(out), "length": len(blob),
                      "properties": {"referenced-data-file": url, "cardinality": str(len(rows))}})
        places.append((url, len(out), len(blob), len(rows)))
        out += blob
    footer = json.dumps({"blobs": blobs, "properties": {"created-by": "a test"}}).encode()
    out += b"PFA1" + footer + struct.pack("<I", len(footer)) + b"\0\0\0\0" + b"PFA1"
    path.write_bytes(out)
    return places, len(out)


class Table:
    """One table in a folder catalog. Each add… prepares files; commit makes a snapshot of them."""
    def __init__(self, warehouse, name, version, schema, partition=()):
        """schema: fields of the schema's JSON. partition: (name, field id, Avro type, source id, transform)."""
        self.folder = pathlib.Path(warehouse, *name.split("."))
        (self.folder / "metadata").mkdir(parents=True)
        self.version, self.partition = version, partition
        self.schemas = [{"type": "struct", "schema-id": 0, "fields": schema}]
        self.sequence, self.next_row_id, self.snapshots, self.manifests, self.pending, self.files = 0, 0, [], [], {}, 0
        self.refs, self.properties = {}, {}

    def url(self, relative):
        return f"file://{self.folder}/{relative}"

    def evolve(self, fields):
        self.schemas.append({"type": "struct", "schema-id": len(self.schemas), "fields": fields})

    def _file(self, content, columns, rows, partition, extra, converted_types=True):
        self.files += 1
        relative = f"data/{self.files:05}.parquet"
        size = parquet_writer.write(self.folder / relative, columns, rows, converted_types)
        file = {"file_path": self.url(relative), "file_format": "PARQUET", "partition": partition or {}, "record_count": len(rows), "file_size_in_bytes": size, **extra}
        if self.version == 1:
            file["block_size_in_bytes"] = 1 << 26
        else:
            file["content"] = content
        self.pending.setdefault(DATA if content == DATA else POSITION_DELETES, []).append(file)
        return file["file_path"]

    def add_rows(self, columns, rows, partition=None, converted_types=True, **extra):
        """columns as parquet_writer's. extra: further fields of the manifest's data file."""
        return self._file(DATA, columns, rows, partition, extra, converted_types)

    def add_position_deletes(self, deletes, partition=None):
        columns = [("file_path", "string", 2147483546), ("pos", "long", 2147483545)]
        return self._file(POSITION_DELETES, columns, sorted(deletes), partition, {})

    def add_equality_deletes(self, columns, rows, partition=None):
        return self._file(EQUALITY_DELETES, columns, rows, partition, {"equality_ids": [field_id for _, _, field_id in columns]})

    def add_deletion_vectors(self, vectors, partition=None):
        self.files += 1
        relative = f"data/{self.files:05}.puffin"
        places, size = write_puffin(self.folder / relative, vectors)
        for url, offset, length, count in places:
            self.pending.setdefault(POSITION_DELETES, []).append({
                "content": POSITION_DELETES, "file_path": self.url(relative), "file_format": "PUFFIN", "partition": partition or {}, "record_count": count,
                "file_size_in_bytes": size, "referenced_data_file": url, "content_offset": offset, "content_size_in_bytes": length})

    def commit(self, operation="append", lists_manifests_itself=False):
        """lists_manifests_itself: the snapshot does, in place of a manifest list (format 1 alone)."""
        self.sequence += 1
        snapshot_id = 7_000_000_000_000_000_000 + self.sequence
        first_row_id, added = self.next_row_id, 0
        for content, files in sorted(self.pending.items()):
            path = self.folder / "metadata" / f"m{self.sequence}-{content}.avro"
            schema = manifest_schema(self.version, [field[:3] for field in self.partition])
            meta = {"schema": json.dumps(self.schemas[-1]), "schema-id": str(len(self.schemas) - 1), "partition-spec-id": "0", "partition-spec": json.dumps(self._spec()),
                    "format-version": str(self.version)}
            if self.version >= 2:
                meta["content"] = "data" if content == DATA else "deletes"
            inherited = {"sequence_number": None, "file_sequence_number": None, "snapshot_id": None}  # from the manifest list
            entries = [{"status": 1, **(inherited if self.version >= 2 else {"snapshot_id": snapshot_id}), "data_file": file} for file in files]
            write_avro(path, schema, entries, meta)
            rows = sum(file["record_count"] for file in files)
            manifest = {"manifest_path": self.url(f"metadata/{path.name}"), "manifest_length": path.stat().st_size, "partition_spec_id": 0, "added_snapshot_id": snapshot_id,
                        "added_files_count": len(files), "existing_files_count": 0, "deleted_files_count": 0, "added_rows_count": rows, "existing_rows_count": 0,
                        "deleted_rows_count": 0, "content": content, "sequence_number": self.sequence, "min_sequence_number": self.sequence}
            if self.version >= 3 and content == DATA:
                manifest["first_row_id"] = self.next_row_id
                self.next_row_id += rows
                added += rows
            self.manifests.append(manifest)
        self.pending = {}
        path = self.folder / "metadata" / f"snap-{snapshot_id}.avro"
        listed = manifest_list_schema(self.version)
        optional = {one["name"] for one in listed["fields"] if "default" in one}  # left out in format 1
        write_avro(path, listed, [{one["name"]: None if self.version == 1 and one["name"] in optional else manifest.get(one["name"]) for one in listed["fields"]}
                                  for manifest in self.manifests])
        snapshot = {"snapshot-id": snapshot_id, "timestamp-ms": 1_700_000_000_000 + self.sequence, "summary": {"operation": operation}}
        if lists_manifests_itself:
            snapshot["manifests"] = [manifest["manifest_path"] for manifest in self.manifests]
        else:
            snapshot["manifest-list"] = self.url(f"metadata/{path.name}")
        if self.snapshots:
            snapshot["parent-snapshot-id"] = self.snapshots[-1]["snapshot-id"]
        if self.version >= 2:
            snapshot |= {"sequence-number": self.sequence, "schema-id": len(self.schemas) - 1}
        if self.version >= 3:
            snapshot |= {"first-row-id": first_row_id, "added-rows": added}
        self.snapshots.append(snapshot)
        self._write_metadata()
        return snapshot_id

    def _spec(self):
        return [{"name": name, "field-id": field_id, "source-id": source, "transform": transform} for name, field_id, _, source, transform in self.partition]

    def _write_metadata(self):
        highest = max(field["id"] for schema in self.schemas for field in schema["fields"])
        metadata = {"format-version": self.version, "table-uuid": "5f8b14d8-0a14-4e6a-8b04-7b1f7f2f7a10", "location": f"file://{self.folder}",
                    "last-updated-ms": 1_700_000_000_000 + self.sequence, "last-column-id": highest, "properties": self.properties,
                    "current-snapshot-id": self.snapshots[-1]["snapshot-id"], "snapshots": self.snapshots,
                    "snapshot-log": [{"snapshot-id": s["snapshot-id"], "timestamp-ms": s["timestamp-ms"]} for s in self.snapshots]}
        if self.version == 1:  # the oldest form: one schema, one spec
            metadata |= {"schema": {"type": "struct", "fields": self.schemas[-1]["fields"]}, "partition-spec": self._spec()}
        else:
            metadata |= {"last-sequence-number": self.sequence, "schemas": self.schemas, "current-schema-id": len(self.schemas) - 1,
                         "partition-specs": [{"spec-id": 0, "fields": self._spec()}], "default-spec-id": 0,
                         "last-partition-id": max([999] + [field[1] for field in self.partition]), "sort-orders": [{"order-id": 0, "fields": []}],
                         "default-sort-order-id": 0, "refs": {"main": {"type": "branch", "snapshot-id": self.snapshots[-1]["snapshot-id"]}, **self.refs}}
        if self.version >= 3:
            metadata["next-row-id"] = self.next_row_id
        number = len(self.snapshots)
        (self.folder / "metadata" / f"v{number}.metadata.json").write_text(json.dumps(metadata, indent=2))
        (self.folder / "metadata" / "version-hint.text").write_text(str(number))
