"""1,000 tables of random shapes and values, compared with their source: PostgreSQL → a sink (→ PostgreSQL)."""
import os
import random

import pytest

SEED = int(os.environ.get("NILUS_TEST_SEED", str(random.randrange(1 << 30))))
TABLES = int(os.environ.get("NILUS_TEST_TABLES", "1000"))
TYPES = {
    "bigint": lambda c: str(c.randrange(-2**63, 2**63)),
    "integer": lambda c: str(c.randrange(-2**31, 2**31)),
    "numeric(18,4)": lambda c: f"{c.randrange(-10**17, 10**17) / 10000:.4f}",
    "numeric": lambda c: c.choice([f"{c.randrange(-10**9, 10**9)}.{c.randrange(10**9)}", "'NaN'", f"1e{c.randrange(-8, 28)}"]),
    "double precision": lambda c: repr(c.uniform(-1e9, 1e9)),
    "boolean": lambda c: c.choice(["true", "false"]),
    "text": lambda c: "'" + "".join(c.choice("abcXYZ 0189_-'\"\\,;\t\néß漢🦆") for _ in range(c.randrange(20))).replace("'", "''") + "'",
    "date": lambda c: f"'{c.randrange(1, 9999):04}-{c.randrange(1, 13):02}-{c.randrange(1, 29):02}'",
    "timestamp": lambda c: f"'{c.randrange(1, 9999):04}-01-02 {c.randrange(24):02}:00:{c.randrange(60):02}.{c.randrange(10**6):06}'",
    "timestamptz": lambda c: f"'{c.randrange(1800, 2200):04}-06-02 {c.randrange(24):02}:00:00+{c.randrange(12):02}'",
    "uuid": lambda c: f"'{c.getrandbits(128):032x}'",
    "bytea": lambda c: f"'\\x{c.randbytes(c.randrange(8)).hex()}'",
    "jsonb": lambda c: f"'{{\"k\": {c.randrange(1000)}, \"l\": [true, null, \"x\"]}}'",
    "integer[]": lambda c: f"'{{{','.join(str(c.randrange(100)) for _ in range(c.randrange(4)))}}}'",
}
NAMES = ["id", "Name", "order", "camelCaseName", "with space", "ümlaut", 'quo"te', "semi;--", "1st", "a.b", "UPPER", "select", "x" * 50]
ROW_IDS = ("_nilus_load_id", "_nilus_id")  # that every loaded row has
SINKS = ["postgres", "duckdb", "sqlite", "parquet", "lakehouse"]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def create_table(database, chance, index):
    names = chance.sample(NAMES, chance.randrange(1, 9))
    columns = {name: chance.choice(list(TYPES)) for name in names}
    table = f"t{index}"
    statements = [f"CREATE TABLE {table} (" + ", ".join(f"{quoted(n)} {t}" for n, t in columns.items()) + ")"]
    for _ in range(chance.choice([0, 1, 2, 7, 40])):
        values = ["NULL" if chance.random() < 0.15 else TYPES[t](chance) for t in columns.values()]
        statements.append(f"INSERT INTO {table} VALUES (" + ", ".join(f"({v})::{t}" for v, t in zip(values, columns.values())) + ")")
    database.execute("; ".join(statements).replace("%", "%%"))
    return table, columns


def rows_as_text(database, table, columns, typed):
    """Each row as a tuple of PostgreSQL's texts; columns given in the order of the source."""
    expressions = []
    for name, sql_type in columns:
        column = quoted(name)
        variant = quoted(typed[1].get(name, "")) if typed[1].get(name) else None
        base = f"{column}::text"
        if sql_type in ("integer[]", "jsonb"):  # a sink without a type for JSON has it as text
            base = f"to_jsonb({column})::text" if typed[0] else f"{column}::text::jsonb::text"
        if sql_type.startswith("numeric"):
            base = f"trim_scale({column}::numeric)::text"
        if sql_type == "bytea":
            base = f"encode({column}, 'hex')"
        expressions.append(f"coalesce({base}, {variant})" if variant else base)
    return sorted(database.execute(f"SELECT {', '.join(expressions)} FROM {table}"), key=repr)


def destination_columns(database, table):
    return [name for (name,) in database.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum", (table,))]


@pytest.mark.parametrize("sink", SINKS)
def test_generated_tables(sink, nilus, tmp_path, postgres):
    print(f"seed {SEED}")
    chance = random.Random(f"{SEED} {sink}")
    source, destination = postgres.create_database(), postgres.create_database()
    for index in range(TABLES // len(SINKS)):
        table, columns = create_table(source, chance, index)

        def load(from_address, from_table, to_address, to_table, env=None):
            return nilus.run(nilus.manifest({"address": from_address, "options": {"source_table": from_table}},
                                            {"address": to_address, "options": {"dest_table": to_table}}, name=f"g{index}"), env=env)
        if sink == "postgres":
            load(source.uri, f"public.{table}", destination.uri, f"lake.{table}")
        else:
            middle, name = {"duckdb": (f"duckdb:///{tmp_path}/x.duckdb", f"lake.{table}"), "sqlite": (f"sqlite:///{tmp_path}/x.db", f"main.{table}"),
                            "parquet": (f"file://{tmp_path}/files?format=parquet", f"lake.{table}"),
                            "lakehouse": (f"lakehouse://{tmp_path}/warehouse", f"lake.{table}")}[sink]
            (tmp_path / "warehouse").mkdir(exist_ok=True)
            load(source.uri, f"public.{table}", middle, name)
            load(middle, name, destination.uri, f"lake.{table}", env={"SCHEMA_NAMING": "direct"})
        arrived = destination_columns(destination, f"lake.{table}")
        variants = {name[:-len("__v_text")]: name for name in arrived if name.endswith("__v_text")}
        assert set(ROW_IDS) < set(arrived)
        plain = [name for name in arrived if not name.endswith("__v_text") and name not in ROW_IDS]
        assert len(plain) == len(columns), f"seed {SEED}: {columns} became {arrived}"
        types = list(columns.values())
        expected = rows_as_text(source, table, list(columns.items()), (True, {}))
        got = rows_as_text(destination, f"lake.{table}", list(zip(plain, types)), (False, variants))
        assert got == expected, f"seed {SEED}, table {index}: {columns}"
