"""A small Parquet writer from the format's document (github.com/apache/parquet-format: Thrift compact protocol, PLAIN pages, no compression), so that tables for
tests come from code that is not Nilus's and not DuckDB's."""
import decimal
import struct

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTES, FIXED = 0, 1, 2, 4, 5, 6, 7


class Compact:
    """One struct of Thrift's compact protocol; fields in ascending order of their ids."""
    def __init__(self):
        self.bytes, self.last = bytearray(), 0

    @staticmethod
    def varint(value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
        return out

    @classmethod
    def zigzag(cls, value):
        return cls.varint((value << 1) ^ (value >> 63) & (1 << 64) - 1)

    def header(self, field, kind):
        delta = field - self.last
        assert 0 < delta < 16
        self.bytes.append(delta << 4 | kind)
        self.last = field

    def i32(self, field, value):
        self.header(field, 5)
        self.bytes += self.zigzag(value)
        return self

    def i64(self, field, value):
        self.header(field, 6)
        self.bytes += self.zigzag(value)
        return self

    def boolean(self, field, value):
        self.header(field, 1 if value else 2)
        return self

    def text(self, field, value):
        self.header(field, 8)
        self.bytes += self.varint(len(value.encode())) + value.encode()
        return self

    def struct(self, field, value):
        self.header(field, 12)
        self.bytes += value.finish()
        return self

    def list(self, field, kind, items):
        self.header(field, 9)
        self.bytes += bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + self.varint(len(items))
        for item in items:
            self.bytes += item
        return self

    def finish(self):
        return bytes(self.bytes) + b"\0"


def time_unit(number):
    return Compact().struct(number, Compact())


# What writers add for readers that know no logical types.
CONVERTED = {"string": 0, "decimal(9, 2)": 5, "date": 6, "timestamp": 10, "timestamptz": 10}
# name → (physical type, logical type or nothing, how a value is written)
TYPES = {
    "boolean": (BOOLEAN, None, None),
    "int": (INT32, None, struct.Struct("<i").pack),
    "long": (INT64, None, struct.Struct("<q").pack),
    "float": (FLOAT, None, struct.Struct("<f").pack),
    "double": (DOUBLE, None, struct.Struct("<d").pack),
    "date": (INT32, lambda: Compact().struct(6, Compact()), struct.Struct("<i").pack),
    "timestamp": (INT64, lambda: Compact().struct(8, Compact().boolean(1, False).struct(2, time_unit(2))), struct.Struct("<q").pack),
    "timestamptz": (INT64, lambda: Compact().struct(8, Compact().boolean(1, True).struct(2, time_unit(2))), struct.Struct("<q").pack),
    "timestamp_ns": (INT64, lambda: Compact().struct(8, Compact().boolean(1, False).struct(2, time_unit(3))), struct.Struct("<q").pack),
    "timestamptz_ns": (INT64, lambda: Compact().struct(8, Compact().boolean(1, True).struct(2, time_unit(3))), struct.Struct("<q").pack),
    "string": (BYTES, lambda: Compact().struct(1, Compact()), lambda v: struct.pack("<I", len(v.encode())) + v.encode()),
    "binary": (BYTES, None, lambda v: struct.pack("<I", len(v)) + v),
    "decimal(9, 2)": (INT32, lambda: Compact().struct(5, Compact().i32(1, 2).i32(2, 9)), lambda v: struct.pack("<i", int(decimal.Decimal(v).scaleb(2)))),
}


def bits(flags):
    return bytes(sum(flag << i for i, flag in enumerate(flags[at:at + 8])) for at in range(0, len(flags), 8))


def page(kind, values):
    """All values of an optional column: definition levels, then those that are there."""
    levels = Compact.varint((len(values) + 7) // 8 << 1 | 1) + bits([value is not None for value in values])
    there = [value for value in values if value is not None]
    body = bits(there) if kind == "boolean" else b"".join(TYPES[kind][2](value) for value in there)
    body = struct.pack("<I", len(levels)) + bytes(levels) + body
    header = Compact().i32(1, 0).i32(2, len(body)).i32(3, len(body)).struct(5, Compact().i32(1, len(values)).i32(2, 0).i32(3, 3).i32(4, 3))
    return header.finish() + body


def write(path, columns, rows, converted_types=True):
    """columns: (name, type, field id or None). converted_types: as most writers do, beside the logical types. Returns the file's size."""
    out = bytearray(b"PAR1")
    chunks = []
    elements = [Compact().text(4, "schema").i32(5, len(columns)).finish()]
    for at, (name, kind, field_id) in enumerate(columns):
        physical, logical, _ = TYPES[kind]
        element = Compact().i32(1, physical).i32(3, 1).text(4, name)
        if kind in CONVERTED and converted_types:
            element.i32(6, CONVERTED[kind])
        if kind.startswith("decimal") and converted_types:
            element.i32(7, 2).i32(8, 9)
        if field_id is not None:
            element.i32(9, field_id)
        if logical:
            element.struct(10, logical())
        elements.append(element.finish())
        written = page(kind, [row[at] for row in rows])
        meta = Compact().i32(1, physical).list(2, 5, [Compact.zigzag(0), Compact.zigzag(3)]).list(3, 8, [Compact.varint(len(name.encode())) + name.encode()])
        meta.i32(4, 0).i64(5, len(rows)).i64(6, len(written)).i64(7, len(written)).i64(9, len(out))
        chunks.append(Compact().i64(2, len(out)).struct(3, meta).finish())
        out += written
    group = Compact().list(1, 12, chunks).i64(2, len(out) - 4).i64(3, len(rows)).finish()
    footer = Compact().i32(1, 2).list(2, 12, elements).i64(3, len(rows)).list(4, 12, [group]).text(6, "a test's own writer").finish()
    out += footer + struct.pack("<I", len(footer)) + b"PAR1"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out)
    return len(out)
