from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.tests import tagged

from .contract_days import ContractDaysCase, day

#: start, months, last day; None: open-ended. Vector 31 of KPI.md is the first.
TERMS = [
    ("2024-02-29", 12, "2025-02-27"),
    ("2024-02-29", 48, "2028-02-28"),
    ("2025-03-01", 12, "2026-02-28"),
    ("2023-03-01", 12, "2024-02-29"),
    ("2026-01-01", 12, "2026-12-31"),
    ("2026-01-31", 1, "2026-02-27"),
    ("2024-01-31", 1, "2024-02-28"),
    ("2023-08-31", 6, "2024-02-28"),
    ("2026-03-31", 3, "2026-06-29"),
    ("2026-12-31", 12, "2027-12-30"),
    ("2026-11-30", 3, "2027-02-27"),
    ("2026-01-15", 1, "2026-02-14"),
    ("2026-01-01", 0, None),
    ("2026-01-01", 1200, "2125-12-31"),
]

#: end, count, unit, last day for notice. Vector 30 of KPI.md are the first two.
NOTICES = [
    ("2026-12-31", 3, "month", "2026-09-30"),
    ("2026-12-31", 90, "day", "2026-10-02"),
    ("2026-05-31", 3, "month", "2026-02-28"),
    ("2028-05-31", 3, "month", "2028-02-29"),
    ("2026-06-30", 3, "month", "2026-03-30"),
    ("2025-02-27", 1, "month", "2025-01-27"),
    ("2026-03-31", 1, "day", "2026-03-30"),
    ("2026-12-31", 0, "month", "2026-12-31"),
    ("2024-03-01", 1, "day", "2024-02-29"),
]


@tagged("post_install", "-at_install")
class TestContractTerms(ContractDaysCase):
    def _draft(self, **vals):
        return self._create_contract(type_id=self.calendar_type.id, **vals)

    def test_end_of_a_term(self):
        for start, months, end in TERMS:
            with self.subTest(start=start, months=months):
                contract = self._draft(date_start=day(start), term_months=months, notice_count=0)
                self.assertEqual(contract.date_end, (end and day(end)) or False)

    def test_end_follows_start_and_term_until_it_is_written(self):
        contract = self._draft(date_start=day("2026-01-31"), term_months=1, notice_count=0)
        contract.date_start = day("2026-03-31")
        self.assertEqual(contract.date_end, day("2026-04-29"))
        contract.term_months = 11
        self.assertEqual(contract.date_end, day("2027-02-27"))
        contract.date_end = day("2027-02-28")
        self.assertEqual(contract.date_end, day("2027-02-28"))

    def test_notice_deadline(self):
        for end, count, unit, deadline in NOTICES:
            with self.subTest(end=end, count=count, unit=unit):
                contract = self._draft(
                    date_start=day("2023-01-01"), date_end=day(end), notice_count=count, notice_unit=unit
                )
                self.assertEqual(contract.date_notice, day(deadline))
                self.assertEqual(contract.date_act_by, day(deadline) - timedelta(days=30))

    def test_type_that_changes_moves_no_deadline_of_its_contracts(self):
        contract = self._draft(date_start=day("2026-01-01"))
        before = contract.date_act_by
        self.calendar_type.decide_days += 15
        self.env.flush_all()
        self.assertEqual(contract.date_act_by, before)
        contract.decide_days += 15
        self.assertEqual(contract.date_act_by, before - timedelta(days=15))

    def test_notice_as_long_as_the_term_is_legal(self):
        for start, months in (("2026-01-30", 1), ("2026-01-31", 1), ("2024-02-29", 12), ("2025-11-30", 3)):
            with self.subTest(start=start, months=months):
                contract = self._draft(
                    date_start=day(start), term_months=months, notice_count=months, notice_unit="month"
                )
                self.assertEqual(contract.notice_count, months)
                with self._refuse("notice period .* longer than its term"):
                    contract.notice_count += 1

    def test_open_ended_contract_has_no_deadlines(self):
        contract = self._draft(term_months=0, notice_count=3)
        self.assertFalse(contract.date_end or contract.date_notice or contract.date_act_by)

    def test_minimum_term_is_inclusive(self):
        contract = self._draft(date_start=day("2024-02-29"), term_months=24, minimum_months=12, notice_count=0)
        self.assertEqual(contract.date_minimum_end, day("2025-02-27"))
        contract.minimum_months = 0
        self.assertFalse(contract.date_minimum_end)

    def test_end_before_start_is_refused(self):
        with self._refuse("ends .* before it starts"):
            self._draft(date_start=day("2026-01-01"), date_end=day("2025-12-31"), notice_count=0)
        contract = self._draft(date_start=day("2026-01-01"), notice_count=0)
        with self._refuse("ends .* before it starts"):
            contract.date_end = day("2025-12-31")

    def test_contract_of_one_day_is_legal(self):
        contract = self._draft(date_start=day("2026-01-01"), date_end=day("2026-01-01"), notice_count=0)
        self.assertEqual(contract.date_notice, day("2026-01-01"))

    def test_notice_longer_than_the_term_is_refused(self):
        for vals in ({"notice_count": 13}, {"notice_count": 366, "notice_unit": "day"}):
            with self._refuse("notice period .* longer than its term"):
                self._draft(date_start=day("2026-01-01"), term_months=12, **vals)
        self._draft(date_start=day("2026-01-01"), term_months=12, notice_count=12)


