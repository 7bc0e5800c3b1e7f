from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tools import SQL

from .common import ClmCase


class PlaybookCase(ClmCase):
    """Builders of playbooks and of customers who enter a stage. Other playbooks of the database are paused."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.playbooks, cls.effects = cls.env["clm.playbook"], cls.env["clm.effect"]
        cls.playbooks.search([]).action_pause()
        cls.tag = cls.env["res.partner.category"].create({"name": "Welcomed"})
        cls.salesperson = cls._create_user("p-sales", "sales_team.group_sale_salesman")
        cls.cron = cls.env.ref("clm.ir_cron_effects")

    # === BUILDERS === #

    @classmethod
    def _create_playbook(cls, *steps, stage=None, activate=True, **vals):
        """Create a playbook that acts on whoever enters a stage; without steps it adds a tag at once.

        :param steps: values of steps
        :param stage: default: Conversion
        """
        steps = steps or ({"kind": "tags", "tag_ids": [Command.set(cls.tag.ids)]},)
        playbook = cls.playbooks.create({
            "name": "Welcome",
            "stage_id": (stage or cls.conversion).id,
            "step_ids": [Command.create(step) for step in steps],
            **vals,
        })
        if activate:
            playbook._activate()
            # the customers of these tests entered just before
            playbook._unlocked().activated_at = fields.Datetime.now() - timedelta(days=2)
        return playbook

    @classmethod
    def _tag_step(cls, **vals):
        return {"kind": "tags", "tag_ids": [Command.set(cls.tag.ids)], **vals}

    def _enter(self, name="Ada", hours=1, **vals):
        """Create a customer who bought for the first time some hours ago, and replay the lifecycle."""
        partner = self._create_partner(name, known_since=self.days_ago(30), **vals)
        self._create_order(partner, self.days_ago(0, hours=hours))
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        return partner

    def _of(self, partner):
        return self.effects.search([("partner_id", "=", partner.id)], order="id")

    def _run(self):
        self.effects._cron_run()
        self.env.invalidate_all()

    def _in_days(self, days):
        """Let so many days pass for the effects that wait."""
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "UPDATE clm_effect SET run_at = run_at - %s * interval '1 day' WHERE state = 'waiting'", days
        ))
        self.env.invalidate_all()
