"""Weeks, months, quarters and fiscal years of ``tools.kpi_periods``."""

from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase
from odoo.tools import date_utils

from ..tools.kpi_periods import (
    KINDS,
    MONTH,
    QUARTER,
    WEEK,
    YEAR,
    Period,
    bounds,
    elapsed,
    iso_week,
    period_of,
    periods,
    shift,
    year_start_of,
)

DAY = timedelta(days=1)
#: Zones with hours of summer time that begin at midnight, at odd minutes or not at all, and a day that never was.
ZONES = (
    "UTC", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "America/Havana", "America/St_Johns",
    "Asia/Beirut", "Asia/Kathmandu", "Asia/Tehran", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham",
)

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
kinds = st.sampled_from(KINDS)
year_starts = st.tuples(st.integers(1, 12), st.integers(1, 31))
laws = settings(database=None, deadline=None)


def day(text):
    return date.fromisoformat(text)


def instant(text):
    return datetime.fromisoformat(text)


def span(kind, when, year_start=(1, 1)):
    found = period_of(kind, day(when), year_start)
    return f"{found.start}..{found.end}"


def starts(kind, first, last, year_start=(1, 1)):
    return " ".join(str(found.start) for found in periods(kind, day(first), day(last), year_start))


class TestPeriodOf(BaseCase):
    def test_period_of_a_day_when_years_begin_in_january_then_that_of_the_calendar(self):
        for kind, when, expected in (
            (WEEK, "2026-01-05", "2026-01-05..2026-01-11"),
            (WEEK, "2026-01-11", "2026-01-05..2026-01-11"),
            (WEEK, "2026-01-01", "2025-12-29..2026-01-04"),
            (WEEK, "1999-12-31", "1999-12-27..2000-01-02"),
            (WEEK, "2024-02-29", "2024-02-26..2024-03-03"),
            (MONTH, "2024-02-29", "2024-02-01..2024-02-29"),
            (MONTH, "2025-02-28", "2025-02-01..2025-02-28"),
            (MONTH, "1900-02-28", "1900-02-01..1900-02-28"),
            (MONTH, "2026-12-31", "2026-12-01..2026-12-31"),
            (QUARTER, "2026-03-31", "2026-01-01..2026-03-31"),
            (QUARTER, "2026-04-01", "2026-04-01..2026-06-30"),
            (QUARTER, "2026-12-31", "2026-10-01..2026-12-31"),
            (YEAR, "2026-01-01", "2026-01-01..2026-12-31"),
            (YEAR, "2024-12-31", "2024-01-01..2024-12-31"),
        ):
            self.assertEqual(span(kind, when), expected, (kind, when))

    def test_period_of_a_day_when_years_begin_on_another_day_then_that_of_the_fiscal_year(self):
        for kind, when, year_start, expected in (
            (YEAR, "2026-04-05", (4, 6), "2025-04-06..2026-04-05"),
            (YEAR, "2026-04-06", (4, 6), "2026-04-06..2027-04-05"),
            (QUARTER, "2026-04-05", (4, 6), "2026-01-06..2026-04-05"),
            (QUARTER, "2026-07-05", (4, 6), "2026-04-06..2026-07-05"),
            (YEAR, "2024-02-29", (3, 1), "2023-03-01..2024-02-29"),
            (QUARTER, "2025-02-28", (3, 1), "2024-12-01..2025-02-28"),
            (QUARTER, "2026-01-15", (12, 1), "2025-12-01..2026-02-28"),
            (YEAR, "2026-01-15", (12, 31), "2025-12-31..2026-12-30"),
            # A year from 29 February begins on the 28th where there is no 29th, its quarters on the 29th.
            (YEAR, "2023-02-28", (2, 29), "2023-02-28..2024-02-28"),
            (YEAR, "2024-02-29", (2, 29), "2024-02-29..2025-02-27"),
            (QUARTER, "2024-02-28", (2, 29), "2023-11-29..2024-02-28"),
            (QUARTER, "2025-05-28", (2, 29), "2025-02-28..2025-05-28"),
            # Weeks and months know no fiscal year.
            (MONTH, "2026-04-05", (4, 6), "2026-04-01..2026-04-30"),
            (WEEK, "2026-04-05", (4, 6), "2026-03-30..2026-04-05"),
        ):
            self.assertEqual(span(kind, when, year_start), expected, (kind, when, year_start))

    def test_quarters_when_years_begin_at_a_month_end_then_none_drifts(self):
        for year_start, expected in (
            ((5, 31), "2023-05-31 2023-08-31 2023-11-30 2024-02-29 2024-05-31 2024-08-31 2024-11-30 2025-02-28"),
            ((8, 31), "2023-05-31 2023-08-31 2023-11-30 2024-02-29 2024-05-31 2024-08-31 2024-11-30 2025-02-28"),
            ((11, 30), "2023-05-30 2023-08-30 2023-11-30 2024-02-29 2024-05-30 2024-08-30 2024-11-30 2025-02-28"),
            ((2, 29), "2023-05-29 2023-08-29 2023-11-29 2024-02-29 2024-05-29 2024-08-29 2024-11-29 2025-02-28"),
            ((1, 29), "2023-04-29 2023-07-29 2023-10-29 2024-01-29 2024-04-29 2024-07-29 2024-10-29 2025-01-29"),
        ):
            first = expected.split()[0]
            self.assertEqual(starts(QUARTER, first, "2025-03-15", year_start), expected, year_start)

    def test_period_when_the_kind_or_the_day_of_the_year_is_none_then_refused(self):
        for kind, year_start in (
            ("day", (1, 1)), ("", (1, 1)), (YEAR, (0, 1)), (YEAR, (13, 1)), (QUARTER, (1, 0)), (QUARTER, (1, 32)),
        ):
            with self.subTest(kind=kind, year_start=year_start):
                with self.assertRaises(ValueError):
                    period_of(kind, day("2026-01-01"), year_start)
                with self.assertRaises(ValueError):
                    periods(kind, day("2026-01-02"), day("2026-01-01"), year_start)
                with self.assertRaises(ValueError):
                    shift(Period(kind, day("2026-01-01"), day("2026-01-31")), 1, year_start)

    def test_period_when_it_leaves_the_calendar_then_told_so(self):
        for kind, when, year_start in (
            (WEEK, date.max, (1, 1)), (MONTH, date.max, (1, 1)), (YEAR, date.max, (1, 1)), (YEAR, date.min, (4, 6)),
        ):
            with self.assertRaises(OverflowError):
                period_of(kind, when, year_start)

    @laws
    @given(kinds, days, year_starts)
    def test_period_of_a_day_holds_the_day_and_all_of_its_days_are_of_it(self, kind, when, year_start):
        found = period_of(kind, when, year_start)
        self.assertLessEqual(found.start, when)
        self.assertLessEqual(when, found.end)
        self.assertEqual(period_of(kind, found.start, year_start), found)
        self.assertEqual(period_of(kind, found.end, year_start), found)

    @laws
    @given(kinds, days, year_starts)
    def test_period_has_the_days_of_its_kind(self, kind, when, year_start):
        found = period_of(kind, when, year_start)
        least, most = {WEEK: (7, 7), MONTH: (28, 31), QUARTER: (89, 93), YEAR: (364, 367)}[kind]
        length = (found.end - found.start).days + 1
        self.assertTrue(least <= length <= most, (found, length))
        if kind == WEEK:
            self.assertEqual(found.start.isoweekday(), 1)

    @laws
    @given(days, year_starts)
    def test_fiscal_year_when_cut_into_quarters_then_exactly_four(self, when, year_start):
        year = period_of(YEAR, when, year_start)
        quarters = periods(QUARTER, year.start, year.end, year_start)
        self.assertEqual(len(quarters), 4)
        self.assertEqual((quarters[0].start, quarters[-1].end), (year.start, year.end))

    @laws
    @given(days)
    def test_fiscal_year_when_it_begins_in_january_then_twelve_whole_months(self, when):
        year = period_of(YEAR, when)
        months = periods(MONTH, year.start, year.end)
        self.assertEqual([month.start.month for month in months], list(range(1, 13)))
        self.assertEqual((months[0].start, months[-1].end), (year.start, year.end))


