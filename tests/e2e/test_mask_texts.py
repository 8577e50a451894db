"""What a mask sees of a value hangs on the value, not on what else its load has: no digit comes through, and a masked key finds its row again."""
import hashlib
import sqlite3

import pytest


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def load(nilus, source, target, masks, strategy="replace", expect=0, **options):
    manifest = nilus.manifest({"address": source, "options": {"mask": masks, **options}},
                              {"address": f"sqlite:///{target}", "options": {"dest_table": "main.t", "incremental_strategy": strategy}}, name="masked")
    return nilus.run(manifest, expect=expect)


def write(folder, number, kind, *lines):
    """The one file of a load: a merge does not read another again."""
    (folder / "in").mkdir(exist_ok=True)
    for earlier in (folder / "in").iterdir():
        earlier.unlink()
    (folder / "in" / f"{number}.{kind}").write_text("\n".join(lines) + "\n")
    return f"file://{folder}/in"


def loaded(target, *columns, table="t"):
    with sqlite3.connect(target) as db:
        rows = db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1").fetchall()
    db.close()
    return rows


def test_digits_that_nobody_declared_hide_no_others(nilus, tmp_path, database):
    """A numeric without digits, and money, are decimals of nine digits behind the point here: zeros that are no part of a phone."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n numeric, m money, d numeric(13,2), k bigint);"
                     "INSERT INTO t VALUES (1, 15551234567, 15551234567, 15551234567, 15551234567)")
    for algorithm, bare, declared in (("phone", "1555*******", "1555*******.**"), ("credit_card", "*******4567", "*******4567.**"), ("ssn", "*******4567", "*******4567.**"),
                                      ("partial:3", "155*****567", "155********.00"), ("hash", sha256("15551234567"), sha256("15551234567.00"))):
        load(nilus, database.uri, tmp_path / "t.db", {column: algorithm for column in "nmdk"}, source_table="public.t")
        (row,) = loaded(tmp_path / "t.db", "n", "m", "k", "d")
        assert row == (bare, bare, bare, declared), algorithm


@pytest.mark.parametrize("algorithm", ["hash", "sequential"])
def test_a_masked_key_of_postgres_is_the_same_by_any_whole_type(algorithm, nilus, tmp_path, database):
    for row, type_ in enumerate(("numeric(10,0)", "numeric", "bigint", "double precision", "numeric(10,0)")):
        database.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id {type_}, v int); INSERT INTO t VALUES (42, {row}), (100000, {row})")
        load(nilus, database.uri, tmp_path / "t.db", {"id": algorithm}, "merge", source_table="public.t", primary_key="id")
        assert [v for (v,) in loaded(tmp_path / "t.db", "v")] == [row, row], type_


@pytest.mark.parametrize("algorithm", ["hash", "sequential"])
@pytest.mark.parametrize("text, value", [("100.0", "100"), ("1e2", "100"), ("100000.5", "100000.5"), ("123456789012345678901.50", "123456789012345678901.5")])
def test_a_masked_key_of_json_is_the_same_beside_any_other(text, value, algorithm, nilus, tmp_path):
    for load_number, others in enumerate([[], ["7"], ["0.5"], ['"A7"'], ["12345678901234567.25"], ['{"a": 1}'], ["true"]]):
        rows = [f'{{"id": {text}, "v": {load_number}}}', *(f'{{"id": {other}, "v": -1}}' for other in others)]
        load(nilus, write(tmp_path, load_number, "jsonl", *rows), tmp_path / "t.db", {"id": algorithm}, "merge", source_table="*.jsonl", primary_key="id")
        found = {v: row_id for row_id, v in loaded(tmp_path / "t.db", "id", "v") if v >= 0}
        assert list(found) == [load_number], others
        if algorithm == "hash":
            assert found[load_number] == sha256(value)


def test_a_masked_timestamp_of_json_is_the_same_beside_a_text(nilus, tmp_path):
    for load_number, others in enumerate([[], ['"x"'], ["5"], ['"2024-01-01"']]):
        rows = [f'{{"id": "2024-01-01 10:00:00+02:00", "v": {load_number}}}', *(f'{{"id": {other}, "v": -1}}' for other in others)]
        load(nilus, write(tmp_path, load_number, "jsonl", *rows), tmp_path / "t.db", {"id": "hash"}, "merge", source_table="*.jsonl", primary_key="id")
        assert [row for row in loaded(tmp_path / "t.db", "v", "id") if row[0] >= 0] == [(load_number, sha256("2024-01-01T08:00:00Z"))], others


@pytest.mark.parametrize("kind, first", [("csv", "7.0"), ("csv", "TRUE"), ("jsonl", "7.50"), ("jsonl", '"2024-01-01 10:00:00+02:00"')])
def test_a_hint_of_text_has_keys_masked_as_they_are_written(kind, first, nilus, tmp_path):
    for load_number, others in enumerate([[], ["A7" if kind == "csv" else '"A7"']]):
        values = [first, *others]
        rows = [f"{value},{load_number}" if kind == "csv" else f'{{"id": {value}, "v": {load_number}}}' for value in values]
        source = write(tmp_path, load_number, kind, *(["id,v"] if kind == "csv" else []), *rows)
        load(nilus, source, tmp_path / "t.db", {"id": "hash"}, "merge", source_table=f"*.{kind}", primary_key="id", type_hints={"id": "text"})
        found = loaded(tmp_path / "t.db", "id", "v")
        assert (sha256(first.strip('"')), load_number) in found and len(found) == len(values), found


def test_numbers_of_json_that_are_written_as_texts_are_rounded(nilus, tmp_path):
    source = write(tmp_path, 1, "jsonl", '{"id": 1, "c": 52}', '{"id": 2, "c": "57"}', '{"id": 3, "c": null}')
    load(nilus, source, tmp_path / "t.db", {"c": "round"}, source_table="*.jsonl")
    assert loaded(tmp_path / "t.db", "id", "c") == [(1, 50), (2, 60), (3, None)]
    write(tmp_path, 2, "jsonl", '{"id": 1, "c": 52}', '{"id": 2, "c": "secret"}')
    refused = load(nilus, source, tmp_path / "t.db", {"c": "round"}, expect=1, source_table="*.jsonl")
    assert "a value is no number" in refused.all_output and "secret" not in refused.all_output


@pytest.mark.parametrize("nesting", ["0", "2"])
def test_elements_are_masked_by_the_name_of_their_column(nesting, nilus, tmp_path):
    """In the child table of `tags` the objects' field and the bare elements are one column."""
    for number, tags in enumerate(('[{"value": "Canary1"}]', '["Canary2", ["Canary3"]]')):
        source = write(tmp_path, number, "jsonl", f'{{"id": {number}, "tags": {tags}}}')
        done = load(nilus, source, tmp_path / "t.db", {"tags.value": "redact"}, "append", source_table="*.jsonl", max_table_nesting=nesting)
        assert not [warning for warning in done.report["warnings"] if "mask" in warning]
    assert b"Canary" not in (tmp_path / "t.db").read_bytes()
    if nesting == "2":
        assert loaded(tmp_path / "t.db", "value", table="t__tags") == [(None,), ("REDACTED",), ("REDACTED",)]


@pytest.mark.parametrize("flag", ["c=hmac:canary7", "c:hmac;canary7", "c:hmac canary7", "c:hmac:$canary7", "c:hmac:{canary7"])
def test_a_mistyped_key_is_not_shown(flag, nilus, tmp_path):
    source = write(tmp_path, 1, "jsonl", '{"c": 1}')
    done = nilus("ingest", "--source-uri", source, "--source-table", "*.jsonl", "--dest-uri", f"sqlite:///{tmp_path}/t.db", "--dest-table", "main.t", "--mask", flag, "--yes")
    assert done.code != 0 and "hmac:{HMAC_KEY}" in done.all_output and "canary7" not in done.all_output, done
