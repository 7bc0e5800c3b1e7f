import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name
from odoo.tools import config


class WorkerCase(BaseCase):
    """Real processes on a real database, real commits. Tests remove what they made."""

    @contextmanager
    def _env(self):
        """Context manager: an environment of the superuser, committed at the end unless something failed."""
        with Registry(get_db_name()).cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def _start(self, script, *arguments):
        """Start a worker and wait until it has loaded the registry."""
        environment = {
            **os.environ,
            "ODOO_RC": config["config"] or os.environ.get("ODOO_RC", ""),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        worker = subprocess.Popen(
            [sys.executable, Path(__file__).with_name(script), get_db_name(), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        self.addCleanup(worker.stdin.close)
        self.addCleanup(worker.stdout.close)
        self.addCleanup(worker.kill)
        self.assertEqual(worker.stdout.readline(), "ready\n")
        return worker

    def _run(self, *workers):
        """Let all of them go at the same time and wait for the end.

        :return: list of exit codes
        """
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        return [worker.wait(120) for worker in workers]
