from datetime import date, datetime, timedelta

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from .contract_common import PNG, ContractCase

REPORTS = (
    "clm.contract.visit.report", "clm.contract.cycle.report", "clm.contract.renewal.report", "clm.obligation.report",
    "clm.claim.report",
)
BEGIN = datetime(2027, 3, 1, 8)


def day(number):
    """:return: the moment so many days after the first draft"""
    return BEGIN + timedelta(days=number)


class ContractReportCase(ContractCase):
    """Numbers of contracts that the test made, each checked against a sum done by hand."""

    def _row(self, report, record):
        """:return: the row of a contract, obligation or claim; all that was written before is seen"""
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env[report].search([("id", "=", record.id)])

    def _measures(self, report, contracts, *measures):
        """:return: list of the measures over the rows of these contracts; False where there is none"""
        self.env.flush_all()
        [values] = self.env[report]._read_group([("contract_id", "in", contracts.ids)], [], measures)
        return list(values)

    def _negotiate_and_sign(self):
        """Create a contract that is signed after 16 days: 2 in draft, 3 + 1 + 4 in negotiation, 2 in approval and
        3 + 1 in signature; of these, 3 + 4 + 3 on their side.
        """
        with freeze_time(day(0)):
            contract = self._create_contract(date_start=date(2027, 6, 1), type_id=self.slow_type.id)
        with freeze_time(day(2)):
            contract.action_negotiate()
        with freeze_time(day(5)):
            contract._propose({contract.clause_ids[2].id: "<p>No liability at all.</p>"}, author=self.partner)
        with freeze_time(day(6)):
            contract.action_negotiate()
        with freeze_time(day(10)):
            contract.action_request_approval()
        with freeze_time(day(11)):
            contract.with_user(self.approver).action_approve()
        with freeze_time(day(12)):
            contract.action_send()
        with freeze_time(day(15)):
            contract._sign("them", "Theo", PNG)
        with freeze_time(day(16)):
            contract._sign("us", "Ursula", PNG)
        return contract

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.slow_type = cls._create_type(name="Slow", steps=[{}])


@tagged("post_install", "-at_install")
class TestContractVisitReport(ContractReportCase):
    """Time by state."""

    REPORT = "clm.contract.visit.report"

    def _days(self, contract, now):
        """:return: list of (state, whose turn, days), in order"""
        self.env.flush_all()
        with freeze_time(now):
            self.env.invalidate_all()
            rows = self.env[self.REPORT].search([("contract_id", "=", contract.id)], order="number")
            return [(row.state, row.pen, round(row.days, 4)) for row in rows]

    def test_stays_when_over_then_have_their_days_and_the_open_one_those_up_to_now(self):
        contract = self._negotiate_and_sign()
        self.assertEqual(self._days(contract, day(20)), [
            ("draft", "us", 2.0), ("negotiation", "them", 3.0), ("negotiation", "us", 1.0),
            ("negotiation", "them", 4.0), ("approval", "us", 2.0), ("signature", "them", 3.0), ("signature", "us", 1.0),
            ("signed", "us", 4.0),
        ])

    def test_cancelled_contract_when_it_stays_so_then_no_time_is_spent(self):
        with freeze_time(day(0)):
            contract = self._create_contract(date_start=date(2027, 6, 1))
        with freeze_time(day(3)):
            contract.action_cancel()
        self.assertEqual(self._days(contract, day(30)), [("draft", "us", 3.0), ("cancelled", "us", 0.0)])
        with freeze_time(day(30)):
            average, still_there = self._measures(self.REPORT, contract, "days:avg", "still_there:sum")
        self.assertEqual((round(average, 4), still_there), (3.0, 1))

    def test_median_sum_and_share_of_turns_when_grouped_then_by_hand(self):
        contract = self._negotiate_and_sign()
        report = self.env[self.REPORT]
        with freeze_time(day(16)):
            rows = report._read_group(
                [("contract_id", "=", contract.id), ("state", "=", "negotiation")],
                ["pen"], ["days_median:avg", "days_p90:avg", "days_total:sum", "days:avg", "__count"],
            )
        self.assertEqual(
            [(pen, *(round(number, 4) for number in numbers)) for pen, *numbers in rows],
            [("them", 3.5, 3.9, 7.0, 3.5, 2), ("us", 1.0, 1.0, 1.0, 1.0, 1)],
        )

    def test_row_when_read_then_says_whose_contract_it_is(self):
        contract = self._create_contract()
        row = self.env[self.REPORT].search([("contract_id", "=", contract.id)])
        self.assertRecordValues(row, [{
            "contract_id": contract.id, "type_id": self.contract_type.id, "partner_id": self.partner.id,
            "user_id": self.user.id, "team_id": contract.team_id.id, "company_id": self.env.company.id,
            "direction": "customer", "is_amendment": False, "number": 1, "cycle": 1, "still_there": 1,
        }])
        self.assertEqual(row.action_open_contract()["res_id"], contract.id)


