"""Jobs a second of other queues on one PostgreSQL: pgbench, procrastinate, pgqueuer, Buildbot.

    queue_peers.py --database-url URL --output FILE [--seconds N] [--only NAME …]

Each gets a database of its own on the server, and more jobs that do nothing than it can do in the
time. A job is done when its row says so, counted in the database at the beginning and the end of the
measured time; every queue keeps its rows in logged tables and commits durably, as the server is told
to. What differs from two commits a job is told in the row's `note`.
"""

import argparse
import asyncio
import contextlib
import datetime
import json
import logging
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

import psycopg

HERE = pathlib.Path(__file__).resolve().parent
PGBENCH_SCRIPT = """\
UPDATE queue SET state = 'leased', updated_at = clock_timestamp() WHERE id = (
  SELECT id FROM queue WHERE state = 'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id \\gset
UPDATE queue SET state = 'done', updated_at = clock_timestamp() WHERE id = :id;
"""


class NotMeasured(Exception):
    """Why there is no figure."""


class Server:
    """One PostgreSQL by the URI of one of its databases."""

    def __init__(self, url):
        self.parts = urllib.parse.urlsplit(url)

    def url(self, database):
        return f"postgresql:///{database}?{self.parts.query}"

    def query(self, name):
        return dict(urllib.parse.parse_qsl(self.parts.query)).get(name, "")

    def make(self, name):
        """A new, empty database; its URI."""
        with psycopg.connect(self.url(self.parts.path.strip("/")), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)


def say(text):
    print(f"queue_peers: {text}", file=sys.stderr, flush=True)


def measured(url, remaining, seconds):
    """Jobs done a second, by what a statement says is left, once the first ones are done."""
    with psycopg.connect(url, autocommit=True) as connection:
        def left():
            return connection.execute(remaining).fetchone()[0], time.monotonic()

        total, begun = left()
        while (now := left())[0] >= total:
            total = now[0]  # They may still be added.
            if now[1] - begun > 60:
                raise NotMeasured("nothing was done within 60 s")
            time.sleep(0.05)
        time.sleep(seconds / 5)
        first, started = left()
        last, ended = first, started
        # Looked at several times, so that one who does all jobs earlier is measured as well.
        while last > 0 and ended - started < seconds:
            time.sleep(seconds / 20)
            now, at = left()
            if now == 0:
                break
            last, ended = now, at
    if ended == started:
        raise NotMeasured("it did all jobs before anything was measured: more are needed")
    return {"jobs": first - last, "seconds": ended - started,
            "jobs_per_second": (first - last) / (ended - started)}


