from odoo import api, fields, models


class ClmBillingRun(models.Model):
    """How a billing run went, and how far it is."""

    _name = "clm.billing.run"
    _description = "Billing Run"
    _order = "id desc"
    _rec_name = "started_at"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    user_id = fields.Many2one("res.users", "Started By", readonly=True, default=lambda self: self.env.user)
    started_at = fields.Datetime("Started", readonly=True, default=fields.Datetime.now)
    finished_at = fields.Datetime("Finished", readonly=True)
    state = fields.Selection(
        [("running", "Running"), ("done", "Done"), ("failed", "Done, with errors"), ("stopped", "Interrupted")],
        readonly=True, default="running",
    )
    key_count = fields.Integer("Contracts", readonly=True, help="Contracts, or customers who get one invoice, to bill.")
    done_count = fields.Integer("Handled", readonly=True)
    progress = fields.Float(compute="_compute_progress", help="In percent.")
    move_count = fields.Integer("Invoices", readonly=True)
    failed_contract_ids = fields.Many2many("clm.contract", string="Failed", readonly=True)

    @api.depends("key_count", "done_count")
    def _compute_progress(self):
        for run in self:
            run.progress = 100.0 * run.done_count / run.key_count if run.key_count else 100.0

    @api.model
    def _begin(self, count):
        """:return: the run, or nothing when there is nothing to do: an idle cron leaves no trace

        :param int count: contracts, or customers who get one invoice, to bill
        """
        self.search([
            ("company_id", "=", self.env.company.id), ("state", "=", "running"),
            ("write_date", "<", fields.Datetime.subtract(fields.Datetime.now(), hours=1)),
        ]).state = "stopped"  # its process is gone: a batch takes seconds
        return self.create({"company_id": self.env.company.id, "key_count": count}) if count else self

    def _progress(self, handled, moves, failed):
        """Count what a batch did."""
        for run in self:
            run.write({
                "done_count": run.done_count + handled,
                "move_count": run.move_count + len(moves),
                "failed_contract_ids": [fields.Command.link(contract.id) for contract in failed],
            })

    def _finish(self):
        for run in self:
            state = "failed" if run.failed_contract_ids else "done"
            run.write({
                "finished_at": fields.Datetime.now(),
                "state": state if run.done_count >= run.key_count else "stopped",  # the cron goes on in another run
            })

    def action_view_failed(self):
        """The contracts that could not be billed, each with its reason."""
        return self.failed_contract_ids._get_records_action(name=self.env._("Not billed"))