@tagged("post_install", "-at_install")
class TestContractCycleReport(ContractReportCase):
    """From the first draft to the last signature."""

    REPORT = "clm.contract.cycle.report"

    def test_signed_contract_when_reported_then_every_part_is_by_hand(self):
        contract = self._negotiate_and_sign()
        row = self._row(self.REPORT, contract)
        self.assertRecordValues(row, [{
            "requested_at": day(0), "signed_at": day(16), "cycle_days": 16.0, "draft_days": 2.0,
            "negotiation_days": 8.0, "approval_days": 2.0, "signature_days": 4.0, "our_days": 6.0, "their_days": 10.0,
            "rounds": 2.0, "signed": 1, "abandoned": 0, "submitted": 1, "first_pass": 1.0, "kind": "new",
        }])

    def test_parts_when_added_then_make_the_cycle(self):
        row = self._row(self.REPORT, self._negotiate_and_sign())
        by_state = row.draft_days + row.negotiation_days + row.approval_days + row.signature_days
        self.assertAlmostEqual(by_state, row.cycle_days)
        self.assertAlmostEqual(row.our_days + row.their_days, row.cycle_days)

    def test_contract_under_way_when_reported_then_counts_up_to_now_and_has_no_cycle(self):
        with freeze_time(day(0)):
            contract = self._create_contract(date_start=date(2027, 6, 1))
        with freeze_time(day(4)):
            contract.action_negotiate()
        with freeze_time(day(9)):
            row = self._row(self.REPORT, contract)
            self.assertEqual((row.draft_days, row.negotiation_days, row.their_days), (4.0, 5.0, 5.0))
            cycle, signed = self._measures(self.REPORT, contract, "cycle_days:avg", "signed:sum")
        self.assertEqual((cycle, signed), (False, 0))

    def test_abandoned_contract_when_reported_then_counts_apart(self):
        with freeze_time(day(0)):
            contract = self._create_contract(date_start=date(2027, 6, 1))
        with freeze_time(day(5)):
            contract.action_cancel()
        signed = self._negotiate_and_sign()
        values = self._measures(
            self.REPORT, contract + signed, "cycle_days:avg", "signed:sum", "abandoned:sum", "abandoned_days:avg",
        )
        self.assertEqual([round(value, 4) for value in values], [16.0, 1, 1, 5.0])

    def test_median_and_p90_when_grouped_then_of_the_signed_ones(self):
        contracts = self.env["clm.contract"]
        for days in (2, 4, 10):
            with freeze_time(day(0)):
                contract = self._create_contract(date_start=date(2027, 6, 1))
                self._approve(contract)
                contract.action_send()
            with freeze_time(day(days)):
                self._sign_all(contract)
            contracts += contract
        contracts += self._create_contract()
        median, p90, average = self._measures(
            self.REPORT, contracts, "cycle_median:avg", "cycle_p90:avg", "cycle_days:avg"
        )
        self.assertEqual((round(median, 4), round(p90, 4)), (4.0, 8.8))
        self.assertAlmostEqual(average, 16 / 3)

    def test_automatic_renewal_when_reported_then_has_no_cycle(self):
        contract = self._create_active(
            date_start=self.today - timedelta(days=365), date_end=self.today - timedelta(days=1),
            renewal_policy="auto", notice_count=0,
        )
        contract.sudo()._run_end()
        successor = contract.next_id
        row = self._row(self.REPORT, successor)
        self.assertEqual((row.kind, row.signed), ("automatic", 0))
        self.assertEqual(self._measures(self.REPORT, successor, "cycle_days:avg"), [False])

    def test_kinds_when_reported_then_told_apart(self):
        contract = self._create_active()
        amendment = contract._amend(self.today)
        successor = contract._renew()
        kinds = [self._row(self.REPORT, record).kind for record in (contract, amendment, successor)]
        self.assertEqual(kinds, ["new", "amendment", "renewal"])

    # === FIRST-PASS APPROVAL === #

    def _first_pass(self, contract):
        return self._measures(self.REPORT, contract, "submitted:sum", "first_pass:avg")

    def test_approval_when_never_asked_for_or_not_decided_then_no_rate(self):
        contract = self._create_contract(type_id=self.slow_type.id)
        self.assertEqual(self._first_pass(contract), [0, False])
        contract.action_request_approval()
        self.assertEqual(self._first_pass(contract), [1, False])

    def test_approval_when_rejected_and_then_given_then_no_first_pass(self):
        contract = self._create_contract(type_id=self.slow_type.id)
        contract.action_request_approval()
        contract.with_user(self.approver).action_reject("Too cheap")
        self.assertEqual(self._first_pass(contract), [1, 0.0])
        self._approve(contract)
        self.assertEqual(self._first_pass(contract), [1, 0.0])

    def test_rate_when_one_of_two_passed_at_once_then_half(self):
        first, second = (self._create_contract(type_id=self.slow_type.id) for __ in range(2))
        self._approve(first)
        second.action_request_approval()
        second.with_user(self.approver).action_reject("Too cheap")
        self.assertEqual(self._first_pass(first + second + self._create_contract()), [2, 0.5])


