from datetime import datetime, timedelta
from threading import Thread

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import SQL, mute_logger

from ..models.clm_feedback import QUIET


@tagged("post_install", "-at_install")
class TestFeedbackConcurrency(BaseCase):
    """Transactions that really run at the same time: one vote, and customers do not wait for each other."""

    def setUp(self):
        super().setUp()
        env = self._env()
        self.partner_ids = env["res.partner"].create([
            {"name": f"Voter {number}", "email": f"voter{number}@example.com"} for number in range(2)
        ]).ids
        requests = env["clm.feedback"].with_context(**QUIET).create([{
            "contact_id": partner_id, "kind": "nps", "state": "sent", "sent_at": datetime.now(),
            "expires_at": datetime.now() + timedelta(days=1),
        } for partner_id in self.partner_ids])
        self.request_ids = requests.ids
        env.cr.commit()  # pylint: disable=invalid-commit
        self.addCleanup(self._remove)

    def _env(self):
        cr = Registry(get_db_name()).cursor()
        self.addCleanup(cr.close)
        return api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True, "mail_activity_quick_update": True})

    def _remove(self):
        env = self._env()
        env["clm.feedback"].browse(self.request_ids).exists().unlink()
        env["res.partner"].browse(self.partner_ids).unlink()
        env.flush_all()
        env.cr.execute(SQL("DELETE FROM clm_queue WHERE partner_id = ANY(%s)", self.partner_ids))
        env.cr.commit()  # pylint: disable=invalid-commit

    def _answer(self, env, number, score):
        env["clm.feedback"].browse(self.request_ids[number])._answer(score)
        env.flush_all()

    def test_of_two_answers_at_the_same_time_one_is_taken(self):
        first, second, outcome = self._env(), self._env(), []
        second.cr.execute(SQL("SELECT 1"))  # its view of the world is older than the other's answer

        def answer():
            try:
                self._answer(second, 0, 0)
                outcome.append("taken")
            except SerializationFailure:  # Odoo repeats the request then
                second.cr.rollback()  # pylint: disable=invalid-commit
                second.invalidate_all()
                try:
                    self._answer(second, 0, 0)
                    outcome.append("taken twice")
                except UserError as error:
                    outcome.append(str(error))

        self._answer(first, 0, 9)
        thread = Thread(target=answer)
        with mute_logger("odoo.sql_db"):
            thread.start()
            thread.join(0.5)
            self.assertTrue(thread.is_alive(), "the second answer waits for the first one")
            first.cr.commit()  # pylint: disable=invalid-commit
            thread.join(10)
        self.assertEqual(len(outcome), 1)
        self.assertIn("answered already", outcome[0])
        second.cr.rollback()  # pylint: disable=invalid-commit
        self.assertEqual(self._env()["clm.feedback"].browse(self.request_ids[0]).score, 9)

    def test_an_answer_waits_for_no_answer_of_another_customer(self):
        first, second = self._env(), self._env()
        self._answer(first, 0, 1)  # a low score: with its follow-up
        second.cr.execute(SQL("SET LOCAL lock_timeout = '1s'"))
        self._answer(second, 1, 1)
        second.cr.commit()  # pylint: disable=invalid-commit
        first.cr.commit()  # pylint: disable=invalid-commit
        states = self._env()["clm.feedback"].browse(self.request_ids).mapped("followup_state")
        self.assertEqual(states, ["open", "open"])
