#!/usr/bin/python3
"""Serve the git repositories of a folder over HTTPS on 127.0.0.1, for tests.

    serve_git.py FOLDER CERTIFICATE KEY

The port is the first line of the output; each request's method and path is a line of the errors.
"""

import http.server
import os
import signal
import ssl
import subprocess
import sys

FOLDER, CERTIFICATE, KEY = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    """Passes every request on to `git http-backend`, as a server with CGI (RFC 3875) does."""

    def answer(self):
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": FOLDER, "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": self.headers.get("Content-Length", "0"),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        body = self.rfile.read(int(environment["CONTENT_LENGTH"]))
        output = subprocess.run(["git", "http-backend"], input=body, env=environment,
                                stdout=subprocess.PIPE, check=True).stdout
        head, _, content = output.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
# Whoever started it may have blocked the signals that are to end it.
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
print(server.server_port, flush=True)
server.serve_forever()
