"""Masks: no masked value is left anywhere but at the source, and a mask that cannot be applied stops the run before anything is loaded."""
import base64
import hashlib
import hmac
import json
import pathlib
import sqlite3
import urllib.parse

import pytest

ROWS = 150  # several batches under page_size 64
COLUMNS = ("email", "phone", "card", "ssn", "nick", "salary", "born", "note")
MASKS = {"email": "hash", "phone": "phone", "card": "credit_card", "ssn": "hmac:{MASK_KEY}", "nick": "stars", "salary": "range:10000",
         "born": "month_year", "note": "sequential"}
KEY = "CaNaRy-the-key-of-the-mask"


def canary(column, row):
    return {"email": f"Canary{row:05}Mail@example.com", "phone": f"+49 30 77{row:05}", "card": f"41119999{row:05}888", "ssn": f"CANARYSSN{row:05}",
            "nick": f"CanaryNick{row:05}", "salary": 7_100_000_000 + row * 3, "born": f"1987-06-{1 + row % 28:02}", "note": f"canarynote{row % 7}x"}[column]


def fill(path, rows=ROWS):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, card TEXT, ssn TEXT, nick TEXT, salary INTEGER, born DATE, note TEXT)")
        for row in range(1, rows + 1):
            values = [canary(column, row) if row % 10 else None for column in COLUMNS]
            db.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (row, *values))
    db.close()


def secrets(rows=ROWS):
    found = {KEY}
    for row in range(1, rows + 1):
        if row % 10:
            found |= {str(canary(column, row)) for column in COLUMNS}
    return found


def assert_nowhere(values, texts, folder, excuse):
    """In no output and no file: as it is, base64, or as a database writes an integer. A hit in `excuse` (the source itself) does not count."""
    contents = {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}
    contents |= {str(path): path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file() and path not in excuse}
    for value in values:
        forms = {value.encode(), base64.b64encode(value.encode()).rstrip(b"="), urllib.parse.quote(value, safe="").encode()}
        number = int(value) if value.isdigit() else 2 ** 63
        if number < 2 ** 63:
            forms |= {number.to_bytes(8, "little"), number.to_bytes(8, "big")}
        if number < 2 ** 47:
            forms.add(number.to_bytes(6, "big"))  # as SQLite does
        for name, content in contents.items():
            for form in forms:
                assert form not in content, f"{value!r} stands in {name}"


def masked(nilus, source, sink, masks, env=None, expect=0, strategy="replace", table="lake.people", arguments=(), **options):
    manifest = nilus.manifest({"address": f"sqlite:///{source}", "options": {"source_table": "main.people", "mask": masks, "page_size": 64, **options}},
                              {"address": sink, "options": {"dest_table": table, "incremental_strategy": strategy}})
    return nilus.run(manifest, env=env, expect=expect, arguments=arguments)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "csv", "parquet", "postgres"])
@pytest.mark.parametrize("options", [{"strategy": "replace"}, {"strategy": "append", "incremental_key": "id"},
                                     {"strategy": "append", "incremental_key": "salary", "incremental_key_nulls": "include"}],
                         ids=["replace", "append", "masked_cursor"])
