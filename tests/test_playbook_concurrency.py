import os
import subprocess
import sys
from pathlib import Path

from odoo import SUPERUSER_ID, api, fields
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import SQL, config

CUSTOMERS = 60


@tagged("post_install", "-at_install")
class TestPlaybookConcurrency(BaseCase):
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
            env.cr.execute(SQL("DELETE FROM clm_effect WHERE playbook_id = ANY(%s)", self.playbook_ids))
            env["clm.playbook"].browse(self.playbook_ids).unlink()
            env["clm.playbook"].browse(self.paused).action_resume()
            env["ir.actions.server"].browse(self.action_ids).unlink()
            env["res.partner"].browse(self.partner_ids).unlink()
            env.flush_all()
            env.cr.execute(SQL("DELETE FROM clm_queue WHERE partner_id = ANY(%s)", self.partner_ids))

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
