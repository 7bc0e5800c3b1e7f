from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .clm_playbook import CONTRACT


class ClmEffect(models.Model):
    """Outbox: one row for each step of a playbook and each customer or contract that entered.

    Made by set-based SQL in the transaction that notices the entry, carried out later by a cron. The unique indexes
    are the law "never twice": once per customer, stage and cycle. Written by its own doors alone.
    """

    _name = "clm.effect"
    _description = "Playbook Effect"
    _order = "run_at desc, id desc"
    _rec_name = "step_id"
    _log_access = False

    playbook_id = fields.Many2one("clm.playbook", required=True, readonly=True, ondelete="cascade", index=True)
    step_id = fields.Many2one("clm.playbook.step", required=True, readonly=True, ondelete="cascade")
    kind = fields.Selection(related="step_id.kind")
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True, ondelete="cascade", index=True
    )
    contract_id = fields.Many2one(
        "clm.contract", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    company_id = fields.Many2one("res.company", readonly=True)
    cycle = fields.Integer(readonly=True, aggregator=None)
    visit_number = fields.Integer("Visit", readonly=True, aggregator=None)
    entered_at = fields.Datetime("Entered On", readonly=True)
    evidence_model = fields.Char(readonly=True)
    evidence_id = fields.Many2oneReference("Evidence ID", model_field="evidence_model", readonly=True, aggregator=None)
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("done", "Done"),
            ("skipped", "Left out"),
            ("failed", "Failed"),
            ("cancelled", "Cancelled"),
        ],
        required=True, readonly=True, default="waiting",
    )
    created_at = fields.Datetime("Noticed On", readonly=True, default=fields.Datetime.now)
    run_at = fields.Datetime("Planned For", required=True, readonly=True)
    done_at = fields.Datetime("Closed On", readonly=True)
    attempts = fields.Integer(readonly=True, aggregator=None)
    error = fields.Text(readonly=True, help="What went wrong at the last attempt.")
    note = fields.Char(readonly=True, help="What was made, or why it was left out.")
    outcome = fields.Char(compute="_compute_outcome")
    result_model = fields.Char(readonly=True)
    result_id = fields.Many2oneReference("Result ID", model_field="result_model", readonly=True, aggregator=None)

    _customer_uniq = models.UniqueIndex("(step_id, partner_id, cycle) WHERE contract_id IS NULL")
    _contract_uniq = models.UniqueIndex("(step_id, contract_id, cycle) WHERE contract_id IS NOT NULL")
    _due_idx = models.Index("(run_at, id) WHERE state = 'waiting'")
    _state_idx = models.Index("(playbook_id, state)")

    @api.depends("step_id.summary", "partner_id.display_name")
    def _compute_display_name(self):
        for effect in self:
            effect.display_name = f"{effect.partner_id.display_name}: {effect.step_id.summary}"

    @api.depends("error", "note")
    def _compute_outcome(self):
        for effect in self:
            effect.outcome = effect.error or effect.note

    # === ACTIONS === #

    def action_retry(self):
        """Try again what failed, what was left out or what was cancelled: as soon as possible."""
        self._check_may_manage()
        again = self.filtered(lambda effect: effect.state in ("failed", "skipped", "cancelled"))
        # sudo: effects are written by their doors alone
        again.sudo().write({
            "state": "waiting", "run_at": fields.Datetime.now(), "done_at": False, "attempts": 0, "error": False,
            "note": False,
        })
        self._wake()
        return True

    def action_cancel(self):
        """Give up what waits or failed."""
        self._check_may_manage()
        self.sudo().filtered(lambda effect: effect.state in ("waiting", "failed"))._close(  # sudo: see action_retry
            "cancelled", self.env._("Cancelled by %(user)s.", user=self.env.user.name)
        )
        return True

    def action_open_result(self):
        """Open what the effect made, or else whom it was for."""
        self.ensure_one()
        record = self.contract_id or self.partner_id
        if self.result_model and self.result_model in self.env:
            record = self.env[self.result_model].browse(self.result_id).exists()
        if not record:
            raise UserError(self.env._("What this step made was deleted since."))
        if record._name == "mail.message":  # a mail is read where it stands
            record = self.env[record.model].browse(record.res_id)
        record.check_access("read")
        return record._get_records_action()

    def _check_may_manage(self):
        self.check_access("read")
        if not (self.env.su or self.env.user.has_group("clm.group_manager")):
            raise AccessError(self.env._("Only lifecycle managers may retry or cancel what playbooks do."))

    # === DOORS === #

    def _close(self, state, note="", result=None):
        """The one door out of waiting.

        :param str state: done, skipped or cancelled
        :param str note: what was made, or why not
        :param result: the record that was made, if any
        """
        self.write({
            "state": state,
            "done_at": fields.Datetime.now(),
            "note": note,
            "error": False,
            "result_model": result._name if result else False,
            "result_id": result[:1].id if result else False,
        })

    @api.model
    def _wake(self):
        """Let the cron look at once, after the commit."""
        # sudo: whoever moves a customer need not be allowed to read crons
        self.env.ref("clm.ir_cron_effects").sudo()._trigger()

    # === WHO === #

    def _responsible(self):
        """:return: ``res.users``: the owner of the contract, the salesperson, or else whom the playbook names"""
        self.ensure_one()
        return self.contract_id.user_id or self.partner_id.user_id or self.playbook_id.user_id

    def _contact(self):
        """:return: ``res.partner`` to write to: of the contract, the customer, or the first contact with an address"""
        self.ensure_one()
        contact = self.contract_id.partner_id or self.partner_id
        if contact.email or not contact.is_company:
            return contact
        return contact.child_ids.filtered(
            lambda child: child.type == "contact" and child.email_normalized
        ).sorted("id")[:1] or contact

    def _document(self, model):
        """:return: the contract or the customer, whichever is of a model"""
        self.ensure_one()
        return self.contract_id if model == self.contract_id._name else self.partner_id

    def _is_of_contract(self):
        return self.playbook_id.trigger == CONTRACT
