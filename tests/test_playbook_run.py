from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import CheckViolation, SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .playbook_common import PlaybookCase

RUN = "odoo.addons.clm.models.clm_effect_run"


@tagged("post_install", "-at_install")
class TestPlaybookRun(PlaybookCase):
    """The queue is carried out by a cron: one at a time, errors stay on their row, nothing is half done."""

    def _create_action(self, code):
        return self.env["ir.actions.server"].create({
            "name": "Act", "model_id": self.env.ref("base.model_res_partner").id, "state": "code", "code": code,
        })

    def _action_step(self, code):
        return {"kind": "server_action", "action_server_id": self._create_action(code).id}

    def test_due_step_is_done_and_says_what_it_did(self):
        self._create_playbook()
        partner = self._enter()
        self._run()
        effect = self._of(partner)
        self.assertEqual((effect.state, effect.note, bool(effect.done_at)), ("done", "Welcomed", True))
        self.assertEqual(partner.category_id, self.tag)

    def test_cron_does_the_work_as_soon_as_somebody_enters(self):
        self._create_playbook()
        before = self.env["ir.cron.trigger"].search_count([("cron_id", "=", self.cron.id)])
        partner = self._enter()
        self.assertGreater(self.env["ir.cron.trigger"].search_count([("cron_id", "=", self.cron.id)]), before)
        with self.enter_registry_test_mode():
            self.cron.method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(self._of(partner).state, "done")

    def test_step_waits_until_its_day(self):
        self._create_playbook(self._tag_step(delay_days=3))
        partner = self._enter()
        self._run()
        self.assertEqual(self._of(partner).state, "waiting")
        self._in_days(3)
        self._run()
        self.assertEqual(self._of(partner).state, "done")

    def test_paused_playbook_waits_and_goes_on_when_resumed(self):
        playbook = self._create_playbook()
        partner = self._enter()
        playbook.action_pause()
        self._run()
        self.assertEqual(self._of(partner).state, "waiting")
        playbook.action_resume()
        self._run()
        self.assertEqual(self._of(partner).state, "done")

    def test_customer_who_moved_on_is_left_out_unless_the_step_says_so(self):
        self._create_playbook(self._tag_step(delay_days=2), self._tag_step(delay_days=2, also_later=True))
        partner = self._enter(hours=30)
        self._create_order(partner, self.days_ago(0, hours=1))
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.retention)
        self._in_days(3)
        self._run()
        self.assertEqual(self._of(partner).mapped("state"), ["skipped", "done"])
        self.assertIn("another stage", self._of(partner)[0].note)

    def test_cancelled_order_leaves_the_step_out(self):
        self._create_playbook()
        partner = self._create_partner(known_since=self.days_ago(30))
        order = self._create_order(partner, self.days_ago(0, hours=1))
        self.engine._process_queue()
        order._action_cancel()
        self.engine._process_queue()
        self._run()
        self.assertEqual(self._of(partner).state, "skipped")
        self.assertFalse(partner.category_id)

    def test_archived_customer_is_left_out(self):
        self._create_playbook(self._tag_step(also_later=True))
        partner = self._enter()
        partner.active = False
        self._run()
        self.assertEqual(self._of(partner).state, "skipped")
        self.assertIn("archived", self._of(partner).note)

    # === ERRORS === #

    def test_action_that_raises_stops_nobody_and_leaves_nothing_half_done(self):
        self._create_playbook(self._action_step(
            "record.write({'comment': 'half done'})\nif record.city == 'Rome': raise UserError('No Romans')"
        ))
        partners = [self._enter(city=city) for city in ("Lyon", "Rome", "Paris")]
        with mute_logger(RUN):
            self._run()
        self.assertEqual([self._of(partner).state for partner in partners], ["done", "waiting", "done"])
        self.assertEqual([bool(partner.comment) for partner in partners], [True, False, True])
        failed = self._of(partners[1])
        self.assertEqual((failed.error, failed.attempts), ("No Romans", 1))
        self.assertGreater(failed.run_at, fields.Datetime.now())

    def test_error_of_the_database_stops_nobody(self):
        self._create_playbook(self._action_step("env.cr.execute('SELECT 1/0')"), self._tag_step())
        partner = self._enter()
        with mute_logger(RUN, "odoo.sql_db", "odoo.addons.base.models.ir_actions"):
            self._run()
        self.assertEqual(self._of(partner).mapped("state"), ["waiting", "done"])
        self.assertIn("division by zero", self._of(partner)[0].error)

    def test_effect_fails_after_the_fourth_attempt_and_can_be_retried(self):
        action = self._create_action("raise UserError('Not today')")
        playbook = self._create_playbook({"kind": "server_action", "action_server_id": action.id})
        effect = self._of(self._enter())
        waits = []
        with mute_logger(RUN):
            for __ in range(4):
                before = fields.Datetime.now()
                self._run()
                waits.append(round((effect.run_at - before).total_seconds() / 60))
                effect.run_at = before if effect.state == "waiting" else effect.run_at
        self.assertEqual(waits[:3], [10, 60, 360])
        self.assertEqual((effect.state, effect.attempts, playbook.failed_count), ("failed", 4, 1))
        action.code = "record.write({'comment': 'done'})"
        playbook.action_retry_failed()
        self._run()
        self.assertEqual((effect.state, effect.error), ("done", False))

    def test_step_that_meets_another_worker_waits_without_an_error(self):
        self._create_playbook()
        effect = self._of(self._enter())
        with patch.object(type(self.effects), "_do_tags", side_effect=SerializationFailure):
            self._run()
        self.assertEqual((effect.state, effect.attempts, effect.error), ("waiting", 0, False))
        self.assertGreater(effect.run_at, fields.Datetime.now())

    def test_cancelled_effects_are_not_done(self):
        playbook = self._create_playbook()
        effect = self._of(self._enter())
        playbook.action_cancel_waiting()
        self._run()
        self.assertEqual(effect.state, "cancelled")
        self.assertIn(self.env.user.name, effect.note)

    # === BATCHES === #

    def test_transaction_ends_when_its_time_is_over(self):
        self._create_playbook()
        for number in range(3):
            self._enter(f"C{number}")
        with patch(f"{RUN}.BATCH_SECONDS", -1.0):
            self.assertEqual(self.effects._run_batch(), 1)
        with patch(f"{RUN}.BATCH_SIZE", 1):
            self.assertEqual(self.effects._run_batch(), 1)
        self.assertEqual(self.effects._cron_run(), 1)

    def test_oldest_comes_first(self):
        self._create_playbook()
        late, early = self._of(self._enter("Late")), self._of(self._enter("Early"))
        early.run_at -= timedelta(hours=1)
        self.assertEqual(self.effects._take(10), early | late)

    # === RIGHTS === #

    def test_only_managers_edit_retry_and_cancel(self):
        playbook = self._create_playbook()
        effect = self._of(self._enter())
        viewer = self._create_user("p-viewer", "clm.group_viewer")
        manager = self._create_user("p-manager", "clm.group_manager")
        self.assertEqual(effect.with_user(viewer).state, "waiting")
        for act in (
            lambda: effect.with_user(viewer).action_cancel(),
            lambda: effect.with_user(viewer).action_retry(),
            lambda: playbook.with_user(viewer).action_pause(),
            lambda: effect.with_user(manager).write({"state": "done"}),
            lambda: effect.with_user(manager).unlink(),
            lambda: playbook.with_user(viewer).write({"name": "Mine"}),
            lambda: playbook.with_user(viewer).action_preview(),
        ):
            with self.assertRaises(AccessError):
                act()
        playbook.with_user(manager).action_pause()
        effect.with_user(manager).action_cancel()
        self.assertEqual(effect.state, "cancelled")
        effect.with_user(manager).action_retry()
        self.assertEqual(effect.state, "waiting")

    def test_effects_of_another_company_are_not_seen(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._create_playbook(company_id=other.id)
        effect = self._of(self._enter())
        viewer = self._create_user("p-viewer2", "clm.group_viewer")
        self.assertFalse(self.effects.with_user(viewer).search([("id", "=", effect.id)]))

    def test_state_is_changed_by_buttons_alone(self):
        playbook = self._create_playbook(activate=False)
        with self.assertRaisesRegex(UserError, "buttons"):
            playbook.write({"state": "active"})
        with self.assertRaisesRegex(UserError, "buttons"):
            self._create_playbook(activate=False, state="active")
        copy = self._create_playbook().copy()
        self.assertEqual((copy.state, len(copy.step_ids)), ("draft", 1))

    def test_server_action_is_chosen_by_a_system_administrator_alone(self):
        manager = self._create_user("p-manager2", "clm.group_manager")
        playbook = self._create_playbook(activate=False).with_user(manager)
        with self.assertRaisesRegex(AccessError, "system administrator"):
            playbook.write({"step_ids": [Command.create(self._action_step("pass"))]})
        with self.assertRaisesRegex(AccessError, "system administrator"):
            playbook.step_ids.write({"action_server_id": self._create_action("pass").id})

    # === BAD INPUT === #

    def test_incomplete_or_unfitting_steps_are_refused(self):
        contract_plan = self.env.ref("clm.mail_activity_plan_contract")
        cases = [
            {"kind": "mail"}, {"kind": "tags"}, {"kind": "opportunity"}, {"kind": "handover"}, {"kind": "renewal"},
            {"kind": "activity_plan", "plan_id": contract_plan.id},
        ]
        for case in cases:
            with self.subTest(case=case), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self._create_playbook(case, activate=False)

    def test_unreadable_filter_is_refused(self):
        for domain in ("[('no_such_field', '=', 1)]", "[(", "__import__('os')"):
            with self.subTest(domain=domain), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self._create_playbook(activate=False, partner_domain=domain)

    @mute_logger("odoo.sql_db")
    def test_impossible_delays_are_refused(self):
        for days in (-1, 3651):
            with self.subTest(days=days), self.assertRaises(CheckViolation), self.env.cr.savepoint():
                self._create_playbook(self._tag_step(delay_days=days), activate=False)

    def test_playbook_without_trigger_is_refused(self):
        for vals in ({"stage_id": False}, {"trigger": "contract", "contract_state": False}):
            with self.subTest(vals=vals), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self._create_playbook(activate=False, **vals)
