import random
from datetime import date, timedelta
from decimal import Decimal

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..tools import mrr
from .test_billing_laws import Oracle
from .test_contract_states_laws import UndoneError
from .test_mrr import RevenueCase

SEEDS = range(4)
MONTHS = 5
ACTS_PER_MONTH = 4
ACTS = ("create", "create", "amend", "pause", "resume", "terminate", "withdraw", "renew")
RATES = (0.5, 0.9, 1.1, 1.25, 2.0)


@tagged("post_install", "-at_install")
class TestMrrLaws(RevenueCase):
    """Random months of two customers in two currencies: the waterfall adds up, and says what the contracts say.

    Nothing is billed here, so that a contract brings something on exactly the days on which its lines are served.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.foreign = cls.env["res.currency"].create({"name": "CLX", "symbol": "x"})
        cls.revenue_type = cls._create_type(
            clauses=cls.env["clm.clause"], name="Revenue", signature_required="none", renewal_policy="manual",
        )
        cls.customers = cls.partner | cls.other_partner

    # === HISTORIES === #

    def _set_rates(self, chance):
        """A rate for the middle and the end of each month."""
        self.env["res.currency.rate"].create([
            {"name": date(2026, month, day), "company_id": self.company.id, "currency_id": self.foreign.id,
             "inverse_company_rate": chance.choice(RATES)}
            for month in range(1, MONTHS + 2) for day in (1, 14, 28)
        ])

    def _contracts(self):
        contracts = self.contracts.search([
            ("partner_id", "in", self.customers.ids), ("state", "in", ("signed", "active", "closed")),
        ], order="id")
        return contracts.filtered(lambda contract: not contract.amends_id)

    def _do(self, chance, today, act):
        if act == "create":
            start = today + timedelta(days=chance.randint(-20, 20))
            self._create_billed(
                start, [{"price_unit": chance.choice((10.0, 33.33, 99.99, 250.0)),
                         "recurrence_unit": chance.choice(("month", "month", "year", "week"))}],
                type_id=self.revenue_type.id, term_months=chance.choice((0, 1, 3)),
                partner_id=chance.choice(self.customers.ids),
                currency_id=chance.choice((self.foreign.id, self.company.currency_id.id)),
            )
            return
        contracts = self._contracts()
        if not contracts:
            raise UserError("nothing there")  # pylint: disable=translation-required
        contract = contracts[chance.randrange(len(contracts))]
        day = today + timedelta(days=chance.randint(-15, 15))
        if act == "amend":
            amendment = contract._amend(day, reason="Change")
            amendment.line_ids[0].price_unit += chance.choice((-5.0, 5.0, 12.34))
            amendment.action_activate()
        elif act == "pause":
            contract._suspend("Holiday", day, chance.choice((False, day + timedelta(days=20))))
        elif act == "resume":
            contract.action_resume()
        elif act == "terminate":
            contract.action_terminate(self.reason, day, agreed=True)
        elif act == "withdraw":
            contract.action_withdraw_termination()
        elif act == "renew":
            contract.action_renew(uplift=chance.choice((0, 10)))
            contract.next_id.action_activate()

    def _try(self, chance, today, act):
        """:return: whether the act was allowed"""
        try:
            with self.env.cr.savepoint():
                self._do(chance, today, act)
                self.env.flush_all()
        except UserError:
            self.env.invalidate_all(flush=False)
            return False
        return True

    # === WHAT THE CONTRACTS SAY === #

    def _served(self, day, contracts):
        """:return: dict of contract -> what its lines bring per month on a day, in its currency"""
        sums = {}
        for line in contracts.line_ids:
            if Oracle(line).is_served(day):
                sums[line.contract_id] = sums.get(line.contract_id, Decimal(0)) + Decimal(str(line.monthly_amount))
        return sums

    def _worth(self, day, contracts):
        """:return: the same as one sum in company currency"""
        return sum(
            contract.currency_id._convert(float(amount), self.company.currency_id, self.company, day)
            for contract, amount in self._served(day, contracts).items()
        )

    # === LAWS === #

    def _rows(self):
        return self.env["clm.mrr.movement"].search([("partner_id", "in", self.customers.ids)], order="date, id")

    def _check_month(self, first, last):
        """A month that is closed: opening + movements + fx = closing, and closing is what the contracts say."""
        rows = [
            mrr.Movement(row.date, row.contract_id.id, row.kind, Decimal(str(row.amount)), Decimal(str(row.value)), "")
            for row in self._rows()
        ]
        flow = mrr.waterfall(rows, first, last)
        self.assertEqual(flow.opening + sum(flow[1:-1]), flow.closing)
        rates = self.env["clm.mrr.movement"]._rates(first, last, self.company)
        self.assertAlmostEqual(rates["start"], float(flow.opening), 2)
        self.assertAlmostEqual(rates["end"], float(flow.closing), 2)
        for kind in mrr.KINDS:
            self.assertAlmostEqual(rates[kind], float(getattr(flow, kind)), 2)
        self.assertAlmostEqual(float(flow.closing), self._worth(last, self._contracts()), 2)

    def _check_kinds(self):
        """A customer is won, lost or won back on the days on which what they bring begins or ends."""
        for customer in self.customers:
            contracts = self._contracts().filtered(lambda contract, customer=customer: contract.partner_id == customer)
            rows = self._rows().filtered(lambda row, customer=customer: row.partner_id == customer and row.kind != "fx")
            has_paid = False
            for day, own in rows.grouped("date").items():
                kind, = set(own.mapped("kind"))
                before, after = (any(self._served(at, contracts).values()) for at in (day - timedelta(days=1), day))
                if not before:
                    self.assertEqual((kind, after), ("reactivation" if has_paid else "new", True))
                elif not after:
                    self.assertEqual(kind, "churn")
                elif len(contracts.currency_id) == 1:
                    net = sum(Decimal(str(amount)) for amount in own.mapped("amount"))
                    self.assertEqual(kind, "expansion" if net > 0 else "contraction" if net else "transfer")
                has_paid = has_paid or after

    def _check_today(self, today):
        days = [today, today - timedelta(days=40), today + timedelta(days=100)]
        self.assertEqual(self.contracts._mrr_gaps(self.company, days), [])
        self.assertEqual(self.contracts._mrr_gaps(self.company), [])
        self.customers.invalidate_recordset(["clm_mrr"])  # read anew, as by each request
        for customer in self.customers:
            balance = self.env["clm.mrr.movement"]._balances(today, self.company).get(customer, 0.0)
            self.assertAlmostEqual(customer.clm_mrr, balance, 2)
        for contract, amount in self._served(today, self._contracts()).items():
            rows = contract.mrr_movement_ids.filtered(lambda row: row.date <= today)
            self.assertAlmostEqual(float(amount), sum(rows.mapped("amount")), 2)

    def _check_replay(self):
        """The rows are what a replay from nothing makes of the contracts."""
        def values():
            return sorted((row.contract_id.id, row.date, row.kind, row.amount, row.value) for row in self._rows())

        stored = values()
        self._rows().unlink()
        self._contracts()._mrr_changed()
        self.assertEqual(values(), stored)

    # === TEST === #

    def _run_example(self, seed, story):
        """:return: set of the kinds of movements that were made"""
        chance = random.Random(seed)
        self._set_rates(chance)
        for month in range(1, MONTHS + 1):
            for day in sorted(chance.sample(range(2, 28), ACTS_PER_MONTH)):
                today = date(2026, month, day)
                with self.at(today):
                    self.contracts._cron_daily()
                    act = next((act for act in chance.sample(ACTS, len(ACTS)) if self._try(chance, today, act)), None)
                    story.append((str(today), act))
                    self._check_today(today)
            first, last = date(2026, month, 1), fields.Date.end_of(date(2026, month, 1), "month")
            with self.at(last + timedelta(days=1)):
                self.contracts._cron_daily()
                self.contracts._cron_mrr()
                self.assertFalse(self._contracts().filtered("cron_error").mapped("cron_error"))
                self._check_month(first, last)
                self._check_kinds()
                self._check_replay()
        return set(self._rows().mapped("kind"))

    def test_revenue_adds_up_over_every_history(self):
        made = set()
        for seed in SEEDS:
            story = []
            with self.subTest(seed=seed, story=story):
                try:
                    with self.env.cr.savepoint():
                        made |= self._run_example(seed, story)
                        raise UndoneError
                except UndoneError:
                    self.env.invalidate_all(flush=False)
        # the acts did something: otherwise the laws would hold for nothing
        self.assertLessEqual(set(mrr.KINDS) - made, {"transfer"})
