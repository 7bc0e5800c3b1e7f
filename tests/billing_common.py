from datetime import date

from odoo.fields import Command
from odoo.tools import SQL

from .contract_days import ContractDaysCase


class BillingCase(ContractDaysCase):
    """Builders of contracts in force that are billed, with a journal, accounts and taxes of their own.

    ``cls.accountant`` may bill (Invoicing right) and reads contracts; ``cls.bookkeeper`` only reads.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.income, cls.expense, cls.receivable, cls.payable = cls.env["account.account"].create([
            {"name": "Clm income", "code": "CLMI", "account_type": "income"},
            {"name": "Clm expense", "code": "CLME", "account_type": "expense"},
            {"name": "Clm receivable", "code": "CLMR", "account_type": "asset_receivable", "reconcile": True},
            {"name": "Clm payable", "code": "CLMP", "account_type": "liability_payable", "reconcile": True},
        ])
        # journals of their own come first, whatever chart of accounts the database has
        cls.sale_journal, cls.purchase_journal, cls.bank_journal = cls.env["account.journal"].create([
            {"name": "Clm sales", "code": "CLMS", "type": "sale", "sequence": 0, "default_account_id": cls.income.id},
            {"name": "Clm bills", "code": "CLMB", "type": "purchase", "sequence": 0,
             "default_account_id": cls.expense.id},
            {"name": "Clm bank", "code": "CLMK", "type": "bank", "sequence": 0},
        ])
        (cls.partner | cls.other_partner).write({
            "property_account_receivable_id": cls.receivable.id, "property_account_payable_id": cls.payable.id,
            "property_payment_term_id": False, "property_supplier_payment_term_id": False,
        })
        cls.product.write({
            "property_account_income_id": cls.income.id, "property_account_expense_id": cls.expense.id,
        })
        cls.accountant = cls._create_user("c-accountant", "account.group_account_invoice")
        cls.bookkeeper = cls._create_user("c-bookkeeper", "account.group_account_readonly")
        cls.company.write({
            "clm_billing_horizon": 12, "clm_billing_proration": "days", "clm_billing_grouping": "contract",
            "clm_billing_post": False, "clm_billing_send": False,
        })
        # the contracts of the database (demo data, say), which do not run here, bill and bring nothing either
        cls.env.cr.execute(SQL("DELETE FROM clm_installment"))
        cls.env.cr.execute(SQL("DELETE FROM clm_mrr_movement"))
        cls.env.invalidate_all()

    # === BUILDERS === #

    @classmethod
    def _create_billed(cls, start, lines=({},), **vals):
        """Create a contract in force, as the superuser, without a signature.

        :param start: first day of the contract (date or ISO text)
        :param lines: values of its lines, each on top of 100 a month in advance
        """
        vals.setdefault("term_months", 0)
        vals.setdefault("notice_count", 0)
        contract = cls.env["clm.contract"].create({
            "type_id": cls.contract_type.id, "partner_id": cls.partner.id, "user_id": cls.user.id,
            "signature_required": "none", "date_start": start,
            "line_ids": [Command.create(cls._prepare_line(**line)) for line in lines], **vals,
        })
        contract.action_activate()
        return contract

    def _run(self, contracts=None, day=None):
        """:return: the invoices that a billing run of a day makes"""
        return self.env["clm.billing.engine"]._run(contracts, day and date.fromisoformat(day))

    def _rows(self, contract, *states):
        """:return: list of (first day, last day, planned, amount) of the rows in these states"""
        rows = contract.installment_ids.sorted(lambda row: (row.period_start, row.kind))
        return [
            (str(row.period_start), str(row.period_end), str(row.date_planned), row.amount)
            for row in rows if not states or row.state in states
        ]

    def _pay(self, moves, amount=None, day=None):
        """Register a payment of posted invoices.

        :param amount: default: what is open
        """
        vals = {"journal_id": self.bank_journal.id}
        if amount is not None:
            vals["amount"] = amount
        if day:
            vals["payment_date"] = day
        return self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=moves.ids,
        ).create(vals)._create_payments()

    def _credit(self, move, **vals):
        """:return: the posted credit note of an invoice, reconciled with it"""
        wizard = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids,
        ).create({"journal_id": move.journal_id.id, **vals})
        action = wizard.refund_moves()
        refund = self.env["account.move"].browse(action["res_id"])
        if refund.state == "draft":
            refund.action_post()
        return refund
