"""Secrets never reach an output: a unique canary in every field that may hold one, then a search through everything that was left."""
import base64
import pathlib
import urllib.parse

import pytest

SPECIAL = "@:/?#&=+;%\\'\"{}()*$! "


def forms(secret):
    raw = secret.encode()
    return {raw, urllib.parse.quote(secret, safe="").encode(), base64.b64encode(raw), base64.b64encode(raw).rstrip(b"="), secret.encode("unicode_escape")}


def assert_nowhere(secrets, texts, folder, excuse=()):
    for secret in secrets:
        for form in forms(secret):
            for name, text in texts.items():
                assert form not in text, f"a secret stands in {name}"
            for path in pathlib.Path(folder).rglob("*"):
                if path.is_file() and path not in excuse:
                    assert form not in path.read_bytes(), f"a secret stands in {path}"


def manifest_with(nilus, address, sink, **options):
    return nilus.manifest({"address": address, "options": {"source_table": "public.t", **options}}, {"address": sink, "options": {"dest_table": "lake.t"}})


@pytest.mark.parametrize("where", ["environment", "address", "secret resource", "command line"])
@pytest.mark.parametrize("host", ["closed port", "wrong password"])
def test_failing_logins(where, host, nilus, tmp_path, postgres):
    canary = "CaNaRy" + where.replace(" ", "") + "7301"
    port = postgres.port if host == "wrong password" else 1
    database = postgres.create_database()
    postgres_hba = postgres.folder / "data" / "pg_hba.conf"
    user = "canary_user"
    if host == "wrong password":
        database.execute("DROP ROLE IF EXISTS canary_user; CREATE ROLE canary_user LOGIN PASSWORD 'something else'")
        text = postgres_hba.read_text()
        if user not in text:
            postgres_hba.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n" + text)
        database.execute("SELECT pg_reload_conf()")
    env, arguments, excuse = {}, (), ()
    sink = f"file://{tmp_path}/out"
    if where == "environment":
        env = {"PG_PASSWORD": canary + SPECIAL}
        secrets = [canary + SPECIAL, canary]
        manifest = manifest_with(nilus, f"postgresql://{user}:{{PG_PASSWORD}}@127.0.0.1:{port}/{database.name}", sink)
    elif where == "address":
        secrets = [canary]
        manifest = manifest_with(nilus, f"postgresql://{user}:{canary}@127.0.0.1:{port}/{database.name}", sink)
        excuse = (manifest,)
    elif where == "secret resource":
        secrets = [canary]
        (tmp_path / "resources").mkdir()
        resource = nilus.write(f"""
            name: pgsecret
            version: v1
            type: instance-secret
            instance-secret:
              type: key-value
              acl: r
              data: {{username: {user}, password: {canary}}}
            """, "resources/secret.yaml")
        manifest = nilus.write(f"""
            name: p
            version: v1alpha
            type: nilus
            spec:
              type: batch
              use:
                projection:
                  secrets: [{{id: "pgsecret", contextAlias: pg}}]
                  projections:
                    envVars:
                      - {{key: PG_PASSWORD, template: "{{{{ secrets['pg'].password }}}}"}}
              source:
                address: postgresql://{user}:{{PG_PASSWORD}}@127.0.0.1:{port}/{database.name}
                options: {{source_table: public.t}}
              sink:
                address: {sink}
                options: {{dest_table: lake.t}}
            """)
        excuse = (resource,)
    else:
        secrets = [canary]
        process = nilus.start("ingest", "--source-uri", f"postgresql://{user}:{canary}@127.0.0.1:{port}/{database.name}", "--source-table", "public.t",
                              "--dest-uri", sink, "--dest-table", "lake.t", "--debug")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 1, err
        assert_nowhere(secrets, {"stdout": out, "stderr": err}, tmp_path)
        return
    for extra in ((), ("--json",), ("--debug",)):
        done = nilus("run", manifest, *extra, env=env)
        assert done.code == 1, done
        assert done.all_output.strip()
        assert_nowhere(secrets, {"stdout": done.out.encode(), "stderr": done.err.encode()}, tmp_path, excuse)
    done = nilus("plan", manifest, env=env)
    assert done.code == 1, done
    assert_nowhere(secrets, {"stdout": done.out.encode(), "stderr": done.err.encode()}, tmp_path, excuse)


def test_a_working_password_with_every_special_character(nilus, tmp_path, postgres):
    """The table of spec 02, as batch source and as destination."""
    database = postgres.create_database()
    password = "CaNaRy" + SPECIAL + "0"
    database.execute("DROP ROLE IF EXISTS special_user")
    database.execute("CREATE ROLE special_user LOGIN SUPERUSER PASSWORD %s", (password,))
    hba = postgres.folder / "data" / "pg_hba.conf"
    hba.write_text("host all special_user 127.0.0.1/32 scram-sha-256\n" + hba.read_text())
    database.execute("SELECT pg_reload_conf(); CREATE TABLE t (id bigint PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'one')")
    address = f"postgresql://special_user:{{PG_PASSWORD}}@127.0.0.1:{postgres.port}/{database.name}"
    done = nilus.run(manifest_with(nilus, address, address), env={"PG_PASSWORD": password})
    assert database.rows("lake.t", "id, name") == [(1, "one")]
    assert_nowhere([password, "CaNaRy"], {"stdout": done.out.encode(), "stderr": done.err.encode()}, tmp_path)
    state = str(database.execute("SELECT * FROM lake._nilus_state") + database.execute("SELECT * FROM lake._nilus_loads"))
    assert "CaNaRy" not in state
    encoded = urllib.parse.quote(password, safe="")
    literal = f"postgresql://special_user:{encoded}@127.0.0.1:{postgres.port}/{database.name}"
    manifest = manifest_with(nilus, literal, f"file://{tmp_path}/out")
    done = nilus.run(manifest)
    assert_nowhere([password], {"stdout": done.out.encode(), "stderr": done.err.encode()}, tmp_path, (manifest,))
    # Percent-encoding a secret that is projected is the mistake users of the original product make: the error says so.
    done = nilus.run(manifest_with(nilus, address, f"file://{tmp_path}/out2"), env={"PG_PASSWORD": encoded}, expect=1)
    assert "urldecode" in done.all_output, done
    assert_nowhere([password, encoded], {"stdout": done.out.encode(), "stderr": done.err.encode()}, tmp_path, (manifest,))


def test_the_command_line_is_wiped(nilus, tmp_path, postgres):
    database = postgres.create_database()
    database.execute("CREATE TABLE t (id bigint); INSERT INTO t SELECT generate_series(1, 1000)")
    canary = "CaNaRyCmdline"
    process = nilus.start("ingest", "--source-uri", f"postgresql://postgres:{canary}@127.0.0.1:{postgres.port}/{database.name}", "--source-table", "public.t",
                          "--dest-uri", f"file://{tmp_path}/out", "--dest-table", "lake.t", env={"NILUS_FAULT": "engine.after_finish:pause"})
    import os
    import signal
    os.waitpid(process.pid, os.WUNTRACED)
    cmdline = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
    os.kill(process.pid, signal.SIGCONT)
    process.communicate(timeout=60)
    assert canary.encode() not in cmdline, "the password stands in the process list"
