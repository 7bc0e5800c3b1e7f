from datetime import date

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .billing_common import BillingCase


class RevenueCase(BillingCase):
    def _movements(self, contracts=None, until=None):
        """:return: list of (day, kind, change in company currency), of the first customer by default"""
        domain = [("contract_id", "in", contracts.ids)] if contracts else [("partner_id", "=", self.partner.id)]
        if until:
            domain.append(("date", "<=", until))
        rows = self.env["clm.mrr.movement"].search(domain, order="date, id")
        return [(str(row.date), row.kind, round(row.value, 2)) for row in rows]

    def _balance(self, day, partner=None):
        balances = self.env["clm.mrr.movement"]._balances(fields.Date.to_date(day), self.company)
        return round(balances.get(partner or self.partner, 0.0), 2)

    def _assert_no_gap(self, *days):
        days = [fields.Date.to_date(day) for day in days]
        self.assertEqual(self.env["clm.contract"]._mrr_gaps(self.company, days or None), [])

    def _change(self, contract, day, **vals):
        """Amend the first line of a contract from a day on."""
        amendment = contract._amend(date.fromisoformat(day), reason="Change")
        amendment.line_ids[0].write(vals)
        amendment.action_activate()
        return amendment

    def _terminate(self, contract, day):
        contract.action_terminate(self.reason, day, agreed=True)


@tagged("post_install", "-at_install")
class TestMrrVectors(RevenueCase):
    """The public examples of KPI.md 2.8, through real contracts; the number is that of the table there."""

    def test_seats_per_year_then_month_then_cancelled(self):
        """1, 2, 3: ChartMogul's example of a second subscription of the same customer."""
        with self.at("2026-03-10"):
            yearly = self._create_billed("2026-01-05", [{
                "price_unit": 500.0, "quantity": 4, "recurrence_unit": "year",
            }])
            monthly = self._create_billed("2026-02-05", [{"price_unit": 30.0, "quantity": 2}])
            self._run()
            self._terminate(monthly, "2026-02-20")  # in the middle of a cycle; the rest of it is not kept
            monthly.installment_ids.filtered("to_confirm").action_confirm_credit()
            self.assertEqual(yearly.mrr, 166.67)
            self.assertEqual(self._movements(), [
                ("2026-01-05", "new", 166.67), ("2026-02-05", "expansion", 60.0), ("2026-02-21", "contraction", -60.0),
            ])
            self._assert_no_gap("2026-01-04", "2026-01-05", "2026-02-05", "2026-02-20", "2026-02-21", "2026-03-10")

    def test_prices_per_interval_become_prices_per_month(self):
        """6, 7, 10: OCA's 30.4375 days a month; the discount counts."""
        for price, interval, unit, discount, expected in (
            (90.0, 3, "month", 0, 30.0), (1200.0, 1, "year", 0, 100.0), (300.0, 3, "month", 0, 100.0),
            (100.0, 1, "week", 0, 434.82), (10.0, 1, "day", 0, 304.38), (120.0, 1, "year", 10, 9.0),
            (500.0, 1, "once", 0, 0.0),
        ):
            with self.subTest(price=price, interval=interval, unit=unit), self.at("2026-03-10"):
                contract = self._create_billed("2026-03-01", [{
                    "price_unit": price, "recurrence_interval": interval, "recurrence_unit": unit, "discount": discount,
                }])
                self.assertEqual(contract.mrr, expected)
                self.assertEqual(contract.arr, 12 * expected)
                self.assertEqual(sum(contract.mrr_movement_ids.mapped("value")), expected)
        self._assert_no_gap("2026-03-10")

    def test_cheaper_plan_is_a_contraction_and_loses_no_customer(self):
        """20: Chargebee's example."""
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self._change(contract, "2026-03-01", price_unit=70.0)
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0), ("2026-03-01", "contraction", -30.0)])
            rates = self.env["clm.mrr.movement"]._rates(date(2026, 3, 1), date(2026, 3, 31), self.company)
            self.assertEqual((rates["logo_churn"], rates["contraction"], rates["churn"]), (0.0, -30.0, 0.0))
            self.assertEqual((rates["nrr"], rates["grr"], rates["gross_churn"]), (0.7, 0.7, 0.3))

    def test_dearer_plan_is_an_expansion(self):
        """18: net retention 120 %, gross retention 100 %."""
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", [{"price_unit": 5000.0}])
            self._change(contract, "2026-03-01", price_unit=6000.0)
            rates = self.env["clm.mrr.movement"]._rates(date(2026, 3, 1), date(2026, 3, 31), self.company)
            self.assertEqual((rates["start"], rates["end"], rates["nrr"], rates["grr"]), (5000.0, 6000.0, 1.2, 1.0))

    def test_exchange_rate_alone_moves_nothing_but_its_own_row(self):
        """21: EUR 100 at 1.10, then 1.20."""
        currency = self.env["res.currency"].create({"name": "CLX", "symbol": "x"})
        self.env["res.currency.rate"].create([
            {"name": day, "company_id": self.company.id, "currency_id": currency.id, "inverse_company_rate": rate}
            for day, rate in (("2026-01-01", 1.10), ("2026-01-31", 1.20))
        ])
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01", currency_id=currency.id)
            self.assertEqual(self._movements(), [("2026-01-01", "new", 110.0)])
            self.contracts._cron_mrr()  # the month is not over: nothing yet
            self.assertEqual(self._movements(), [("2026-01-01", "new", 110.0)])
        with self.at("2026-02-01"):
            self.contracts._cron_mrr()
            self.assertEqual(self._movements(), [("2026-01-01", "new", 110.0), ("2026-01-31", "fx", 10.0)])
            self.assertEqual(self._balance("2026-01-31"), 120.0)
            self.assertEqual(contract.mrr_movement_ids.sorted("date").mapped("amount"), [100.0, 0.0])
            self.assertFalse(contract.cron_error)