class TestPeriods(BaseCase):
    def test_periods_are_those_that_share_a_day_with_the_stretch(self):
        for kind, first, last, expected in (
            (MONTH, "2026-01-31", "2026-02-01", "2026-01-01 2026-02-01"),
            (MONTH, "2026-01-31", "2026-01-31", "2026-01-01"),
            (MONTH, "2025-11-30", "2026-01-01", "2025-11-01 2025-12-01 2026-01-01"),
            (WEEK, "2026-01-04", "2026-01-12", "2025-12-29 2026-01-05 2026-01-12"),
            (QUARTER, "2025-12-31", "2026-01-01", "2025-10-01 2026-01-01"),
            (YEAR, "2024-06-01", "2026-06-01", "2024-01-01 2025-01-01 2026-01-01"),
            (MONTH, "2026-02-01", "2026-01-31", ""),
            (MONTH, "2026-01-02", "2026-01-01", ""),
        ):
            self.assertEqual(starts(kind, first, last), expected, (kind, first, last))

    @laws
    @given(kinds, days, st.integers(0, 2000), year_starts)
    def test_periods_when_many_then_they_tile_the_days(self, kind, first, length, year_start):
        last = first + timedelta(days=length)
        found = periods(kind, first, last, year_start)
        self.assertTrue(found[0].start <= first <= found[0].end)
        self.assertTrue(found[-1].start <= last <= found[-1].end)
        for one, following in pairwise(found):
            self.assertEqual(one.end + DAY, following.start)

    @laws
    @given(kinds, days, st.integers(-60, 60), year_starts)
    def test_shift_when_undone_then_the_same_period(self, kind, when, steps, year_start):
        found = period_of(kind, when, year_start)
        self.assertEqual(shift(shift(found, steps, year_start), -steps, year_start), found)

    @laws
    @given(kinds, days, st.integers(0, 60), year_starts)
    def test_shift_when_forward_then_as_many_periods_later(self, kind, when, steps, year_start):
        found = period_of(kind, when, year_start)
        later = shift(found, steps, year_start)
        self.assertEqual(len(periods(kind, found.start, later.end, year_start)), steps + 1)

    def test_shift_when_across_short_months_then_never_drifts(self):
        for kind, when, steps, year_start, expected in (
            (MONTH, "2026-01-31", 1, (1, 1), "2026-02-01..2026-02-28"),
            (MONTH, "2026-01-31", -1, (1, 1), "2025-12-01..2025-12-31"),
            (MONTH, "2024-02-29", 12, (1, 1), "2025-02-01..2025-02-28"),
            (QUARTER, "2025-02-28", 1, (5, 31), "2025-05-31..2025-08-30"),
            (YEAR, "2023-02-28", 1, (2, 29), "2024-02-29..2025-02-27"),
            (WEEK, "2020-12-31", 1, (1, 1), "2021-01-04..2021-01-10"),
            (WEEK, "2021-01-04", -53, (1, 1), "2019-12-30..2020-01-05"),
        ):
            found = shift(period_of(kind, day(when), year_start), steps, year_start)
            self.assertEqual(f"{found.start}..{found.end}", expected, (kind, when, steps))


