"""Values as they are written: what becomes of one does not hang on what else its load brings."""
import hashlib
import json
import sqlite3

import pytest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path


def pipeline(nilus, folder, table="*.csv", sink=None, **options):
    return nilus.manifest({"address": f"file://{folder}/in", "options": {"source_table": table, "primary_key": "id", **options}},
                          {"address": f"sqlite:///{folder}/out.db", "options": {"dest_table": "main.t", "incremental_strategy": "merge", **(sink or {})}})


def rows(folder, columns):
    with sqlite3.connect(folder / "out.db") as db:
        return sorted(db.execute(f"SELECT {columns} FROM t").fetchall(), key=repr)


def load(nilus, folder, manifest, parts):
    for number, part in enumerate(parts):
        (folder / "in" / f"{number}{'.csv' if part.startswith('id,') else '.jsonl'}").write_text(part)
        nilus.run(manifest)


@pytest.mark.parametrize("parts", [["id,v\n1.1,a\n1.10,b\n1.50,c\nTRUE,d\n2024-03-15 10:00:00+02:00,e\n"],
                                   ["id,v\n1.1,a\n1.10,b\n", "id,v\n1.50,c\n", "id,v\nTRUE,d\n", "id,v\n2024-03-15 10:00:00+02:00,e\n"]], ids=["together", "apart"])
def test_a_hint_of_text_keeps_csv_as_it_is_written(nilus, folder, parts):
    load(nilus, folder, pipeline(nilus, folder, type_hints={"id": "text"}), parts)
    assert rows(folder, "id, v") == [("1.1", "a"), ("1.10", "b"), ("1.50", "c"), ("2024-03-15 10:00:00+02:00", "e"), ("TRUE", "d")]


@pytest.mark.parametrize("together", [True, False])
def test_a_hint_of_text_keeps_json_as_it_is_written(nilus, folder, together):
    lines = ['{"id": 1.50, "n": {"v": 1.10}}\n', '{"id": "2024-03-15T10:00:00+02:00", "n": {"v": 1e2}}\n', '{"id": "2024-03-15T08:00:00Z"}\n', '{"id": "x", "n": {"v": "y"}}\n']
    load(nilus, folder, pipeline(nilus, folder, "*.jsonl", max_table_nesting="1", type_hints={"id": "text", "n__v": "text"}), ["".join(lines)] if together else lines)
    assert rows(folder, "id, n__v") == [("1.50", "1.10"), ("2024-03-15T08:00:00Z", None), ("2024-03-15T10:00:00+02:00", "1e2"), ("x", "y")]


def test_names_with_levels_are_columns_too(nilus, folder):
    """Code__c becomes code_c, and is what hints, masks, keys and the cursor speak of."""
    load(nilus, folder, pipeline(nilus, folder, primary_key="Id__c", type_hints={"Id__c": "text"}, mask={"Code__c": "hash"}, incremental_key="U__at"),
         ["id,Id__c,Code__c,U__at\n1,1.1,1.50,9\n2,1.10,1.50,9\n", "id,Id__c,Code__c,U__at\n3,1.10,1.50,10\n"])
    assert rows(folder, "id, id_c, u_at") == [(1, "1.1", 9), (3, "1.10", 10)]
    assert len({code for (code,) in rows(folder, "code_c")}) == 1
    (folder / "in" / "a.jsonl").write_text('{"id": 1, "Payload__c": {"a": 1}}\n')
    nilus.run(pipeline(nilus, folder, "*.jsonl", {"dest_table": "main.j"}, max_table_nesting="1", type_hints={"Payload__c": "json"}))
    with sqlite3.connect(folder / "out.db") as db:
        assert db.execute("SELECT payload_c FROM j").fetchall() == [('{"a": 1}',)]


def test_a_column_that_is_there_decides(nilus, folder):
    """A hint of text that the destination's type overrules changes nothing about where values go."""
    first, rest = '{"id": 1, "v": 1}\n', ['{"id": 2, "v": 2.5}\n', '{"id": 3, "v": 2.5}\n{"id": 4, "v": {"x": 1}}\n']
    load(nilus, folder, pipeline(nilus, folder, "*.jsonl"), [first])
    for number, part in enumerate(rest):
        (folder / "in" / f"more{number}.jsonl").write_text(part)
        nilus.run(pipeline(nilus, folder, "*.jsonl", type_hints={"v": "text"}))
    assert rows(folder, "id, v, v__v_double") == [(1, 1, None), (2, None, 2.5), (3, None, 2.5), (4, None, None)]


