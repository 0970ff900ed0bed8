"""Serves a registry's folder on 127.0.0.1, with the conditional requests of a real index."""

import contextlib
import datetime
import email.utils
import hashlib
import http.server
import re
import threading

from .files import config_json

INDEX_PATH = re.compile(r"/index/[A-Za-z0-9_/-]+")
CRATE_PATH = re.compile(r"/crates/[A-Za-z0-9_.+-]+\.crate")


class RegistryHandler(http.server.BaseHTTPRequestHandler):
    """GET and HEAD of the index and the `.crate` files; 304 where the client has the same."""

    protocol_version = "HTTP/1.1"
    # Without these a small answer's body waits for the acknowledgement of its head.
    disable_nagle_algorithm = True
    wbufsize = 65536

    def do_GET(self):
        found = self.content()
        if found is None:
            return self.answer(404, {"Content-Type": "text/plain"}, b"no such file in this registry\n")
        content, modified, kind, caching = found
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            "Last-Modified": email.utils.format_datetime(modified, usegmt=True),
            "Cache-Control": caching,
        }
        if self.client_has(headers["ETag"], modified):
            return self.answer(304, headers)
        return self.answer(200, headers | {"Content-Type": kind}, content)

    do_HEAD = do_GET

    def content(self):
        """Bytes, time of change, media type and caching of what the path names, if it is there."""
        path = self.path.partition("?")[0]
        if path == "/index/config.json":
            # The download address must name the port that is served, not the one at build time.
            return (config_json(self.server.server_port).encode(), self.server.started,
                    "application/json", "no-cache")
        if INDEX_PATH.fullmatch(path):
            kind, caching = "text/plain", "no-cache"
        elif CRATE_PATH.fullmatch(path):
            kind, caching = "application/gzip", "public, max-age=31536000, immutable"
        else:
            return None
        file = self.server.folder / path[1:]
        try:
            modified = datetime.datetime.fromtimestamp(int(file.stat().st_mtime), datetime.timezone.utc)
            return file.read_bytes(), modified, kind, caching
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def client_has(self, tag, modified):
        """RFC 9110, section 13.2.2: the time counts only where no tag was sent."""
        tags = self.headers.get("If-None-Match")
        if tags is not None:
            return tags.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in tags.split(","))
        since = self.headers.get("If-Modified-Since")
        try:
            return since is not None and modified <= email.utils.parsedate_to_datetime(since)
        except (TypeError, ValueError):
            return False

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class RegistryServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, folder, port):
        super().__init__(("127.0.0.1", port), RegistryHandler)
        self.folder = folder
        self.started = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


@contextlib.contextmanager
def serving(folder, port):
    """A server on a thread of its own; yields the port, which the system chooses for 0."""
    with RegistryServer(folder, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
