"""The configuration of a Buildbot master that does nothing but start and end builds without steps.

queue_peers.py starts it. BENCH_DATABASE is SQLAlchemy's URL of the database, BENCH_BUILDS how many
builds are asked for, BENCH_WORKERS how many workers of one build each the master has in its own
process, which spares them the network.
"""

import os

from buildbot.plugins import schedulers, util, worker
from buildbot.util.service import BuildbotService
from twisted.internet import defer

NAMES = [f"worker{number}" for number in range(int(os.environ["BENCH_WORKERS"]))]


class Submitter(BuildbotService):
    """Asks for all builds once the master runs; they start when all are there."""

    name = "submitter"
    is_done = False

    @defer.inlineCallbacks
    def startService(self):
        yield super().startService()
        self.master.reactor.callLater(0, self.submit)

    @defer.inlineCallbacks
    def submit(self):
        builder = yield self.master.data.updates.findBuilderId("bench")
        source = {"codebase": "", "repository": "", "branch": None, "revision": None, "project": ""}
        for _ in range(int(os.environ["BENCH_BUILDS"])):
            yield self.master.data.updates.addBuildset(
                waited_for=False, scheduler="bench", sourcestamps=[source], reason="",
                properties={}, builderids=[builder])
        Submitter.is_done = True
        self.master.botmaster.maybeStartBuildsForAllBuilders()


def can_start(builder, worker_for_builder, request):
    return Submitter.is_done


BuildmasterConfig = {
    "buildbotNetUsageData": None,
    "builders": [util.BuilderConfig(
        name="bench", workernames=NAMES, factory=util.BuildFactory(), collapseRequests=False,
        canStartBuild=can_start)],
    "db": {"db_url": os.environ["BENCH_DATABASE"]},
    # Builds are asked for by the service below; a builder without a scheduler is refused.
    "protocols": {"null": {}},
    "schedulers": [schedulers.Triggerable(name="bench", builderNames=["bench"])],
    "services": [Submitter()],
    "workers": [worker.LocalWorker(name, max_builds=1) for name in NAMES],
}