def test_a_column_of_text_takes_what_is_written(nilus, folder):
    """Without a hint too, once the column is one of text."""
    load(nilus, folder, pipeline(nilus, folder), ["id,v\n1.50,1\nA7,1\n", "id,v\n1.50,2\n"])
    assert rows(folder, "id, v") == [("1.50", 2), ("A7", 1)]


def test_a_hint_of_text_keeps_hashes_of_what_is_written(nilus, folder):
    load(nilus, folder, pipeline(nilus, folder, type_hints={"code": "text"}, mask={"code": "hash"}), ["id,code\n1,1.50\n", "id,code\n2,A7\n3,1.50\n"])
    digest = {text: hashlib.sha256(text.encode()).hexdigest() for text in ("1.50", "A7")}
    assert rows(folder, "id, code") == [(1, digest["1.50"]), (2, digest["A7"]), (3, digest["1.50"])]


@pytest.mark.parametrize("together", [True, False])
def test_a_hint_of_json_reads_what_is_inside_of_strings(nilus, folder, together):
    lines = [json.dumps(row) + "\n" for row in ({"id": 1, "a": "[1,2]"}, {"id": 2, "a": {"x": 1}}, {"id": 3, "a": "plain"})]
    load(nilus, folder, pipeline(nilus, folder, "*.jsonl", type_hints={"a": "json"}), ["".join(lines)] if together else lines)
    assert rows(folder, "id, a, a__v_text") == [(1, "[1,2]", None), (2, '{"x": 1}', None), (3, None, "plain")]


@pytest.mark.parametrize("options", [{"type_hints": {"a": "json"}}, {}])
def test_what_a_mask_is_for_does_not_pass_in_a_text(nilus, folder, options):
    secret = {"id": 1, "a": json.dumps({"secret": "SECRETQ1"})}
    for number, row in enumerate([{"id": 2, "a": {"secret": "SECRETQ2"}}, {"id": 3, "a": "x"}]):
        (folder / "in" / f"{number}.jsonl").write_text(json.dumps(secret) + "\n" + json.dumps(row) + "\n")
        refused = nilus.run(pipeline(nilus, folder, f"{number}.jsonl", mask={"a.secret": "hash"}, **options), expect=1)
        assert "a.secret" in refused.report["error"]["message"] and "SECRETQ" not in refused.all_output
    assert not any(b"SECRETQ" in path.read_bytes() for path in folder.glob("out.db*"))


def test_a_path_that_a_later_load_lacks_is_a_warning(nilus, folder):
    manifest = pipeline(nilus, folder, "*.jsonl", mask={"n.s": "redact"})
    load(nilus, folder, manifest, ['{"id":1,"n":{"s":"a"}}\n'])
    for number, line in enumerate(['{"id":2,"b":1}\n', '{"id":3,"n":"str"}\n', '{"id":4,"n":5}\n', '{"id":5,"n":"2024-01-01"}\n', '{"id":6,"n":null}\n']):
        (folder / "in" / f"later{number}.jsonl").write_text(line)
        assert any("`n.s`" in warning for warning in nilus.run(manifest).report["warnings"]), line
    assert rows(folder, "id")[-1] == (6,)
    first = pipeline(nilus, folder, "later0.jsonl", {"dest_table": "main.other"}, mask={"n.s": "redact"})
    assert "n.s" in nilus.run(first, expect=1).report["error"]["message"]


def test_half_surrogate_pairs_of_postgres_json_are_kept_as_text(nilus, folder, postgres):
    database = postgres.create_database()
    database.execute("CREATE TABLE j (id int PRIMARY KEY, j json); INSERT INTO j VALUES (1, '{\"a\":\"\\ud800\"}'), (2, '{\"a\":1}')")
    for nesting in ("0", "1"):
        out = f"file://{folder}/out{nesting}?format=parquet"
        nilus.run(nilus.manifest({"address": database.uri, "options": {"source_table": "public.j", "max_table_nesting": nesting}}, {"address": out, "options": {"dest_table": "raw.j", "incremental_strategy": "replace"}}))
        found = nilus.query(out, "SELECT id, j__v_text FROM raw.j ORDER BY id")
        assert found == [{"id": 1, "j__v_text": '{"a":"\\ud800"}'}, {"id": 2, "j__v_text": None}]
        assert nilus.query(out, f"SELECT {'j' if nesting == '0' else 'j__a'} AS v FROM raw.j WHERE id = 2") == [{"v": {"a": 1} if nesting == "0" else 1}]
