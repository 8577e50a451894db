"""Every PostgreSQL type with its edge values through every sink that can hold it, and back: PostgreSQL's own text is the oracle."""
import pytest

# column type → values, as SQL literals
NUMBERS = {
    "smallint": ["-32768", "0", "32767"],
    "integer": ["-2147483648", "0", "2147483647"],
    "bigint": ["-9223372036854775808", "0", "9223372036854775807"],
    "numeric(12,2)": ["-9999999999.99", "0", "0.01", "9999999999.99"],
    "numeric(38,0)": ["-99999999999999999999999999999999999999", "1", "99999999999999999999999999999999999999"],
    "numeric(38,38)": ["0.00000000000000000000000000000000000001", "-0.99999999999999999999999999999999999999"],
    "numeric(60,10)": ["12345678901234567890123456789012345678901234567890.0123456789", "1.5"],
    "numeric": ["'NaN'", "'Infinity'", "'-Infinity'", "0", "1e-30", "1e100", "123456789.123456789", "-0.000000001"],
    "real": ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1e-45", "3.4028235e38", "0.1"],
    "double precision": ["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "5e-324", "1.7976931348623157e308", "0.1", "0.30000000000000004"],
    "money": ["'-92233720368547758.08'", "0", "'1.99'"],
    "oid": ["0", "4294967295"],
}
TIMES = {
    "date": ["'4713-01-01 BC'", "'0001-12-31 BC'", "'0001-01-01'", "'1582-10-10'", "'1970-01-01'", "'9999-12-31'", "'20000-01-01'", "'5874897-12-31'",
             "'infinity'", "'-infinity'"],
    "timestamp": ["'4713-01-01 00:00:00 BC'", "'1969-12-31 23:59:59.999999'", "'2024-02-29 12:34:56.000001'", "'9999-12-31 23:59:59.999999'",
                  "'294246-12-31 23:59:59.999999'", "'294276-12-31 23:59:59.999999'", "'infinity'", "'-infinity'"],
    "timestamptz": ["'4713-01-01 00:00:00+00 BC'", "'1970-01-01 00:00:00+00'", "'2024-03-31 02:30:00+02'", "'20000-01-01 00:00:00+00'", "'infinity'", "'-infinity'"],
    "time": ["'00:00:00'", "'12:34:56.789012'", "'24:00:00'"],
    "timetz": ["'00:00:00+14'", "'23:59:59.999999-12'", "'24:00:00+00'"],
    "interval": ["'1 year 2 mons -3 days 04:05:06.7'", "'-178000000 years'", "'0'"],
}
TEXTS = {
    "text": ["''", "'plain'", "'ünïcödé 🦆'", "E'tab\\tline\\nquote\"''back\\\\slash'", "'NULL'", "'\\N'", "repeat('x', 100000)"],
    "varchar(10)": ["''", "'0123456789'"],
    "char(5)": ["'ab'", "''"],
    '"char"': ["'a'", "''"],
    "name": ["'a_name'"],
    "bytea": ["''", "'\\x00ff00'", "decode(repeat('00', 5000), 'hex')"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "xml": ["'<a>1</a>'"],
    "bit(3)": ["B'101'"],
    "bit varying": ["B''", "B'10101'"],
    "boolean": ["true", "false"],
    "mood": ["'sad'", "'ok'", "'it''s \"fine\", ok'"],
    "positive": ["1", "99"],
    "pair": ["ROW(1, 'a\"b')", "ROW(NULL, NULL)"],
}
STRUCTURES = {
    "json": ["'{\"b\": 1,  \"a\": [1, 2.50, null]}'", "'null'", "'\"text\"'", "'[]'", "'1e400'"],
    "jsonb": ["'{\"b\": 1, \"a\": [1, 2.50, null]}'", "'null'", "'123456789012345678901234567890.5'"],
    "integer[]": ["'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'"],
    "text[]": ["ARRAY['a', 'b \"c\"', NULL, '']"],
    "numeric[]": ["'{1.10,NaN}'"],
    "timestamptz[]": ["'{2024-01-01 00:00:00+00,infinity}'"],
    "int4range": ["'[1,10)'", "'empty'", "'(,5)'"],
    "tstzrange": ["'[2024-01-01 00:00:00+00,)'"],
    "inet": ["'192.168.0.1/24'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "point": ["'(1.5,2)'"],
    "polygon": ["'((0,0),(1,1),(1,0))'"],
    "circle": ["'<(0,0),1>'"],
    "tsvector": ["'a fat cat'"],
    "tsquery": ["'fat & cat'"],
    "pg_lsn": ["'16/B374D848'"],
    "regclass": ["'pg_class'"],
    "int4multirange": ["'{[1,3),[5,7)}'"],
}
GROUPS = {"numbers": NUMBERS, "times": TIMES, "texts": TEXTS, "structures": STRUCTURES}


def create(database, types):
    database.execute("DO $$ BEGIN CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s \"fine\", ok'); CREATE DOMAIN positive AS integer CHECK (value > 0);"
                     " CREATE TYPE pair AS (a integer, b text); EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    names = {f"c{index}": sql_type for index, sql_type in enumerate(types)}
    database.execute("CREATE TABLE kinds (id bigint PRIMARY KEY, " + ", ".join(f"{name} {sql_type}" for name, sql_type in names.items()) + ")")
    database.execute("INSERT INTO kinds (id) VALUES (0)")  # all NULL
    row = 1
    for name, sql_type in names.items():
        for value in types[sql_type]:
            database.execute(f"INSERT INTO kinds (id, {name}) VALUES ({row}, ({value.replace('%', '%%')})::{sql_type})")
            row += 1
    return names


def expected_expression(name, sql_type, with_precision):
    """The text that must arrive for a column, in PostgreSQL's own words."""
    if sql_type in ("json", "jsonb", "pair") or sql_type.endswith("[]"):
        return f"to_jsonb({name})::text"  # json is compared by its meaning: the destination's type is jsonb
    if sql_type == "char(5)":
        return f"rpad({name}, 5)"  # blank-padded, as every client of PostgreSQL gets it
    if sql_type == "money":
        return f"trim_scale({name}::numeric)::text"
    if sql_type.startswith("numeric"):
        return f"trim_scale({name})::text"
    if sql_type == "bytea":
        return f"encode({name}, 'hex')"
    if sql_type == "real" and not with_precision:
        return f"{name}::double precision::text"
    return f"{name}::text"


def arrived_expression(database, table, name, sql_type):
    """The same text from the destination: the column, or its variant where the type could not hold the value."""
    found = dict(database.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_schema || '.' || table_name = %s", (table,)))
    if name not in found:
        return "NULL"
    expression = f"{name}::text"
    if found[name] == "numeric":
        expression = f"trim_scale({name})::text"
    if found[name] == "bytea":
        expression = f"encode({name}, 'hex')"
    if f"{name}__v_text" in found:
        expression = f"coalesce({expression}, {name}__v_text)"
    if sql_type in ("json", "jsonb"):
        expression = f"({expression})::jsonb::text"
    return expression


def compare(source, destination, table, names, with_precision=False, but=()):
    different = []
    for name, sql_type in names.items():
        expected = source.execute(f"SELECT id, {expected_expression(name, sql_type, with_precision)} FROM kinds ORDER BY id")
        arrived = destination.execute(f"SELECT id, {arrived_expression(destination, table, name, sql_type)} FROM {table} ORDER BY id")
        assert len(expected) == len(arrived)
        different += [f"{sql_type}: row {e[0]}: {str(e[1])[:80]!r} became {str(a[1])[:80]!r}" for e, a in zip(expected, arrived) if e != a and e[1] not in but]
    assert not different, "\n".join(different)


def load(nilus, source, table, sink, dest_table, env=None, **options):
    return nilus.run(nilus.manifest({"address": source, "options": {"source_table": table, **options}},
                                    {"address": sink, "options": {"dest_table": dest_table, "incremental_strategy": "replace"}}), env=env)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("through", ["postgres", "postgres with precision", "duckdb", "sqlite", "parquet"])
def test_round_trip(group, through, nilus, tmp_path, postgres):
    source, destination = postgres.create_database(), postgres.create_database()
    names = create(source, GROUPS[group])
    if through.startswith("postgres"):
        more = {"sql_reflection_level": "full_with_precision"} if "precision" in through else {}
        load(nilus, source.uri, "public.kinds", destination.uri, "lake.kinds", **more)
    else:
        address, table = {"duckdb": (f"duckdb:///{tmp_path}/x.duckdb", "lake.kinds"), "sqlite": (f"sqlite:///{tmp_path}/x.db", "main.kinds"),
                          "parquet": (f"file://{tmp_path}/files?format=parquet", "lake.kinds")}[through]
        load(nilus, source.uri, "public.kinds", address, table)
        load(nilus, address, table, destination.uri, "lake.kinds", env={"SCHEMA_NAMING": "direct"})  # c__v_text keeps its name
    # SQLite itself stores a REAL without a fraction as an integer: the sign of zero is not kept.
    compare(source, destination, "lake.kinds", names, "precision" in through, but=("-0",) if through == "sqlite" else ())


@pytest.mark.parametrize("group", GROUPS)
def test_round_trip_from_postgres_18(group, nilus, postgres18, postgres):
    source, destination = postgres18.create_database(), postgres.create_database()
    names = create(source, GROUPS[group])
    load(nilus, source.uri, "public.kinds", destination.uri, "lake.kinds")
    compare(source, destination, "lake.kinds", names)


@pytest.mark.parametrize("group", GROUPS)
def test_round_trip_into_postgres_18(group, nilus, postgres18, postgres):
    source, destination = postgres.create_database(), postgres18.create_database()
    names = create(source, GROUPS[group])
    load(nilus, source.uri, "public.kinds", destination.uri, "lake.kinds")
    compare(source, destination, "lake.kinds", names)


def test_what_did_not_fit_is_counted(nilus, tmp_path, database):
    database.execute("CREATE TABLE t (id bigint, n numeric); INSERT INTO t VALUES (1, 1.5), (2, 'NaN'), (3, 'Infinity')")
    done = load(nilus, database.uri, "public.t", f"duckdb:///{tmp_path}/x.duckdb", "lake.t")
    assert "n__v_text" in done.out
    rows = nilus.query(f"duckdb:///{tmp_path}/x.duckdb", "SELECT id, CAST(n AS VARCHAR) AS n, n__v_text FROM lake.t ORDER BY id")
    assert [row["n__v_text"] for row in rows] == [None, "NaN", "Infinity"]
    assert [row["n"] is None for row in rows] == [False, True, True]
