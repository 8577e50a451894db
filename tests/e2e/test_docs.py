"""The docs are true: every command in them runs, in the order of its page; every option table is what the code declares; links lead somewhere."""
import os
import re
import shutil
import subprocess

import pytest

from harness import BINARY, ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What other tests or CI itself run: they are not run again inside a test.
RUN_ELSEWHERE = re.compile(r"^(make (build|demo|test|bench|lint|fuzz|sanitize|docs|tsan)\b.*|ctest .*|cmake .*|git clone .*|cd .*)$")


def commands(page):
    return [(rest.strip(), body) for language, rest, body in BLOCK.findall(page.read_text()) if language == "sh"]


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_commands(page, tmp_path, database):
    """Blocks marked `sh` run one after another in one folder; a block ```yaml FILE.yaml``` is that file."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "nilus").symlink_to(BINARY)
    work = tmp_path / "work"
    work.mkdir()
    (work / "build").mkdir()
    (work / "build" / "nilus").symlink_to(BINARY)
    (work / "examples").symlink_to(ROOT / "examples")
    (work / "data").symlink_to(ROOT / ".deps" / "vega-datasets" / "data")
    env = {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(tmp_path), "PGHOST": "127.0.0.1", "PGUSER": "postgres",
           "PGPORT": str(database.server.port), "PGDATABASE": database.name,
           "PG_URL": database.uri, "PG_PORT": str(database.server.port), "PG_DATABASE": database.name}
    for language, rest, body in BLOCK.findall(page.read_text()):
        if language == "yaml" and rest.strip():
            (work / rest.strip()).write_text(body)
        if language != "sh":
            continue
        lines = [line for line in body.splitlines() if line.strip() and not RUN_ELSEWHERE.match(line.split("  #")[0].strip())]
        script = "\n".join(lines)
        if not script.strip():
            continue
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=work, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{page.name}:\n{script}\n{done.stdout}\n{done.stderr}"
    shutil.rmtree(work, ignore_errors=True)


@pytest.mark.parametrize("name", ["postgresql", "duckdb", "sqlite", "files", "lakehouse", "delta", "discard"])
def test_option_tables_are_generated(name):
    page = (ROOT / "docs" / "connectors" / f"{name}.md").read_text()
    generated = subprocess.run([BINARY, "connectors", name, "--format", "markdown"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"<!-- generated: make docs -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert found and found.group(1).strip() == generated.strip(), "run `make docs`"


def test_links_lead_somewhere():
    wrong = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith(("http:", "https:")) and not (page.parent / target).exists():
                wrong.append(f"{page.relative_to(ROOT)} → {target}")
    assert not wrong, wrong


def test_every_dependency_has_its_reason():
    listed = (ROOT / "docs" / "dependencies.md").read_text().lower()
    for package in re.findall(r"find_package\((\w+)|IMPORTED_TARGET ([\w-]+)\)", (ROOT / "cmake" / "NilusDependencies.cmake").read_text()):
        name = (package[0] or package[1]).lower()
        alias = {"threads": "", "pkgconfig": "", "nlohmann_json": "nlohmann-json", "gtest": "googletest", "benchmark": "google benchmark", "zlib": "zlib",
                 "libzstd": "zstd", "sqlite3": "sqlite"}.get(name, name)
        assert alias in listed, name