@tagged("post_install", "-at_install")
class TestContractChains(ContractDaysCase):
    """A chain of renewals steps from its first start."""

    def _renewed(self, contract, times):
        for __ in range(times):
            contract = contract._renew()
            contract._unlocked().write({"state": "active", "activated_on": contract.date_start})
        return contract

    def _starts(self, contract):
        return [str(link.date_start) for link in self._chain(contract)]

    def test_monthly_renewals_from_the_31st_keep_the_31st(self):
        first = self._create_running("2026-01-31", term_months=1)
        self._renewed(first, 13)
        self.assertEqual(self._starts(first), [
            "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31",
            "2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28",
        ])
        self._assert_tiled(self._chain(first))

    def test_yearly_renewals_from_29_february_find_it_again(self):
        first = self._create_running("2024-02-29", term_months=12)
        self._renewed(first, 4)
        self.assertEqual(
            self._starts(first), ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]
        )

    def test_quarterly_and_half_yearly_renewals_keep_their_day(self):
        quarterly = self._create_running("2025-11-30", term_months=3)
        self._renewed(quarterly, 3)
        self.assertEqual(self._starts(quarterly), ["2025-11-30", "2026-02-28", "2026-05-30", "2026-08-30"])
        half = self._create_running("2025-08-31", term_months=6)
        self._renewed(half, 3)
        self.assertEqual(self._starts(half), ["2025-08-31", "2026-02-28", "2026-08-31", "2027-02-28"])

    def test_renewals_of_another_length_keep_the_day(self):
        first = self._create_running("2026-01-31", term_months=1, renewal_months=3)
        self._renewed(first, 3)
        self.assertEqual(self._starts(first), ["2026-01-31", "2026-02-28", "2026-05-31", "2026-08-31"])

    def test_an_end_written_by_hand_begins_other_steps(self):
        first = self._create_running("2026-01-31", term_months=1, date_end=day("2026-03-30"))
        self._renewed(first, 3)
        self.assertEqual(self._starts(first), ["2026-01-31", "2026-03-31", "2026-04-30", "2026-05-31"])

    def test_an_end_that_a_pause_moved_begins_other_steps(self):
        first = self._create_running("2026-01-31", term_months=1)
        with self.at("2026-02-01"):
            first._suspend("Works", date_to=day("2026-02-03"), extend_end=True)
        self.run_on("2026-02-04")
        self.assertEqual(first.date_end, day("2026-03-02"))
        self._renewed(first, 3)
        self.assertEqual(self._starts(first), ["2026-01-31", "2026-03-03", "2026-04-03", "2026-05-03"])

    def test_a_renewal_that_begins_later_begins_other_steps(self):
        first = self._create_running("2026-01-31", term_months=1)
        second = first._renew()
        second.date_start = day("2026-03-31")
        self.assertEqual(second.date_end, day("2026-04-29"))
        self.assertEqual((second.anchor_date, second.anchor_months), (day("2026-03-31"), 0))

    # no shrinking: each try writes to the database
    @settings(
        max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        start=st.dates(date(2023, 1, 1), date(2028, 12, 31)) | st.sampled_from([day("2024-02-29"), day("2027-01-31")]),
        months=st.integers(1, 30),
        renewal_months=st.integers(0, 14),
        renewals=st.lists(st.none() | st.integers(1, 25), min_size=1, max_size=4),
        notice=st.integers(0, 2),
        pause=st.none() | st.integers(1, 40),
    )
    def test_any_chain_tiles_time(self, start, months, renewal_months, renewals, notice, pause):
        contract = first = self._create_running(
            str(start), term_months=max(months, notice + 1), renewal_months=renewal_months, notice_count=notice,
        )
        if pause:
            with self.at(start):
                contract._suspend("Works", date_to=start + timedelta(days=pause - 1), extend_end=True)
            before = contract.date_end
            with self.at(start + timedelta(days=pause)):
                contract.suspension_ids.sudo()._clm_resume()
            self.assertEqual(contract.date_end, before + timedelta(days=pause))
        for length in renewals:
            wanted = length or renewal_months or contract.term_months
            contract = contract._renew(months=length)
            contract._unlocked().write({"state": "active", "activated_on": contract.date_start})
            self.assertEqual(contract.term_months, wanted)
            after = contract.date_end + timedelta(days=1)
            steps = (after.year - contract.date_start.year) * 12 + after.month - contract.date_start.month
            self.assertEqual(steps, wanted, "a term is as long as it says")
            self.assertGreaterEqual(after.day, min(contract.date_start.day, 28))
            self.assertLessEqual(contract.date_notice, contract.date_end)
        chain = self._chain(first)
        self.assertEqual(len(chain), len(renewals) + 1)
        self._assert_tiled(chain)