def test_canaries(kind, options, nilus, tmp_path, database):
    source = tmp_path / "source.db"
    fill(source)
    target = tmp_path / "out"
    target.mkdir()
    sink = {"sqlite": f"sqlite:///{target}/t.db", "duckdb": f"duckdb:///{target}/t.duckdb", "csv": f"file://{target}?format=csv",
            "parquet": f"file://{target}?format=parquet", "postgres": database.uri}[kind]
    table = "main.people" if kind == "sqlite" else "lake.people"
    texts = {}
    for run in range(2):  # the second under append meets the row at the cursor again
        for extra in ((), ("--debug",)):
            done = masked(nilus, source, sink, MASKS, env={"MASK_KEY": KEY}, table=table, arguments=extra, **options)
            texts[f"output {run} {extra}"] = done.all_output
    manifest = next(tmp_path.glob("manifest-*.yaml"))
    for command in (("plan", manifest), ("state", "show", manifest), ("state", "show", manifest, "--json")):
        done = nilus(*command, env={"MASK_KEY": KEY})
        assert done.code == 0, done
        texts[" ".join(map(str, command))] = done.all_output
    if kind == "postgres":
        rows = database.execute("SELECT id, email, phone, card, ssn, nick, salary, born, note FROM lake.people ORDER BY id")
        for stored in ("lake.people", "lake._nilus_state", "lake._nilus_loads"):
            texts[stored] = repr(database.execute(f"SELECT t::text FROM {stored} t"))
    else:
        listed = nilus.query(sink, f"SELECT id, email, phone, card, ssn, nick, salary, born, note FROM {table} ORDER BY id")
        rows = [(row["id"], *(row[column] for column in COLUMNS)) for row in listed]
    texts["rows"] = repr(rows)  # some formats pack numbers so that no search in their bytes would find them
    assert_nowhere(secrets(), texts, tmp_path, {source})

    assert len(rows) == ROWS
    numbers = {}
    for row in rows:
        number, *values = row
        number = int(number)
        if number % 10 == 0:
            assert set(values) <= {None, ""}, "NULL stays NULL"  # CSV has no other
            continue
        email, phone, card, ssn, nick, salary, born, note = values
        assert email == hashlib.sha256(canary("email", number).encode()).hexdigest()
        assert phone == "+49 30 *******"
        assert card == "************" + canary("card", number)[-4:]
        assert ssn == hmac.new(KEY.encode(), canary("ssn", number).encode(), hashlib.sha256).hexdigest()
        assert nick == "*" * 15
        assert salary == "7100000000-7100010000"
        assert born == "1987-06"
        numbers.setdefault(number % 7, int(note))
        assert int(note) == numbers[number % 7]
    assert sorted(numbers.values()) == list(range(1, 8))


@pytest.mark.parametrize("kind, column", [("sqlite", "salary"), ("sqlite", "nick"), ("csv", "salary")])
def test_the_search_finds_what_is_not_masked(kind, column, nilus, tmp_path):
    source = tmp_path / "source.db"
    fill(source, 9)
    sink = f"sqlite:///{tmp_path}/t.db" if kind == "sqlite" else f"file://{tmp_path}/out?format=csv"
    masked(nilus, source, sink, {other: "redact" for other in COLUMNS if other != column}, table="main.people" if kind == "sqlite" else "lake.people")
    assert_nowhere({canary("email", 3)}, {}, tmp_path, {source})
    with pytest.raises(AssertionError):
        assert_nowhere({str(canary(column, 3))}, {}, tmp_path, {source})


def test_a_missing_column(nilus, tmp_path):
    source = tmp_path / "source.db"
    fill(source, 5)
    done = masked(nilus, source, f"sqlite:///{tmp_path}/t.db", {"emial": "hash"}, expect=None)
    assert done.code != 0
    assert "emial" in done.all_output and "did you mean `email`" in done.all_output, done
    assert not (tmp_path / "t.db").exists() or tables(tmp_path / "t.db").isdisjoint({"people"})


def tables(path):
    with sqlite3.connect(path) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_mask_that_cannot_be_applied_loads_nothing(nilus, tmp_path):
    source = tmp_path / "source.db"
    fill(source, 200)
    with sqlite3.connect(source) as db:
        db.execute("UPDATE people SET nick = '12'")
        db.execute("UPDATE people SET nick = 'abc-canary' WHERE id = 180")  # in a later batch
    target = tmp_path / "t.db"
    done = masked(nilus, source, f"sqlite:///{target}", {"nick": "round"}, expect=1, table="main.people")
    assert "`nick` cannot be masked with round" in done.all_output, done
    assert "canary" not in done.all_output
    assert not target.exists() or "people" not in tables(target)
    done = masked(nilus, source, f"sqlite:///{target}", {"born": "round"}, expect=None, table="main.people")
    assert done.code != 0 and "of type date" in done.all_output, done


