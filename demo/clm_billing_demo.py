import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import date_utils

_logger = logging.getLogger(__name__)

PREFIX = "clm.demo_contract_"
SCAN = b"%PDF-1.4 (scan of the signed copy)"
#: who signed for the other side of the contracts that this file brings into force
SIGNERS = {
    "logistics": "Ines Duarte", "architects": "Per Holm", "fitness_before": "Dana Weiss", "fitness": "Dana Weiss",
    "studio": "Noa Levi", "shipping": "Sam Okafor",
}
#: what is billed: those, and earlier demo contracts
BILLED = (*SIGNERS, "hotel", "kindergarten", "school", "hosting")
#: an invoice so many days old has been paid
DAYS_TO_PAY = 40
SLOW_PAYERS = {"hotel": 125, "studio": 75}


class ClmDemo(models.AbstractModel):
    """Gives demo contracts a past: renewals, changes, invoices, payments. Called by the demo data only.

    All dates follow from today. Without a chart of accounts there are contracts and recurring revenue, but no invoices.
    """

    _name = "clm.demo"
    _description = "Demo Data"

    @api.model
    def _load_billing(self):
        """Let more than a year pass."""
        self._load_contracts()
        company = self.env.company
        if self._may_invoice(company):
            company.clm_billing_post = True
            self._load_invoices()
        else:
            _logger.info("%s has no chart of accounts, or lacks a journal: no demo invoices", company.name)
        self._contract("studio").action_terminate(
            self.env.ref("clm.close_reason_price"), self._ago(days=20), agreed=True,
        )

    @api.model
    def _may_invoice(self, company):
        """:return: whether the books of the company are ready for invoices, bills and payments"""
        journals = self.env["account.journal"].search([("company_id", "=", company.id)])
        return bool(company.chart_template) and {"sale", "purchase", "bank"} <= set(journals.mapped("type"))

    @api.model
    def _contract(self, name):
        return self.env.ref(PREFIX + name)

    @api.model
    def _ago(self, **delta):
        """:return: the day so many months and days before today"""
        return fields.Date.subtract(self.env.company._lifecycle_today(), **delta)

    # === CONTRACTS === #

    def _load_contracts(self):
        self._load_currency(self._contract("shipping"))
        for name, signer in SIGNERS.items():
            self._contract(name).action_negotiate()  # since then it can be seen in the portal
            self._conclude(self._contract(name), signer)
        self._fulfil()
        logistics = self._contract("logistics")
        self._change(logistics, self._ago(months=9), 11, self.env._("Three more seats"))
        self.env["clm.contract"]._cron_daily()  # what ended since is renewed or expired
        self._change(logistics.next_id, self._ago(months=3), 9, self.env._("Two seats fewer"))
        self._fulfil()

    def _fulfil(self):
        """Both sides did what they had to do until a few days ago."""
        contracts = self.env["clm.contract"].union(*(self._contract(name) for name in SIGNERS))
        duties = self.env["clm.obligation"].search([
            ("contract_id", "in", (contracts | contracts.next_id).ids), ("state", "=", "open"),
            ("date_due", "<", self._ago(days=10)),
        ])
        for day, due in duties.grouped("date_due").items():
            due._done(day=day)

    def _conclude(self, contract, signer):
        contract._sign_on_paper("signed.pdf", SCAN, "Mitchell Admin", signer, contract.date_start - timedelta(days=7))

    def _change(self, contract, date, quantity, title):
        amendment = contract._amend(date, reason=title)
        amendment.line_ids.quantity = quantity
        self._conclude(amendment, SIGNERS["logistics"])

    def _load_currency(self, contract):
        """Price a contract in a foreign currency whose rate moves, where one is in use."""
        company = self.env.company
        currency = self.env["res.currency"].search([("id", "!=", company.currency_id.id)], limit=1)
        if currency:
            self._load_rates(currency)
            contract.currency_id = currency
        contract.line_ids = [Command.create({
            "product_id": self.env.ref("clm.demo_product_support").id, "quantity": 12, "price_unit": 95.0,
        })]

    def _load_rates(self, currency):
        company, first = self.env.company, fields.Date.start_of(self._ago(months=9), "month")
        rates = self.env["res.currency.rate"]
        if rates.search_count([("currency_id", "=", currency.id), ("name", ">=", first)], limit=1):
            return
        rate = self.env["res.currency"]._get_conversion_rate(company.currency_id, currency, company, first)
        rates.create([{
            "currency_id": currency.id, "company_id": company.id, "name": fields.Date.add(first, months=month),
            "rate": rate * (1 + percent / 100),
        } for month, percent in enumerate((0, 1, 3, 2, 4, 3, 6, 5, 4, 2))])

    # === INVOICES === #

    def _load_invoices(self):
        contracts = self.env["clm.contract"].union(*(self._contract(name) for name in BILLED))
        contracts |= contracts.next_id
        contracts.payment_term_id = self.env.ref("account.account_payment_term_30days")
        free = self._rows("hotel", self._ago(months=5))
        free.action_skip(self.env._("A free month, as promised after the outage"))
        by_hand = self._contract("shipping")
        engine = self.env["clm.billing.engine"]
        moves = engine._run(contracts - by_hand) | engine._run(by_hand, self._ago(months=2))
        self._credit(self._rows("logistics", self._ago(months=6)).move_id)
        self._pay_all(moves)

    def _rows(self, name, date):
        """:return: the recurring ``clm.installment`` of a contract whose period a day lies in"""
        return self._contract(name).installment_ids.filtered(
            lambda row: row.line_id.recurrence_unit != "once" and row.period_start <= date <= row.period_end
        )

    def _credit(self, move):
        wizard = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids,
        ).create({
            "journal_id": move.journal_id.id, "date": fields.Date.add(move.invoice_date, days=20),
            "reason": self.env._("The platform was down"),
        })
        wizard.refund_moves()
        wizard.new_move_ids.action_post()

    def _pay_all(self, moves):
        """Pay what is old enough: the invoices of a quarter at once; one in part, and one never."""
        school, architects = (
            self._contract(name).installment_ids.move_id.sorted("invoice_date") for name in ("school", "architects")
        )
        part = (architects | self._contract("architects").next_id.installment_ids.move_id)[-1:]
        paid = moves.filtered(self._is_paid) - school[-1:] - part
        for group in paid.grouped(
            lambda move: (move.move_type, date_utils.start_of(move.invoice_date, "quarter")),
        ).values():
            self._pay(group)
        if part:
            self._pay(part, amount=round(part.amount_total * 0.4))

    def _is_paid(self, move):
        slow = {self._contract(name).commercial_partner_id: days for name, days in SLOW_PAYERS.items()}
        days = slow.get(move.commercial_partner_id, DAYS_TO_PAY)
        return move.payment_state == "not_paid" and move.invoice_date < self._ago(days=days)

    def _pay(self, moves, **vals):
        date = fields.Date.add(max(moves.mapped("invoice_date_due")), days=4)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=moves.ids,
        ).create({"payment_date": min(date, self._ago()), "group_payment": True, **vals})._create_payments()
