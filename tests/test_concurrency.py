import os
import signal
import subprocess
import sys
from pathlib import Path

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import SQL, config

CUSTOMERS = 150


@tagged("post_install", "-at_install")
class TestConcurrency(BaseCase):
    """Two processes on a real database, real commits: nothing is lost, nothing happens twice."""

    def setUp(self):
        super().setUp()
        with self._env() as env:
            partners = env["res.partner"].create([{"name": f"Concurrent {i}"} for i in range(CUSTOMERS)])
            env["crm.lead"].create([
                {"name": "Asks", "partner_id": partner.id, "type": "lead"} for partner in partners
            ])
            env.flush_all()
            self.partner_ids = partners.ids
            env.cr.execute(SQL("UPDATE res_partner SET create_date = now() - interval '9 days' WHERE id = ANY(%s)",
                               self.partner_ids))
            env["clm.queue"]._push(self.partner_ids)
        self.addCleanup(self._remove)

    def _env(self):
        cr = Registry(get_db_name()).cursor()
        env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

        class Committed:
            def __enter__(self):
                return env

            def __exit__(self, exception, *args):
                if exception is None:
                    cr.commit()  # pylint: disable=invalid-commit
                cr.close()

        return Committed()

    def _remove(self):
        with self._env() as env:
            env["crm.lead"].search([("partner_id", "in", self.partner_ids)]).unlink()
            env["res.partner"].browse(self.partner_ids).unlink()
            env.flush_all()
            env.cr.execute(SQL("DELETE FROM clm_queue WHERE partner_id = ANY(%s)", self.partner_ids))

    def _start(self, kill_after=0):
        """Start a worker and wait until it has loaded the registry."""
        environment = {
            **os.environ,
            "ODOO_RC": config["config"] or os.environ.get("ODOO_RC", ""),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        worker = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("queue_worker.py"), get_db_name(), str(kill_after)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        self.addCleanup(worker.stdin.close)
        self.addCleanup(worker.stdout.close)
        self.addCleanup(worker.kill)
        self.assertEqual(worker.stdout.readline(), "ready\n")
        return worker

    def _run(self, *workers):
        """Let all of them go at the same time and wait for the end.

        :return: list of (exit code, batches done)
        """
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        return [(worker.wait(120), int(worker.stdout.read() or 0)) for worker in workers]

    def _assert_exact_ledger(self):
        with self._env() as env:
            waiting = env["clm.queue"].search_count([("partner_id", "in", self.partner_ids)])
            visits = env["clm.visit"].with_context(active_test=False).search(
                [("partner_id", "in", self.partner_ids)]
            )
            rows = [
                (visit.partner_id.id, visit.stage_id.id, visit.number, bool(visit.exited_at), bool(visit.superseded_at))
                for visit in visits
            ]
            stages = (env.ref("clm.stage_awareness").id, env.ref("clm.stage_acquisition").id)
            standing = env["res.partner"].search_count(
                [("id", "in", self.partner_ids), ("lifecycle_stage_id", "=", stages[1])]
            )
        self.assertEqual(waiting, 0)
        self.assertEqual(sorted(rows), [
            row for partner_id in sorted(self.partner_ids)
            for row in ((partner_id, stages[0], 1, True, False), (partner_id, stages[1], 2, False, False))
        ])
        self.assertEqual(standing, CUSTOMERS)

    def test_two_workers_share_the_queue(self):
        with self._env() as env:
            env["clm.queue"]._push(self.partner_ids)  # every customer waits more than once
        results = self._run(self._start(), self._start())
        self.assertEqual([code for code, __ in results], [0, 0])
        self._run(self._start())
        self._assert_exact_ledger()

    def test_killed_worker_loses_nothing(self):
        results = self._run(self._start(kill_after=3), self._start())
        self.assertEqual([code for code, __ in results], [-signal.SIGKILL, 0])
        self._run(self._start())
        self._assert_exact_ledger()
