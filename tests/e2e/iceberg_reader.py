"""Rows of Iceberg tables as icebird and hyparquet read them: nothing here is Nilus's. One node process serves a test program."""
import functools
import json
import pathlib
import subprocess


class IcebergReader:
    def __init__(self):
        script = pathlib.Path(__file__).with_name("icebird_rows.mjs")
        self.process = subprocess.Popen(["node", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def table(self, folder, metadata_file=None, moved=None):
        """(names, rows): values as texts, NULL as None. moved: (URL prefix, folder) when the files lie elsewhere than the table says."""
        self.process.stdin.write(json.dumps([str(folder), metadata_file, moved]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, list), answer["error"]
        return answer[0], [tuple(row) for row in answer[1:]]

    def rows_of(self, folder, metadata_file, columns, moved=None):
        names, rows = self.table(folder, metadata_file, moved)
        at = [names.index(column) if column in names else None for column in columns]
        return [tuple(None if i is None else row[i] for i in at) for row in rows]

    def rows(self, folder, columns):
        """Of the newest version: icebird trusts the version hint, which may lag."""
        newest = max(pathlib.Path(folder, "metadata").glob("v*.metadata.json"), key=lambda p: int(p.name.split(".")[0][1:]))
        return self.rows_of(folder, newest.name, columns)


@functools.cache
def reader():
    return IcebergReader()
