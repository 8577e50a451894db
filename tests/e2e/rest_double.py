"""A REST catalog in memory that speaks Iceberg's OpenAPI as far as Nilus uses it, and is as unreliable as it is told. It keeps metadata as JSON and knows
nothing of Nilus's code; each commit writes a metadata file, as servers do."""
import contextlib
import copy
import http.server
import json
import pathlib
import socket
import struct
import threading
import time
import urllib.parse
import uuid


def refusal(status, kind, message):
    return status, {"error": {"message": message, "type": kind, "code": status}}


def field_ids(value):
    """Every id of a schema, below lists, maps and structs too."""
    if isinstance(value, dict):
        return [v for k, v in value.items() if k in ("id", "element-id", "key-id", "value-id")] + [i for v in value.values() for i in field_ids(v)]
    return [i for v in value for i in field_ids(v)] if isinstance(value, list) else []


def meets(wanted, table):
    kind = wanted["type"]
    if kind == "assert-create":
        return table is None
    if table is None:
        return False
    if kind == "assert-ref-snapshot-id":
        return table["refs"].get(wanted["ref"], {}).get("snapshot-id") == wanted["snapshot-id"]
    held = {"assert-table-uuid": ("table-uuid", "uuid"), "assert-last-assigned-field-id": ("last-column-id", "last-assigned-field-id"),
            "assert-current-schema-id": ("current-schema-id",) * 2, "assert-default-spec-id": ("default-spec-id",) * 2,
            "assert-default-sort-order-id": ("default-sort-order-id",) * 2, "assert-last-assigned-partition-id": ("last-partition-id", "last-assigned-partition-id")}[kind]
    return table[held[0]] == wanted[held[1]]


def apply(update, table):
    action = update["action"]
    if action == "assign-uuid":
        table["table-uuid"] = update["uuid"]
    elif action == "upgrade-format-version":
        table["format-version"] = update["format-version"]
    elif action in ("add-schema", "add-spec", "add-sort-order"):
        name, what, number = {"add-schema": ("schemas", "schema", "schema-id"), "add-spec": ("partition-specs", "spec", "spec-id"),
                              "add-sort-order": ("sort-orders", "sort-order", "order-id")}[action]
        added = copy.deepcopy(update[what])
        taken = [one[number] for one in table[name]]
        if added.get(number, -1) < 0 or added[number] in taken:
            added[number] = max(taken, default=-1) + 1
        table[name].append(added)
        table["last-column-id"] = max([table["last-column-id"], *field_ids(table["schemas"])])
        table["last-partition-id"] = max([table["last-partition-id"], *(f["field-id"] for s in table["partition-specs"] for f in s["fields"])])
    elif action in ("set-current-schema", "set-default-spec", "set-default-sort-order"):
        name, number, listed, key = {"set-current-schema": ("current-schema-id", "schema-id", "schemas", "schema-id"),
                                     "set-default-spec": ("default-spec-id", "spec-id", "partition-specs", "spec-id"),
                                     "set-default-sort-order": ("default-sort-order-id", "sort-order-id", "sort-orders", "order-id")}[action]
        table[name] = table[listed][-1][key] if update[number] == -1 else update[number]
    elif action == "add-snapshot":
        snapshot = update["snapshot"]
        assert snapshot["sequence-number"] > table["last-sequence-number"], "a snapshot without a sequence number of its own"
        table["snapshots"].append(snapshot)
        table["last-sequence-number"] = snapshot["sequence-number"]
        if table["format-version"] >= 3:
            assert snapshot["first-row-id"] >= table.get("next-row-id", 0), "row ids are given twice"
            table["next-row-id"] = snapshot["first-row-id"] + snapshot["added-rows"]
    elif action == "set-snapshot-ref":
        table["refs"][update["ref-name"]] = {k: v for k, v in update.items() if k not in ("action", "ref-name")}
        if update["ref-name"] == "main":
            table["current-snapshot-id"] = update["snapshot-id"]
            table["snapshot-log"].append({"snapshot-id": update["snapshot-id"], "timestamp-ms": int(time.time() * 1000)})
    elif action == "remove-snapshot-ref":
        table["refs"].pop(update["ref-name"], None)
    elif action == "remove-snapshots":
        table["snapshots"] = [s for s in table["snapshots"] if s["snapshot-id"] not in update["snapshot-ids"]]
        table["snapshot-log"] = [s for s in table["snapshot-log"] if s["snapshot-id"] not in update["snapshot-ids"]]
    elif action == "set-location":
        table["location"] = update["location"]
    elif action == "set-properties":
        table["properties"].update(update["updates"])
    elif action == "remove-properties":
        for key in update["removals"]:
            table["properties"].pop(key, None)
    else:
        raise ValueError(action)


