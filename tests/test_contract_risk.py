from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import tagged

from ..models.clm_contract_risk import WEIGHTS
from .contract_days import ContractDaysCase, day


@tagged("post_install", "-at_install")
class TestContractRisk(ContractDaysCase):
    """The risk is the weighted sum of explained factors, and is computed anew when one changes."""

    def setUp(self):
        super().setUp()
        # the only one in force: 1,200 a year, notice until 30 September, act by 31 August
        self.contract = self._create_running("2026-01-01", notice_count=3)

    def _parts(self, contract=None):
        contract = (contract or self.contract).sudo()
        contract.flush_recordset()
        return {part["factor"]: part for part in contract.risk_parts}

    def _value(self, factor, contract=None):
        part = self._parts(contract)[factor]
        self.assertAlmostEqual(part["points"], part["value"] * WEIGHTS[factor], delta=0.051)
        return round(part["value"], 4), part["input"]

    def _invoice(self, amount=100.0, due="2026-02-01", partner=None, **vals):
        with self.at("2026-01-15"):
            return self._create_invoice(
                partner or self.partner, day("2026-01-15"), price=amount, invoice_date_due=day(due), **vals
            )

    # === THE WHOLE === #

    def test_parts_add_up_to_the_risk(self):
        self._invoice()
        self.contract.obligation_ids = [Command.create({"name": "x", "date_due": day("2026-02-01")})]
        self.contract._raise_claim("x", "x")
        self.run_on("2026-09-25")
        parts = self._parts().values()
        self.assertEqual([part["factor"] for part in parts], list(WEIGHTS))
        self.assertAlmostEqual(sum(part["weight"] for part in parts), 1.0, places=3)
        self.assertAlmostEqual(sum(part["points"] for part in parts), self.contract.risk, delta=1.0)
        # overdue 100 of 300, 1 of 3 missed, wording, deadline, 1 of 2 claims, all of our value
        self.assertEqual(self.contract.risk, round(30 / 3 + 20 / 3 + 0 + 15 + 10 / 2 + 5))
        self.assertEqual(self.contract.risk_band, "high")

    def test_table_for_people_has_a_label_for_each_part(self):
        self.contract.flush_recordset()
        table = self.contract._risk_table()
        self.assertEqual([row["factor"] for row in table], list(WEIGHTS))
        for row in table:
            self.assertNotEqual(row["label"], row["factor"])

    def test_bands(self):
        for risk, band in ((0, "low"), (19, "low"), (20, "medium"), (39, "medium"), (40, "high"), (100, "high")):
            values = dict.fromkeys(WEIGHTS, (risk / 100, None))
            self.patch(self.env.registry["clm.contract"], "_risk_values", lambda *__, values=values: values)
            self.contract._risk_changed()
            self.assertEqual((self.contract.risk, self.contract.risk_band), (risk, band))

    def test_draft_has_a_risk_from_the_start(self):
        contract = self._create_contract()
        self.assertEqual(set(self._parts(contract)), set(WEIGHTS))

    def test_closed_contract_keeps_its_last_risk(self):
        self.contract._raise_claim("x", "x")
        risk = self.contract.risk
        self.assertTrue(risk)
        self.contract._close("expired", day("2026-12-31"))
        self.contract.claim_ids.sudo()._settle()
        self.assertEqual((self.contract.risk, self.contract.risk_next), (risk, False))

    def test_fixed_number_of_queries_whatever_the_number_of_contracts(self):
        many = self.contract
        for __ in range(5):
            many |= self._create_running("2026-01-01")
        self.env.flush_all()
        counts = []
        for contracts in (self.contract, many):
            self.env.invalidate_all()
            contracts.mapped("acv")
            before = self.env.cr.sql_log_count
            contracts._risk_changed()
            contracts.sudo().mapped("risk")
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 1)

    @settings(
        max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        overdue=st.floats(-500, 1e6), missed=st.integers(0, 9), claims=st.integers(0, 9), share=st.floats(0, 1),
        price=st.sampled_from([-100.0, 0.0, 0.01, 100.0, 1e6]), unit=st.sampled_from(["month", "once"]),
    )
    def test_any_input_gives_a_risk_between_0_and_100(self, overdue, missed, claims, share, price, unit):
        self.contract.line_ids._unlocked().write({"price_unit": price, "recurrence_unit": unit})
        contract = self.contract.sudo()
        inputs = {
            "overdue": {contract.id: max(overdue, 0.0)}, "missed": {contract: missed}, "claims": {contract: claims},
            "share": {(contract.commercial_partner_id.id, contract.company_id.id): share},
        }
        for value, __ in contract._risk_values(inputs).values():
            self.assertTrue(0 <= value <= 1, value)

    # === OVERDUE INVOICES === #

    def test_overdue_invoices_count_against_a_quarter(self):
        for amount, value in ((75.0, 0.25), (300.0, 1.0), (9000.0, 1.0)):
            with self.env.cr.savepoint() as savepoint:
                self._invoice(amount)
                self.run_on("2026-02-02")
                self.assertEqual(self._value("overdue"), (value, amount))
                self.assertEqual(self.contract.overdue_amount, amount)
                savepoint.rollback()

    def test_invoice_becomes_overdue_the_day_after_it_is_due(self):
        self._invoice()
        self.run_on("2026-02-01")
        self.assertEqual(self._value("overdue"), (0.0, 0.0))
        self.run_on("2026-02-05")
        self.assertEqual(self._value("overdue")[1], 100.0)

    def test_paid_invoice_counts_no_longer(self):
        invoice = self._invoice()
        self.run_on("2026-02-02")
        with self.at("2026-02-03"):
            self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=invoice.ids
            ).create({"amount": 40.0})._create_payments()
        self.run_on("2026-02-03")
        self.assertEqual(self._value("overdue")[1], 60.0)
        with self.at("2026-02-04"):
            self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=invoice.ids
            ).create({})._create_payments()
        self.run_on("2026-02-04")
        self.assertEqual((self._value("overdue"), self.contract.overdue_amount), ((0.0, 0.0), 0.0))

    def test_credit_note_lowers_it_but_never_below_nothing(self):
        self._invoice()
        self._invoice(30.0, move_type="out_refund")
        self.run_on("2026-02-02")
        self.assertEqual(self._value("overdue")[1], 70.0)
        self._invoice(500.0, move_type="out_refund")
        self.run_on("2026-02-03")
        self.assertEqual(self._value("overdue")[1], 0.0)

    def test_invoice_of_a_contact_counts_for_its_company(self):
        self._invoice(partner=self.portal.partner_id)
        self.run_on("2026-02-02")
        self.assertEqual(self._value("overdue")[1], 100.0)

    def test_other_customers_drafts_and_vendor_bills_do_not_count(self):
        self._invoice(partner=self.other_partner)
        self._invoice(move_type="in_invoice")
        self._invoice().button_draft()
        self.run_on("2026-02-02")
        self.assertEqual(self._value("overdue")[1], 0.0)

    def test_what_we_owe_counts_in_a_supplier_contract(self):
        kind = self._create_type(direction="supplier", name="Supply", signature_required="none")
        supply = self._create_running("2026-01-01", type_id=kind.id)
        self._invoice(60.0, move_type="in_invoice")
        self.run_on("2026-02-02")
        self.assertEqual(self._value("overdue", supply)[1], 60.0)
        self.assertEqual(self._value("overdue")[1], 0.0)

    def test_contract_of_no_value_counts_any_debt_fully(self):
        contract = self._create_running("2026-01-01", line_ids=[self._line(price_unit=0.0)])
        self._invoice(1.0)
        self.run_on("2026-02-02")
        self.assertEqual(self._value("overdue", contract), (1.0, 1.0))

    def test_run_without_changed_debts_looks_at_nothing(self):
        self._invoice()
        self.run_on("2026-02-02")
        with self.at("2026-02-03"):
            self.assertEqual(self.contracts.sudo()._risk_with_changed_debts(self.company), [])

    # === OBLIGATIONS, WORDING, CLAIMS === #

    def test_missed_obligations_count_up_to_three(self):
        with self.at("2026-01-02"):
            self.contract.obligation_ids = [
                Command.create({"name": str(number), "date_due": day("2026-06-01")}) for number in range(4)
            ]
        self.assertEqual(self._value("obligations"), (0.0, 0))
        self.run_on("2026-06-02")
        self.assertEqual(self._value("obligations"), (1.0, 4))
        with self.at("2026-06-03"):
            self.contract.obligation_ids[:2].action_done()
            self.assertEqual(self._value("obligations"), (0.6667, 2))
            self.contract.obligation_ids[2].action_waive("x")
            self.assertEqual(self._value("obligations"), (0.3333, 1))
            self.contract.obligation_ids[0].action_reopen()
            self.assertEqual(self._value("obligations"), (0.6667, 2))

    def test_other_wording_counts_by_the_weight_of_its_clause(self):
        contract = self._create_contract()
        self.assertEqual(self._value("wording", contract), (0.0, 0))
        contract.clause_ids[2].body = "<p>Liability is unlimited.</p>"  # 10 of 20
        self.assertEqual(self._value("wording", contract), (0.5, 1))
        contract.clause_ids[1].body = "<p>Nothing to pay.</p>"  # 5
        self.assertEqual(self._value("wording", contract), (0.75, 2))
        contract.clause_ids[2].action_restore()
        self.assertEqual(self._value("wording", contract), (0.25, 1))
        contract.clause_ids[1].unlink()
        self.assertEqual(self._value("wording", contract), (0.0, 0))

    def test_open_claims_count_up_to_two(self):
        first, second, __ = [self.contract._raise_claim(str(number), "x") for number in range(3)]
        self.assertEqual(self._value("claims"), (1.0, 3))
        first.action_accept()
        second.action_accept()
        self.assertEqual(self._value("claims"), (0.5, 1))
        second.action_reopen()
        self.assertEqual(self._value("claims"), (1.0, 2))

    def test_deleted_claim_of_ours_counts_no_longer(self):
        claim = self.env["clm.claim"].with_user(self.user).create({
            "name": "x", "contract_id": self.contract.id, "side": "us",
        })
        self.assertEqual(self._value("claims"), (0.5, 1))
        claim.unlink()
        self.assertEqual(self._value("claims"), (0.0, 0))

    # === THE DEADLINE === #

    def test_deadline_counts_half_from_the_act_by_date_and_fully_in_the_last_week(self):
        for on, value, left in (
            ("2026-08-30", 0.0, 0), ("2026-08-31", 0.5, 30), ("2026-09-22", 0.5, 30), ("2026-09-23", 1.0, 7),
            ("2026-10-15", 1.0, 7),
        ):
            self.run_on(on)
            self.assertEqual(self._value("notice")[0], value, on)
            if value:
                self.assertEqual(self._value("notice")[1], left, on)

    def test_missed_days_of_the_deadline_are_made_up(self):
        self.run_on("2026-09-25")
        self.assertEqual(self._value("notice"), (1.0, 5))
        self.assertFalse(self.contract.sudo().risk_next)

    def test_decided_or_renewed_contract_has_no_deadline_to_miss(self):
        other = self._create_running("2026-01-01", notice_count=3)
        self.run_on("2026-09-25")
        with self.at("2026-09-25"):
            self.contract.action_decide_end()
            other.action_renew()
            self.assertEqual((self._value("notice")[0], self._value("notice", other)[0]), (0.0, 0.0))
            self.contract.action_decide_later()
            other.next_id.action_cancel()
            self.assertEqual((self._value("notice")[0], self._value("notice", other)[0]), (1.0, 1.0))

    def test_draft_and_open_ended_contracts_have_no_deadline(self):
        with self.at("2026-10-01"):
            draft = self._create_contract(date_start=day("2026-01-01"))
            endless = self._create_running("2026-01-01", term_months=0)
            self.assertEqual((self._value("notice", draft)[0], self._value("notice", endless)[0]), (0.0, 0.0))

    # === CONCENTRATION === #

    def test_share_of_the_yearly_value_in_force(self):
        self.assertEqual(self._value("concentration"), (1.0, 1.0))
        other = self._create_running("2026-01-01", partner_id=self.other_partner.id, line_ids=[
            self._line(price_unit=300.0),
        ])
        self.assertEqual(self._value("concentration", other), (0.75, 0.75))
        self.contract._risk_changed()
        self.assertEqual(self._value("concentration"), (0.25, 0.25))

    def test_drafts_suppliers_and_other_companies_have_no_share(self):
        kind = self._create_type(direction="supplier", name="Supply", signature_required="none")
        supply = self._create_running("2026-01-01", type_id=kind.id, partner_id=self.other_partner.id)
        self._create_contract()
        self.contract._risk_changed()
        self.assertEqual(self._value("concentration"), (1.0, 1.0))
        self.assertEqual(self._value("concentration", supply), (0.0, 0.0))

    def test_negative_values_make_no_negative_risk(self):
        discount = self._create_running("2026-01-01", partner_id=self.other_partner.id, line_ids=[
            self._line(price_unit=-20.0),
        ])
        self.assertEqual(self._value("concentration", discount)[0], 0.0)
        self.contract._risk_changed()
        self.assertEqual(self._value("concentration")[0], 1.0)
