from datetime import datetime
from itertools import pairwise

from odoo.tests import tagged

from .billing_common import BillingCase

# PEERS.md 3.3 and 3.4: start, end, values of the line, "until" days -> list of (first day, last day, planned)
# "lastday" of the peer is a line whose periods are counted from the first of a month. What it does when somebody
# forces the date of the next invoice has no counterpart: periods are always counted from the anchor. Where it refuses
# an end before the last invoiced day, a credit is proposed here (``test_billing_amendments``)
SEQUENCES = {
    "monthly in arrears to 15 March": ("2018-01-01", "2018-03-15", {"billing": "arrears"}, [
        ("2018-01-01", "2018-01-31", "2018-02-01"), ("2018-02-01", "2018-02-28", "2018-03-01"),
        ("2018-03-01", "2018-03-15", "2018-03-16"),
    ]),
    "monthly in advance to 15 March": ("2018-01-01", "2018-03-15", {}, [
        ("2018-01-01", "2018-01-31", "2018-01-01"), ("2018-02-01", "2018-02-28", "2018-02-01"),
        ("2018-03-01", "2018-03-15", "2018-03-01"),
    ]),
    "monthly to 1 April of a leap year": ("2024-01-01", "2024-04-01", {}, [
        ("2024-01-01", "2024-01-31", "2024-01-01"), ("2024-02-01", "2024-02-29", "2024-02-01"),
        ("2024-03-01", "2024-03-31", "2024-03-01"), ("2024-04-01", "2024-04-01", "2024-04-01"),
    ]),
    "a single day": ("2018-01-05", "2018-01-05", {}, [("2018-01-05", "2018-01-05", "2018-01-05")]),
    "from the 5th": ("2018-01-05", "2018-03-15", {}, [
        ("2018-01-05", "2018-02-04", "2018-01-05"), ("2018-02-05", "2018-03-04", "2018-02-05"),
        ("2018-03-05", "2018-03-15", "2018-03-05"),
    ]),
    "from the 5th in arrears": ("2018-01-05", "2018-03-15", {"billing": "arrears"}, [
        ("2018-01-05", "2018-02-04", "2018-02-05"), ("2018-02-05", "2018-03-04", "2018-03-05"),
        ("2018-03-05", "2018-03-15", "2018-03-16"),
    ]),
    "lastday in advance": ("2018-01-05", "2018-03-15", {"anchor_date": "2018-01-01"}, [
        ("2018-01-05", "2018-01-31", "2018-01-05"), ("2018-02-01", "2018-02-28", "2018-02-01"),
        ("2018-03-01", "2018-03-15", "2018-03-01"),
    ]),
    # the peer bills "lastday" in arrears on the last day itself; here it is always the day after
    "lastday in arrears": ("2018-01-05", "2018-03-15", {"anchor_date": "2018-01-01", "billing": "arrears"}, [
        ("2018-01-05", "2018-01-31", "2018-02-01"), ("2018-02-01", "2018-02-28", "2018-03-01"),
        ("2018-03-01", "2018-03-15", "2018-03-16"),
    ]),
    "yearly": ("2018-01-05", "2020-03-15", {"recurrence_unit": "year"}, [
        ("2018-01-05", "2019-01-04", "2018-01-05"), ("2019-01-05", "2020-01-04", "2019-01-05"),
        ("2020-01-05", "2020-03-15", "2020-01-05"),
    ]),
    "every four weeks": ("2026-01-01", "2026-02-25", {"recurrence_unit": "week", "recurrence_interval": 4}, [
        ("2026-01-01", "2026-01-28", "2026-01-01"), ("2026-01-29", "2026-02-25", "2026-01-29"),
    ]),
    "daily": ("2018-02-22", "2018-02-23", {"recurrence_unit": "day"}, [
        ("2018-02-22", "2018-02-22", "2018-02-22"), ("2018-02-23", "2018-02-23", "2018-02-23"),
    ]),
    # PEERS.md 3.1 and 3.2
    "first period in arrears that is cut": ("2018-01-01", "2018-01-15", {"billing": "arrears"}, [
        ("2018-01-01", "2018-01-15", "2018-01-16"),
    ]),
    "first period in advance that is cut": ("2019-01-05", "2019-01-15", {}, [
        ("2019-01-05", "2019-01-15", "2019-01-05"),
    ]),
    "calendar months in arrears from the 5th": (
        "2019-01-05", "2019-02-28", {"billing": "arrears", "anchor_date": "2019-01-01"}, [
            ("2019-01-05", "2019-01-31", "2019-02-01"), ("2019-02-01", "2019-02-28", "2019-03-01"),
        ],
    ),
    "calendar quarters from the 5th": (
        "2018-01-05", "2018-06-30", {"recurrence_interval": 3, "anchor_date": "2018-01-01"}, [
            ("2018-01-05", "2018-03-31", "2018-01-05"), ("2018-04-01", "2018-06-30", "2018-04-01"),
        ],
    ),
    "yearly in arrears, stopped within the year": (
        "2019-01-01", "2019-05-31", {"recurrence_unit": "year", "billing": "arrears"}, [
            ("2019-01-01", "2019-05-31", "2019-06-01"),
        ],
    ),
    # two months in arrears from 1 January are planned on 1 March
    "every two months in arrears": ("2018-01-01", "2018-04-30", {"recurrence_interval": 2, "billing": "arrears"}, [
        ("2018-01-01", "2018-02-28", "2018-03-01"), ("2018-03-01", "2018-04-30", "2018-05-01"),
    ]),
}
# PEERS.md 3.3: first day, period -> the period that begins on 22 February and the next one
FROM_22_FEBRUARY = {
    ("day", 1): ("2018-02-22", "2018-02-23"),
    ("week", 1): ("2018-02-28", "2018-03-01"),
    ("month", 3): ("2018-05-21", "2018-05-22"),
    ("month", 6): ("2018-08-21", "2018-08-22"),
    ("year", 1): ("2019-02-21", "2019-02-22"),
}
# PEERS.md 3.4: days on which the first periods begin, always counted from the first one
MONTH_ENDS = {
    ("2026-01-31", "month", 1): ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
    ("2026-01-29", "month", 1): ["2026-01-29", "2026-02-28", "2026-03-29", "2026-04-29"],
    ("2024-01-30", "month", 1): ["2024-01-30", "2024-02-29", "2024-03-30", "2024-04-30"],
    ("2025-11-30", "month", 3): ["2025-11-30", "2026-02-28", "2026-05-30", "2026-08-30", "2026-11-30"],
    ("2025-08-31", "month", 6): ["2025-08-31", "2026-02-28", "2026-08-31", "2027-02-28"],
    ("2024-02-29", "month", 1): ["2024-02-29", "2024-03-29", "2024-04-29"],
    ("2024-02-29", "month", 3): ["2024-02-29", "2024-05-29", "2024-08-29", "2024-11-29", "2025-02-28"],
    ("2024-02-29", "year", 1): ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"],
    ("2023-12-31", "year", 1): ["2023-12-31", "2024-12-31", "2025-12-31"],
}


