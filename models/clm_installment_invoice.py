from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import float_compare


class ClmInstallment(models.Model):
    """How rows of the schedule become an invoice."""

    _inherit = "clm.installment"

    def _invoice_key(self):
        """Hook: rows with the same key stand on one invoice.

        :return: tuple
        """
        self.ensure_one()
        contract = self.contract_id
        per_contract = contract.company_id.clm_billing_grouping != "customer"
        return (
            self.date_planned, contract.direction, contract.partner_invoice_id or contract.partner_id,
            contract.currency_id, contract.journal_id, contract.payment_term_id, contract.fiscal_position_id,
            contract.client_order_ref, contract if per_contract else None,
        )

    def _prepare_move_vals(self, journal):
        """Hook: values of the invoice that bills these rows, all of one key.

        :param journal: ``account.journal``
        :raise UserError: naming what the books lack
        """
        contracts = self.contract_id
        contract = contracts[0]
        refund = contract.currency_id.compare_amounts(sum(self.mapped("amount")), 0) < 0
        supplier = contract.direction == "supplier"
        move_type = ("in_" if supplier else "out_") + ("refund" if refund else "invoice")
        partner = contract.partner_invoice_id or contract.partner_id
        return {
            "move_type": move_type,
            "company_id": contract.company_id.id,
            "journal_id": journal.id,
            "partner_id": partner.id,
            "currency_id": contract.currency_id.id,
            "invoice_date": self[0].date_planned,
            "invoice_payment_term_id": contract.payment_term_id.id,
            # without terms: at once, which for Odoo would be the day of the run
            **({} if contract.payment_term_id else {"invoice_date_due": self[0].date_planned}),
            "fiscal_position_id": contract.fiscal_position_id.id,
            "invoice_user_id": contract.user_id.id,
            "invoice_origin": ", ".join(contracts.sorted("id").mapped("name")),
            "ref": contract.client_order_ref,
            "invoice_line_ids": [
                Command.create(row._prepare_move_line_vals(-1 if refund else 1, journal))
                for row in self.sorted(lambda row: (row.contract_id.id, row.line_id.sequence, row.line_id.id, row.id))
            ],
        }

    def _prepare_move_line_vals(self, sign, journal):
        """Hook: values of the invoice line of one row.

        :param int sign: 1, or -1 on a credit note
        :param journal: ``account.journal`` of the invoice
        """
        self.ensure_one()
        line = self.line_id
        return {
            "product_id": line.product_id.id,
            "product_uom_id": line.product_id.uom_id.id,
            "name": self._describe_for_invoice(),
            "account_id": self._account(journal).id,
            "tax_ids": [Command.set(line.tax_ids.ids)],
            "analytic_distribution": line.analytic_distribution or False,
            "clm_contract_id": self.contract_id.id,
            "clm_installment_id": self.id,
            **self._prepare_price_vals(sign),
        }

    def _prepare_price_vals(self, sign):
        """A whole period is charged as agreed; a part of one, or a credit, as one piece at its exact amount."""
        line = self.line_id
        if self.kind == "charge" and not float_compare(self.share, 1.0, precision_digits=9):
            return {"quantity": sign * line.quantity, "price_unit": line.price_unit, "discount": line.discount}
        return {"quantity": 1.0, "price_unit": sign * self._price_with_included_tax(), "discount": 0.0}

    def _price_with_included_tax(self):
        """:return: the amount of this row as a price of the line: with the taxes that are included in the price"""
        line = self.line_id
        if self.currency_id.is_zero(line.price_subtotal):
            return 0.0
        price = line.quantity * line.price_unit * (1 - line.discount / 100)
        return self.currency_id.round(self.amount * self.currency_id.round(price) / line.price_subtotal)

    def _describe_for_invoice(self):
        """Hook: the text of the invoice line: what, which contract, which days."""
        contract = self.contract_id
        lang = (contract.partner_invoice_id or contract.partner_id).lang
        row = self.with_context(lang=lang)
        period = row._describe_period(lang)
        if self.kind == "credit":
            period = row.env._("Credit for %(period)s", period=period)
        elif self.line_id.recurrence_unit == "once":
            return f"{self.line_id.name}\n{contract.name}"
        return f"{self.line_id.name}\n{contract.name}: {period}"

    def _account(self, journal):
        """:return: ``account.account`` that the line is booked on, as Odoo would choose it

        :raise UserError: when neither product, category nor journal names one
        """
        contract, product = self.contract_id, self.line_id.product_id.product_tmpl_id
        usual = product.get_product_accounts(contract.fiscal_position_id)[
            "expense" if contract.direction == "supplier" else "income"
        ]
        # without a product it is that of the journal; the company's own comes last
        account = (product and usual) or journal.default_account_id or usual
        if not account:
            raise UserError(self.env._(
                "There is no account for “%(product)s”. Set one on the product, its category or the journal "
                "%(journal)s.", product=self.line_id.product_id.display_name or self.line_id.name, journal=journal.name,
            ))
        return account