@contextlib.contextmanager
def workers(count, body, *arguments):
    """Processes that work until the end of the block."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=body, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


# --- pgbench -----------------------------------------------------------------


def pgbench(server, seconds, clients):
    url = server.make("peer_pgbench")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " state text NOT NULL, payload text NOT NULL, updated_at timestamptz)")
        connection.execute("CREATE INDEX ON queue (id) WHERE state = 'pending'")
        connection.execute(
            "INSERT INTO queue (state, payload) SELECT 'pending', repeat('x', 500)"
            " FROM generate_series(1, %s)", [seconds * 8000])
        connection.execute("VACUUM (ANALYZE) queue")
        connection.execute("CHECKPOINT")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH_SCRIPT)
        script.flush()
        command = [
            pgbench_program(), "--no-vacuum", "--protocol=prepared", f"--client={clients}",
            f"--jobs={min(clients, 2)}", f"--time={seconds * 2}", f"--file={script.name}",
            "--host", server.query("host"), "--port", server.query("port"),
            "--username", server.query("user"), "peer_pgbench"]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            return measured(url, "SELECT count(*) FROM queue WHERE state <> 'done'", seconds)
        finally:
            child.terminate()
            child.communicate()


def pgbench_program():
    directory = subprocess.run(
        ["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{directory}/pgbench"


# --- procrastinate -----------------------------------------------------------


def procrastinate_app(url, connections):
    import procrastinate

    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(
        conninfo=url, min_size=1, max_size=connections))

    @app.task(name="nothing")
    async def nothing():
        pass

    return app, nothing


def procrastinate_work(url, concurrency):
    async def work():
        app, _ = procrastinate_app(url, concurrency + 2)
        async with app.open_async():
            await app.run_worker_async(
                concurrency=concurrency, wait=True, install_signal_handlers=False)

    asyncio.run(work())


def procrastinate(server, seconds, concurrency, processes):
    url = server.make("peer_procrastinate")

    async def prepare():
        app, nothing = procrastinate_app(url, 2)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            for _ in range(seconds * 2):
                await nothing.batch_defer_async(*[{}] * 1000)

    asyncio.run(prepare())
    vacuum(url)
    with workers(processes, procrastinate_work, url, concurrency):
        return measured(
            url, "SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded'", seconds)


# --- pgqueuer ----------------------------------------------------------------


async def pgqueuer_driver(url):
    import asyncpg
    from pgqueuer.db import AsyncpgDriver

    parts = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    return AsyncpgDriver(await asyncpg.connect(
        host=parts["host"], port=int(parts["port"]), user=parts["user"],
        database=urllib.parse.urlsplit(url).path.strip("/")))


def pgqueuer_work(url, batch):
    from pgqueuer import PgQueuer

    async def work():
        queue = PgQueuer(await pgqueuer_driver(url))

        @queue.entrypoint("nothing")
        async def nothing(job):
            pass

        # Without the upkeep that would fold the finished jobs into statistics meanwhile.
        await queue.qm.run(batch_size=batch, log_aggregation_interval=datetime.timedelta(0))

    asyncio.run(work())


def pgqueuer(server, seconds, batch, processes):
    from pgqueuer.queries import Queries

    url = server.make("peer_pgqueuer")

    async def prepare():
        queries = Queries(await pgqueuer_driver(url))
        await queries.install()
        size = 5000
        for _ in range(seconds * (12_000 if batch > 10 else 3000) // size):
            await queries.enqueue(["nothing"] * size, [None] * size, [0] * size)

    asyncio.run(prepare())
    vacuum(url)
    with workers(processes, pgqueuer_work, url, batch):
        return measured(url, "SELECT count(*) FROM pgqueuer", seconds)


# --- Buildbot ----------------------------------------------------------------


def buildbot(server, seconds, count):
    url = server.make("peer_buildbot")
    parts = urllib.parse.urlsplit(url)
    database = "postgresql+psycopg2://" + url.removeprefix("postgresql://")
    builds = seconds * 40
    program = pathlib.Path(sys.executable).parent / "buildbot"
    with tempfile.TemporaryDirectory(prefix="buildsrs-buildbot-") as folder:
        environment = os.environ | {
            "BENCH_DATABASE": database, "BENCH_BUILDS": str(builds), "BENCH_WORKERS": str(count)}
        made = subprocess.run(
            [program, "create-master", f"--db={database}", "--relocatable", folder],
            env=environment, capture_output=True, text=True)
        if made.returncode != 0:
            raise NotMeasured(f"create-master failed: {(made.stdout + made.stderr)[-600:]}")
        (pathlib.Path(folder) / "master.cfg").write_text((HERE / "queue_buildbot.py").read_text())
        child = subprocess.Popen(
            [program, "start", "--nodaemon", folder], env=environment, cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(url, f"SELECT count(*) >= {builds} FROM buildrequests", child)
            return measured(
                url, f"SELECT {builds} - count(*) FROM builds WHERE complete_at IS NOT NULL",
                seconds)
        except NotMeasured as error:
            log = pathlib.Path(folder) / "twistd.log"
            tail = log.read_text()[-1500:] if log.exists() else ""
            raise NotMeasured(f"{error}; its log ends with: {tail}") from None
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_for(url, condition, child):
    """Until all work is there; builds start after that."""
    deadline = time.monotonic() + 300
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute(condition).fetchone()[0]:
            if child.poll() is not None or time.monotonic() > deadline:
                raise NotMeasured("it did not take all work within 300 s")
            time.sleep(0.1)


# --- all of them -------------------------------------------------------------


def vacuum(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


TWO = "two statements, two commits a job"
CONCURRENT = "one statement to fetch and one to finish a job, workers in Python"
BATCHES = "fetches and finishes {} jobs at once: two commits a batch"

PEERS = [
    ("pgbench, 1 client", TWO, lambda server, seconds: pgbench(server, seconds, 1)),
    ("pgbench, 8 clients", TWO, lambda server, seconds: pgbench(server, seconds, 8)),
    ("procrastinate, concurrency 1", CONCURRENT,
     lambda server, seconds: procrastinate(server, seconds, 1, 1)),
    ("procrastinate, concurrency 8", CONCURRENT,
     lambda server, seconds: procrastinate(server, seconds, 8, 1)),
    ("procrastinate, 4 processes", CONCURRENT,
     lambda server, seconds: procrastinate(server, seconds, 1, 4)),
    ("pgqueuer, batch 1", BATCHES.format(1), lambda server, seconds: pgqueuer(server, seconds, 1, 1)),
    ("pgqueuer, batch 10", BATCHES.format(10),
     lambda server, seconds: pgqueuer(server, seconds, 10, 1)),
    ("pgqueuer, batch 100", BATCHES.format(100),
     lambda server, seconds: pgqueuer(server, seconds, 100, 1)),
    ("Buildbot, 8 workers", "builds without steps, workers in the master's process",
     lambda server, seconds: buildbot(server, seconds, 8)),
]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--seconds", type=int, default=20, help="of each measurement")
    parser.add_argument("--only", action="append", default=[], help="the beginning of a name")
    arguments = parser.parse_args()
    # A parent with threads may have started this process with signals blocked or ignored, and its
    # children would have them so, too: pgbench then never ends.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Whoever is asked to end stops what he has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    server = Server(arguments.database_url)
    rows = []
    for name, note, run in PEERS:
        if arguments.only and not any(name.startswith(only) for only in arguments.only):
            continue
        row = {"name": name, "note": note}
        try:
            row |= run(server, arguments.seconds)
            say(f"{name}: {row['jobs_per_second']:.1f} jobs a second")
        except NotMeasured as error:
            row["reason"] = str(error)
            say(f"{name}: not measured: {error}")
        rows.append(row)
        pathlib.Path(arguments.output).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
