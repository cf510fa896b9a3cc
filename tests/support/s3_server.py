"""An S3 on loopback (moto's), that can be told to refuse, to cut uploads short, and to count."""

import contextlib
import logging
import os
import threading

import pytest
from pyarrow import fs

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Server:
    """An S3 with a log of its requests. `refusal` answers all of them; `cut` names a part of the paths that are cut off."""

    def __init__(self):
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *arguments):
                pass

        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.port = self._server.port
        self.reset()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reset(self):
        self.requests, self.refusal, self.cut, self.after = [], None, None, 0

    def _answer(self, environ, start):
        path = environ["PATH_INFO"]
        self.requests.append((environ["REQUEST_METHOD"], path, environ["QUERY_STRING"]))
        if self.refusal is not None:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(self.refusal)))])
            return [self.refusal]
        if self.cut is not None and self.cut in path and environ["REQUEST_METHOD"] == "PUT":
            if self.after == 0:
                environ["werkzeug.socket"].shutdown(2)
                raise ConnectionAbortedError
            self.after -= 1
        return self._moto(environ, start)

    def stop(self):
        self._server.shutdown()


@contextlib.contextmanager
def serving():
    """A server with one bucket, `bucket`, and the environment that leads to it and to no other."""
    with pytest.MonkeyPatch.context() as patch:
        made = Server()
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/nowhere")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        fs.FileSystem.from_uri("s3://bucket/?allow_bucket_creation=true")[0].create_dir("bucket")
        yield made
        made.stop()
