"""The server: loopback alone, names of this machine alone, reading alone; and how the command ends."""

import http.client
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from faultlib import tree
from running_sweep import RunningSweep

from mtlray.analysis.sources import Source
from mtlray.analysis.watch import WatchServer, serve
from mtlray.errors import SpecError


@pytest.fixture
def folder(tmp_path):
    return RunningSweep(tmp_path / "results").folder


@pytest.fixture
def server(folder):
    with WatchServer(Source(folder), 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def ask(server, path="/", method="GET", host="localhost", **headers):
    """Status, headers and body; `host` None leaves that head out."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name, value in ({} if host is None else {"Host": host} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:8650", "[::1]:8650"])
def test_names_of_this_machine_are_answered_whatever_the_port_of_a_tunnel(server, host):
    assert ask(server, "/state.json", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "evil.example:8650", "localhost.evil.example", "[::1", "0.0.0.0"]
)
def test_another_name_is_refused_wherever_it_leads(server, host):
    """A page elsewhere whose name leads here (DNS rebinding) sends its own name."""
    for path in ("/", "/state.json", "/curves.json", "/report"):
        status, _, body = ask(server, path, host=host)
        assert status == 403
        assert "lively" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(server, folder, method):
    before = tree(Path(folder))
    assert ask(server, "/state.json", method)[0] == 501
    assert tree(Path(folder)) == before


def test_files_are_no_files_of_the_disk(server):
    for path in ("/../../etc/passwd", "/page.py", "/sweep.json"):
        assert ask(server, path)[0] == 404


def test_a_page_that_nobody_may_frame_or_keep(server):
    status, headers, body = ask(server)
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "http" not in body
    assert ask(server, method="HEAD")[2] == ""


def test_the_state_the_curves_and_the_report_are_served(server):
    assert json.loads(ask(server, "/state.json")[2])["planned"] == 8
    lines = json.loads(ask(server, "/curves.json?measure=test%2Fleft%2Faccuracy&dataset=x")[2])
    assert lines["measure"] == "test/left/accuracy"
    status, headers, body = ask(server, "/report")
    assert status == 200
    assert "<h1>lively</h1>" in body
    assert "connect-src" not in headers["Content-Security-Policy"]


def test_a_report_that_cannot_be_made_is_a_page_that_says_why(tmp_path):
    with WatchServer(Source(str(tmp_path / "<none>")), 0) as server:
        assert "&lt;none&gt;" in server.report()


def test_a_port_that_is_taken_is_one_sentence(server, folder):
    port = server.server_address[1]
    with pytest.raises(
        SpecError, match=f"--port should name a port that is free. Found {port}: Address already in use"
    ):
        serve(Source(folder), port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(folder, port):
    with pytest.raises(SpecError, match="between 0 and 65535"):
        serve(Source(folder), port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_at_a_signal_with_code_0(folder, number):
    command = [sys.executable, "-m", "mtlray.analysis", "watch", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        line = running.stdout.readline()
        assert line.startswith("watch     http://127.0.0.1:")
        running.send_signal(number)
        out, err = running.communicate(timeout=120)
    assert (running.returncode, out, err) == (0, "", "")
