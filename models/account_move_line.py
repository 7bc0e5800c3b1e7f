from odoo import api, fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    clm_contract_id = fields.Many2one(
        "clm.contract", "Contract", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
        check_company=True,
        groups="clm.group_viewer,account.group_account_readonly,account.group_account_invoice",
        help="The contract that this line bills.",
    )
    clm_installment_id = fields.Many2one(
        "clm.installment", "Installment", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
        check_company=True,
        groups="clm.group_viewer,account.group_account_readonly,account.group_account_invoice",
    )

    # which invoices bill contracts, for the timeline
    _clm_move_index = models.Index("(move_id) WHERE clm_contract_id IS NOT NULL")

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        if not self.env.context.get("clm_billing") and any(vals.get("clm_installment_id") for vals in vals_list):
            # the invoice that replaces a corrected one
            lines.sudo().clm_installment_id._sync_with_invoices()  # sudo: rows are written by their doors alone
        return lines

    def _copy_data_extend_business_fields(self, values):
        """A credit note, and the invoice that replaces a corrected one, speak of the same installment."""
        res = super()._copy_data_extend_business_fields(values)
        line = self.sudo()  # sudo: whoever may reverse an invoice keeps its links
        values.update(clm_contract_id=line.clm_contract_id.id, clm_installment_id=line.clm_installment_id.id)
        return res

    def _clm_is_reversal(self):
        """:return: whether this line takes back what another line billed"""
        self.ensure_one()
        return bool(self.move_id.reversed_entry_id)

    def unlink(self):
        rows = self.sudo().clm_installment_id  # sudo: rows are written by their doors alone
        current = rows.filtered(lambda row: row.move_line_id in self)
        res = super().unlink()
        if rows:
            rows._sync_with_invoices()
            # whoever deletes a draft gets it again, also where an older invoice of the row was cancelled or credited
            current.exists().filtered(lambda row: row.state == "credited")._free()
        return res

    @api.model
    def _clm_rows_of_moves(self, moves):
        """:return: ``clm.installment`` that these invoices bill or credit, in one query"""
        # sudo: rows are written by their doors alone
        return self.env["clm.installment"].sudo().search([("move_line_ids.move_id", "in", moves.ids)])
