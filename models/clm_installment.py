from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..const import INSTALLMENT_KINDS, INSTALLMENT_STATES

#: rows that the schedule may still change
OPEN_ROWS = ("planned", "due")


class ClmInstallment(models.Model):
    """A row of the billing schedule: what one line charges for one period.

    Rows are made by the schedule of their contract and written by nobody else. What is billed, credited or skipped is
    never changed again; what became of it is read from the invoices.
    """

    _name = "clm.installment"
    _description = "Installment"
    _order = "date_planned, contract_id, id"
    _check_company_auto = True

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    line_id = fields.Many2one("clm.contract.line", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, precompute=True, index=True)
    partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id", store=True, precompute=True, index=True,
        string="Customer or Supplier",
    )
    direction = fields.Selection(related="contract_id.direction", store=True, precompute=True)
    currency_id = fields.Many2one(related="contract_id.currency_id", store=True, precompute=True)
    product_id = fields.Many2one(related="line_id.product_id")
    kind = fields.Selection(INSTALLMENT_KINDS, required=True, readonly=True, default="charge")
    state = fields.Selection(INSTALLMENT_STATES, required=True, readonly=True, default="planned", index=True)
    period_start = fields.Date("From", required=True, readonly=True)
    period_end = fields.Date("Until", required=True, readonly=True, help="The last day.")
    date_planned = fields.Date("Invoice On", required=True, readonly=True)
    share = fields.Float(
        readonly=True, default=1.0, digits=(16, 10), aggregator=None,
        help="Part of a whole period, 0 to 1; negative for a credit.",
    )
    amount = fields.Monetary(readonly=True, help="Without taxes.")
    discount_amount = fields.Monetary("Discount", readonly=True, help="What the list price would add, without taxes.")
    revision = fields.Integer(
        required=True, readonly=True, default=0, aggregator=None,
        help="Counts how often these days were charged again after a credit.",
    )
    to_confirm = fields.Boolean(
        readonly=True, help="A proposed credit: nothing happens before somebody confirms or skips it."
    )
    confirmed_on = fields.Date(readonly=True)
    reason = fields.Char("Skipped Because", readonly=True)
    move_line_id = fields.Many2one(
        "account.move.line", "Invoice Line", readonly=True, copy=False, ondelete="set null", index="btree_not_null",
    )
    move_id = fields.Many2one(related="move_line_id.move_id", string="Invoice")
    move_line_ids = fields.One2many("account.move.line", "clm_installment_id", string="Invoice Lines", readonly=True)

    _period_uniq = models.UniqueIndex(
        "(line_id, kind, period_start, revision)", "This period is in the billing schedule already.",
    )
    _move_line_uniq = models.UniqueIndex("(move_line_id) WHERE move_line_id IS NOT NULL")
    _due_index = models.Index(
        "(company_id, date_planned, contract_id) WHERE state IN ('planned', 'due') AND to_confirm IS NOT TRUE"
    )
    _check_period = models.Constraint("CHECK (period_end >= period_start)", "A period cannot end before it begins.")

    @api.depends("contract_id", "period_start", "period_end")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.contract_id.name} {row._describe_period()}"

    def _describe_period(self, lang=None):
        """:return: "01/01/2026 – 31/01/2026" as it is written in a language; one date for one day"""
        self.ensure_one()
        first = format_date(self.env, self.period_start, lang_code=lang)
        if self.period_end == self.period_start:
            return first
        return f"{first} – {format_date(self.env, self.period_end, lang_code=lang)}"

    # === ACTIONS === #

    def _check_may_bill(self):
        """:raise AccessError: for users who may not make invoices, or not read these rows"""
        self.check_access("read")
        self.contract_id._check_may_bill()

    def action_confirm_credit(self):
        """Grant proposed credits: the next billing run makes the credit note."""
        self._check_may_bill()
        for row in self:
            if not row.to_confirm or row.state not in OPEN_ROWS:
                raise UserError(self.env._("%(row)s is not a proposed credit.", row=row.display_name))
        # sudo: rows are written by their doors alone
        for row in self.sudo():
            today = row.contract_id._today()
            row.write({"to_confirm": False, "confirmed_on": today, "date_planned": max(row.date_planned, today)})
        return True

    def action_skip(self, reason=None):
        """Leave rows unbilled for good, with the reason.

        :param reason: why; a dialog asks when it is missing
        """
        self._check_may_bill()
        if not reason:
            action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_installment_skip_action")
            action["context"] = {"default_installment_ids": self.ids}
            return action
        for row in self:
            if row.state not in OPEN_ROWS:
                raise UserError(self.env._(
                    "%(row)s is billed or skipped already.", row=row.display_name,
                ))
        self.sudo().write({"state": "skipped", "reason": reason})  # sudo: rows are written by their doors alone
        for contract, rows in self.grouped("contract_id").items():
            contract.message_post(body=self.env._(
                "Not billed: %(rows)s. %(reason)s",
                rows=", ".join(row._describe_period() for row in rows), reason=reason,
            ))
        self.contract_id._terms_changed()
        return True

    def action_bill_again(self):
        """Free rows that were skipped, or whose invoice was cancelled or credited: the next run bills them again."""
        self._check_may_bill()
        for row in self:
            if row.state not in ("credited", "skipped"):
                raise UserError(self.env._(
                    "%(row)s is not credited, cancelled or skipped: there is nothing to bill again.",
                    row=row.display_name,
                ))
        self._free()
        return True

    def _mark_due(self):
        """The day of these rows has come. What somebody else holds, or has billed meanwhile, is left alone."""
        rows = self.try_lock_for_update()
        rows.invalidate_recordset(["state"])  # read again: a second try begins with what others did
        rows.filtered(lambda row: row.state == "planned").write({"state": "due"})

    def _free(self):
        # sudo: rows are written by their doors alone
        self.sudo().write({"state": "planned", "move_line_id": False, "reason": False})
        self.contract_id._terms_changed()

    def action_open_invoice(self):
        """The invoice that bills this row."""
        self.ensure_one()
        return self.move_id._get_records_action()

    # === INVOICES === #

    def _sync_with_invoices(self):
        """Read from the invoices what became of these rows.

        A deleted draft frees its rows; a cancelled or fully credited invoice leaves them credited, to be billed again
        on request.
        """
        freed = changed = self.browse()
        for row in self.exists():
            billed, reversed_lines = row._billing_lines()
            left = sum(line.price_subtotal for line in billed) - sum(line.price_subtotal for line in reversed_lines)
            state = row.state
            if billed and (not reversed_lines or not row.currency_id.is_zero(left)):
                row.write({"state": "invoiced", "move_line_id": billed.sorted("id")[-1].id})
            elif row.move_line_ids:
                row.write({"state": "credited", "move_line_id": False})
            elif state in ("invoiced", "credited"):
                freed |= row
            if reversed_lines or row.state != state:
                changed |= row
        if freed:
            freed._free()
        if changed:
            changed.contract_id._sync_schedule()  # a credit that is proposed for these days may be too much now
        self.exists().filtered(lambda row: row._is_beyond_end()).contract_id._mrr_changed()

    def _billing_lines(self):
        """:return: pair of ``account.move.line``: those that bill this row, and the posted ones that take that back"""
        self.ensure_one()
        lines = self.move_line_ids.filtered(lambda line: line.parent_state != "cancel")
        billed = lines.filtered(lambda line: not line._clm_is_reversal())
        return billed, (lines - billed).filtered(lambda line: line.parent_state == "posted")

    def _is_beyond_end(self):
        """:return: whether these days are charged although the contract ends before their last one"""
        self.ensure_one()
        end = self.contract_id._service_end()
        return bool(end and end < self.period_end)
