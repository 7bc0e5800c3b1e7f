from odoo import models
from odoo.fields import Domain

from .clm_contract_portal import IN_FORCE

#: dates of the schedule that a page shows, billed ones and those to come; invoices
MAX_SHOWN = 12
MAX_NAMES = 3


class ClmContract(models.Model):
    """What the other party sees of the billing of a contract in force: what is charged when, and its invoices.

    No drafts, nothing that we only propose or leave out, and no invoice that is addressed to somebody else.
    """

    _inherit = "clm.contract"

    def _portal_values(self):
        return {**super()._portal_values(), "billing": self._portal_billing()}

    def _portal_billing(self):
        """:return: dict of plain values; ``None`` when there is nothing to show, or for colleagues who may not see it
        """
        self.ensure_one()
        if self.state not in IN_FORCE or self.amends_id or not self._may_preview_billing():
            return None
        upcoming = self._portal_installments(self._portal_open_domain(), "date_planned")
        billed = self._portal_installments(self._portal_billed_domain(), "date_planned desc")
        invoices = self._portal_invoices()
        if not (upcoming or billed or invoices):
            return None
        first = upcoming[0]["date"] if upcoming else None
        return {
            "next_date": first and max(first, self._today()),
            "next_amount": first and self.currency_id.format(
                sum(row["value"] for row in upcoming if row["date"] == first)
            ),
            "upcoming": upcoming,
            "billed": billed,
            "invoices": invoices,
        }

    def _may_preview_billing(self):
        """:return: whether the visitor may see the billing: the other party always, colleagues if they may elsewhere"""
        rows = self.env["clm.installment"].sudo(False)
        return self.env.user.share or (
            rows.has_access("read") and bool(rows.search_count([("contract_id", "=", self.id)], limit=1))
        )

    # === SCHEDULE === #

    def _portal_open_domain(self):
        """:return: ``Domain`` of what is still to be invoiced; an invoice that is a draft does not count as one"""
        draft = Domain("state", "=", "invoiced") & Domain("move_line_id.parent_state", "=", "draft")
        return Domain("state", "in", ("planned", "due")) | draft

    def _portal_billed_domain(self):
        """:return: ``Domain`` of what was invoiced, whether or not it was credited later"""
        charged = Domain("state", "=", "invoiced") & Domain("move_line_id.parent_state", "=", "posted")
        credited = Domain("state", "=", "credited") & Domain("kind", "=", "charge")
        return charged | (credited & Domain("move_line_ids.parent_state", "=", "posted"))

    def _portal_installments(self, domain, order):
        """What is charged on some dates, lines of the same days as one.

        :param order: by ``date_planned``: which dates, if there are more than :data:`MAX_SHOWN`
        :return: list of dicts in that order
        """
        Row = self.env["clm.installment"]
        domain &= Domain("contract_id", "=", self.id) & Domain("to_confirm", "=", False)
        dates = [date for date, in Row._read_group(
            domain, ["date_planned:day"], order=order.replace("date_planned", "date_planned:day"), limit=MAX_SHOWN,
        )]
        rows = Row.search(domain & Domain("date_planned", "in", dates), order=f"{order}, period_start, id")
        groups = rows.grouped(lambda row: (row.date_planned, row.period_start, row.period_end, row._portal_state()))
        return [group._portal_values() for group in groups.values()]

    # === INVOICES === #

    def _portal_invoices(self):
        """:return: list of dicts: the last posted invoices to this party"""
        moves = self.env["account.move"].search([
            ("invoice_line_ids.clm_contract_id", "=", self.id), ("state", "=", "posted"),
            ("company_id", "=", self.company_id.id), ("commercial_partner_id", "=", self.commercial_partner_id.id),
        ], order="invoice_date desc, id desc", limit=MAX_SHOWN)
        user = self.env.user
        # with the rights of the visitor, and the companies that Odoo's own page gives them
        readable = moves.sudo(False).with_context(allowed_company_ids=user.company_ids.ids)._filtered_access("read")
        if not user.share:
            moves = moves.filtered(lambda move: move.id in readable.ids)
        return [move._clm_portal_values(move.id in readable.ids) for move in moves]


class ClmInstallment(models.Model):
    _inherit = "clm.installment"

    def _portal_state(self):
        """:return: what the other party needs to know about the state of a row"""
        self.ensure_one()
        if self.state == "credited":
            return "credited"
        billed = self.state == "invoiced" and self.move_line_id.parent_state == "posted"
        if self.kind == "credit":
            return "credited" if billed else "credit"
        return "invoiced" if billed else "planned"

    def _portal_values(self):
        """:return: dict of plain values of rows that are charged for the same days on the same date"""
        row = self[0]
        names = list(dict.fromkeys(line.name.split("\n")[0] for line in self.line_id))
        amount = sum(self.mapped("amount"))
        return {
            "date": row.date_planned,
            "start": row.period_start,
            "end": row.period_end if row.period_end != row.period_start else None,
            "names": ", ".join(names) if len(names) <= MAX_NAMES else self.env._("%(count)s items", count=len(names)),
            "value": amount,
            "amount": row.currency_id.format(amount),
            "state": row._portal_state(),
            "state_label": row._portal_state_label(),
        }

    def _portal_state_label(self):
        return {
            "planned": self.env._("Planned"),
            "invoiced": self.env._("Invoiced"),
            "credited": self.env._("Credited"),
            "credit": self.env._("Credit planned"),
        }[self._portal_state()]


class AccountMove(models.Model):
    _inherit = "account.move"

    def _clm_portal_values(self, readable):
        """What the page of a contract shows of a posted invoice.

        :param bool readable: whether the visitor may open it
        :return: dict of plain values
        """
        self.ensure_one()
        refund = self.move_type in ("out_refund", "in_refund")
        state, label = self._clm_portal_state(refund)
        return {
            "name": self.name,
            "refund": refund,
            "date": self.invoice_date,
            "due": self.invoice_date_due if state in ("open", "overdue", "partial") and not refund else None,
            "total": self.currency_id.format(-self.amount_total if refund else self.amount_total),
            "left": self.currency_id.format(self.amount_residual) if state == "partial" else None,
            "state": state,
            "state_label": label,
            "url": self.access_url if readable else None,
        }

    def _clm_portal_state(self, refund):
        """:return: pair: payment state, and the words for it"""
        if self.payment_state == "reversed":
            return "reversed", self.env._("Credited")
        if self.payment_state == "in_payment":
            return "paid", self.env._("Payment in progress")
        if self.payment_state == "paid":
            return "paid", self.env._("Settled") if refund else self.env._("Paid")
        if self.payment_state == "partial":
            return "partial", self.env._("Partly settled") if refund else self.env._("Partly paid")
        if refund:
            return "open", self.env._("Not used yet")
        if self.move_type == "out_invoice" and self.invoice_date_due and (
            self.invoice_date_due < self.company_id._lifecycle_today()
        ):
            return "overdue", self.env._("Overdue")
        return "open", self.env._("To be paid")
