from functools import cache

from odoo import models
from odoo.exceptions import UserError


class ClmBillingEngine(models.AbstractModel):
    """How the engine makes, posts and sends the invoices of groups of rows."""

    _inherit = "clm.billing.engine"

    def _make_moves(self, groups):
        """Make one invoice for each group of rows.

        :return: ``account.move``
        """
        zero = [rows for rows in groups if all(row.currency_id.is_zero(row.amount) for row in rows)]
        if zero:
            self.env["clm.installment"].union(*zero).write(
                {"state": "skipped", "reason": self.env._("Nothing to charge")}
            )
        groups = [rows for rows in groups if rows not in zero]
        if not groups:
            return self.env["account.move"]
        moves = self.env["account.move"].with_context(clm_billing=True).create(self._prepare_move_vals_list(groups))
        self._link(moves)
        if self.env.company.clm_billing_post:
            self._post(moves)
        return moves

    def _link(self, moves):
        """Mark the rows as billed, by the line that bills each."""
        lines = moves.invoice_line_ids
        rows = lines.clm_installment_id
        by_id = dict(zip(rows.ids, rows, strict=True))  # one prefetch for all
        for line in lines:
            sign = -1 if line.move_type in ("out_refund", "in_refund") else 1
            by_id[line.clm_installment_id.id].write({
                "state": "invoiced", "move_line_id": line.id, "amount": sign * line.price_subtotal,
            })
        note = self.env._("Made by the billing run.")
        moves._message_log_batch(bodies=dict.fromkeys(moves.ids, note))

    def _post(self, moves):
        moves.with_context(clm_billing=True)._post(soft=False)
        if self.env.company.clm_billing_send:
            self._send(moves)

    def _send(self, moves):
        """Let Odoo's own cron print and mail the customers' invoices."""
        user = self.env.user
        moves.filtered(lambda move: move.move_type in ("out_invoice", "out_refund")).sending_data = {
            "author_user_id": user.id, "author_partner_id": user.partner_id.id,
        }
        self.env.ref("account.ir_cron_account_move_send")._trigger()

    def _prepare_move_vals_list(self, groups):
        """Hook: values of the invoices.

        :param groups: list of ``clm.installment`` recordsets, each to be one invoice
        :return: list of dicts for ``account.move.create``
        :raise UserError: naming what the books lack
        """
        journal_of = cache(self._default_journal)
        distribute = self.env["account.analytic.distribution.model"].search_count([], limit=1)
        vals_list = []
        for rows in groups:
            contract = rows.contract_id[0]
            journal = contract.journal_id or journal_of(contract.direction, contract.currency_id)
            vals = rows._prepare_move_vals(journal)
            for _command, _id, line in vals["invoice_line_ids"]:
                if distribute and not line["analytic_distribution"]:
                    del line["analytic_distribution"]  # the models of the company say where it goes
            self._add_amounts(vals)
            vals_list.append(vals)
        return vals_list

    def _default_journal(self, direction, currency):
        """:return: ``account.journal``; :raise UserError: when the company has none"""
        company = self.env.company
        journals = self.env["account.journal"].search([
            *self.env["account.journal"]._check_company_domain(company), ("active", "=", True),
            ("type", "=", "purchase" if direction == "supplier" else "sale"),
        ])
        journal = journals.filtered(lambda journal: journal.currency_id == currency)[:1] or journals[:1]
        if not journal:
            raise UserError(self.env._(
                "%(company)s has no journal for these invoices. Make one in Invoicing.", company=company.name,
            ))
        return journal

    def _add_amounts(self, vals):
        """Give Odoo what it would otherwise write line by line: amounts and tax tags of each line.

        Odoo computes them again and corrects what differs: a hint that spares half of the time.
        """
        taxes, company = self.env["account.tax"], self.env.company
        currency = self.env["res.currency"].browse(vals["currency_id"])
        rate = currency._get_conversion_rate(company.currency_id, currency, company, vals["invoice_date"])
        lines = [line for _command, _id, line in vals["invoice_line_ids"]]
        base_lines = [
            taxes._prepare_base_line_for_taxes_computation(
                {}, id=number, product_id=self.env["product.product"].browse(line["product_id"]),
                tax_ids=taxes.browse(line["tax_ids"][0][2]), price_unit=line["price_unit"],
                quantity=line["quantity"], discount=line["discount"], currency_id=currency, rate=rate,
                sign=-1 if vals["move_type"] in ("out_invoice", "in_refund") else 1,
                is_refund=vals["move_type"] in ("out_refund", "in_refund"),
                partner_id=self.env["res.partner"].browse(vals["partner_id"]),
                account_id=self.env["account.account"].browse(line["account_id"]),
            )
            for number, line in enumerate(lines)
        ]
        taxes._add_tax_details_in_base_lines(base_lines, company)
        taxes._round_base_lines_tax_details(base_lines, company)
        taxes._add_accounting_data_in_base_lines_tax_details(base_lines, company)
        amounts = taxes._prepare_tax_lines(base_lines, company)["base_lines_to_update"]
        for line, (_base_line, update) in zip(lines, amounts, strict=True):
            line.update(update)