@tagged("post_install", "-at_install")
class TestContractRenewalReport(ContractReportCase):
    """What became of the contracts that ended: by number and by value."""

    REPORT = "clm.contract.renewal.report"
    END = date(2026, 12, 31)

    def _create_ending(self, state="closed", price=100.0, **vals):
        """Create a contract of a year, of 100 a month, that ends on the last day of 2026."""
        unlocked = {name: vals.pop(name) for name in ("close_reason", "decision", "days_to_decide") if name in vals}
        contract = self._create_contract(**{
            "date_start": date(2026, 1, 1), "date_end": self.END, "notice_count": 0,
            "line_ids": [Command.create(self._prepare_line(price_unit=price))], **vals,
        })
        contract._unlocked().write({"state": state, **unlocked})
        return contract

    def _create_renewal(self, contract, price=100.0, state="active", **vals):
        renewal = self._create_contract(
            date_start=date(2027, 1, 1), date_end=date(2027, 12, 31), currency_id=contract.currency_id.id,
            line_ids=[Command.create(self._prepare_line(price_unit=price))],
        )
        renewal._unlocked().write({"previous_id": contract.id, "state": state, **vals})
        return renewal

    def _outcome_of(self, contract):
        return self._row(self.REPORT, contract).outcome

    def test_rates_when_reported_then_by_hand(self):
        contracts = [self._create_ending() for __ in range(5)]
        self._create_renewal(contracts[0], 110.0)
        self._create_renewal(contracts[1], 50.0)
        self._create_renewal(contracts[2], auto_renewed=True, silent_renewal=True)
        self._create_renewal(contracts[3], auto_renewed=True)
        still_open = self._create_ending("active")
        contracts = self.env["clm.contract"].union(*contracts, still_open)
        outcomes = [self._outcome_of(contract) for contract in contracts]
        self.assertEqual(outcomes, ["renewed", "renewed", "silent", "auto", "lost", "open"])
        values = self._measures(
            self.REPORT, contracts, "renewed:sum", "lost:sum", "open:sum", "due_value:sum", "decided_value:sum",
            "final_value:sum", "gross_value:sum", "forecast_value:sum", "renewal_rate:avg", "gross_rate:avg",
            "net_rate:avg", "silent_rate:avg",
        )
        self.assertEqual([round(value, 4) for value in values], [
            4, 1, 1, 7200.0, 6000.0, 4320.0, 4200.0, 5400.0, 0.8, 0.7, 0.72, 0.5,
        ])

    def test_rates_when_only_open_ones_are_left_then_none(self):
        rates = self._measures(
            self.REPORT, self._create_ending("active"), "renewal_rate:avg", "gross_rate:avg", "net_rate:avg"
        )
        self.assertEqual(rates, [False, False, False])

    def test_gross_rate_when_values_differ_then_weighed_by_value(self):
        big, small = self._create_ending(price=900.0), self._create_ending()
        self._create_renewal(big, 900.0)
        [gross, count] = self._measures(self.REPORT, big + small, "gross_rate:avg", "renewal_rate:avg")
        self.assertEqual((round(gross, 4), count), (0.9, 0.5))

    def test_early_renewal_when_reported_then_counts_at_the_old_end(self):
        contract = self._create_ending("active")
        self._create_renewal(contract, state="signed")
        row = self._row(self.REPORT, contract)
        self.assertEqual((row.outcome, row.date_end), ("renewed", self.END))

    def test_outcomes_when_renewals_are_not_concluded_then_by_the_table(self):
        for state, renewal, expected in (
            ("active", "draft", "open"),
            ("active", "signature", "open"),
            ("active", "cancelled", "open"),
            ("closed", "negotiation", "open"),  # a late renewal is not lost yet
            ("closed", "cancelled", "lost"),
            ("signed", None, "open"),
        ):
            with self.subTest(state=state, renewal=renewal):
                contract = self._create_ending(state)
                if renewal:
                    self._create_renewal(contract, state=renewal)
                self.assertEqual(self._outcome_of(contract), expected)

    def test_renewal_when_terminated_before_it_began_then_lost(self):
        contract = self._create_ending()
        renewal = self._create_renewal(contract, state="closed", closed_on=date(2026, 12, 31))
        self.assertEqual(self._outcome_of(contract), "lost")
        renewal._unlocked().closed_on = date(2027, 3, 31)
        self.assertEqual(self._outcome_of(contract), "renewed")

    def test_terminated_contract_when_it_still_runs_then_lost(self):
        contract = self._create_active()
        reason = self.env["clm.close.reason"].search([], limit=1)
        contract.action_terminate(reason)
        self.assertEqual((contract.state, self._outcome_of(contract)), ("active", "lost"))

    def test_amendments_drafts_and_endless_contracts_when_reported_then_left_out(self):
        contract = self._create_active()
        for record in (
            contract._amend(self.today), self._create_contract(),
            self._create_active(term_months=0, renewal_policy="evergreen"),
        ):
            self.assertFalse(self._row(self.REPORT, record))

    def test_due_value_when_lines_changed_then_that_of_the_last_day(self):
        contract = self._create_ending(line_ids=[
            Command.create(self._prepare_line(price_unit=100.0, date_end=date(2026, 6, 30))),
            Command.create(self._prepare_line(price_unit=130.0, date_start=date(2026, 7, 1))),
            Command.create(self._prepare_line(price_unit=20.0, date_end=self.END)),
            Command.create(self._prepare_line(price_unit=5000.0, recurrence_unit="once")),
        ])
        self.assertEqual(self._row(self.REPORT, contract).due_value, 150.0 * 12)

    def test_final_value_when_the_renewal_grew_later_then_that_of_its_first_day(self):
        contract = self._create_ending()
        renewal = self._create_renewal(contract)
        renewal._unlocked().write({"line_ids": [
            Command.create(self._prepare_line(price_unit=400.0, date_start=date(2027, 5, 1)))
        ]})
        self.assertEqual(self._row(self.REPORT, contract).final_value, 1200.0)

    def test_exchange_rate_when_it_changed_then_renews_nothing(self):
        euro = self.env["res.currency"].with_context(active_test=False).search([
            ("id", "!=", self.env.company.currency_id.id), ("name", "in", ("EUR", "USD")),
        ], limit=1)
        euro.active = True
        self.env["res.currency.rate"].search([("currency_id", "=", euro.id)]).unlink()
        self.env["res.currency.rate"].create([
            {"currency_id": euro.id, "company_id": self.env.company.id, "name": first, "rate": rate}
            for first, rate in ((date(2025, 1, 1), 0.5), (date(2027, 1, 1), 0.25))
        ])
        contract = self._create_ending(currency_id=euro.id)
        self._create_renewal(contract)
        row = self._row(self.REPORT, contract)
        self.assertEqual((row.due_value, row.final_value, row.gross_value), (2400.0, 2400.0, 2400.0))
        self.assertEqual(self._measures(self.REPORT, contract, "net_rate:avg"), [1.0])

    def test_days_before_the_deadline_when_nobody_decided_then_none(self):
        decided = self._create_ending(decision="renew", days_to_decide=12)
        late = self._create_ending(decision="end", days_to_decide=-2)
        nobody = self._create_ending()
        self.assertEqual(self._measures(self.REPORT, decided + late + nobody, "days_to_decide:avg"), [5.0])

    def test_contract_when_worth_nothing_then_counts_by_number_only(self):
        contract = self._create_ending(line_ids=[])
        self._create_renewal(contract)
        rates = self._measures(self.REPORT, contract, "renewal_rate:avg", "gross_rate:avg")
        self.assertEqual(rates, [1.0, False])


