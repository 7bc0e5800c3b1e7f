from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import SQL

from ..models.clm_playbook import STAGE

DAYS = 90
# entries that are listed, the newest first
MAX_LISTED = 500
#: kinds of steps that write to the customer
MAILS = ("mail", "feedback", "mailing_list")


class ClmPlaybookPreview(models.TransientModel):
    """What a playbook would have done in the last 90 days, had it been active. Nothing is written but the result."""

    _name = "clm.playbook.preview"
    _description = "Preview of a Playbook"

    playbook_id = fields.Many2one("clm.playbook", required=True, readonly=True, ondelete="cascade")
    state = fields.Selection(related="playbook_id.state")
    trigger = fields.Selection(related="playbook_id.trigger")
    days = fields.Integer(readonly=True, default=DAYS)
    entry_count = fields.Integer("Entries", readonly=True)
    customer_count = fields.Integer("Customers", readonly=True)
    headline = fields.Char(compute="_compute_headline")
    is_cut = fields.Boolean(readonly=True)
    line_ids = fields.One2many("clm.playbook.preview.line", "preview_id", readonly=True)
    step_ids = fields.One2many("clm.playbook.preview.step", "preview_id", readonly=True)

    @api.depends("entry_count", "customer_count", "trigger")
    def _compute_headline(self):
        _ = self.env._
        for preview in self:
            values = {"count": preview.entry_count, "customers": preview.customer_count, "days": preview.days}
            if not preview.entry_count:
                preview.headline = _("It would not have begun for anybody in the last %(days)s days.", **values)
            elif preview.trigger == STAGE:
                preview.headline = _(
                    "It would have begun for %(customers)s customers in the last %(days)s days.", **values
                )
            else:
                preview.headline = _(
                    "It would have begun for %(count)s contracts of %(customers)s customers in the last %(days)s days.",
                    **values,
                )

    def _compute_display_name(self):
        self.display_name = self.env._("Preview")

    @api.model
    def _open(self, playbook):
        """:return: action showing what the playbook would have done"""
        playbook.check_access("write")
        preview = self.create(self._prepare_vals(playbook))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What would “%(name)s” have done?", name=playbook.name),
            "res_model": self._name,
            "res_id": preview.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_confirm(self):
        """Activate the playbook: it begins for whoever enters from now on."""
        self.ensure_one()
        self.playbook_id.check_access("write")
        self.playbook_id.filtered(lambda playbook: playbook.state == "draft")._activate()
        return {"type": "ir.actions.act_window_close"}

    # === COUNT === #

    @api.model
    def _prepare_vals(self, playbook):
        entries = self._entries(playbook)
        listed = entries[:MAX_LISTED]
        contacts = self._contacts(listed)
        return {
            "playbook_id": playbook.id,
            "entry_count": len(entries),
            "customer_count": len({entry["partner_id"] for entry in entries}),
            "is_cut": len(entries) > MAX_LISTED,
            "line_ids": [Command.create(entry) for entry in listed],
            "step_ids": [
                Command.create(self._prepare_step_vals(step, len(entries), contacts))
                for step in playbook.step_ids if step.active
            ],
        }

    @api.model
    def _entries(self, playbook):
        """:return: list of dicts, once per customer (or contract) and cycle, the newest first; whom the user may see"""
        playbook.flush_recordset()
        self.env.flush_all()
        since = fields.Datetime.now() - timedelta(days=DAYS)
        rows = self.env.execute_query(SQL(
            """
            SELECT partner_id, contract_id, min(entered_at) AS entered_at
              FROM (%s) entry
             GROUP BY partner_id, contract_id, cycle
             ORDER BY 3 DESC, 1, 2
            """,
            playbook.sudo()._sql_entries(SQL("v.entered_at >= %s", since)),  # sudo: fields of steps and types
        ))
        visible = set(self.env["res.partner"].with_context(active_test=False)._search(
            [("id", "in", list({row[0] for row in rows}))]
        ))
        return [
            {"partner_id": partner_id, "contract_id": contract_id, "entered_at": entered_at}
            for partner_id, contract_id, entered_at in rows if partner_id in visible
        ]

    @api.model
    def _contacts(self, entries):
        """:return: list of ``res.partner``: whom each of these entries would be written to"""
        return [
            self.env["clm.effect"].new({
                "partner_id": entry["partner_id"], "contract_id": entry["contract_id"],
            })._contact()._origin for entry in entries
        ]

    @api.model
    def _prepare_step_vals(self, step, count, contacts):
        """:return: dict, values of the line of a step: what it does, how often, and what would keep it from that"""
        hindrance = ""
        if step.kind in MAILS and contacts:
            people = self.env["res.partner"].union(*contacts)
            refusals = people._lifecycle_mail_refusals(step.needs_consent and step.kind != "feedback")
            refused = sum(bool(refusals[contact.id]) for contact in contacts)
            if refused:
                hindrance = self.env._(
                    "%(refused)s of %(listed)s cannot be written to: no address, no consent, or opted out.",
                    refused=refused, listed=len(contacts),
                )
        return {"name": step.summary, "count": count, "hindrance": hindrance}


class ClmPlaybookPreviewLine(models.TransientModel):
    """Preview: one entry."""

    _name = "clm.playbook.preview.line"
    _description = "Preview of a Playbook: Entry"
    _order = "entered_at desc, id"

    preview_id = fields.Many2one("clm.playbook.preview", required=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True, ondelete="cascade")
    contract_id = fields.Many2one("clm.contract", readonly=True, ondelete="cascade")
    entered_at = fields.Datetime("Entered On", readonly=True)


class ClmPlaybookPreviewStep(models.TransientModel):
    """Preview: one step, how often it would have been done."""

    _name = "clm.playbook.preview.step"
    _description = "Preview of a Playbook: Step"

    preview_id = fields.Many2one("clm.playbook.preview", required=True, ondelete="cascade", index=True)
    name = fields.Char("Step", readonly=True)
    count = fields.Integer("Times", readonly=True)
    hindrance = fields.Char("But", readonly=True)