class RestDouble:
    """`tables`: (schema, name) → (metadata, its file). A copy of it is a saved catalog. `calls`: method and path of every request."""

    def __init__(self, warehouse):
        self.warehouse = pathlib.Path(warehouse)
        self.tables, self.schemas, self.calls = {}, set(), []
        self.lock = threading.Lock()
        self.ruin = {}  # number of a call → what befalls it

    @classmethod
    @contextlib.contextmanager
    def start(cls, warehouse):
        double = cls(warehouse)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": double}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        double.port = server.server_port
        try:
            yield double
        finally:
            server.shutdown()
            server.server_close()

    @property
    def uri(self):
        return f"iceberg+rest://127.0.0.1:{self.port}/base?tls=false&warehouse=w"

    def forget_calls(self, ruin=None):
        with self.lock:
            self.calls, self.ruin = [], ruin or {}

    def handle(self, method, path, body):
        parts = [urllib.parse.unquote(part) for part in urllib.parse.urlsplit(path).path.strip("/").split("/")]
        assert parts[:2] == ["base", "v1"], path
        parts = parts[2:]
        if parts == ["config"]:
            return 200, {"defaults": {}, "overrides": {}, "endpoints": [
                "GET /v1/{prefix}/namespaces", "POST /v1/{prefix}/namespaces", "POST /v1/{prefix}/transactions/commit"]}
        if parts == ["transactions", "commit"]:
            return self.commit(body["table-changes"])
        if parts == ["namespaces"]:
            if method == "GET":
                return 200, {"namespaces": [[schema] for schema in sorted(self.schemas)]}
            schema = "\x1f".join(body["namespace"])
            if schema in self.schemas:
                return refusal(409, "AlreadyExistsException", "it exists")
            self.schemas.add(schema)
            return 200, {"namespace": body["namespace"], "properties": {}}
        schema = parts[1]
        if schema not in self.schemas:
            return refusal(404, "NoSuchNamespaceException", f"no schema {schema}")
        if len(parts) == 2:
            return 200, {"namespace": [schema], "properties": {}}
        if len(parts) == 3 and method == "GET":
            return 200, {"identifiers": [{"namespace": [s], "name": t} for s, t in sorted(self.tables) if s == schema]}
        if len(parts) == 3:
            assert body["stage-create"], "Nilus makes tables by their first commit"
            if (schema, body["name"]) in self.tables:
                return refusal(409, "AlreadyExistsException", "it exists")
            return 200, {"metadata": self.empty(f"file://{self.warehouse}/{schema}/{body['name']}"), "config": {}}
        key = (schema, parts[3])
        if method == "POST":
            status, answer = self.commit([{"identifier": {"namespace": [schema], "name": parts[3]}, **body}])
            if status != 204:
                return status, answer
        if key not in self.tables:
            return refusal(404, "NoSuchTableException", "no such table")
        if method == "DELETE":
            del self.tables[key]
            return 204, None
        metadata, location = self.tables[key]
        return 200, {"metadata-location": f"file://{location}", "metadata": metadata, "config": {}}

    @staticmethod
    def empty(location):
        return {"format-version": 2, "table-uuid": str(uuid.uuid4()), "location": location, "last-sequence-number": 0, "last-updated-ms": 0, "last-column-id": 0,
                "schemas": [], "current-schema-id": 0, "partition-specs": [], "default-spec-id": 0, "last-partition-id": 999, "sort-orders": [],
                "default-sort-order-id": 0, "properties": {}, "current-snapshot-id": -1, "refs": {}, "snapshots": [], "snapshot-log": [], "metadata-log": []}

    def commit(self, changes):
        """All of them, or none."""
        changed = {}
        for change in changes:
            schema, name = change["identifier"]["namespace"][0], change["identifier"]["name"]
            before = self.tables.get((schema, name), (None, None))[0]
            for wanted in change["requirements"]:
                if not meets(wanted, before):
                    return refusal(409, "CommitFailedException", f"Requirement failed: {wanted['type']}")
            table = copy.deepcopy(before) if before else self.empty(f"file://{self.warehouse}/{schema}/{name}")
            for update in change["updates"]:
                apply(update, table)
            table["last-updated-ms"] = int(time.time() * 1000)
            changed[schema, name] = table
        for key, table in changed.items():
            folder = pathlib.Path(table["location"].removeprefix("file://")) / "metadata"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{len(table['snapshots']):05}-{uuid.uuid4()}.metadata.json"
            path.write_text(json.dumps(table))
            self.tables[key] = (table, path)
        return 204, None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double = None

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.double.lock:
            self.double.calls.append((self.command, urllib.parse.urlsplit(self.path).path))
            ruin = self.double.ruin.get(len(self.double.calls))
            if ruin == "reset_before":
                return self.reset()
            if ruin in ("503", "500", "429"):
                return self.send(*refusal(int(ruin), "ServiceFailure", "not now"))
            if ruin == "409":
                return self.send(*refusal(409, "CommitFailedException", "somebody was faster"))
            try:
                status, answer = self.double.handle(self.command, self.path, json.loads(body) if body else None)
            except Exception as error:  # a request that the double does not understand is a finding
                return self.send(*refusal(400, "BadRequestException", repr(error)))
            if ruin == "reset_after":
                return self.reset()
            if ruin in ("500_after", "502_after", "504_after"):
                return self.send(*refusal(int(ruin[:3]), "CommitStateUnknownException", "who knows"))
            self.send(status, answer, cut=ruin == "cut")

    do_GET = do_POST = do_DELETE = do_HEAD = answer

    def send(self, status, answer, cut=False):
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