class TestElapsed(BaseCase):
    def test_elapsed_counts_the_days_that_are_over_or_running(self):
        for kind, when, today, expected in (
            (WEEK, "2026-01-05", "2026-01-05", 1 / 7),
            (WEEK, "2026-01-05", "2026-01-11", 1),
            (MONTH, "2026-04-01", "2026-04-15", 0.5),
            (MONTH, "2024-02-01", "2024-02-01", 1 / 29),
            (MONTH, "2026-04-01", "2026-03-31", 0),
            (MONTH, "2026-04-01", "2020-01-01", 0),
            (MONTH, "2026-04-01", "2026-05-01", 1),
            (YEAR, "2024-01-01", "2024-06-30", 182 / 366),
        ):
            self.assertEqual(elapsed(period_of(kind, day(when)), day(today)), expected, (kind, when, today))

    @laws
    @given(kinds, days, st.integers(-400, 400), year_starts)
    def test_elapsed_when_a_day_passes_then_never_less_and_within_0_and_1(self, kind, when, offset, year_start):
        found, today = period_of(kind, when, year_start), when + timedelta(days=offset)
        before, after = elapsed(found, today), elapsed(found, today + DAY)
        self.assertTrue(0 <= before <= after <= 1)
        self.assertEqual(before == 0, today < found.start)
        self.assertEqual(before == 1, today >= found.end)