@tagged("post_install", "-at_install")
class TestBillingDates(BillingCase):
    def _days(self, contract):
        """:return: list of (first day, last day, planned) of its rows"""
        return [row[:3] for row in self._rows(contract)]

    def test_sequences_of_the_peers_are_planned_and_billed_once(self):
        for name, (start, end, line, expected) in SEQUENCES.items():
            with self.subTest(name), self.at(start):
                self.company.clm_billing_horizon = 36
                contract = self._create_billed(start, [line], date_end=end)
                self.assertEqual(self._days(contract), expected)
                moves = self._run(contract, "2030-01-01")
                self.assertEqual([str(move.invoice_date) for move in moves], [planned for *_days, planned in expected])
                self.assertFalse(self._run(contract, "2031-01-01"))

    def test_periods_from_22_february_end_and_begin_as_the_peers_have_it(self):
        for (unit, interval), (last, following) in FROM_22_FEBRUARY.items():
            with self.subTest(unit=unit, interval=interval), self.at("2018-02-22"):
                contract = self._create_billed("2018-02-22", [
                    {"recurrence_unit": unit, "recurrence_interval": interval},
                    {"recurrence_unit": unit, "recurrence_interval": interval, "billing": "arrears"},
                ])
                first, second = (line.installment_ids.sorted("period_start") for line in contract.line_ids)
                self.assertEqual(str(first[0].period_end), last)
                self.assertEqual(str(first[1].date_planned), following)
                self.assertEqual(str(second[0].date_planned), following)

    def test_month_ends_do_not_drift(self):
        for (start, unit, interval), expected in MONTH_ENDS.items():
            with self.subTest(start=start, unit=unit, interval=interval), self.at(start):
                self.company.clm_billing_horizon = 60
                contract = self._create_billed(start, [{"recurrence_unit": unit, "recurrence_interval": interval}])
                begins = [begin for begin, _end, _planned in self._days(contract)]
                self.assertEqual(begins[:len(expected)], expected)

    def test_all_periods_of_a_line_follow_each_other_without_a_gap(self):
        with self.at("2024-01-31"):
            contract = self._create_billed("2024-01-31", [{}], date_end="2025-01-30")
            rows = contract.installment_ids.sorted("period_start")
        self.assertEqual(len(rows), 12)
        for before, after in pairwise(rows):
            self.assertEqual((after.period_start - before.period_end).days, 1)
        self.assertEqual(str(rows[-1].period_end), "2025-01-30")

    def test_year_of_missed_runs_is_caught_up_in_one_run_each_period_once_and_on_its_day(self):
        with self.at("2025-01-31"):
            contract = self._create_billed("2025-01-31")
        with self.at("2026-01-15"):
            moves = self._run()
            days = [str(move.invoice_date) for move in moves]
            self.assertEqual(days, [
                "2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31", "2025-06-30",
                "2025-07-31", "2025-08-31", "2025-09-30", "2025-10-31", "2025-11-30", "2025-12-31",
            ])
            self.assertFalse(self._run())
            self.assertEqual(len(contract.installment_ids.filtered(lambda row: row.state == "invoiced")), 12)

    def test_years_of_missed_daily_runs_leave_no_hole_in_an_endless_contract(self):
        with self.at("2021-03-31"):
            contract = self._create_billed("2021-03-31")
        with self.at("2025-04-01"):  # far beyond the horizon; not even the daily run was there
            moves = self._run()
        self.assertEqual(len(moves), 49)
        self.assertEqual(len(set(moves.mapped("invoice_date"))), 49)
        self.assertEqual(contract.installment_ids.mapped("state").count("invoiced"), 49)

    def test_contract_in_auckland_is_billed_when_its_day_begins_there(self):
        self.company.lifecycle_tz = "Pacific/Auckland"  # UTC+13
        with self.at(datetime(2026, 11, 1, 12)):
            contract = self._create_billed("2026-11-01")
            self._run(contract)
        with self.at(datetime(2026, 11, 30, 10, 59)):
            self.assertFalse(self._run(contract))
        with self.at(datetime(2026, 11, 30, 11, 0)):  # midnight there, 30 November in UTC
            move = self._run(contract)
            self.assertEqual(str(move.invoice_date), "2026-12-01")

    def test_contract_in_honolulu_is_not_billed_before_its_day_begins_there(self):
        self.company.lifecycle_tz = "Pacific/Honolulu"  # UTC-10
        with self.at(datetime(2026, 11, 2, 12)):
            contract = self._create_billed("2026-11-01")
            self._run(contract)
        with self.at(datetime(2026, 12, 1, 9, 59)):  # still 30 November there
            self.assertFalse(self._run(contract))
        with self.at(datetime(2026, 12, 1, 10, 0)):
            move = self._run(contract)
            self.assertEqual(str(move.invoice_date), "2026-12-01")

    def test_companies_in_two_time_zones_are_billed_each_on_its_own_day(self):
        self.company.lifecycle_tz = "Pacific/Auckland"
        with self.at(datetime(2026, 11, 15, 12)):
            east = self._create_billed("2026-12-01")
            west = self._create_billed("2026-12-01")
        with self.at(datetime(2026, 11, 30, 23)):
            self.contracts._cron_daily()
            self.company.lifecycle_tz = "Pacific/Honolulu"
            self.assertFalse(self._run(west))
            self.company.lifecycle_tz = "Pacific/Auckland"
            self.assertEqual(len(self._run(east)), 1)

    def test_weekly_and_daily_lines_keep_their_weekday_over_the_end_of_the_year(self):
        with self.at("2026-12-21"):
            contract = self._create_billed("2026-12-21", [{"recurrence_unit": "week", "recurrence_interval": 2}])
            planned = [row.date_planned for row in contract.installment_ids.sorted("period_start")][:3]
        self.assertEqual([str(day) for day in planned], ["2026-12-21", "2027-01-04", "2027-01-18"])