def test_values_that_their_type_cannot_hold(nilus, tmp_path, database):
    """What PostgreSQL's numeric and date hold beyond ours goes to variant columns: those are masked as well, or the run stops."""
    huge = "7" * 45
    database.execute(f"CREATE TABLE t (id bigint PRIMARY KEY, n numeric, d date); INSERT INTO t VALUES (1, 5, '2024-03-15'), (2, {huge}, 'infinity')")

    def run(masks, expect):
        return nilus.run(nilus.manifest({"address": database.uri, "options": {"source_table": "public.t", "mask": masks}},
                                        {"address": f"sqlite:///{tmp_path}/t.db", "options": {"dest_table": "main.t"}}), expect=expect)

    texts = {"masked": run({"n": "hash", "d": "stars"}, 0).all_output}
    with sqlite3.connect(tmp_path / "t.db") as db:
        rows = db.execute("SELECT n, n__v_text, d, d__v_text FROM t ORDER BY id").fetchall()
    assert rows[1] == (None, hashlib.sha256(huge.encode()).hexdigest(), None, "********"), rows
    assert rows[0][2] == "**********"
    for masks in ({"n": "round", "d": "redact"}, {"n": "noise", "d": "redact"}, {"n": "redact", "d": "year_only"}):
        done = run(masks, 1)
        assert "cannot be masked with" in done.all_output, done
        texts[str(masks)] = done.all_output
    assert_nowhere({huge}, texts, tmp_path, set())


def test_numbers_go_on_in_later_runs(nilus, tmp_path):
    source = tmp_path / "source.db"
    target = tmp_path / "t.db"
    fill(source, 0)
    for names in (["Ann", "Bob"], ["Bob", "Cid", "Ann"], ["Dan", "Ann"]):
        with sqlite3.connect(source) as db:
            db.executemany("INSERT INTO people (nick) VALUES (?)", [(name,) for name in names])
        masked(nilus, source, f"sqlite:///{target}", {"Nick": "sequential"}, strategy="append", table="main.people", incremental_key="id")
    with sqlite3.connect(target) as db:
        numbers = [number for (number,) in db.execute("SELECT nick FROM people ORDER BY id")]
    assert numbers == [1, 2, 2, 3, 1, 4, 1]


def test_keys(nilus, tmp_path):
    source = tmp_path / "source.db"
    target = tmp_path / "t.db"
    fill(source, 9)
    sink = f"sqlite:///{target}"
    common = {"strategy": "merge", "table": "main.people", "primary_key": "email"}
    for _ in range(2):  # a masked key finds its row again
        masked(nilus, source, sink, {"email": "hash"}, **common)
        with sqlite3.connect(target) as db:
            assert db.execute("SELECT count(*), count(DISTINCT email) FROM people").fetchone() == (9, 9)
    done = masked(nilus, source, sink, {"email": "md5"}, expect=None, **common)
    assert done.code != 0 and "full_refresh" in done.all_output, done
    for mask, why in (("redact", "would become one"), ("random", "another key in every run")):
        done = masked(nilus, source, sink, {"email": mask}, expect=None, **common)
        assert done.code != 0 and why in done.all_output, done
    done = masked(nilus, source, sink, {"id": "hash"}, expect=None, strategy="scd2", table="main.people", primary_key="email", incremental_key="id")
    assert done.code != 0 and "incremental_key `id` cannot be masked" in done.all_output, done
    with sqlite3.connect(target) as db:
        assert db.execute("SELECT count(*) FROM people").fetchone() == (9,)


def test_a_masked_cursor_is_sealed(nilus, tmp_path):
    source, target = tmp_path / "source.db", tmp_path / "t.db"
    fill(source, 9)
    sink = f"sqlite:///{target}"
    common = {"strategy": "merge", "table": "main.people", "primary_key": "id", "incremental_key": "salary", "incremental_key_nulls": "include"}
    key = {"cursor_secret": "{CURSOR_SECRET}"}
    done = masked(nilus, source, sink, {"salary": "range:10000"}, **common)
    assert "cursor_secret" in done.all_output, "an address without a secret is told"
    done = masked(nilus, source, sink, {"salary": "range:10000"}, env={"CURSOR_SECRET": "CaNaRy-cursor"}, expect=None, **common, **key)
    assert done.code != 0 and "is another one now" in done.all_output and "full_refresh" in done.all_output, done
    target.unlink()
    for rows in (9, 12):
        source.unlink()
        fill(source, rows)
        done = masked(nilus, source, sink, {"salary": "range:10000"}, env={"CURSOR_SECRET": "CaNaRy-cursor"}, **common, **key)
        assert_nowhere({"CaNaRy-cursor", *(str(canary("salary", row)) for row in range(1, rows + 1) if row % 10)}, {"output": done.all_output},
                       tmp_path, {source})
    with sqlite3.connect(target) as db:
        assert db.execute("SELECT count(*), count(DISTINCT id) FROM people").fetchone() == (12, 12)