class TestBounds(BaseCase):
    def test_bounds_are_the_midnights_of_the_zone(self):
        for kind, when, zone, start, end in (
            (MONTH, "2026-01-15", "UTC", "2026-01-01 00:00", "2026-02-01 00:00"),
            # Summer time begins or ends within: the hours of the month change, its midnights stay.
            (MONTH, "2026-03-15", "Europe/Paris", "2026-02-28 23:00", "2026-03-31 22:00"),
            (MONTH, "2026-10-15", "Europe/Paris", "2026-09-30 22:00", "2026-10-31 23:00"),
            (WEEK, "2026-03-29", "Europe/Paris", "2026-03-22 23:00", "2026-03-29 22:00"),
            (YEAR, "2026-06-01", "America/New_York", "2026-01-01 05:00", "2027-01-01 05:00"),
            (WEEK, "2026-01-05", "Asia/Kathmandu", "2026-01-04 18:15", "2026-01-11 18:15"),
            # Summer time of São Paulo begins on 4 November 2018 at midnight: that day begins at 1:00.
            (WEEK, "2018-11-04", "America/Sao_Paulo", "2018-10-29 03:00", "2018-11-05 02:00"),
            # Likewise with the first day of a month.
            (MONTH, "1989-10-15", "America/Asuncion", "1989-10-01 04:00", "1989-11-01 03:00"),
            # On 1 November 2020 midnight came twice in Cuba: the first one.
            (MONTH, "2020-11-15", "America/Havana", "2020-11-01 04:00", "2020-12-01 05:00"),
            # 30 December 2011 never was in Samoa, whose clock went from the 29th to the 31st.
            (MONTH, "2011-12-15", "Pacific/Apia", "2011-12-01 10:00", "2011-12-31 10:00"),
        ):
            with self.subTest(kind=kind, when=when, zone=zone):
                self.assertEqual(bounds(period_of(kind, day(when)), zone), (instant(start), instant(end)))

    def test_bounds_when_the_zone_skips_midnight_then_the_first_instant_of_the_day(self):
        for zone, when in (
            ("America/Sao_Paulo", "2018-11-04"), ("America/Asuncion", "2023-10-01"), ("Asia/Beirut", "2024-03-31"),
            ("Africa/Cairo", "2024-04-26"), ("America/Santiago", "2024-09-08"),
        ):
            with self.subTest(zone=zone):
                start, _end = bounds(Period(WEEK, day(when), day(when)), zone)
                local = start.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
                second_before = (start - timedelta(seconds=1)).replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
                self.assertEqual((local.date(), local.hour), (day(when), 1))
                self.assertEqual(second_before.date(), day(when) - DAY)

    def test_bounds_when_the_zone_is_not_known_then_told_so(self):
        with self.assertRaises(ZoneInfoNotFoundError):
            bounds(period_of(MONTH, day("2026-01-01")), "Atlantis/Capital")

    @laws
    @given(kinds, st.dates(date(1970, 1, 2), date(2037, 12, 30)), st.sampled_from(ZONES), year_starts)
    def test_bounds_when_periods_follow_each_other_then_they_share_an_instant(self, kind, when, zone, year_start):
        found = period_of(kind, when, year_start)
        start, end = bounds(found, zone)
        self.assertLess(start, end)
        self.assertEqual(bounds(shift(found, 1, year_start), zone)[0], end)
        self.assertEqual(bounds(shift(found, -1, year_start), zone)[1], start)

    @laws
    @given(kinds, st.datetimes(datetime(1970, 2, 1), datetime(2037, 12, 1)), st.sampled_from(ZONES))
    def test_bounds_hold_the_instants_whose_local_day_is_of_the_period(self, kind, moment, zone):
        local = moment.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
        start, end = bounds(period_of(kind, local.date()), zone)
        self.assertLessEqual(start, moment)
        # Where midnight comes twice, the hour before the second one belongs to the new day.
        twice = local.replace(fold=0).utcoffset() - local.replace(fold=1).utcoffset()
        self.assertLess(moment, end + twice)


