from odoo import fields, models


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "clm.signal.mixin"]

    _clm_signal_fields = frozenset({"state", "partner_id", "invoice_date", "company_id", "amount_untaxed_signed"})

    clm_contract_count = fields.Integer(
        compute="_compute_clm_contract_count",
        groups="clm.group_viewer,account.group_account_readonly,account.group_account_invoice",
    )

    def _compute_clm_contract_count(self):
        counts = dict(self.env["account.move.line"]._read_group(
            [("move_id", "in", self.ids), ("clm_contract_id", "!=", False)],
            ["move_id"], ["clm_contract_id:count_distinct"],
        ))
        for move in self:
            move.clm_contract_count = counts.get(move, 0)

    def _clm_signals(self, fnames):
        """Posted customer documents are events; a state that changes may make or end one."""
        return self.filtered(
            lambda move: move.move_type in ("out_invoice", "out_refund", "out_receipt")
            and (move.state == "posted" or (move.posted_before and "state" in fnames))
        )

    def write(self, vals):
        res = super().write(vals)
        if "state" in vals and not self.env.context.get("clm_billing"):
            self.env["account.move.line"]._clm_rows_of_moves(self)._sync_with_invoices()
        return res

    def action_view_clm_contracts(self):
        """The contracts that this invoice bills."""
        self.ensure_one()
        return self.line_ids.clm_contract_id._get_records_action(name=self.env._("Contracts"))