@tagged("post_install", "-at_install")
class TestObligationReport(ContractReportCase):
    """Who keeps their word."""

    REPORT = "clm.obligation.report"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract = cls._create_contract(date_start=date(2027, 1, 1))
        cls.contract._unlocked().state = "active"

    def _create_obligation(self, due, state="open", done_on=False, **vals):
        duty = self.env["clm.obligation"].create({
            "name": "Report", "contract_id": self.contract.id, "date_due": due, "user_id": self.mate.id, **vals,
        })
        duty.with_env(self.contract.sudo()._unlocked().env).write({"state": state, "done_on": done_on})
        return duty

    @freeze_time("2027-05-10 12:00:00")
    def test_results_when_reported_then_by_the_table(self):
        table = (
            (date(2027, 5, 1), "done", date(2027, 5, 1), "ontime", 1.0, 0.0),
            (date(2027, 5, 1), "done", date(2027, 4, 20), "ontime", 1.0, 0.0),
            (date(2027, 5, 1), "done", date(2027, 5, 4), "late", 0.0, 3.0),
            (date(2027, 5, 6), "open", False, "missed", 0.0, 4.0),
            (date(2027, 5, 10), "open", False, "open", 0.0, 0.0),
            (date(2027, 5, 1), "waived", False, "waived", 0.0, 0.0),
            (date(2027, 5, 1), "cancelled", False, "cancelled", 0.0, 0.0),
        )
        for due, state, done_on, result, on_time, days_late in table:
            with self.subTest(result=result):
                row = self._row(self.REPORT, self._create_obligation(due, state, done_on))
                self.assertEqual((row.result, row.on_time, row.days_late), (result, on_time, days_late))
        # two of four; what is not due, waived or cancelled counts in neither
        rate, missed, waived, late = self._measures(
            self.REPORT, self.contract, "on_time:avg", "missed:sum", "waived:sum", "days_late:avg",
        )
        self.assertEqual((rate, missed, waived, late), (0.5, 1, 1, 3.5))

    @freeze_time("2027-05-10 20:00:00")
    def test_due_day_when_it_is_over_where_the_company_is_then_missed(self):
        duty = self._create_obligation(date(2027, 5, 10))
        self.assertEqual(self._row(self.REPORT, duty).result, "open")
        self.env.company.lifecycle_tz = "Asia/Tokyo"
        self.assertEqual(self._row(self.REPORT, duty).result, "missed")
        self.assertEqual(duty.result, "missed")

    def test_obligation_when_its_contract_never_came_into_force_then_left_out(self):
        draft = self._create_contract(date_start=date(2026, 1, 1))
        duty = self.env["clm.obligation"].create({
            "name": "Report", "contract_id": draft.id, "date_due": date(2026, 2, 1),
        })
        self.assertFalse(self._row(self.REPORT, duty))

    def test_row_when_read_then_names_both_owners(self):
        row = self._row(self.REPORT, self._create_obligation(date(2027, 5, 1), side="them"))
        self.assertEqual((row.owner_id, row.user_id, row.side), (self.mate, self.user, "them"))

    def test_report_when_compared_with_the_records_then_the_results_are_the_same(self):
        for state, done_on in (("done", date(2027, 4, 1)), ("done", date(2027, 6, 1)), ("open", False)):
            duty = self._create_obligation(date(2027, 5, 1), state, done_on)
            for now in ("2027-04-30 12:00:00", "2027-05-02 12:00:00"):
                with freeze_time(now):
                    self.assertEqual(self._row(self.REPORT, duty).result, duty.result)