@tagged("post_install", "-at_install")
class TestMrrMovements(RevenueCase):
    """What changes the monthly value of a contract, and what kind of change that is for the customer."""

    def test_first_contracts_of_one_day_are_all_new(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-03-01")
            self._create_billed("2026-03-01", [{"price_unit": 50.0}])
            self.assertEqual(self._movements(), [("2026-03-01", "new", 100.0), ("2026-03-01", "new", 50.0)])

    def test_contract_that_starts_later_counts_from_its_start(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-05-01")
            self.assertEqual(self._movements(), [("2026-05-01", "new", 100.0)])
            self.assertEqual((self._balance("2026-04-30"), self._balance("2026-05-01")), (0.0, 100.0))
            self.assertEqual(self.partner.clm_mrr, 0.0)
            self._assert_no_gap("2026-04-30", "2026-05-01")

    def test_lines_of_one_contract_count_while_they_are_served(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01", [
                {}, {"price_unit": 20.0, "date_start": "2026-02-01", "date_end": "2026-02-28"},
                {"price_unit": -5.0, "date_start": "2026-03-01"},
            ])
            self.assertEqual(self._movements(), [
                ("2026-01-01", "new", 100.0), ("2026-02-01", "expansion", 20.0), ("2026-03-01", "contraction", -25.0),
            ])
            self._assert_no_gap("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01")

    def test_amendment_that_is_not_in_force_yet_changes_nothing(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self._change(contract, "2026-04-01", price_unit=150.0)
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0)])
        self.run_on("2026-04-01")
        with self.at("2026-04-01"):
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0), ("2026-04-01", "expansion", 50.0)])
            self._assert_no_gap("2026-03-31", "2026-04-01")

    def test_renewal_at_the_same_price_is_a_transfer(self):
        first, second = self._renewed(uplift=0)
        self.assertEqual(self._movements(first | second, "2026-07-01"), [
            ("2026-01-01", "new", 100.0), ("2026-07-01", "transfer", -100.0), ("2026-07-01", "transfer", 100.0),
        ])

    def test_renewal_with_an_uplift_is_an_expansion(self):
        first, second = self._renewed(uplift=10)
        self.assertEqual(self._movements(first | second, "2026-07-01"), [
            ("2026-01-01", "new", 100.0), ("2026-07-01", "expansion", -100.0), ("2026-07-01", "expansion", 110.0),
        ])
        rates = self.env["clm.mrr.movement"]._rates(date(2026, 7, 1), date(2026, 7, 31), self.company)
        self.assertEqual((round(rates["expansion"], 2), rates["churn"], rates["new"]), (10.0, 0.0, 0.0))
        self.assertEqual((round(rates["nrr"], 4), rates["logo_churn"]), (1.1, 0.0))

    def _renewed(self, uplift):
        with self.at("2026-06-01"):
            first = self._create_billed("2026-01-01", term_months=6, renewal_policy="manual")
            first.action_renew(uplift=uplift)
            first.next_id.action_activate()
        self.run_on("2026-07-01")
        with self.at("2026-07-01"):
            self._assert_no_gap("2026-06-30", "2026-07-01", "2026-12-31", "2027-01-01")
        self.assertEqual(first.next_id.state, "active")
        return first, first.next_id

    def test_late_renewal_takes_the_churn_back(self):
        with self.at("2026-07-20"):
            first = self._create_billed("2026-01-01", term_months=6, renewal_policy="manual")
            successor = self.env["clm.contract"]
            first.action_renew(uplift=0)
            successor = first.next_id
        self.run_on("2026-07-20")  # the contract ended, nobody has signed the renewal
        with self.at("2026-07-20"):
            self.assertEqual(first.state, "closed")
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0), ("2026-07-01", "churn", -100.0)])
            successor.action_activate()
            self.assertEqual(self._movements(until="2026-07-20"), [
                ("2026-01-01", "new", 100.0), ("2026-07-01", "transfer", -100.0), ("2026-07-01", "transfer", 100.0),
            ])
            self._assert_no_gap("2026-06-30", "2026-07-01", "2026-07-20")

    def test_customer_who_comes_back_is_reactivated_however_long_the_gap(self):
        with self.at("2026-03-10"):
            self._create_billed("2024-01-01", date_end="2024-06-30")
            self._create_billed("2026-02-01", [{"price_unit": 30.0}])
            self.run_on("2026-03-10")
            self.assertEqual(self._movements(), [
                ("2024-01-01", "new", 100.0), ("2024-07-01", "churn", -100.0), ("2026-02-01", "reactivation", 30.0),
            ])
            rates = self.env["clm.mrr.movement"]._rates(date(2026, 2, 1), date(2026, 2, 28), self.company)
            self.assertIsNone(rates["nrr"])  # nobody was there at the start
            self.assertEqual(rates["reactivation"], 30.0)

    def test_pause_counts_nothing(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self._create_billed("2026-01-01", [{"price_unit": 7.0}])
            contract._suspend("Holiday", date(2026, 3, 15), date(2026, 3, 31))
            self.assertEqual(self._movements(contract), [
                ("2026-01-01", "new", 100.0), ("2026-03-15", "contraction", -100.0), ("2026-04-01", "expansion", 100.0),
            ])
            self._assert_no_gap("2026-03-14", "2026-03-15", "2026-03-31", "2026-04-01")
        with self.at("2026-03-20"):
            contract.action_resume()
            self.assertEqual(self._movements(contract)[-1], ("2026-03-20", "expansion", 100.0))
            self._assert_no_gap("2026-03-19", "2026-03-20", "2026-04-01")

    def test_end_that_is_known_is_a_churn_of_the_future(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self._terminate(contract, "2026-05-31")
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0), ("2026-06-01", "churn", -100.0)])
            self.assertEqual((self._balance("2026-05-31"), self._balance("2026-06-01")), (100.0, 0.0))
            self.assertEqual(self.partner.clm_mrr, 100.0)
            contract.action_withdraw_termination()
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0)])

    def test_cancelled_and_draft_contracts_bring_nothing(self):
        with self.at("2026-03-10"):
            draft = self._create_contract(partner_id=self.partner.id)
            self.assertFalse(draft.mrr_movement_ids)
            draft.action_cancel()
            self.assertFalse(draft.mrr_movement_ids)

    def test_contract_that_never_begins_brings_nothing(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-05-01")
            self._terminate(contract, "2026-04-30")
            self.assertEqual(contract.state, "closed")
            self.assertFalse(contract.mrr_movement_ids)
            self._assert_no_gap("2026-05-01")

    def test_supplier_contract_brings_nothing(self):
        with self.at("2026-03-10"):
            kind = self._create_type(clauses=self.env["clm.clause"], direction="supplier", name="Supply")
            contract = self._create_billed("2026-01-01", type_id=kind.id, direction="supplier")
            self.assertEqual(contract.mrr, 100.0)
            self.assertFalse(contract.mrr_movement_ids)
            self._assert_no_gap("2026-03-10")


@tagged("post_install", "-at_install")
class TestMrrPaidPeriod(RevenueCase):
    """A customer who ends within a period that is paid is lost at the end of it (KPI.md 2.4)."""

    def _terminate_within(self):
        """:return: pair: a contract that ended on 9 March, the credit that is proposed for the rest of March"""
        contract = self._create_billed("2026-03-01")
        self._run().action_post()
        self._terminate(contract, "2026-03-09")
        return contract, contract.installment_ids.filtered("to_confirm")

    def test_credit_that_is_proposed_or_granted_ends_the_value_with_the_contract(self):
        with self.at("2026-03-10"):
            contract, credit = self._terminate_within()
            ended = [("2026-03-01", "new", 100.0), ("2026-03-10", "churn", -100.0)]
            self.assertEqual(self._movements(contract), ended)
            self._assert_no_gap("2026-03-09", "2026-03-10", "2026-04-01")
            credit.action_confirm_credit()
            self._run().action_post()
            self.assertEqual(self._movements(contract), ended)
            self._assert_no_gap("2026-03-09", "2026-03-10", "2026-04-01")

    def test_credit_that_is_refused_keeps_the_value_to_the_end_of_the_period(self):
        with self.at("2026-03-10"):
            contract, credit = self._terminate_within()
            credit.action_skip("Paid in advance, no refund")
            self.assertEqual(self._movements(contract), [("2026-03-01", "new", 100.0), ("2026-04-01", "churn", -100.0)])
            self._assert_no_gap("2026-03-09", "2026-03-10", "2026-03-31", "2026-04-01")

    def test_invoice_that_is_credited_in_full_ends_the_value_with_the_contract(self):
        with self.at("2026-03-10"):
            contract, credit = self._terminate_within()
            credit.action_skip("Paid in advance, no refund")
            self._credit(contract.installment_ids.move_id)
            self.assertEqual(self._movements(contract)[-1], ("2026-03-10", "churn", -100.0))
            self._assert_no_gap("2026-03-09", "2026-03-10", "2026-03-31", "2026-04-01")


@tagged("post_install", "-at_install")
class TestMrrCustomers(RevenueCase):
    """The customer as a whole, several companies, and the self-check."""

    def test_merged_customers_are_new_once(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01")
            self._create_billed("2026-02-01", partner_id=self.other_partner.id)
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0)])
            self.env["base.partner.merge.automatic.wizard"].sudo()._merge(
                (self.partner | self.other_partner).ids, self.partner,
            )
            self.env.invalidate_all()
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0), ("2026-02-01", "expansion", 100.0)])
            self._assert_no_gap("2026-01-31", "2026-02-01")

    def test_contacts_of_one_customer_are_one_customer(self):
        contact = self.env["res.partner"].create({"name": "Branch", "parent_id": self.partner.id})
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01")
            self._create_billed("2026-02-01", partner_id=contact.id)
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0), ("2026-02-01", "expansion", 100.0)])

    def test_contact_that_moves_to_another_customer_takes_its_value_along(self):
        contact = self.env["res.partner"].create({"name": "Branch", "parent_id": self.partner.id})
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01")
            moved = self._create_billed("2026-02-01", partner_id=contact.id)
            contact.parent_id = self.other_partner
            self.env.flush_all()
            self.assertEqual(self._movements(), [("2026-01-01", "new", 100.0)])
            self.assertEqual(self._movements(moved), [("2026-02-01", "new", 100.0)])

    def test_values_of_the_customer_add_up_its_contracts(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01", [{}, {"recurrence_unit": "once", "price_unit": 500.0}], term_months=12)
            self._create_billed("2026-02-01", [{"price_unit": 600.0, "recurrence_unit": "year"}], term_months=24)
            self.assertEqual(
                (self.partner.clm_mrr, self.partner.clm_arr, self.partner.clm_acv, self.partner.clm_tcv),
                (150.0, 1800.0, 1800.0, 1200.0 + 500.0 + 1200.0),
            )

    def test_companies_are_counted_apart(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        with self.at("2026-03-10"):
            here = self._create_billed("2026-02-01")
            line = {**self._prepare_line(price_unit=40.0), "product_id": False, "name": "Tea"}
            there = self.env["clm.contract"].with_company(other).create({
                "type_id": self.contract_type.id, "partner_id": self.partner.id, "company_id": other.id,
                "signature_required": "none", "date_start": "2026-01-01", "term_months": 0,
                "line_ids": [Command.create(line)],
            })
            there.action_activate()
            # one customer, new in each company, whichever came first
            self.assertEqual(here.mrr_movement_ids.mapped("kind"), ["new"])
            self.assertEqual(there.mrr_movement_ids.mapped("kind"), ["new"])
            balances = [self.env["clm.mrr.movement"]._balances(date(2026, 3, 1), company)[self.partner]
                        for company in (self.company, other)]
            self.assertEqual(balances, [100.0, 40.0])
            own = self.partner.with_context(allowed_company_ids=self.company.ids)
            self.assertEqual(own.clm_mrr, 100.0)

    def test_foreign_value_follows_the_rates_month_by_month(self):
        """opening + movements + fx = closing, at each month end the balance at the rate of that day."""
        currency = self.env["res.currency"].create({"name": "CLX", "symbol": "x"})
        self.env["res.currency.rate"].create([
            {"name": day, "company_id": self.company.id, "currency_id": currency.id, "inverse_company_rate": rate}
            for day, rate in (("2026-01-01", 2.0), ("2026-02-10", 3.0), ("2026-03-20", 1.5))
        ])
        with self.at("2026-02-15"):
            contract = self._create_billed("2026-01-15", currency_id=currency.id)
            self._change(contract, "2026-02-12", price_unit=150.0)
        with self.at("2026-04-02"):
            self.contracts._cron_mrr()
            self.assertEqual(self._movements(contract), [
                ("2026-01-15", "new", 200.0), ("2026-02-12", "expansion", 150.0),
                ("2026-02-28", "fx", 100.0), ("2026-03-31", "fx", -225.0),
            ])
            self.assertEqual([self._balance(day) for day in ("2026-01-31", "2026-02-28", "2026-03-31")],
                             [200.0, 450.0, 225.0])
            self._assert_no_gap("2026-01-31", "2026-02-28", "2026-03-31")
            before = contract.mrr_movement_ids
            self.contracts._cron_mrr()  # once a month is enough
            self.assertEqual(contract.mrr_movement_ids, before)

    def test_tampered_movement_is_found_named_and_mended(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            sound = self._create_billed("2026-01-01", partner_id=self.other_partner.id)
            self.contracts._cron_mrr()
            self.assertFalse(contract.cron_error)
            self.env.cr.execute(SQL(
                "UPDATE clm_mrr_movement SET amount = 90, value = 90 WHERE contract_id = %s", contract.id,
            ))
            self.env.invalidate_all()
            self.assertEqual(
                {gap[0]: (float(gap[2]), float(gap[3])) for gap in self.contracts._mrr_gaps(self.company)},
                {contract.id: (100.0, 90.0)},
            )
            self.contracts._cron_mrr()
            self.assertIn("does not add up", contract.cron_error)
            self.assertFalse(sound.cron_error)
            self.contracts._cron_mrr()
            self.assertEqual(len(self._activities(contract, "contract")), 1)
            contract.action_rebuild_mrr()
            self.assertFalse(contract.cron_error)
            self.assertEqual(self._movements(contract), [("2026-01-01", "new", 100.0)])
            self._assert_no_gap()

    def test_value_in_company_currency_that_was_tampered_with_is_found(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self.env.cr.execute(SQL("UPDATE clm_mrr_movement SET value = 55 WHERE contract_id = %s", contract.id))
            self.env.invalidate_all()
            self.contracts._cron_mrr()
            self.assertIn("does not add up", contract.cron_error or "")

    def test_gap_that_is_gone_is_reported_no_longer(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            movement = contract.mrr_movement_ids
            self.env.cr.execute(SQL("UPDATE clm_mrr_movement SET amount = 90 WHERE id = %s", movement.id))
            self.env.invalidate_all()
            self.contracts._cron_mrr()
            self.assertTrue(contract.cron_error)
            self.env.cr.execute(SQL("UPDATE clm_mrr_movement SET amount = 100 WHERE id = %s", movement.id))
            self.env.invalidate_all()
            self.contracts._cron_mrr()
            self.assertFalse(contract.cron_error)