def test_without_a_manifest(nilus, tmp_path):
    source = tmp_path / "source.db"
    fill(source, 9)
    done = nilus("ingest", "--source-uri", f"sqlite:///{source}", "--source-table", "main.people", "--dest-uri", f"sqlite:///{tmp_path}/t.db",
                 "--dest-table", "main.people", "--mask", "email:email", "--mask", "nick:fixed:a:b", "--yes")
    assert done.code == 0, done
    with sqlite3.connect(tmp_path / "t.db") as db:
        assert db.execute("SELECT DISTINCT email, nick FROM people").fetchall() == [("C*************l@example.com", "a:b")]


def test_changed_masks_are_told(nilus, tmp_path):
    source = tmp_path / "source.db"
    fill(source, 9)
    sink = f"sqlite:///{tmp_path}/t.db"
    common = {"strategy": "merge", "table": "main.people", "primary_key": "id"}
    masked(nilus, source, sink, {"email": "hash"}, **common)
    done = masked(nilus, source, sink, {"email": "hash"}, **common)
    assert not [w for w in json.loads(done.out).get("warnings", []) if "mask" in w], done
    done = masked(nilus, source, sink, {"email": "stars"}, **common)
    assert "the mask of `email` changed since the last load (stars, was hash)" in done.all_output, done


@pytest.mark.parametrize("nesting", ["0", "2"])
def test_what_lies_inside_of_documents(nesting, nilus, tmp_path):
    """Masked where it stands: in columns, child tables, json, and dead letters."""
    folder = tmp_path / "in"
    folder.mkdir()

    def write(name, *rows):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("a.jsonl", *({"id": row, "n": 1, "homeAddress": {"street": f"CanaryStreet{row:05}", "city": "Ulm"},
                        "lines": [{"sku": "a", "note": f"CanaryNote{row:05}"}, {"sku": "b"}]} for row in range(1, 4)))
    target = tmp_path / "out.db"

    def run(masks, expect=0):
        manifest = nilus.manifest({"address": f"file://{folder}", "options": {"source_table": "*.jsonl", "primary_key": "id", "max_table_nesting": nesting, "mask": masks}},
                                  {"address": f"sqlite:///{target}", "options": {"dest_table": "main.people", "incremental_strategy": "append", "schema_contract": "discard_row"}})
        return manifest, nilus.run(manifest, expect=expect)

    masks = {"home_address.street": "stars", "lines__note": "redact"}
    _, missing = run({**masks, "home_address.town": "hash"}, expect=1)
    assert "`home_address.town`" in missing.report["error"]["message"]
    with sqlite3.connect(target) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'people%'").fetchone() == (0,)
    db.close()
    _, text = run({"n.a": "hash"}, expect=1)
    assert "`n.a`" in text.all_output
    first = run(masks)[1]
    write("b.jsonl", {"id": 9, "n": "CanaryIsNoNumber", "homeAddress": {"street": "CanaryStreet00009", "city": "Bonn"}, "lines": []})
    manifest, second = run(masks)
    assert second.report["tables"][0]["rows_dead_lettered"] == 1
    assert any("`lines__note`" in warning for warning in second.report["warnings"])
    listed = nilus("dead-letters", "list", manifest, "--json")
    letter = json.loads(listed.out)["shown"][0]["payload"]
    assert letter["homeAddress"] == {"street": "*" * 17, "city": "Bonn"}
    with sqlite3.connect(target) as db:
        if nesting == "2":
            assert db.execute("SELECT DISTINCT home_address__street, home_address__city FROM people").fetchall() == [("*" * 17, "Ulm")]
            assert db.execute("SELECT sku, note, count(*) FROM people__lines GROUP BY 1, 2 ORDER BY 1").fetchall() == [("a", "REDACTED", 3), ("b", None, 3)]
        else:
            assert {json.loads(text)["street"] for (text,) in db.execute("SELECT home_address FROM people")} == {"*" * 17}
    db.close()
    words = {f"Canary{kind}{row:05}" for kind in ("Street", "Note") for row in (1, 2, 3, 9)}
    assert_nowhere(words, {"first": first.all_output, "second": second.all_output, "list": listed.out}, tmp_path, set(folder.iterdir()))
