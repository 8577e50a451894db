"""What becomes of the values of a CSV file's column when one of them is of another type than the table's: that one goes its own way, the others do not."""
import sqlite3

import pytest


def load(nilus, folder, number, *lines, contract="evolve", **options):
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / f"{number}.csv").write_text("\n".join(lines) + "\n")
    manifest = nilus.manifest({"address": f"file://{folder}/in", "options": {"source_table": "*.csv", **options}},
                              {"address": f"sqlite:///{folder}/t.db", "options": {"dest_table": "main.t", "incremental_strategy": "append", "schema_contract": contract}}, name="csv")
    return nilus.run(manifest).report["tables"][0]


def rows(folder, *columns):
    with sqlite3.connect(folder / "t.db") as db:
        found = db.execute(f"SELECT {', '.join(columns)} FROM t ORDER BY id").fetchall()
    db.close()
    return found


@pytest.mark.parametrize("contract", ["evolve", "discard_row"])
def test_one_odd_value_leaves_the_booleans_what_they_are(contract, nilus, tmp_path):
    load(nilus, tmp_path, 1, "id,c", "1,TRUE", "2,FALSE")
    table = load(nilus, tmp_path, 2, "id,c", "3,TRUE", "4,False", "5,N/A", contract=contract)
    if contract == "evolve":
        assert rows(tmp_path, "id", "c", "c__v_text") == [(1, 1, None), (2, 0, None), (3, 1, None), (4, 0, None), (5, None, "N/A")]
    else:
        assert rows(tmp_path, "id", "c") == [(1, 1), (2, 0), (3, 1), (4, 0)] and table["rows_dead_lettered"] == 1


@pytest.mark.parametrize("first, leap", [("2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z"), ("2016-12-31T23:59:59", "2016-12-31T23:59:60.5"), ("10:00:00", "10:00:60")])
@pytest.mark.parametrize("hint", [None, "hint"])
def test_a_leap_second_is_not_the_next_minute(first, leap, hint, nilus, tmp_path):
    type_ = "time" if first.startswith("10") else "timestamp" if first.endswith("Z") else "timestamp_ntz"
    options = {"type_hints": {"c": type_}} if hint else {}
    load(nilus, tmp_path, 1, "id,c", f"1,{first}", **options)
    load(nilus, tmp_path, 2, "id,c", f"2,{leap}", f"3,{first}", **options)
    assert [(row_id, at is not None, other) for row_id, at, other in rows(tmp_path, "id", "c", "c__v_text")] == [(1, True, None), (2, False, leap), (3, True, None)]
