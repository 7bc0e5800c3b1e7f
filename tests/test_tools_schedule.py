"""Rows to bill and to credit of ``tools.schedule``."""

from decimal import Decimal
from itertools import product

from odoo.tests import BaseCase

from ..tools.schedule import CHARGE, CREDIT
from .schedule_cases import (
    ADVANCE,
    ARREARS,
    METHODS,
    brief,
    charge,
    credit,
    day,
    days_of,
    locked,
    plan_of,
    planned,
    terms,
)


class TestPlan(BaseCase):
    QUARTER = ("2026-01-01", "2026-03-31")

    def test_plan_when_nothing_is_locked_then_every_piece(self):
        for method in METHODS:
            rows = plan_of(terms(*self.QUARTER, method=method))
            self.assertEqual(
                brief(rows),
                ["charge 2026-01-01..2026-01-31 100.00", "charge 2026-02-01..2026-02-28 100.00",
                 "charge 2026-03-01..2026-03-31 100.00"],
            )  # fmt: skip
            self.assertEqual([(row.share, row.agreed) for row in rows], [(1.0, False)] * 3)
            self.assertEqual((rows[1].period_start, rows[1].period_end), (day("2026-02-01"), day("2026-02-28")))

    def test_plan_when_rows_are_locked_then_only_what_they_lack(self):
        rows = [charge("2026-01-01", "2026-01-31", 100), charge("2026-03-01", "2026-03-31", 0, settled=True)]
        for method in METHODS:
            line = terms(*self.QUARTER, method=method)
            self.assertEqual(brief(plan_of(line, rows=rows)), ["charge 2026-02-01..2026-02-28 100.00"])

    def test_plan_when_billed_in_part_then_as_the_peers_in_pieces(self):
        # PEERS 3.2, last invoiced 2018-12-15: in advance OCA makes one row of 2018-12-16..2019-01-31.
        rows = [charge("2018-01-01", "2018-12-15", 1148)]
        for billing, expected in ((ADVANCE, "2018-12-16"), (ARREARS, "2019-01-01")):
            line = terms("2018-01-01", "2020-01-15", billing=billing)
            found = plan_of(line, rows=rows)
            self.assertEqual(days_of(found)[:2], ["2018-12-16..2018-12-31", "2019-01-01..2019-01-31"])
            self.assertEqual(planned(found)[0], expected)

    def test_plan_when_the_end_moves_back_then_the_days_after_it_are_credited(self):
        # PEERS 3.3: OCA refuses to end a line on 13 February that is invoiced to the 14th.
        rows = [charge("2018-01-15", "2018-02-14", 310)]
        line = terms("2018-01-15", "2018-02-13")
        (found,) = plan_of(line, "310", rows)
        self.assertEqual(brief([found]), ["credit 2018-02-14..2018-02-14 -10.00"])
        self.assertEqual(found.planned, day("2018-02-14"))
        self.assertEqual((found.period_start, found.period_end), (day("2018-01-15"), day("2018-02-14")))
        self.assertAlmostEqual(found.share, -1 / 31)

    def test_plan_when_whole_periods_are_lost_then_each_row_is_credited_by_its_amount(self):
        rows = [charge("2026-02-01", "2026-02-28", 100), charge("2026-03-01", "2026-03-31", "77.77")]
        for method in METHODS:
            line = terms("2026-01-01", "2026-01-31", method=method)
            self.assertEqual(
                brief(plan_of(line, rows=[charge("2026-01-01", "2026-01-31", 100), *rows])),
                ["credit 2026-02-01..2026-02-28 -100.00", "credit 2026-03-01..2026-03-31 -77.77"],
            )

    def test_plan_when_a_line_never_began_then_all_is_credited(self):
        rows = [charge("2026-01-01", "2026-01-31", 100)]
        for method in METHODS:
            for unit in ("month", "once"):
                line = terms("2026-01-01", "2025-12-31", unit, method=method)
                self.assertEqual(brief(plan_of(line, rows=rows)), ["credit 2026-01-01..2026-01-31 -100.00"])

    def test_plan_when_a_pause_comes_after_the_invoice_then_its_days_are_credited(self):
        rows = [charge("2026-01-01", "2026-01-31", 310), charge("2026-02-01", "2026-02-28", 310)]
        pauses = [("2026-01-11", "2026-01-20"), ("2026-01-30", "2026-02-28")]
        for method, expected in (
            ("none", ["credit 2026-02-01..2026-02-28 -310.00"]),
            ("days", ["credit 2026-01-11..2026-01-20 -100.00", "credit 2026-01-30..2026-01-31 -20.00",
                      "credit 2026-02-01..2026-02-28 -310.00"]),
            ("days30", ["credit 2026-01-11..2026-01-20 -103.34", "credit 2026-01-30..2026-01-31 -10.33",
                        "credit 2026-02-01..2026-02-28 -310.00"]),
        ):  # fmt: skip
            line = terms("2026-01-01", "2026-02-28", pauses=pauses, method=method)
            found = plan_of(line, "310", rows)
            self.assertEqual(brief(found), expected, method)
            self.assertEqual(plan_of(line, "310", rows + locked(found)), [], method)

    def test_plan_when_days_are_served_again_after_a_credit_then_charged_again(self):
        rows = [charge("2026-01-01", "2026-01-31", 310), credit("2026-01-22", "2026-01-31", -100)]
        line = terms("2026-01-01", "2026-01-31")
        found = plan_of(line, "310", rows)
        self.assertEqual(brief(found), ["charge 2026-01-22..2026-01-31 100.00"])
        self.assertEqual(plan_of(line, "310", rows + locked(found)), [])

    def test_plan_when_lost_again_after_a_new_charge_then_credited_once_more(self):
        rows = [
            charge("2026-01-01", "2026-01-31", 310), credit("2026-01-22", "2026-01-31", -100),
            charge("2026-01-22", "2026-01-31", 100),
        ]  # fmt: skip
        found = plan_of(terms("2026-01-01", "2026-01-15"), "310", rows)
        self.assertEqual(
            brief(found), ["credit 2026-01-16..2026-01-21 -60.00", "credit 2026-01-22..2026-01-31 -100.00"]
        )

    def test_plan_when_a_credit_was_skipped_then_neither_credited_nor_charged(self):
        rows = [charge("2026-01-01", "2026-01-31", 310), credit("2026-01-22", "2026-01-31", -100, settled=True)]
        self.assertEqual(plan_of(terms("2026-01-01", "2026-01-21"), "310", rows), [])
        self.assertEqual(plan_of(terms("2026-01-01", "2026-01-31"), "310", rows), [])
        self.assertEqual(
            brief(plan_of(terms("2026-01-01", "2026-01-11"), "310", rows)), ["credit 2026-01-12..2026-01-21 -100.00"]
        )

    def test_plan_when_a_charge_was_skipped_then_never_credited(self):
        rows = [charge("2026-01-01", "2026-01-31", 310, settled=True)]
        for method in METHODS:
            self.assertEqual(plan_of(terms("2026-01-01", "2025-12-31", method=method), "310", rows), [])

    def test_plan_when_the_row_was_free_then_there_is_nothing_to_credit(self):
        rows = [charge("2026-01-01", "2026-01-31", 0)]
        self.assertEqual(plan_of(terms("2026-01-01", "2025-12-31"), "310", rows), [])
        tiny = [charge("2026-01-01", "2026-01-31", "0.01")]
        self.assertEqual(plan_of(terms("2026-01-01", "2026-01-30"), "0.01", tiny), [])
        self.assertEqual(brief(plan_of(terms("2026-01-01", "2026-01-31"), "0")), ["charge 2026-01-01..2026-01-31 0.00"])

    def test_plan_when_the_row_has_another_price_then_credited_by_its_own(self):
        rows = [charge("2026-01-01", "2026-01-31", 62)]
        for method, price in (("days", "-20.00"), ("days30", "-20.00")):
            line = terms("2026-01-01", "2026-01-21", method=method)
            (found,) = plan_of(line, "310", rows)
            self.assertEqual(found.amount, Decimal(price), method)
            self.assertAlmostEqual(found.share, -20 / 310)
            self.assertEqual(plan_of(line, "310", rows + locked([found])), [])

    def test_plan_when_the_price_is_negative_then_mirrored(self):
        rows = [charge("2026-01-01", "2026-01-31", -310)]
        (found,) = plan_of(terms("2026-01-01", "2026-01-21"), "-310", rows)
        self.assertEqual((found.kind, found.amount), (CREDIT, Decimal("100.00")))
        self.assertAlmostEqual(found.share, -10 / 31)

    def test_plan_when_the_credit_lies_after_the_agreed_end_then_agreed(self):
        rows = [charge("2026-01-01", "2026-01-31", 310), charge("2026-02-01", "2026-02-28", 310)]
        for end, line_end, expected in (
            ("2026-01-15", "2026-01-15", [True, True]),
            ("2026-01-15", "2026-01-31", [False, True]),
            ("2026-01-15", "2026-01-20", [False, True]),
            ("2026-01-15", "2026-01-16", [False, True]),
            ("2026-01-15", "2026-12-31", [False, False]),
            ("2026-01-15", None, [False, False]),
        ):
            found = plan_of(terms("2026-01-01", end), "310", rows, line_end=day(line_end))
            self.assertEqual([row.agreed for row in found], expected, line_end)

    def test_plan_when_a_price_changes_within_a_billed_period_then_old_credit_and_new_charge_meet(self):
        for method, fresh, expected in (
            ("days", False, "0"), ("days30", False, "0"), ("none", False, "0"),
            ("days", True, "0"), ("days30", True, "0"), ("none", True, "0"),
        ):
            old = terms("2018-08-18" if fresh else "2018-08-01", anchor="2018-08-01", method=method)
            rows = locked(plan_of(old, until=day("2018-08-31")))
            given = plan_of(old._replace(end=day("2018-08-20")), rows=rows, until=day("2018-08-31"))
            new = old._replace(start=day("2018-08-21"), continues=True)
            taken = plan_of(new, until=day("2018-08-31"))
            total = sum(row.amount for row in (*given, *taken))
            self.assertEqual(total, Decimal(expected), (method, fresh))

    def test_plan_when_the_begin_moves_back_then_the_days_before_are_charged(self):
        rows = [charge("2026-01-11", "2026-01-31", 210)]
        line = terms("2026-01-01", "2026-01-31")
        self.assertEqual(brief(plan_of(line, "310", rows)), ["charge 2026-01-01..2026-01-10 100.00"])
        whole = [charge("2026-01-11", "2026-01-31", 310)]
        self.assertEqual(plan_of(line._replace(method="none"), "310", whole), [])

    def test_plan_when_charged_whole_and_moved_within_the_period_then_once(self):
        rows = [charge("2026-01-01", "2026-01-14", 310)]
        for start, end in (
            ("2026-01-01", "2026-01-31"), ("2026-01-10", "2026-01-31"), ("2026-01-14", "2026-01-14"),
            ("2026-01-15", "2026-01-31"), ("2026-01-31", "2026-01-31"),
        ):  # fmt: skip
            line = terms(start, end, anchor="2026-01-01", method="none")
            self.assertEqual(plan_of(line, "310", rows), [], (start, end))
        elsewhere = terms("2026-01-15", "2026-01-31", anchor="2026-01-01", method="none", continues=True)
        self.assertEqual(brief(plan_of(elsewhere, "310", rows)), ["credit 2026-01-01..2026-01-14 -310.00"])

    def test_plan_when_the_recurrence_changes_then_billed_days_are_not_charged_again(self):
        rows = [charge("2026-01-01", "2026-01-31", 100), charge("2026-02-01", "2026-02-28", 100)]
        yearly = terms("2026-01-01", "2026-12-31", "year")
        self.assertEqual(brief(plan_of(yearly, "365", rows)), ["charge 2026-03-01..2026-12-31 306.00"])
        monthly = terms("2026-01-01", "2026-11-30")
        found = plan_of(monthly, "100", [charge("2026-01-01", "2026-12-31", 365)])
        self.assertEqual(brief(found), ["credit 2026-12-01..2026-12-31 -31.00"])
        self.assertEqual((found[0].period_start, found[0].period_end), (day("2026-01-01"), day("2026-12-31")))

    def test_plan_of_a_one_off_line_charges_once_whatever_its_days(self):
        rows = [charge("2026-01-05", "2026-12-31", 500)]
        for start, end in (("2026-01-05", "2026-06-30"), ("2026-02-01", None), ("2027-01-01", "2027-12-31")):
            line = terms(start, end, "once", pauses=[("2026-01-01", None)])
            self.assertEqual(brief(plan_of(line, "500"))[0].split()[::2], ["charge", "500.00"])
            self.assertEqual(plan_of(line, "500", rows), [])
        again = [*rows, credit("2026-01-05", "2026-12-31", -500)]
        line = terms("2026-01-05", "2026-12-31", "once")
        self.assertEqual(brief(plan_of(line, "500", again)), ["charge 2026-01-05..2026-12-31 500.00"])

    def test_plan_when_billed_elsewhere_before_then_old_rows_still_stand(self):
        rows = [charge("2026-01-01", "2026-01-31", 100)]
        line = terms(*self.QUARTER, bill_from="2026-03-01")
        self.assertEqual(brief(plan_of(line, rows=rows)), ["charge 2026-03-01..2026-03-31 100.00"])

    def test_plan_when_two_charges_cover_a_day_then_a_credit_takes_one_of_them(self):
        rows = [charge("2026-01-01", "2026-01-31", 310), charge("2026-01-22", "2026-01-31", 100)]
        line = terms("2026-01-01", "2026-01-21")
        found = plan_of(line, "310", rows)
        self.assertEqual(brief(found), ["credit 2026-01-22..2026-01-31 -100.00"] * 2)
        self.assertEqual(plan_of(line, "310", rows + locked(found)), [])
        self.assertEqual(brief(plan_of(line, "310", rows + locked(found[:1]))), brief(found[1:]))

    def test_plan_when_a_charge_lies_within_another_then_each_is_credited_in_one_row(self):
        rows = [charge("2026-01-01", "2026-01-31", 310), charge("2026-01-11", "2026-01-20", 100)]
        self.assertEqual(
            brief(plan_of(terms("2026-01-01", "2025-12-31"), "310", rows)),
            ["credit 2026-01-01..2026-01-31 -310.00", "credit 2026-01-11..2026-01-20 -100.00"],
        )

    def test_plan_when_a_day_is_skipped_and_charged_then_only_the_charge_is_credited(self):
        charged = charge("2026-01-01", "2026-01-31", 310)
        skipped = charged._replace(settled=True)
        for method, rows in product(METHODS, ([skipped, charged], [charged, skipped])):
            line = terms("2026-01-01", "2025-12-31", method=method)
            found = plan_of(line, "310", rows)
            self.assertEqual(brief(found), ["credit 2026-01-01..2026-01-31 -310.00"])
            self.assertEqual(plan_of(line, "310", rows + locked(found)), [])

    def test_plan_by_30_days_gives_back_what_the_charge_was_reckoned_by(self):
        pauses = [("2018-08-10", "2018-08-17")]
        rows = [charge("2018-08-01", "2018-08-09", 90), charge("2018-08-18", "2018-08-31", 130)]
        paused = terms("2018-08-01", "2018-08-20", pauses=pauses, method="days30")
        self.assertEqual(brief(plan_of(paused, "300", rows)), ["credit 2018-08-21..2018-08-31 -100.00"])
        for end, expected in (("2018-02-26", "-40.00"), ("2018-02-20", "-100.00"), ("2018-02-15", "-140.00")):
            begun = terms("2018-02-15", end, anchor="2018-02-01", method="days30")
            (found,) = plan_of(begun, "300", [charge("2018-02-15", "2018-02-28", 140)])
            self.assertEqual(found.amount, Decimal(expected), end)

    def test_plan_when_periods_are_charged_whole_and_moved_then_old_rows_count_by_their_days(self):
        rows = [charge("2026-01-01", "2026-01-31", 310)]
        line = terms("2026-02-10", "2026-02-14", anchor="2026-01-15", method="none")
        found = plan_of(line, "310", rows)
        self.assertEqual(
            brief(found), ["credit 2026-01-01..2026-01-31 -310.00", "charge 2026-02-10..2026-02-14 310.00"]
        )
        self.assertEqual(plan_of(line, "310", rows + locked(found)), [])
        partly = terms("2026-01-31", "2026-02-14", anchor="2026-01-15", method="none", continues=True)
        self.assertEqual(plan_of(partly, "310", rows), [])

    def test_plan_is_in_the_order_of_the_planned_days(self):
        rows = [charge("2026-05-01", "2026-05-31", 100)]
        line = terms("2026-01-01", "2026-06-30", billing=ARREARS, pauses=[("2026-05-01", "2026-05-31")])
        found = plan_of(line, rows=rows)
        self.assertEqual([row.kind for row in found], [CHARGE] * 4 + [CREDIT, CHARGE])
        self.assertEqual(planned(found), sorted(planned(found)))