@tagged("post_install", "-at_install")
class TestContractDays(ContractDaysCase):
    """Today is the day of the contract's company."""

    #: UTC, time zone of the company, the day that it is there
    MOMENTS = [
        ("2026-11-30T11:00", "Pacific/Auckland", "2026-12-01"),
        ("2026-11-30T10:59", "Pacific/Auckland", "2026-11-30"),
        ("2026-12-01T09:59", "Pacific/Honolulu", "2026-11-30"),
        ("2026-12-01T10:00", "Pacific/Honolulu", "2026-12-01"),
        ("2026-12-01T00:00", "UTC", "2026-12-01"),
        ("2026-03-28T23:30", "Europe/Berlin", "2026-03-29"),
        ("2026-10-25T23:00", "Europe/Berlin", "2026-10-26"),
    ]

    def test_today_is_the_company_s_day(self):
        contract = self._create_contract()
        for moment, zone, today in self.MOMENTS:
            self.company.lifecycle_tz = zone
            with self.subTest(moment=moment, zone=zone), self.at(datetime.fromisoformat(moment)):
                self.assertEqual(contract._today(), day(today))

    def test_contract_activates_on_the_company_s_first_day(self):
        contract = self._create_running("2026-12-01", on="2026-11-01")
        self.assertEqual(contract.state, "signed")
        for moment, zone, today in self.MOMENTS[:4]:
            self.company.lifecycle_tz = zone
            with self.subTest(moment=moment, zone=zone), self.env.cr.savepoint() as savepoint:
                self.run_on(datetime.fromisoformat(moment))
                self.assertEqual(contract.state, "active" if today == "2026-12-01" else "signed")
                savepoint.rollback()

    def test_contract_ends_after_the_company_s_last_day(self):
        contract = self._create_running("2025-12-01", term_months=12)
        self.assertEqual(contract.date_end, day("2026-11-30"))
        for moment, zone, today in self.MOMENTS[:4]:
            self.company.lifecycle_tz = zone
            with self.subTest(moment=moment, zone=zone), self.env.cr.savepoint() as savepoint:
                self.run_on(datetime.fromisoformat(moment))
                self.assertEqual(contract.state, "closed" if today == "2026-12-01" else "active")
                savepoint.rollback()

    def test_two_companies_have_two_days(self):
        other = self.env["res.company"].create({"name": "Honolulu", "lifecycle_tz": "Pacific/Honolulu"})
        self.company.lifecycle_tz = "Pacific/Auckland"
        here = self._create_running("2026-12-01", on="2026-11-01")
        self.manager.company_ids += other
        there = self._create_running("2026-12-01", on="2026-11-01", company_id=other.id, user=self.manager)
        self.run_on(datetime.fromisoformat("2026-11-30T12:00"))
        self.assertEqual((here.state, there.state), ("active", "signed"))
        self.run_on(datetime.fromisoformat("2026-12-01T12:00"))
        self.assertEqual(there.state, "active")

    def test_future_start_waits_and_activates_by_itself(self):
        contract = self._create_running("2026-12-01", on="2026-11-01")
        self.run_on("2026-11-30")
        self.assertEqual((contract.state, contract.activated_on), ("signed", False))
        self.run_on("2026-12-01")
        self.assertEqual((contract.state, contract.activated_on), ("active", day("2026-12-01")))

    def test_future_start_activates_after_missed_days_with_its_own_day(self):
        contract = self._create_running("2026-12-01", on="2026-11-01")
        self.run_on("2027-02-15")
        self.assertEqual((contract.state, contract.activated_on), ("active", day("2026-12-01")))

    def test_signed_contract_cannot_be_put_into_force_before_its_day(self):
        with self.at("2026-11-01"):
            contract = self._create_contract(date_start=day("2026-12-01"))
            self._activate(contract)
            self.assertEqual(contract.state, "signed")
            with self._refuse("starts on 2026-12-01"):
                contract.action_activate()

    def test_backdated_contract_is_in_force_from_its_signature(self):
        contract = self._create_running("2026-01-01", on="2026-03-10")
        self.assertEqual((contract.state, contract.activated_on), ("active", day("2026-03-10")))
        self.assertEqual((contract.date_start, contract.date_end), (day("2026-01-01"), day("2026-12-31")))

    def test_paper_signed_earlier_counts_from_then(self):
        with self.at("2026-03-10"):
            contract = self._create_contract(date_start=day("2026-01-01"))
            contract._sign_on_paper("scan.pdf", b"%PDF scan", "Ursula", "Theo", day("2026-01-20"))
            self.assertEqual((contract.state, contract.activated_on), ("active", day("2026-01-20")))

    def test_first_activation_date_cannot_be_changed(self):
        contract = self._create_running("2026-01-01")
        with self.assertRaises(UserError):
            contract.activated_on = day("2025-01-01")
        contract._unlocked().write({"state": "signed"})  # as if it were put into force again
        with self.at("2026-05-01"):
            contract.action_activate()
        self.assertEqual(contract.activated_on, day("2026-01-01"))
