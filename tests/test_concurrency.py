import signal

from odoo.tests import tagged
from odoo.tools import SQL

from .worker_common import WorkerCase

CUSTOMERS = 150


@tagged("post_install", "-at_install")
class TestConcurrency(WorkerCase):
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

    def _remove(self):
        with self._env() as env:
            env["crm.lead"].search([("partner_id", "in", self.partner_ids)]).unlink()
            env["res.partner"].browse(self.partner_ids).unlink()
            env.flush_all()
            env.cr.execute(SQL("DELETE FROM clm_queue WHERE partner_id = ANY(%s)", self.partner_ids))

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
        self.assertEqual(self._run(*(self._start("queue_worker.py", "0") for __ in range(2))), [0, 0])
        self._run(self._start("queue_worker.py", "0"))
        self._assert_exact_ledger()

    def test_killed_worker_loses_nothing(self):
        workers = [self._start("queue_worker.py", kill_after) for kill_after in ("3", "0")]
        self.assertEqual(self._run(*workers), [-signal.SIGKILL, 0])
        self._run(self._start("queue_worker.py", "0"))
        self._assert_exact_ledger()
