"""Object stores that the tests start by the scripts of tests/servers/, and the few signed requests that fill them: code of the tests' own."""
import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse

from harness import ROOT

SERVERS = ROOT / "tests" / "servers"
AZURE_ACCOUNT = "devstoreaccount1"  # Azurite's well-known account
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def _started(script, *arguments):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nilus-store-"))
    try:
        done = subprocess.run([SERVERS / script, "start", folder, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              check=True, timeout=180)
        yield done.stdout.splitlines()[-1]
    finally:
        subprocess.run([SERVERS / script, "stop", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


class S3:
    """A gateway with a bucket `lake`."""

    scheme, access_key, secret_key = "s3", "AKTEST", "SKTESTcanary"

    def __init__(self, url):
        self.url = url
        self.put("")  # the bucket itself

    @classmethod
    @contextlib.contextmanager
    def start(cls):
        with _started("ceph-rgw", cls.access_key, cls.secret_key) as line:
            yield cls(line.split()[0])

    def depot(self, path, format):
        return (f"type: s3, s3: {{bucket: lake, relativePath: {path}, format: {format}, endpoint: '{self.url}'}}",
                f"{{accesskeyid: {self.access_key}, secretaccesskey: {self.secret_key}}}")

    def put(self, key, body=b""):
        host = self.url.split("//")[1]
        time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        path = "/lake" + ("/" + urllib.parse.quote(key) if key else "")
        canonical = f"PUT\n{path}\n\nhost:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{time}\n\nhost;x-amz-content-sha256;x-amz-date\n{digest}"
        scope = f"{time[:8]}/us-east-1/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signer = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/"):
            signer = hmac.digest(signer, part.encode(), "sha256")
        signature = hmac.digest(signer, text.encode(), "sha256").hex()
        _request(host, "PUT", path, body, {
            "x-amz-date": time, "x-amz-content-sha256": digest,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                             f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"})


class Azure:
    """An emulator with a container `lake`."""

    scheme, secret_key = "abfss", AZURE_KEY

    def __init__(self, url):
        self.url = url
        self._signed("/lake", "?restype=container", "\nrestype:container", b"", {})

    @classmethod
    @contextlib.contextmanager
    def start(cls):
        with _started("azurite") as line:
            yield cls(line)

    def depot(self, path, format):
        return (f"type: abfss, abfss: {{account: {AZURE_ACCOUNT}, container: lake, relativePath: {path}, format: {format}, "
                f"endpoint: '{self.url}'}}", f"{{accountkey: '{AZURE_KEY}'}}")

    def put(self, key, body):
        self._signed("/lake/" + urllib.parse.quote(key), "", "", body, {"x-ms-blob-type": "BlockBlob"})

    def _signed(self, path, query, canonical_query, body, headers):
        host, account = self.url.split("//")[1].split("/")
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {**headers, "x-ms-date": date, "x-ms-version": "2021-12-02"}
        own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        text = f"PUT\n\n\n{len(body) or ''}\n" + "\n" * 8 + own + f"/{account}/{account}{path}{canonical_query}"
        signature = base64.b64encode(hmac.digest(base64.b64decode(AZURE_KEY), text.encode(), "sha256")).decode()
        _request(host, "PUT", f"/{account}{path}{query}", body, {**headers, "Authorization": f"SharedKey {account}:{signature}"})


def _request(host, method, path, body, headers):
    with contextlib.closing(http.client.HTTPConnection(host, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status // 100 == 2, (answer.status, text)
