from odoo import models


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "clm.signal.mixin"]

    _clm_signal_fields = frozenset({"state", "partner_id", "invoice_date", "company_id", "amount_untaxed_signed"})

    def _clm_signals(self, fnames):
        """Posted customer documents are events; a state that changes may make or end one."""
        return self.filtered(
            lambda move: move.move_type in ("out_invoice", "out_refund", "out_receipt")
            and (move.state == "posted" or (move.posted_before and "state" in fnames))
        )