@tagged("post_install", "-at_install")
class TestClaimReport(ContractReportCase):
    """How quickly claims are answered and settled."""

    REPORT = "clm.claim.report"

    def setUp(self):
        super().setUp()
        self.contract = self._create_active()

    def _create_claim(self, answered=None, settled=None, due=5):
        """:param answered: days after the claim; None: not yet; :param settled: likewise"""
        with freeze_time(day(0)):
            claim = self.env["clm.claim"].create({
                "name": "Late delivery", "contract_id": self.contract.id, "date_due": day(due).date(),
            })
        if answered is not None:
            with freeze_time(day(answered)):
                claim.answer = "<p>We are sorry.</p>"
                claim.action_answer()
        if settled is not None:
            with freeze_time(day(settled)):
                claim.action_accept()
        return claim

    def test_days_when_reported_then_by_hand_and_waiting_ones_have_none(self):
        self._create_claim(answered=1, settled=2)
        self._create_claim(answered=2, settled=4)
        self._create_claim(answered=6, settled=12)
        self._create_claim()
        with freeze_time(day(3)):
            answer, resolve, median, p90, waiting, in_time = self._measures(
                self.REPORT, self.contract, "days_to_answer:avg", "days_to_resolve:avg", "resolve_median:avg",
                "resolve_p90:avg", "waiting:sum", "in_time:avg",
            )
        self.assertEqual([round(value, 4) for value in (answer, resolve, median, p90)], [3.0, 6.0, 4.0, 10.4])
        self.assertEqual(waiting, 1)
        self.assertAlmostEqual(in_time, 2 / 3)

    def test_claim_when_the_time_to_answer_is_over_then_not_in_time(self):
        self._create_claim()
        with freeze_time(day(5)):
            self.assertEqual(self._measures(self.REPORT, self.contract, "in_time:avg"), [False])
        with freeze_time(day(6)):
            self.assertEqual(self._measures(self.REPORT, self.contract, "in_time:avg"), [0.0])

    def test_claim_when_settled_and_opened_again_then_it_waits(self):
        claim = self._create_claim(answered=1, settled=2)
        claim.action_reopen()
        self.assertEqual(self._measures(self.REPORT, self.contract, "waiting:sum", "days_to_resolve:avg"), [1, False])

    def test_row_when_opened_then_shows_the_contract(self):
        row = self._row(self.REPORT, self._create_claim())
        self.assertEqual(row.action_open_contract()["res_id"], self.contract.id)


