"""Server: the page, its data and the report over HTTP, to this machine alone. It answers GET and HEAD and writes nothing."""

import html
import json
import signal
import socketserver
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mtlray.analysis.sources import Source
from mtlray.analysis.watch.follower import Follower
from mtlray.errors import MtlrayError, SpecError
from mtlray.words.masking import masked

_LOOPBACK = "127.0.0.1"
_OWN_NAMES = {_LOOPBACK, "localhost", "::1"}
_PAGE = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:"
_REPORT = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_CLOSED = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_FILES = {
    "/": ("mtlray.analysis.watch", "page.html", "text/html"),
    "/watch.js": ("mtlray.analysis.watch", "watch.js", "text/javascript"),
    "/chart.js": ("mtlray.analysis.watch", "chart.js", "text/javascript"),
    "/watch.css": ("mtlray.analysis.watch", "watch.css", "text/css"),
    "/page.css": ("mtlray.analysis.report", "page.css", "text/css"),
}


class WatchServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves one sweep on the loopback address; `port` 0 takes any that is free. Raises OSError where the port is taken."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, source: Source, port: int) -> None:
        self.source, self.follower = source, Follower(source.folder, source.trials)
        self._reports = threading.Lock()  # matplotlib draws in one thread at a time
        super().__init__((_LOOPBACK, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.server_address[1]}/"

    def report(self) -> str:
        """The report as it is now. What is wrong with the results as a whole is a page too."""
        from mtlray.analysis.report import render_report  # with matplotlib, for which the page does not wait

        with self._reports:
            try:
                return render_report(self.source)
            except (MtlrayError, OSError) as error:
                text = html.escape(masked(str(error)))
                return (
                    f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>No report</title><p>{text}</p></html>'
                )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error; anything else is one of ours, and is told."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: WatchServer
    server_version, sys_version = "mtlray", ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the terminal shows the address."""

    def _answer(self) -> None:
        if not self._is_for_us():
            self._send(
                HTTPStatus.FORBIDDEN,
                "text/plain",
                "This page is for the browser on this machine: use http://localhost.\n",
            )
            return
        asked = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        if asked.path in _FILES:
            package, name, kind = _FILES[asked.path]
            self._send(HTTPStatus.OK, kind, resources.files(package).joinpath(name).read_text(encoding="utf-8"))
        elif asked.path == "/state.json":
            self._send_json(self.server.follower.state())
        elif asked.path == "/curves.json":
            self._send_json(self.server.follower.curves(query.get("dataset", ""), query.get("measure", "")))
        elif asked.path == "/report":
            self._send(HTTPStatus.OK, "text/html", self.server.report(), _REPORT)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "There is no such page here.\n")

    def _is_for_us(self) -> bool:
        """Whether the request names this machine. A name that an attacker's server resolves to it (DNS rebinding) is refused.

        The port may be another: a tunnel has its own.
        """
        hosts = self.headers.get_all("Host") or []
        try:
            return len(hosts) == 1 and urlsplit(f"//{hosts[0].strip()}").hostname in _OWN_NAMES
        except ValueError:
            return False

    def _send_json(self, content: Any) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(content, allow_nan=False))

    def _send(self, status: HTTPStatus, kind: str, text: str, policy: str = _PAGE) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(data))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", policy + _CLOSED),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def serve(source: Source, port: int, say: Callable[[str], object] = print) -> None:
    """Serve a sweep's page until SIGINT or SIGTERM; `say` is told the address. Raises SpecError for a port that cannot be had."""
    if not 0 <= port <= 65535:
        raise SpecError(f"Option --port should lie between 0 and 65535. Found {port}. 0 takes any port that is free.")
    try:
        server = WatchServer(source, port)
    except OSError as error:
        raise SpecError(
            f"Option --port should name a port that is free. Found {port}: {error.strerror}. Name another one, or 0 for any that "
            "is free; perhaps another `mtlray watch` has it."
        ) from error
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        say(f"watch     {server.url}  (Ctrl-C ends it; the sweep is not affected)")
        server.serve_forever(poll_interval=0.2)
    except _Ended:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        server.server_close()


class _Ended(BaseException):
    """A signal asked for the end; no library that serves a request may take it for an error of its own."""


def _end(number: int, frame: object) -> None:
    del frame
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)  # one request is enough, and the end takes no time
    raise _Ended(number)