class TestYearStart(BaseCase):
    def test_year_start_is_the_day_after_the_last_one(self):
        for last_month, last_day, expected in (
            (12, 31, (1, 1)),
            (2, 28, (3, 1)),
            (2, 29, (3, 1)),
            (2, 31, (3, 1)),
            (2, 27, (2, 28)),
            (4, 5, (4, 6)),
            (4, 30, (5, 1)),
            (4, 31, (5, 1)),
            (1, 30, (1, 31)),
            (12, 30, (12, 31)),
            (11, 31, (12, 1)),
            (6, 99, (7, 1)),
        ):
            self.assertEqual(year_start_of(last_month, last_day), expected, (last_month, last_day))

    def test_year_start_when_there_is_no_such_day_then_refused(self):
        for last_month, last_day in ((0, 1), (13, 1), (-1, 31), (1, 0), (1, -1)):
            with self.assertRaises(ValueError):
                year_start_of(last_month, last_day)

    @laws
    @given(days, st.integers(1, 12), st.integers(1, 31))
    def test_fiscal_year_of_a_company_is_the_one_that_odoo_computes(self, when, last_month, last_day):
        found = period_of(YEAR, when, year_start_of(last_month, last_day))
        self.assertEqual((found.start, found.end), date_utils.get_fiscal_year(when, day=last_day, month=last_month))


class TestIsoWeek(BaseCase):
    def test_iso_week_belongs_to_the_year_of_its_thursday(self):
        for when, expected in (
            ("2026-01-01", (2026, 1)),
            ("2025-12-29", (2026, 1)),
            ("2024-12-30", (2025, 1)),
            ("2020-12-31", (2020, 53)),
            ("2021-01-03", (2020, 53)),
            ("2021-01-04", (2021, 1)),
            ("2026-12-31", (2026, 53)),
            ("2027-01-03", (2026, 53)),
            ("2016-01-01", (2015, 53)),
            ("2023-01-01", (2022, 52)),
        ):
            self.assertEqual(iso_week(period_of(WEEK, day(when))), expected, when)

    @laws
    @given(days)
    def test_iso_week_of_a_day_is_that_of_its_thursday(self, when):
        week = period_of(WEEK, when)
        thursday = week.start + timedelta(days=3)
        self.assertEqual(iso_week(week), (thursday.year, (thursday.timetuple().tm_yday - 1) // 7 + 1))

    def test_iso_week_when_the_period_is_no_week_then_refused(self):
        for kind in (MONTH, QUARTER, YEAR):
            with self.assertRaises(ValueError):
                iso_week(period_of(kind, day("2026-01-01")))
