
from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .worker_common import WorkerCase

CUSTOMERS = 60


@tagged("post_install", "-at_install")
class TestPlaybookConcurrency(WorkerCase):
    """Two processes on a real database, real commits: every step is done once, whoever does it."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove)
        self.partner_ids, self.playbook_ids, self.action_ids = [], [], []
        with self._env() as env:
            self.paused = env["clm.playbook"].search([("state", "=", "active")]).ids
            env["clm.playbook"].browse(self.paused).action_pause()
            action = env["ir.actions.server"].create({
                "name": "Count", "model_id": env.ref("base.model_res_partner").id, "state": "code",
                "code": "record.write({'ref': (record.ref or '') + 'x'})",
            })
            playbook = env["clm.playbook"].create({
                "name": "Count",
                "stage_id": env.ref("clm.stage_awareness").id,
                "step_ids": [Command.create({"kind": "server_action", "action_server_id": action.id})],
            })
            partners = env["res.partner"].create([{"name": f"Concurrent {i}"} for i in range(CUSTOMERS)])
            self.partner_ids, self.playbook_ids, self.action_ids = partners.ids, playbook.ids, action.ids
            playbook._activate()
            playbook._unlocked().activated_at = fields.Datetime.subtract(fields.Datetime.now(), days=1)

    def _remove(self):
        with self._env() as env:
            env.cr.execute(SQL("DELETE FROM clm_effect WHERE playbook_id = ANY(%s)", self.playbook_ids))
            env["clm.playbook"].browse(self.playbook_ids).unlink()
            env["clm.playbook"].browse(self.paused).action_resume()
            env["ir.actions.server"].browse(self.action_ids).unlink()
            env["res.partner"].browse(self.partner_ids).unlink()
            env.flush_all()
            env.cr.execute(SQL("DELETE FROM clm_queue WHERE partner_id = ANY(%s)", self.partner_ids))

    def test_two_engines_make_and_two_runners_do_every_step_once(self):
        with self._env() as env:
            for __ in range(2):  # every customer waits twice, so both engines may meet the same one
                env["clm.queue"]._push(self.partner_ids)
        engines = [self._start("queue_worker.py", "0") for __ in range(2)]
        self.assertEqual(self._run(*engines), [0, 0])
        with self._env() as env:
            env["clm.lifecycle.engine"]._sync(self.partner_ids)  # whom a worker left locked
            effects = env["clm.effect"].search([("playbook_id", "in", self.playbook_ids)])
            self.assertEqual(sorted(effects.partner_id.ids), sorted(self.partner_ids))
            self.assertEqual(len(effects), CUSTOMERS)
        runners = [self._start("playbook_worker.py") for __ in range(2)]
        self.assertEqual(self._run(*runners), [0, 0])
        shares = [int(runner.stdout.read()) for runner in runners]
        self.assertTrue(all(shares), "both took part")
        self._run(self._start("playbook_worker.py"))  # nothing is left to do
        with self._env() as env:
            done = env["clm.effect"].search([("playbook_id", "in", self.playbook_ids)])
            self.assertEqual(set(done.mapped("state")), {"done"}, done.filtered("error").mapped("error"))
            self.assertEqual(set(env["res.partner"].browse(self.partner_ids).mapped("ref")), {"x"})
