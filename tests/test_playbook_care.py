from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .playbook_common import PlaybookCase


@tagged("post_install", "-at_install")
class TestPlaybookCare(PlaybookCase):
    """What becomes of effects when customers are merged or deleted, when playbooks, steps or stages go."""

    def test_archived_stage_pauses_its_playbooks(self):
        stage = self.env["clm.stage"].create({"name": "Trial", "sequence": 15})
        playbook = self._create_playbook(stage=stage)
        stage.with_context(clm_policy_edit=False).active = False
        self.assertEqual(playbook.state, "paused")
        with self.assertRaisesRegex(UserError, "archived"):
            playbook.action_resume()

    def test_merged_customers_keep_one_effect_of_a_step(self):
        self._create_playbook(self._tag_step(), self._tag_step(delay_days=5))
        one, two = self._enter("One"), self._enter("Two")
        self._run()
        done = self._of(two)[0]
        self.assertEqual(self._of(one).mapped("state"), ["done", "waiting"])
        self.env["base.partner.merge.automatic.wizard"]._merge((one | two).ids, one)
        self.engine._process_queue()
        self.assertEqual(self._of(one).mapped("state"), ["done", "waiting"])
        self.assertFalse(done.exists())
        self._in_days(6)
        self._run()
        self.assertEqual(self._of(one).mapped("state"), ["done", "done"])

    def test_merged_customer_keeps_what_was_done_for_the_other(self):
        self._create_playbook()
        one, two = self._enter("One"), self._enter("Two")
        waiting, done = self._of(one), self._of(two)
        done._close("done")
        self.env["base.partner.merge.automatic.wizard"]._merge((one | two).ids, one)
        self.assertEqual(self._of(one), done)
        self.assertFalse(waiting.exists())

    def test_used_playbook_and_step_cannot_be_deleted_but_archived(self):
        playbook = self._create_playbook()
        effect = self._of(self._enter())
        with self.assertRaisesRegex(UserError, "Archive it"):
            playbook.unlink()
        with self.assertRaisesRegex(UserError, "Switch it off"):
            playbook.step_ids.unlink()
        playbook.active = False
        self.assertEqual((playbook.state, effect.state), ("paused", "cancelled"))
        self._run()
        self.assertEqual(effect.state, "cancelled")

    def test_unused_playbook_is_deleted_with_its_steps(self):
        playbook = self._create_playbook()
        step = playbook.step_ids
        playbook.unlink()
        self.assertFalse(step.exists())
        self.assertFalse(self._of(self._enter()))

    def test_deleted_customer_takes_its_effects_along(self):
        self._create_playbook(stage=self.awareness)
        partner = self._create_partner()
        self.engine._process_queue()
        effect = self._of(partner)
        self.assertEqual(effect.state, "waiting")
        partner.unlink()
        self.assertFalse(effect.exists())

    def test_activation_needs_steps(self):
        playbook = self._create_playbook(activate=False)
        playbook.step_ids = [Command.update(playbook.step_ids.id, {"active": False})]
        with self.assertRaisesRegex(UserError, "no steps"):
            playbook.action_activate()
