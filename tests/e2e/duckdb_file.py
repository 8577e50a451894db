"""Reads a DuckDB file through the library's own C interface: not through Nilus, and without a process and a new database for every
look, which cost 70 and 20 ms of CPU (attaching a file to a database that is there: 1 ms)."""
import ctypes
import functools
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


class _Result(ctypes.Structure):
    _fields_ = [("counts", ctypes.c_uint64 * 3), ("columns", ctypes.c_void_p), ("message", ctypes.c_char_p), ("internal", ctypes.c_void_p)]


class _Memory:
    """A database in memory, to which files are attached."""

    def __init__(self):
        library = ctypes.CDLL(str(os.environ.get("NILUS_DUCKDB_LIBRARY", ROOT / ".deps" / "duckdb" / "lib" / "libduckdb.so")))
        for name in ("duckdb_row_count", "duckdb_column_count"):
            getattr(library, name).restype = ctypes.c_uint64
        library.duckdb_result_error.restype = ctypes.c_char_p
        library.duckdb_value_varchar.restype = ctypes.c_void_p
        library.duckdb_value_varchar.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        library.duckdb_free.argtypes = [ctypes.c_void_p]
        self.library, self.connection, database = library, ctypes.c_void_p(), ctypes.c_void_p()
        assert library.duckdb_open(None, ctypes.byref(database)) == 0
        assert library.duckdb_connect(database, ctypes.byref(self.connection)) == 0

    def execute(self, sql):
        library, result = self.library, _Result()
        try:
            if library.duckdb_query(self.connection, sql.encode(), ctypes.byref(result)):
                raise RuntimeError(f"{sql}: {library.duckdb_result_error(ctypes.byref(result)).decode()}")
            columns, rows = library.duckdb_column_count(ctypes.byref(result)), library.duckdb_row_count(ctypes.byref(result))
            return [tuple(self._text(result, column, row) for column in range(columns)) for row in range(rows)]
        finally:
            library.duckdb_destroy_result(ctypes.byref(result))

    def _text(self, result, column, row):
        text = self.library.duckdb_value_varchar(ctypes.byref(result), column, row)
        if not text:
            return None
        try:
            return ctypes.string_at(text).decode()
        finally:
            self.library.duckdb_free(text)


_memory = functools.cache(_Memory)


def query(path, sql):
    """Rows as tuples of texts and None. The file is opened for reading only, and closed at the end."""
    return _execute(path, "READ_ONLY", sql)


def change(path, sql):
    """The same of statements that write; the file is made when it is missing."""
    return _execute(path, "READ_WRITE", sql)


def _execute(path, mode, sql):
    memory = _memory()
    name = str(path).replace("'", "''")
    memory.execute(f"ATTACH '{name}' AS file ({mode})")
    try:
        memory.execute("USE file")
        return memory.execute(sql)
    finally:
        memory.execute("USE memory")
        memory.execute("DETACH file")
