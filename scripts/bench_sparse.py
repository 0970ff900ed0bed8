"""The part of bench_sync.py that follows a sparse index: nginx serves it over HTTP/2 with TLS, and curl fetches
the same files beside the sync.
"""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

# How many requests a sync has on their way at once by default (SyncConfiguration.concurrency); curl gets as many.
IN_FLIGHT = 32
# All files of the index were changed then, so that one If-Modified-Since is right for all.
CHANGED = 1_700_000_000
CHANGED_DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
# Where Debian's libcurl looks for certificates.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class Index:
    """The files of an index of made-up crates, and the names of its crates."""

    def __init__(self, programs, kept, crates, versions, seed):
        self.crates, self.versions = crates, versions
        self.folder = kept / f"{crates}-{versions}-{seed}.files"
        self.names = self.folder / "names.txt"
        self.maker = [str(programs / "bench-sync-index"), "--crates", str(crates), "--versions",
                      str(versions), "--seed", str(seed)]

    def make(self):
        """Makes the files that are not kept from the run before, and has all of them in memory."""
        if not self.folder.exists():
            partial = self.folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            subprocess.run([*self.maker, "--files", partial / "index"], check=True)
            with open(partial / "names.txt", "wb") as names:
                subprocess.run([*self.maker, "--names"], stdout=names, check=True)
            for folder, _, files in os.walk(partial / "index"):
                for file in files:
                    os.utime(os.path.join(folder, file), (CHANGED, CHANGED))
            partial.rename(self.folder)
        self.bytes = 0
        for folder, _, files in os.walk(self.folder / "index"):
            for file in files:
                self.bytes += len(pathlib.Path(folder, file).read_bytes())

    def paths(self):
        """The paths of the crates' files, in the order of their names."""
        for name in self.names.read_text().split():
            name = name.lower()
            if len(name) < 3:
                yield f"{len(name)}/{name}"
            elif len(name) == 3:
                yield f"3/{name[0]}/{name}"
            else:
                yield f"{name[:2]}/{name[2:4]}/{name}"