@tagged("post_install", "-at_install")
class TestContractReportRights(ContractReportCase):
    """Who sees which rows, and that every screen opens."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Other Ltd"})
        cls.both = cls._create_user(
            "r-both", "clm.group_viewer", company_id=cls.env.company.id,
            company_ids=[Command.set((cls.env.company | cls.other_company).ids)],
        )

    def _create_in(self, company):
        """Create a contract in force with an end, an obligation and a claim: a row in every report."""
        contract = self._create_contract(user=self.env.user, company_id=company.id, user_id=self.manager.id)
        contract._unlocked().state = "active"
        self.env["clm.obligation"].create({"name": "Report", "contract_id": contract.id, "date_due": self.today})
        self.env["clm.claim"].create({"name": "Late", "contract_id": contract.id})
        return contract

    def test_rows_when_of_another_company_then_hidden(self):
        self.manager.company_ids |= self.other_company
        companies = self.env.company | self.other_company
        contracts = {company: self._create_in(company) for company in companies}
        self.env.flush_all()
        for name in REPORTS:
            report = self.env[name].with_user(self.both)
            for company in companies:
                found = report.with_context(allowed_company_ids=company.ids).search([]).contract_id.sudo()
                self.assertIn(contracts[company], found, name)
                self.assertEqual(found.company_id, company, name)
            found = report.with_context(allowed_company_ids=companies.ids).search([]).contract_id.sudo()
            self.assertEqual(set(contracts.values()) - set(found), set(), name)
            self.assertNotIn(
                contracts[self.other_company], self.env[name].with_user(self.viewer).search([]).contract_id.sudo(), name
            )

    def test_reports_when_read_then_viewers_may_and_others_may_not(self):
        self._create_in(self.env.company)
        for name in REPORTS:
            self.assertTrue(self.env[name].with_user(self.viewer).search([]), name)
            for user in (self.internal, self.portal):
                with self.assertRaises(AccessError):
                    self.env[name].with_user(user).search([])

    def test_screens_when_opened_then_every_view_and_filter_works(self):
        self._create_in(self.env.company)
        self.env.flush_all()
        for name in REPORTS:
            action = self.env["ir.actions.act_window"].search([("res_model", "=", name)])
            self.assertEqual(len(action), 1, name)
            report = self.env[name].with_user(self.viewer)
            views = report.get_views([(False, kind) for kind in ("pivot", "graph", "list", "search")])["views"]
            self.assertEqual(set(views), {"pivot", "graph", "list", "search"})
            self.assertTrue(self.env["ir.ui.menu"].search([("action", "=", f"ir.actions.act_window,{action.id}")]))

    def test_numbers_when_read_for_a_pivot_then_every_measure_and_group_works(self):
        self._create_in(self.env.company)
        self.env.flush_all()
        for name in REPORTS:
            report = self.env[name].with_user(self.viewer)
            fields = report.fields_get()
            measures = [
                f"{fname}:{field['aggregator']}" for fname, field in fields.items()
                if field.get("aggregator") and field["store"] and field["type"] in ("float", "integer", "monetary")
                and fname != "id"
            ]
            for fname, field in fields.items():
                if not field.get("groupable") or fname == "id":
                    continue
                group = f"{fname}:month" if field["type"] in ("date", "datetime") else fname
                rows = report.formatted_read_group([], [group], measures)
                self.assertTrue(rows, (name, fname))
