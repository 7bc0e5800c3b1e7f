"""Periods, pieces, shares and amounts of ``tools.periods``."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise

from odoo.tests import BaseCase

from ..tools.recurrence import step_number
from ..tools.schedule import amount, periods, pieces
from .schedule_cases import ADVANCE, ARREARS, CENT, LATE, METHODS, day, days_of, locked, plan_of, planned, terms


class TestPeriods(BaseCase):
    def test_periods_when_the_anchor_is_at_a_month_end_then_it_never_drifts(self):
        # PEERS 3.4: contract and subscription_oca step from the previous date and stay on the 28th.
        for anchor, unit, expected in (
            ("2026-01-31", "month", "2026-01-31 2026-02-28 2026-03-31 2026-04-30 2026-05-31"),
            ("2024-01-30", "month", "2024-01-30 2024-02-29 2024-03-30 2024-04-30"),
            ("2024-02-29", "year", "2024-02-29 2025-02-28 2026-02-28 2027-02-28 2028-02-29"),
        ):
            found = periods(day(anchor), unit, 1, day(anchor), None)
            self.assertEqual([str(first) for first, _last in islice(found, len(expected.split()))], expected.split())

    def test_periods_are_those_that_touch_the_days(self):
        for anchor, unit, interval, start, end, expected in (
            ("2026-01-31", "month", 1, "2026-02-27", "2026-02-28", "2026-01-31..2026-02-27 2026-02-28..2026-03-30"),
            ("2026-01-31", "month", 1, "2026-02-27", "2026-02-27", "2026-01-31..2026-02-27"),
            ("2026-01-31", "month", 1, "2025-11-29", "2025-11-30", "2025-10-31..2025-11-29 2025-11-30..2025-12-30"),
            ("2026-01-01", "month", 3, "2024-12-31", "2025-01-01", "2024-10-01..2024-12-31 2025-01-01..2025-03-31"),
            ("2026-01-01", "week", 2, "2025-12-31", "2025-12-31", "2025-12-18..2025-12-31"),
            ("2024-02-29", "year", 1, "2024-02-28", "2024-02-28", "2023-02-28..2024-02-28"),
            ("2026-01-01", "day", 1, "2026-01-03", "2026-01-04", "2026-01-03..2026-01-03 2026-01-04..2026-01-04"),
            ("2026-01-01", "month", 1, "2026-02-02", "2026-02-01", ""),
        ):
            found = periods(day(anchor), unit, interval, day(start), day(end))
            self.assertEqual(" ".join(f"{first}..{last}" for first, last in found), expected, (anchor, unit, start))

    def test_step_number_is_that_of_the_period_with_the_day(self):
        for anchor, unit, interval, when, expected in (
            ("2026-01-31", "month", 1, "2026-02-27", 0),
            ("2026-01-31", "month", 1, "2026-02-28", 1),
            ("2026-01-31", "month", 1, "2026-01-30", -1),
            ("2026-01-31", "month", 3, "2025-10-30", -2),
            ("2024-02-29", "year", 1, "2025-02-27", 0),
            ("2026-01-01", "week", 1, "2025-12-31", -1),
            ("2026-01-01", "day", 10, "2026-01-21", 2),
        ):
            self.assertEqual(step_number(day(anchor), unit, interval, day(when)), expected, (anchor, unit, when))
        for unit, interval in (("month", 0), ("once", 1)):
            with self.assertRaises(ValueError):
                step_number(day("2026-01-01"), unit, interval, day("2026-01-01"))

    def test_periods_when_the_anchor_is_far_away_then_not_walked_there(self):
        # Day by day this would be 2.9 million steps; each call would take seconds.
        for anchor, start in ((date.min, date(7999, 1, 1)), (date(9999, 1, 1), date(1999, 1, 1))):
            for _ in range(500):
                self.assertEqual(next(periods(anchor, "day", 1, start, None)), (start, start))

    def test_periods_when_the_calendar_ends_then_told_so(self):
        with self.assertRaises(OverflowError):
            list(periods(day("2026-01-01"), "year", 1, day("9990-01-01"), None))

    def test_periods_when_not_a_recurrence_then_refused_at_once(self):
        for unit, interval in (("month", 0), ("month", -1), ("once", 1), ("fortnight", 1)):
            with self.assertRaises(ValueError):
                periods(day("2026-01-01"), unit, interval, day("2026-01-01"), None)


class TestPieces(BaseCase):
    def test_pieces_when_a_field_is_none_of_the_known_then_refused_at_once(self):
        for vals in ({"unit": "fortnight"}, {"interval": 0}, {"billing": "never"}, {"method": "weeks"}):
            with self.assertRaises(ValueError):
                pieces(terms("2026-01-01", **vals), LATE)
            with self.assertRaises(ValueError):
                plan_of(terms("2026-01-01", **vals))

    def test_pieces_first_invoice_date_as_the_peers(self):
        # PEERS 3.1. OCA's "lastday" rule is an anchor on the first of a month; there, it invoices arrears on the
        # last day of the period (offset 0), we on the day after as with every other rule (OCA's offset 1).
        for start, billing, unit, interval, anchor, end, expected in (
            ("2018-01-01", ADVANCE, "month", 1, None, None, "2018-01-01"),
            ("2018-01-01", ADVANCE, "month", 1, None, "2018-01-15", "2018-01-01"),
            ("2018-01-16", ADVANCE, "month", 1, None, "2018-01-15", None),
            ("2018-01-01", ADVANCE, "month", 2, None, None, "2018-01-01"),
            ("2018-01-01", ARREARS, "month", 1, None, None, "2018-02-01"),
            ("2018-01-01", ARREARS, "month", 1, None, "2018-01-15", "2018-01-16"),
            ("2018-01-16", ARREARS, "month", 1, None, "2018-01-15", None),
            ("2018-01-01", ARREARS, "month", 2, None, None, "2018-03-01"),
            ("2018-01-05", ARREARS, "month", 1, "2018-01-01", None, "2018-02-01"),  # OCA: 2018-01-31
            ("2018-01-06", ADVANCE, "month", 1, "2018-01-01", None, "2018-01-06"),
            ("2018-01-05", ARREARS, "month", 2, "2018-01-01", None, "2018-03-01"),  # OCA: 2018-02-28
            ("2018-01-05", ADVANCE, "month", 2, "2018-01-01", None, "2018-01-05"),
            ("2018-01-05", ADVANCE, "year", 1, None, None, "2018-01-05"),
            ("2018-01-05", ARREARS, "year", 1, None, None, "2019-01-05"),
        ):
            first = next(pieces(terms(start, end, unit, interval, billing, anchor), LATE), None)
            self.assertEqual(first and first.planned, day(expected), (start, billing, unit, interval, anchor, end))

    def test_pieces_days_of_the_first_as_the_peers(self):
        # PEERS 3.2; a forced next date on the 1st is an anchor there.
        for start, end, anchor, interval, expected in (
            ("2019-01-01", None, None, 1, "2019-01-01..2019-01-31"),
            ("2019-01-01", "2019-01-15", None, 1, "2019-01-01..2019-01-15"),
            ("2019-01-05", "2019-01-15", None, 1, "2019-01-05..2019-01-15"),
            ("2019-01-05", None, "2019-02-01", 1, "2019-01-05..2019-01-31"),
            ("2018-01-05", "2020-01-15", "2018-01-01", 3, "2018-01-05..2018-03-31"),
        ):
            for billing in (ADVANCE, ARREARS):
                first = next(pieces(terms(start, end, "month", interval, billing, anchor), LATE))
                self.assertEqual(days_of([first]), [expected])

    def test_pieces_of_a_whole_line_as_the_peers(self):
        # PEERS 3.3
        for start, end, unit, anchor, expected in (
            ("2018-01-01", "2018-03-15", "month", None, "01-01..01-31 02-01..02-28 03-01..03-15"),
            ("2018-01-05", "2018-03-15", "month", None, "01-05..02-04 02-05..03-04 03-05..03-15"),
            ("2018-01-05", "2018-03-15", "month", "2018-01-01", "01-05..01-31 02-01..02-28 03-01..03-15"),
            ("2024-01-01", "2024-04-01", "month", None, "01-01..01-31 02-01..02-29 03-01..03-31 04-01..04-01"),
            ("2018-01-05", "2020-03-15", "year", None, "01-05..01-04 01-05..01-04 01-05..03-15"),
            ("2026-08-07", "2026-08-07", "month", None, "08-07..08-07"),
        ):
            for billing in (ADVANCE, ARREARS):
                found = list(pieces(terms(start, end, unit, 1, billing, anchor), LATE))
                self.assertEqual(" ".join(f"{p.start:%m-%d}..{p.end:%m-%d}" for p in found), expected)
                one_more = plan_of(terms(start, end, unit, 1, billing, anchor), rows=locked(plan_of(
                    terms(start, end, unit, 1, billing, anchor)
                )))
                self.assertEqual(one_more, [])

    def test_pieces_in_arrears_are_planned_on_the_day_after_them(self):
        line = terms("2018-01-01", "2018-03-15", billing=ARREARS)
        self.assertEqual(planned(pieces(line, LATE)), ["2018-02-01", "2018-03-01", "2018-03-16"])
        advance = line._replace(billing=ADVANCE)
        self.assertEqual(planned(pieces(advance, LATE)), ["2018-01-01", "2018-02-01", "2018-03-01"])
        stopped = terms("2019-01-01", "2019-05-31", "year", billing=ARREARS)
        self.assertEqual(planned(pieces(stopped, LATE)), ["2019-06-01"])

    def test_pieces_when_the_next_date_is_set_anew_then_as_the_peers_from_there(self):
        # PEERS 3.3, next date forced to 2018-02-22: here that is the anchor. Before it, OCA makes one row of all
        # the days since 1 January; we never charge more than a period in a row.
        for unit, interval, following in (
            ("day", 1, "2018-02-23"), ("week", 1, "2018-03-01"), ("month", 3, "2018-05-22"),
            ("month", 6, "2018-08-22"), ("year", 1, "2019-02-22"),
        ):
            line = terms("2018-01-01", None, unit, interval, ADVANCE, "2018-02-22")
            first = next(piece for piece in pieces(line, LATE) if piece.start == day("2018-02-22"))
            self.assertEqual(first.end + timedelta(days=1), day(following))
            arrears = line._replace(billing=ARREARS)
            before, after = [p for p in pieces(arrears, LATE) if p.planned in (day("2018-02-22"), day(following))]
            self.assertEqual((before.end, after.start), (day("2018-02-21"), day("2018-02-22")))

    def test_pieces_when_the_next_date_lies_later_then_one_per_period_of_the_same_days(self):
        # PEERS 3.3: forced to 2018-06-05 OCA makes one row of 02-05..07-04 (in arrears 02-05..06-04).
        line = terms("2018-01-05", "2018-07-04", anchor="2018-06-05")
        self.assertEqual(
            days_of(pieces(line, LATE))[1:],
            ["2018-02-05..2018-03-04", "2018-03-05..2018-04-04", "2018-04-05..2018-05-04", "2018-05-05..2018-06-04",
             "2018-06-05..2018-07-04"],
        )  # fmt: skip

    def test_pieces_of_a_subscription_as_the_peers(self):
        # PEERS 3.3: subscription_oca shows the end exclusive, so the day after ours.
        for unit, interval, number, expected in (
            ("month", 1, 1, "2026-02-01"), ("week", 4, 1, "2026-01-29"), ("month", 3, 2, "2026-07-01"),
            ("year", 1, 1, "2027-01-01"), ("month", 12, 1, "2027-01-01"), ("week", 1, 1, "2026-01-08"),
        ):
            found = list(islice(pieces(terms("2026-01-01", None, unit, interval, ARREARS), LATE), number))
            self.assertEqual(found[-1].planned, day(expected), (unit, interval))

    def test_pieces_when_a_pause_cuts_a_period_then_both_sides_of_it(self):
        line = terms("2026-01-01", "2026-03-31", pauses=[("2026-02-10", "2026-02-14"), ("2026-03-20", None)])
        self.assertEqual(
            days_of(pieces(line, LATE)),
            ["2026-01-01..2026-01-31", "2026-02-01..2026-02-09", "2026-02-15..2026-02-28", "2026-03-01..2026-03-19"],
        )
        self.assertEqual(planned(pieces(line, LATE))[1:3], ["2026-02-01", "2026-02-15"])

    def test_pieces_when_pauses_overlap_or_are_empty_then_the_days_of_any(self):
        for pauses in (
            [("2026-01-20", "2026-03-10"), ("2026-01-10", "2026-02-01")],
            [("2026-01-10", "2026-01-31"), ("2026-02-01", "2026-03-10"), ("2026-02-05", "2026-02-04")],
        ):
            line = terms("2026-01-01", "2026-03-31", pauses=pauses)
            self.assertEqual(days_of(pieces(line, LATE)), ["2026-01-01..2026-01-09", "2026-03-11..2026-03-31"])

    def test_pieces_when_paused_without_end_then_only_those_before(self):
        line = terms("2026-01-01", pauses=[("2026-02-10", None)])
        self.assertEqual(days_of(pieces(line, LATE)), ["2026-01-01..2026-01-31", "2026-02-01..2026-02-09"])

    def test_pieces_when_a_period_has_begun_by_the_horizon_then_whole(self):
        line = terms("2026-01-15")
        self.assertEqual(days_of(pieces(line, day("2026-02-14"))), ["2026-01-15..2026-02-14"])
        self.assertEqual(len(list(pieces(line, day("2026-02-15")))), 2)
        self.assertEqual(list(pieces(line, day("2026-01-14"))), [])

    def test_pieces_when_billed_elsewhere_before_a_day_then_periods_that_begin_on_or_after_it(self):
        for bill_from, expected in (
            ("2026-02-01", "2026-02-01"), ("2026-02-02", "2026-03-01"), ("2020-01-01", "2026-01-01"),
        ):
            line = terms("2026-01-01", "2026-03-31", bill_from=bill_from)
            self.assertEqual(next(pieces(line, LATE)).start, day(expected))
        self.assertEqual(list(pieces(terms("2026-01-01", "2026-03-31", bill_from="2026-04-01"), LATE)), [])

    def test_pieces_of_a_one_off_line_are_one_from_its_start_to_its_own_end(self):
        for end, billing, expected in (
            (None, ADVANCE, ("2026-03-05", "2026-03-05", "2026-03-05")),
            (None, ARREARS, ("2026-03-05", "2026-03-05", "2026-03-06")),
            ("2026-06-30", ADVANCE, ("2026-03-05", "2026-06-30", "2026-03-05")),
            ("2026-06-30", ARREARS, ("2026-03-05", "2026-06-30", "2026-07-01")),
        ):
            line = terms("2026-03-05", end, "once", 0, billing, "2026-01-31", pauses=[("2026-03-01", None)])
            (piece,) = pieces(line, LATE)
            self.assertEqual((piece.start, piece.end, piece.planned), tuple(map(day, expected)))
            self.assertEqual((piece.begin, piece.finish, piece.share), (0, 1, 1.0))
        self.assertEqual(list(pieces(terms("2026-03-05", "2026-03-04", "once"), LATE)), [])
        self.assertEqual(list(pieces(terms("2026-03-05", None, "once"), day("2026-03-04"))), [])
        self.assertEqual(list(pieces(terms("2026-03-05", None, "once", bill_from="2026-03-06"), LATE)), [])


class TestShares(BaseCase):
    def shares(self, line):
        return [piece.finish - piece.begin for piece in pieces(line, LATE)]

    def test_shares_by_days_as_the_peers(self):
        # PEERS 3.6
        for start, end, anchor, expected in (
            ("2018-01-05", "2018-02-04", None, "1"),
            ("2018-02-01", "2018-02-25", "2018-01-01", "25/28"),
            ("2018-01-05", "2018-01-31", "2018-01-01", "27/31"),
            ("2018-01-01", "2018-01-31", "2018-01-01", "1"),
            ("2018-01-31", "2018-01-31", "2018-01-01", "1/31"),
            ("2018-02-01", "2018-02-14", "2018-01-01", "1/2"),
            ("2018-02-15", "2018-02-28", "2018-01-01", "1/2"),
            ("2018-04-16", "2018-04-30", "2018-01-01", "1/2"),
        ):
            self.assertEqual(self.shares(terms(start, end, anchor=anchor)), [Fraction(expected)], (start, end))

    def test_shares_when_a_peer_joins_periods_then_each_by_its_own_days(self):
        # PEERS 3.6: OCA measures all the days by the last period (1.035, 1.48, 2.53, 1.566).
        for start, end, anchor, expected in (
            ("2018-01-31", "2018-02-28", "2018-01-01", ["1/31", "1"]),
            ("2018-03-15", "2018-04-29", "2018-04-30", ["15/30", "1"]),
            ("2018-03-15", "2018-05-29", "2018-04-30", ["15/30", "1", "1"]),
            ("2018-03-15", "2018-04-30", "2018-01-01", ["17/31", "1"]),
        ):
            self.assertEqual(self.shares(terms(start, end, anchor=anchor)), [Fraction(part) for part in expected])

    def test_shares_of_the_first_and_last_piece_by_each_method(self):
        for start, end, days, days30 in (
            ("2018-08-18", "2018-08-31", "14/31", "14/30"),
            ("2018-08-01", "2018-08-18", "18/31", "18/30"),
            ("2018-08-18", "2018-08-20", "3/31", "3/30"),
            ("2018-08-02", "2018-08-31", "30/31", "1"),
            ("2018-08-01", "2018-08-30", "30/31", "1"),
            ("2018-02-15", "2018-02-28", "14/28", "14/30"),
            ("2018-02-01", "2018-02-27", "27/28", "27/30"),
            ("2018-02-02", "2018-02-28", "27/28", "27/30"),
            ("2018-02-01", "2018-02-28", "1", "1"),
            ("2024-02-29", "2024-02-29", "1/29", "1/30"),
        ):
            for method, expected in (("none", "1"), ("days", days), ("days30", days30)):
                line = terms(start, end, anchor="2018-01-01", method=method)
                self.assertEqual(self.shares(line), [Fraction(expected)], (start, end, method))

    def test_shares_by_30_days_of_longer_periods_count_whole_months(self):
        for start, end, unit, interval, expected in (
            ("2018-08-18", "2018-10-31", "month", 3, "74/90"),
            ("2018-08-01", "2018-10-15", "month", 3, "75/90"),
            ("2018-09-01", "2018-10-31", "month", 3, "60/90"),
            ("2018-08-18", "2018-09-30", "month", 3, "44/90"),
            ("2018-08-18", "2018-09-29", "month", 3, "43/90"),
            ("2018-08-18", "2018-10-02", "month", 3, "46/90"),
            ("2019-03-01", "2019-07-31", "year", 1, "5/12"),
            ("2018-08-01", "2019-02-28", "year", 1, "7/12"),
        ):
            line = terms(start, end, unit, interval, anchor="2018-08-01", method="days30")
            self.assertEqual(self.shares(line), [Fraction(expected)], (start, end))

    def test_shares_by_30_days_when_the_anchor_is_at_a_month_end_then_by_its_months(self):
        for start, end, expected in (
            ("2018-02-28", "2018-03-30", ["1"]),
            ("2018-02-28", "2018-03-28", ["29/30"]),
            ("2018-01-31", "2018-03-30", ["1", "1"]),
            ("2018-03-31", "2018-04-29", ["1"]),
        ):
            line = terms(start, end, anchor="2018-01-31", method="days30")
            self.assertEqual(self.shares(line), [Fraction(part) for part in expected], (start, end))

    def test_shares_by_30_days_of_periods_counted_in_days_are_by_their_days(self):
        for unit, interval, expected in (("week", 1, "3/7"), ("day", 10, "3/10")):
            line = terms("2018-08-01", "2018-08-03", unit, interval, method="days30")
            self.assertEqual(self.shares(line), [Fraction(expected)])

    def test_shares_when_a_pause_cuts_a_period_then_of_the_served_days(self):
        pauses = [("2018-08-11", "2018-08-20")]
        for method, expected in (
            ("none", ["1", "0"]), ("days", ["10/31", "11/31"]), ("days30", ["10/30", "10/30"]),
        ):
            line = terms("2018-08-01", "2018-08-31", pauses=pauses, method=method)
            self.assertEqual(self.shares(line), [Fraction(part) for part in expected], method)

    def test_shares_when_a_pause_hides_the_begin_of_a_period_then_service_begins_after_it(self):
        for continues in (False, True):
            for method, expected in (("none", "1"), ("days", "14/31"), ("days30", "14/30")):
                line = terms(
                    "2018-07-01", "2018-08-31", pauses=[("2018-07-20", "2018-08-17")], method=method,
                    continues=continues,
                )  # fmt: skip
                self.assertEqual(self.shares(line)[-1], Fraction(expected), (method, continues))

    def test_shares_when_a_line_continues_another_then_the_rest_of_the_period(self):
        for method, expected in (("none", "0"), ("days", "14/31"), ("days30", "13/30")):
            line = terms("2018-08-18", "2018-08-31", anchor="2018-08-01", method=method, continues=True)
            self.assertEqual(self.shares(line), [Fraction(expected)], method)
        for method in METHODS:
            line = terms("2018-08-01", "2018-08-31", method=method, continues=True)
            self.assertEqual(self.shares(line), [1], method)

    def test_shares_when_nobody_served_the_begin_of_the_period_then_a_line_that_continues_begins_it(self):
        for pause_end, expected in (("2018-08-17", 1), ("2018-08-20", 1), ("2018-08-09", 0)):
            line = terms(
                "2018-08-18", "2018-08-31", anchor="2018-08-01", pauses=[("2018-07-01", pause_end)], method="none",
                continues=True,
            )  # fmt: skip
            self.assertEqual(self.shares(line), [expected], pause_end)

    def test_contract_value_of_the_published_example(self):
        # KPI 2.8, 24 (Zuora): 35 a month from 18 August to 31 December 2018.
        for interval, method, expected in ((1, "days", "155.81"), (1, "days30", "156.33"), (5, "days30", "156.33")):
            line = terms("2018-08-18", "2018-12-31", "month", interval, anchor="2018-08-01", method=method)
            rows = plan_of(line, 35 * interval)
            self.assertEqual(sum(row.amount for row in rows), Decimal(expected), (interval, method))

    def test_term_from_29_february_of_the_published_example(self):
        # KPI 2.8, 31
        found = days_of(pieces(terms("2024-02-29", "2028-02-29", "year"), LATE))
        self.assertEqual(found[0], "2024-02-29..2025-02-27")
        self.assertEqual(found[-2:], ["2027-02-28..2028-02-28", "2028-02-29..2028-02-29"])


class TestAmount(BaseCase):
    def test_amount_when_cut_in_three_then_the_cents_add_up(self):
        thirds = [Fraction(k, 3) for k in range(4)]
        for whole, rounding, expected in (
            ("100", "0.01", "33.33 33.34 33.33"),
            ("-100", "0.01", "-33.33 -33.34 -33.33"),
            ("0.01", "0.01", "0.00 0.01 0.00"),
            ("100", "1", "33 34 33"),
            ("100", "0.05", "33.35 33.30 33.35"),
            ("1000", "0.001", "333.333 333.334 333.333"),
            ("0", "0.01", "0.00 0.00 0.00"),
        ):
            found = [amount(Decimal(whole), *part, Decimal(rounding)) for part in pairwise(thirds)]
            self.assertEqual(found, [Decimal(part) for part in expected.split()], (whole, rounding))

    def test_amount_when_half_a_cent_then_away_from_zero(self):
        for whole, expected in (("0.01", "0.01"), ("-0.01", "-0.01"), ("0.05", "0.03"), ("-2.05", "-1.03")):
            self.assertEqual(amount(Decimal(whole), Fraction(0), Fraction(1, 2), CENT), Decimal(expected))

    def test_amount_when_huge_then_exact(self):
        whole = Decimal("123456789012345678.91")
        self.assertEqual(amount(whole, Fraction(0), Fraction(1), CENT), whole)

    def test_amount_when_the_rounding_is_not_above_zero_then_refused(self):
        for rounding in ("0", "-0.01"):
            with self.assertRaises(ValueError):
                amount(Decimal(1), Fraction(0), Fraction(1), Decimal(rounding))
