"""A bucket in memory that speaks S3's protocol: quick, so that every step of a load can be cut on it, and as unreliable as it is told.

Puts and their conditions are atomic, and there are multipart uploads. Signatures are not checked, and listings come in one page: the real gateway
(tests/servers/ceph-rgw) does the former, storage/s3_store_test.cc asks for the latter.
"""
import contextlib
import email.utils
import hashlib
import http.server
import itertools
import random
import shutil
import socket
import struct
import threading
import time
import urllib.parse
import xml.etree.ElementTree
from xml.sax.saxutils import escape

BUCKET = "lake"


class S3Double:
    """`objects`: key → (bytes, marker header, time). A dictionary that is copied is a saved bucket."""

    def __init__(self):
        self.objects, self.uploads = {}, {}
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.spoiled_share, self.chance = 0.0, random.Random(0)
        self.calls, self.spoiled = 0, 0

    @classmethod
    @contextlib.contextmanager
    def start(cls):
        double = cls()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": double}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        double.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield double
        finally:
            server.shutdown()
            server.server_close()

    def spoil(self, share, seed):
        """From now on this share of all calls fails: refused before, failed or cut off behind what they did, or never answered."""
        self.spoiled_share, self.chance = share, random.Random(seed)

    def ruin(self):
        with self.lock:
            self.calls += 1
            if self.chance.random() >= self.spoiled_share:
                return None
            self.spoiled += 1
            return self.chance.choice(["slow_down", "error_after", "reset_before", "reset_after", "cut", "late"])

    def write_to(self, folder):
        """The bucket's objects as files, for readers that know no S3."""
        shutil.rmtree(folder, ignore_errors=True)
        for key, (body, _, _) in self.objects.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

    def depot(self, path):
        return (f"name: keys\nversion: v1\ntype: secret\nsecret: {{type: key-value, acl: rw, data: {{accesskeyid: AKTEST, secretaccesskey: SKTEST}}}}\n---\n"
                f"name: bucket\nversion: v2alpha\ntype: depot\ndepot: {{secrets: [{{name: keys, allKeys: true}}], type: s3, "
                f"s3: {{bucket: {BUCKET}, relativePath: {path}, format: iceberg, endpoint: '{self.url}'}}}}\n")

    # What a request does: (status, headers, body).

    def get(self, key, headers):
        if key not in self.objects:
            return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
        body, marker, at = self.objects[key]
        known = {"ETag": _etag(body), "Last-Modified": email.utils.formatdate(at, usegmt=True), "x-amz-meta-nilus-put": marker}
        if headers.get("If-Match", "").strip('"') not in ("", _etag(body).strip('"')):
            return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        if asked := headers.get("Range"):
            first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
            if first >= len(body):
                return 416, {}, b"<Error><Code>InvalidRange</Code></Error>"
            part = body[first:last + 1]
            return 206, {**known, "Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(body)}"}, part
        return 200, known, body

    def put(self, key, headers, body):
        if headers.get("If-None-Match") == "*" and key in self.objects:
            return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        if wanted := headers.get("If-Match", "").strip('"'):
            if key not in self.objects:
                return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
            if _etag(self.objects[key][0]).strip('"') != wanted:
                return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        self.objects[key] = (body, headers.get("x-amz-meta-nilus-put", ""), time.time())
        return 200, {"ETag": _etag(body)}, b""

    def list(self, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        contents, folders = [], set()
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            if delimiter and delimiter in key[len(prefix):]:
                folders.add(prefix + key[len(prefix):].split(delimiter)[0] + delimiter)
                continue
            body, _, at = self.objects[key]
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
            contents.append(f"<Contents><Key>{escape(key)}</Key><Size>{len(body)}</Size><ETag>{escape(_etag(body))}</ETag><LastModified>{stamp}</LastModified></Contents>")
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders))
        return 200, {}, f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(contents)}{prefixes}</ListBucketResult>".encode()

    def post(self, key, query, headers, body):
        if "delete" in query:
            for name in xml.etree.ElementTree.fromstring(body).iter("Key"):
                self.objects.pop(name.text, None)
            return 200, {}, b"<DeleteResult></DeleteResult>"
        if "uploads" in query:
            upload = f"upload-{next(self.numbers)}"
            self.uploads[upload] = (key, headers.get("x-amz-meta-nilus-put", ""), {})
            return 200, {}, f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>".encode()
        if query["uploadId"] not in self.uploads:
            return 404, {}, b"<Error><Code>NoSuchUpload</Code></Error>"
        key, marker, parts = self.uploads.pop(query["uploadId"])
        numbers = [int(part.text) for part in xml.etree.ElementTree.fromstring(body).iter("PartNumber")]
        whole = b"".join(parts[number] for number in numbers)
        self.objects[key] = (whole, marker, time.time())
        return 200, {}, f"<CompleteMultipartUploadResult><ETag>{escape(_etag(whole))}</ETag></CompleteMultipartUploadResult>".encode()

    def answer(self, method, key, query, headers, body):
        with self.lock:
            if method in ("GET", "HEAD"):
                if not key and "uploads" in query:
                    listed = "".join(f"<Upload><Key>{escape(at)}</Key><UploadId>{upload}</UploadId></Upload>" for upload, (at, _, _) in self.uploads.items())
                    return 200, {}, f"<ListMultipartUploadsResult>{listed}</ListMultipartUploadsResult>".encode()
                return self.get(key, headers) if key else self.list(query)
            if method == "PUT" and "uploadId" in query:
                if query["uploadId"] not in self.uploads:
                    return 404, {}, b"<Error><Code>NoSuchUpload</Code></Error>"
                self.uploads[query["uploadId"]][2][int(query["partNumber"])] = body
                return 200, {"ETag": _etag(body)}, b""
            if method == "PUT":
                return self.put(key, headers, body)
            if method == "POST":
                return self.post(key, query, headers, body)
            if "uploadId" in query:
                self.uploads.pop(query["uploadId"], None)
            else:
                self.objects.pop(key, None)
            return 204, {}, b""


def _etag(body):
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one write
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        key = urllib.parse.unquote(url.path.removeprefix(f"/{BUCKET}")).removeprefix("/")
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        ruin = self.double.ruin()
        if ruin == "reset_before":
            return self.reset()
        if ruin == "slow_down":
            return self.send(503, {}, b"<Error><Code>SlowDown</Code></Error>")
        status, headers, answer = self.double.answer(self.command, key, query, self.headers, body)
        if ruin == "late":
            threading.Event().wait(0.2)
        if ruin == "reset_after":
            return self.reset()
        if ruin == "error_after":
            status, headers, answer = 500, {}, b"<Error><Code>InternalError</Code></Error>"
        self.send(status, headers, answer, cut=ruin == "cut")

    def send(self, status, headers, body, cut=False):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve
