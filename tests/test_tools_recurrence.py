"""Terms, notice, recurrences and values of ``tools.recurrence``."""

from datetime import date, timedelta
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.recurrence import (
    calendar_months,
    earliest_end,
    last_day,
    monthly_amount,
    notice_deadline,
    occurrences,
    step,
    total_value,
    unit_months,
)

UNITS = ("day", "week", "month", "year")
AUGUST, DECEMBER = date(2018, 8, 18), date(2018, 12, 31)

days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
units = st.sampled_from(UNITS)
intervals = st.integers(1, 40)
amounts = st.integers(0, 10**6).map(float)
laws = settings(database=None, deadline=None)


def day(text):
    return date.fromisoformat(text)


def dates(anchor, unit, interval, number):
    """The first dates of a recurrence after its anchor."""
    found = occurrences(day(anchor), unit, interval, date.min, date.max)
    return [str(when) for _k, when in islice(found, 1, 1 + number)]


class TestStep(BaseCase):
    def test_step_when_the_day_is_missing_then_the_last_of_the_month(self):
        for anchor, unit, count, expected in (
            ("2026-01-31", "month", 1, "2026-02-28"),
            ("2024-01-31", "month", 1, "2024-02-29"),
            ("2026-01-31", "month", 2, "2026-03-31"),
            ("2026-03-31", "month", -1, "2026-02-28"),
            ("2026-12-31", "month", 2, "2027-02-28"),
            ("2025-11-30", "month", 3, "2026-02-28"),
            ("2024-02-29", "year", 1, "2025-02-28"),
            ("2024-02-29", "year", 4, "2028-02-29"),
            ("2024-02-29", "year", -24, "2000-02-29"),
            ("1896-02-29", "year", 4, "1900-02-28"),
            ("2024-02-28", "day", 1, "2024-02-29"),
            ("2026-12-29", "week", 1, "2027-01-05"),
            ("2026-12-31", "day", 0, "2026-12-31"),
            ("2026-01-01", "day", -1, "2025-12-31"),
        ):
            self.assertEqual(step(day(anchor), unit, count), day(expected), (anchor, unit, count))

    def test_step_when_repeated_from_the_anchor_then_never_drifts(self):
        for anchor, unit, interval, expected in (
            ("2026-01-31", "month", 1, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
            ("2024-01-30", "month", 1, ["2024-02-29", "2024-03-30", "2024-04-30"]),
            ("2024-02-29", "year", 1, ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
            ("2025-11-30", "month", 3, ["2026-02-28", "2026-05-30", "2026-08-30"]),
            ("2025-08-31", "month", 6, ["2026-02-28", "2026-08-31", "2027-02-28", "2027-08-31", "2028-02-29"]),
        ):
            self.assertEqual(dates(anchor, unit, interval, len(expected)), expected)

    def test_step_when_the_unit_is_unknown_then_refused(self):
        for unit in ("once", "none", "days", "", None):
            with self.assertRaisesRegex(ValueError, "Unknown unit"):
                step(AUGUST, unit, 1)

    def test_step_when_out_of_the_calendar_then_told_so(self):
        for anchor, unit, count in (
            (date.max, "day", 1), (date.min, "day", -1), (AUGUST, "week", 10**9), (AUGUST, "day", 10**30),
            (date.max, "month", 1), (AUGUST, "year", 8000), (AUGUST, "year", -2018), (AUGUST, "month", 10**30),
        ):
            with self.assertRaisesRegex(OverflowError, "Out of the calendar"):
                step(anchor, unit, count)


class TestTerm(BaseCase):
    def test_last_day_is_the_day_before_the_next_term(self):
        for start, months, expected in (
            ("2026-01-01", 12, "2026-12-31"),
            ("2026-01-15", 1, "2026-02-14"),
            ("2023-03-01", 12, "2024-02-29"),
            ("2024-02-29", 12, "2025-02-27"),
            ("2024-02-29", 48, "2028-02-28"),
            ("2026-01-31", 1, "2026-02-27"),
            ("2026-01-31", 2, "2026-03-30"),
        ):
            self.assertEqual(last_day(day(start), months), day(expected), (start, months))

    def test_last_day_when_there_is_no_month_then_refused(self):
        for months in (0, -1):
            with self.assertRaises(ValueError):
                last_day(AUGUST, months)

    @laws
    @given(days, st.integers(1, 600))
    def test_last_day_when_a_term_follows_then_neither_gap_nor_overlap(self, start, months):
        self.assertEqual(last_day(start, months) + timedelta(days=1), step(start, "month", months))
        self.assertGreater(last_day(start, months + 1), last_day(start, months))


class TestNotice(BaseCase):
    def test_notice_deadline_counts_back_from_the_end(self):
        for end, count, unit, expected in (
            ("2026-12-31", 3, "month", "2026-09-30"),
            ("2026-12-31", 90, "day", "2026-10-02"),
            ("2026-05-31", 3, "month", "2026-02-28"),
            ("2024-05-31", 3, "month", "2024-02-29"),
            ("2026-06-30", 3, "month", "2026-03-30"),
            ("2024-02-29", 1, "year", "2023-02-28"),
            ("2026-01-15", 2, "week", "2026-01-01"),
            ("2026-12-31", 0, "month", "2026-12-31"),
            ("2026-12-31", 0, "day", "2026-12-31"),
        ):
            self.assertEqual(notice_deadline(day(end), count, unit), day(expected), (end, count, unit))

    def test_notice_when_negative_or_of_an_unknown_unit_then_refused(self):
        for count, unit in ((-1, "day"), (1, "once")):
            with self.assertRaises(ValueError):
                notice_deadline(DECEMBER, count, unit)
            with self.assertRaises(ValueError):
                earliest_end(DECEMBER, count, unit)

    def test_earliest_end_is_notice_from_today(self):
        for today, count, unit, minimum_end, expected in (
            ("2026-09-30", 3, "month", None, "2026-12-30"),
            ("2026-11-30", 3, "month", None, "2027-02-28"),
            ("2026-10-02", 90, "day", None, "2026-12-31"),
            ("2026-10-02", 0, "day", None, "2026-10-02"),
            ("2026-10-02", 30, "day", "2026-10-31", "2026-11-01"),
            ("2026-10-02", 30, "day", "2027-10-15", "2027-10-15"),
        ):
            end = earliest_end(day(today), count, unit, minimum_end and day(minimum_end))
            self.assertEqual(end, day(expected), (today, count, unit, minimum_end))

    def test_earliest_end_when_to_the_end_of_a_month_then_the_day_of_notice_does_not_matter(self):
        for today in ("2026-01-01", "2026-01-02", "2026-01-30", "2026-01-31"):
            self.assertEqual(earliest_end(day(today), 2, "month", month_end=True), day("2026-03-31"))
        for today, count, unit, expected in (
            ("2026-01-30", 1, "month", "2026-02-28"),
            ("2024-01-02", 1, "month", "2024-02-29"),
            ("2026-01-15", 0, "month", "2026-01-31"),
            ("2026-01-15", 30, "day", "2026-02-28"),
        ):
            self.assertEqual(earliest_end(day(today), count, unit, month_end=True), day(expected))

    def test_earliest_end_when_the_minimum_term_is_longer_then_its_own_last_day(self):
        self.assertEqual(earliest_end(day("2026-01-02"), 2, "month", day("2026-07-14"), True), day("2026-07-14"))
        self.assertEqual(earliest_end(day("2026-01-02"), 2, "month", day("2026-03-14"), True), day("2026-03-31"))

    @laws
    @given(days, st.integers(0, 400), units)
    def test_notice_deadline_when_met_then_the_contract_can_end_in_time(self, end, count, unit):
        deadline = notice_deadline(end, count, unit)
        self.assertLessEqual(deadline, end)
        self.assertLessEqual(earliest_end(deadline, count, unit), end)

    @laws
    @given(days, st.integers(0, 400), units)
    def test_notice_deadline_when_missed_by_four_days_then_too_late(self, end, count, unit):
        self.assertGreater(earliest_end(notice_deadline(end, count, unit) + timedelta(days=4), count, unit), end)

    @laws
    @given(days, st.integers(0, 400), units, st.none() | days)
    def test_earliest_end_when_to_the_end_of_a_month_then_never_sooner(self, today, count, unit, minimum_end):
        plain = earliest_end(today, count, unit, minimum_end)
        later = earliest_end(today, count, unit, minimum_end, month_end=True)
        self.assertLessEqual(today, plain)
        self.assertLessEqual(plain, later)
        self.assertLess(later, plain + timedelta(days=31))
        self.assertTrue(later == minimum_end or (later + timedelta(days=1)).day == 1)


class TestOccurrences(BaseCase):
    def found(self, anchor, unit, interval, first, last):
        return [(k, str(when)) for k, when in occurrences(day(anchor), unit, interval, day(first), day(last))]

    def test_occurrences_within_a_period_include_both_of_its_ends(self):
        self.assertEqual(
            self.found("2026-01-31", "month", 1, "2026-02-28", "2026-04-30"),
            [(1, "2026-02-28"), (2, "2026-03-31"), (3, "2026-04-30")],
        )
        self.assertEqual(self.found("2026-01-31", "month", 1, "2026-03-01", "2026-03-30"), [])
        self.assertEqual(self.found("2026-01-01", "week", 2, "2026-01-15", "2026-01-15"), [(1, "2026-01-15")])

    def test_occurrences_when_the_period_begins_before_the_anchor_then_from_the_anchor(self):
        self.assertEqual(self.found("2026-01-31", "month", 1, "2020-01-01", "2026-02-01"), [(0, "2026-01-31")])
        self.assertEqual(self.found("2026-01-31", "month", 1, "2020-01-01", "2026-01-30"), [])

    def test_occurrences_when_the_period_is_empty_then_none(self):
        self.assertEqual(self.found("2026-01-31", "day", 1, "2026-03-01", "2026-02-28"), [])

    def test_occurrences_when_the_anchor_is_far_away_then_not_walked_there(self):
        # Day by day this would be 3.6 million steps; each call would take seconds.
        for _ in range(1000):
            found = list(occurrences(date.min, "day", 1, date(9999, 12, 30), date.max))
        self.assertEqual(found, [(3652057, date(9999, 12, 30)), (3652058, date.max)])

    def test_occurrences_when_the_calendar_ends_then_they_end_with_it(self):
        for unit, expected in (("day", 31), ("week", 5), ("month", 1), ("year", 1)):
            self.assertEqual(len(list(occurrences(date(9999, 12, 1), unit, 1, date.min, date.max))), expected)

    def test_occurrences_when_refused_then_at_once(self):
        for unit, interval in (("month", 0), ("month", -1), ("once", 1)):
            with self.assertRaises(ValueError):
                occurrences(AUGUST, unit, interval, AUGUST, DECEMBER)

    @laws
    @given(days, units, intervals, st.integers(-2000, 2000), st.integers(-5, 1500))
    def test_occurrences_are_those_that_a_walk_from_the_anchor_meets(self, anchor, unit, interval, offset, length):
        first = anchor + timedelta(days=offset)
        last = first + timedelta(days=length)
        walk = ((k, step(anchor, unit, k * interval)) for k in range(4000))
        expected = []
        for k, when in walk:
            if when > max(first, last):
                break
            if first <= when <= last:
                expected.append((k, when))
        self.assertEqual(list(occurrences(anchor, unit, interval, first, last)), expected)

    @laws
    @given(days, units, intervals, st.integers(0, 900), st.integers(0, 900))
    def test_occurrences_when_a_period_is_cut_in_two_then_each_falls_into_one_part(
        self, anchor, unit, interval, one, other
    ):
        middle, end = (anchor + timedelta(days=number) for number in sorted((one, other)))
        left = list(occurrences(anchor, unit, interval, anchor, middle))
        right = list(occurrences(anchor, unit, interval, middle + timedelta(days=1), end))
        self.assertEqual(left + right, list(occurrences(anchor, unit, interval, anchor, end)))
        self.assertEqual([k for k, _when in left + right], list(range(len(left + right))))


class TestValue(BaseCase):
    def test_monthly_amount_of_published_examples(self):
        for amount, unit, interval, expected in (
            (2000, "year", 1, 166.67),
            (90, "month", 3, 30),
            (1200, "year", 1, 100),
            (300, "month", 3, 100),
            (100, "week", 1, 434.82),
            (60, "month", 2, 30),
            (120, "year", 1, 10),
            (10, "day", 1, 304.375),
            (10, "day", 7, 43.48),
            (2400, "year", 2, 100),
            (500, "once", 1, 0),
            (500, "once", 0, 0),
        ):
            self.assertAlmostEqual(monthly_amount(amount, unit, interval), expected, 2, (amount, unit, interval))

    def test_monthly_amount_when_not_a_period_then_refused(self):
        for unit, interval in (("month", 0), ("year", -1), ("none", 1)):
            with self.assertRaises(ValueError):
                monthly_amount(10, unit, interval)

    def test_unit_months_measures_every_unit_in_months(self):
        for unit, count, expected in (
            ("day", 30.4375, 1), ("day", 7, 7 / 30.4375), ("week", 1, 7 / 30.4375), ("month", 3, 3), ("year", 2, 24),
        ):
            self.assertAlmostEqual(unit_months(unit, count), expected)
        with self.assertRaises(ValueError):
            unit_months("once", 1)

    def test_calendar_months_count_started_months_by_their_days(self):
        for start, end, expected in (
            (AUGUST, DECEMBER, 4 + 14 / 31),
            (day("2026-01-01"), day("2026-12-31"), 12),
            (day("2024-02-01"), day("2024-02-29"), 1),
            (day("2024-02-29"), day("2024-02-29"), 1 / 29),
            (day("2026-02-10"), day("2026-02-19"), 10 / 28),
            (day("2026-01-15"), day("2026-02-14"), 17 / 31 + 14 / 28),
            (day("2025-12-31"), day("2026-01-01"), 2 / 31),
            (DECEMBER, AUGUST, 0),
            (day("2026-02-02"), day("2026-02-01"), 0),
        ):
            self.assertAlmostEqual(calendar_months(start, end), expected, 12, (start, end))

    def test_calendar_months_when_priced_then_the_published_contract_value(self):
        self.assertAlmostEqual(35 * calendar_months(AUGUST, DECEMBER), 155.81, 2)

    def test_total_value_counts_whole_periods_and_the_days_of_the_last_one(self):
        for amount, unit, interval, start, end, expected in (
            (100, "month", 1, "2026-01-01", "2026-12-31", 1200),
            (100, "month", 1, "2026-01-15", "2026-02-14", 100),
            (100, "month", 1, "2026-01-01", "2026-02-14", 150),
            (100, "month", 1, "2026-03-01", "2026-03-10", 100 * 10 / 31),
            (100, "month", 1, "2026-01-15", "2026-02-10", 100 * 27 / 31),
            (100, "month", 1, "2026-01-31", "2026-02-27", 100),
            (100, "month", 1, "2026-01-31", "2026-02-28", 100 + 100 / 31),
            (100, "month", 1, "2026-01-31", "2026-03-30", 200),
            (300, "month", 3, "2026-01-01", "2026-12-31", 1200),
            (365, "year", 1, "2026-01-01", "2026-03-31", 90),
            (366, "year", 1, "2024-01-01", "2024-02-29", 60),
            (1200, "year", 1, "2024-02-29", "2025-02-27", 1200),
            (70, "week", 1, "2026-01-01", "2026-01-10", 100),
            (5, "day", 1, "2024-02-01", "2024-02-29", 145),
            (100, "month", 1, "2026-01-02", "2026-01-01", 0),
            (100, "month", 1, "2026-03-02", "2026-01-01", 0),
            (100, "day", 1, "2026-01-09", "2026-01-01", 0),
            (500, "once", 1, "2026-01-01", "2026-12-31", 500),
            (500, "once", 0, "2026-01-01", "2026-01-01", 500),
        ):
            value = total_value(amount, unit, interval, day(start), day(end))
            self.assertAlmostEqual(value, expected, 9, (amount, unit, interval, start, end))

    def test_total_value_when_not_a_period_then_refused(self):
        for unit, interval in (("month", 0), ("year", -1), ("none", 1)):
            for start, end in ((AUGUST, DECEMBER), (DECEMBER, AUGUST)):
                with self.assertRaises(ValueError):
                    total_value(10, unit, interval, start, end)

    def test_total_value_when_the_last_period_leaves_the_calendar_then_told_so(self):
        with self.assertRaises(OverflowError):
            total_value(10, "year", 1, AUGUST, date.max)

    @laws
    @given(amounts, units, intervals, days, st.integers(1, 40))
    def test_total_value_of_whole_periods_is_their_number_times_the_price(self, amount, unit, interval, start, number):
        end = step(start, unit, number * interval) - timedelta(days=1)
        self.assertEqual(total_value(amount, unit, interval, start, end), amount * number)

    @laws
    @given(amounts, units, intervals, days, st.integers(-5, 4000))
    def test_total_value_when_a_day_is_added_then_never_less_and_at_most_a_period_more(
        self, amount, unit, interval, start, length
    ):
        end = start + timedelta(days=length)
        less = total_value(amount, unit, interval, start, end)
        more = total_value(amount, unit, interval, start, end + timedelta(days=1))
        self.assertGreaterEqual(less, 0)
        self.assertLessEqual(less, more)
        self.assertLessEqual(more - less, amount * (1 + 1e-9))

    @laws
    @given(days, st.integers(0, 4000), st.integers(0, 4000))
    def test_calendar_months_when_a_period_is_cut_in_two_then_the_parts_add_up(self, start, one, other):
        middle, end = (start + timedelta(days=number) for number in sorted((one, other)))
        parts = calendar_months(start, middle) + calendar_months(middle + timedelta(days=1), end)
        self.assertAlmostEqual(parts, calendar_months(start, end), 9)

    @laws
    @given(amounts, intervals, days, st.integers(1, 100))
    def test_monthly_amount_over_whole_months_is_the_total_value(self, amount, interval, start, periods):
        value = total_value(amount, "month", interval, start, last_day(start, periods * interval))
        self.assertAlmostEqual(monthly_amount(amount, "month", interval) * periods * interval, value, 4)