class Server:
    """An nginx with its own settings but for what is needed: `http2` and a log of what it was asked."""

    def __init__(self, index, folder):
        self.folder = folder
        folder.mkdir()
        # Its workers are another user where root starts it.
        folder.chmod(0o755)
        self.certificate = folder / "certificate.pem"
        self.log = folder / "access.log"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", folder / "key.pem", "-out", self.certificate],
            check=True, stderr=subprocess.DEVNULL)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}/"
        user = "user root;" if os.geteuid() == 0 else ""
        scratch = "".join(
            f"{kind}_temp_path {folder}/{kind}; "
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""
            {user} daemon off; pid {folder}/pid; error_log {folder}/error.log;
            worker_processes 1; events {{ }}
            http {{
              {scratch}
              log_format counted '$connection $status $server_protocol';
              access_log {self.log} counted buffer=64k flush=1s;
              server {{
                listen 127.0.0.1:{port} ssl http2; root {index.folder}/index;
                ssl_certificate {self.certificate}; ssl_certificate_key {folder}/key.pem;
                default_type text/plain;
              }}
            }}""")

    def start(self):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise SystemExit("bench_sync: nginx is missing: run ./bootstrap bench sync, which installs it")
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [program, "-c", self.folder / "nginx.conf", "-p", self.folder, "-e",
                 self.folder / "error.log"], stdout=output, stderr=output)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(
                    ("127.0.0.1", int(self.url.split(":")[2].rstrip("/"))), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("bench_sync: nginx does not start:\n" + (self.folder / "error.log").read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def take_log(self):
        """What it was asked since the last call: connections, and requests by status and protocol."""
        # Its log is written when it is opened anew.
        before = self.log.with_suffix(".before")
        self.log.rename(before)
        self.process.send_signal(subprocess.signal.SIGUSR1)
        while not self.log.exists():
            time.sleep(0.01)
        time.sleep(0.2)
        lines = [line.split() for line in before.read_text().splitlines()]
        before.unlink()
        count = {}
        for _, status, protocol in lines:
            count[f"{protocol} {status}"] = count.get(f"{protocol} {status}", 0) + 1
        return {"connections": len({line[0] for line in lines}), "requests": len(lines),
                "answers": count}


def curl(child, server, index, folder, *, conditional):
    """All files by one `curl --parallel`, which throws them away."""
    urls = folder / "curl.txt"
    with open(urls, "w") as file:
        for path in index.paths():
            file.write(f'url = "{server.url}{path}"\noutput = "/dev/null"\n')
    condition = ["--time-cond", CHANGED_DATE] if conditional else []
    run = child(
        ["curl", "--disable", "--silent", "--show-error", "--fail", "--cacert", server.certificate,
         "--http2", "--parallel", "--parallel-max", IN_FLIGHT, *condition, "--config", urls],
        folder / "curl.log").wait()
    return run | server.take_log()


def trusting(certificate, command):
    """A command that trusts this certificate and no other, in a mount namespace of its own."""
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c",
            'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", certificate, AUTHORITIES, *command]


def measure(child, farm, index, folder, say):
    """Both passes of both, and the rows that came of it."""
    server = Server(index, folder)
    server.start()
    try:
        report = {"crates": index.crates, "versions": index.versions, "bytes": index.bytes,
                  "in_flight": IN_FLIGHT, "load_before": os.getloadavg()[0]}
        farm.make_database("sparse")
        with farm.backend("sparse") as (backend, url):
            say(f"{index.crates:,} files of a sparse index by curl")
            report["curl"] = curl(child, server, index, folder, conditional=False)
            say(f"{report['curl']['seconds']:.1f} s; by the sync")
            report["sync"] = sync(child, farm, server, index, url)
            report["backend_memory"] = backend.peak()
            say(f"{report['sync']['seconds']:.1f} s; both once more, with nothing new")
            report["curl_again"] = curl(child, server, index, folder, conditional=True)
            report["sync_again"] = sync(child, farm, server, index, url)
        report["rows"] = {table: int(farm.sql("sparse", f"SELECT count(*) FROM {table}"))
                          for table in ("crates", "versions")}
    finally:
        server.stop()
    return report


def sync(child, farm, server, index, backend):
    command = farm.sync_command("sparse", f"sparse+{server.url}", backend, "--crates-file", index.names)
    run = child(trusting(server.certificate, command), farm.folder / "sync-sparse.log").wait()
    return run | server.take_log()


def lines(report):
    """The table of what was measured."""
    found = [
        "", f"a sparse index of {report['crates']:,} crates and {report['versions']:,} versions, "
        f"{report['bytes'] / 1e6:.0f} MB, over HTTP/2; {report['in_flight']} requests in flight",
        f"{'':<44} {'SECONDS':>9} {'PROCESSOR':>10} {'PEAK MB':>9} {'REQUESTS/S':>11} {'CONNECTIONS':>12} "
        f"{'TO CURL':>8}"]
    for key, name, beside in (
            ("curl", "curl, all files", None), ("sync", "first sync", "curl"),
            ("curl_again", "curl, nothing new", None), ("sync_again", "sync, nothing new", "curl_again")):
        run = report[key]
        ratio = f"{run['seconds'] / report[beside]['seconds']:.2f}" if beside else "-"
        found.append(
            f"{name:<44} {run['seconds']:>9.2f} {run['processor']:>10.2f} {run['memory'] / 1e6:>9.0f} "
            f"{run['requests'] / run['seconds']:>11.0f} {run['connections']:>12} {ratio:>8}")
    found.append(f"{'  its backend':<44} {'':>9} {'-':>10} {report['backend_memory'] / 1e6:>9.0f}")
    for key in ("curl", "sync", "curl_again", "sync_again"):
        answers = ", ".join(f"{count:,} × {what}" for what, count in sorted(report[key]["answers"].items()))
        found.append(f"  {re.sub('_', ' ', key)} was answered with {answers}")
    return found
