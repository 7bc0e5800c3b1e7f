"""Laws of the schedule: no day is billed twice or forgotten, and no cent is lost, whatever happens to a line."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.recurrence import step
from ..tools.schedule import CHARGE, CREDIT, Row, Terms, amount, periods, pieces, plan

CENT = Decimal("0.01")
DAY = timedelta(days=1)
METHODS = ("none", "days", "days30")

laws = settings(database=None, deadline=None)

days = st.dates(date(1996, 1, 1), date(2040, 12, 31))
units = st.sampled_from(("day", "week", "month", "year"))
intervals = st.integers(1, 14)
methods = st.sampled_from(METHODS)
billings = st.sampled_from(("advance", "arrears"))
prices = st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents) / 100)
parts = st.fractions(0, 1)


#: Days long enough for a few periods, few enough to be walked one by one.
LENGTHS = {"day": 40, "week": 200, "month": 500, "year": 1500}


@st.composite
def pauses_within(draw, start, length):
    def pause():
        first = draw(st.integers(-20, length + 20))
        last = draw(st.none() | st.integers(-3, 60))
        return start + timedelta(days=first), None if last is None else start + timedelta(days=first + last)

    return tuple(pause() for _ in range(draw(st.integers(0, 3))))


@st.composite
def lines(draw, method=methods):
    """Lines whose anchor is before, within or after their life."""
    unit, interval, start = draw(units), draw(intervals), draw(days)
    length = draw(st.integers(0, LENGTHS[unit]))
    return Terms(
        anchor=start + timedelta(days=draw(st.sampled_from((0, 0, 1, -1)) | st.integers(-800, 800))),
        unit=unit,
        interval=interval,
        billing=draw(billings),
        start=start,
        end=start + timedelta(days=length),
        pauses=draw(pauses_within(start, length)),
        method=draw(method),
        continues=draw(st.booleans()),
    )


def served(line):
    """The days of a line, one by one, as its definition has it."""
    life = (line.start + timedelta(days=number) for number in range((line.end - line.start).days + 1))
    return [day for day in life if not any(first <= day <= (last or date.max) for first, last in line.pauses)]


def walked(rows):
    """The days of some rows, one by one."""
    return [row.start + timedelta(days=number) for row in rows for number in range((row.end - row.start).days + 1)]


def cut_up(line, lengths):
    """The same line as a chain of lines, each with the next price."""
    chain = [line]
    for length in lengths:
        end = chain[-1].start + timedelta(days=length)
        if end >= line.end:
            break
        chain[-1:] = [chain[-1]._replace(end=end), chain[-1]._replace(start=end + DAY, continues=True)]
    return chain


def begins_served(line):
    """The line without the pauses that hide its first day: a line that is not served is not continued either."""
    return line._replace(pauses=tuple(p for p in line.pauses if not p[0] <= line.start <= (p[1] or date.max)))


def begins_periods(line):
    """The line with an anchor and pauses such that service never begins within a period."""
    pauses = [(first, last) for first, last in line.pauses if first > line.start and last]
    found = line._replace(anchor=line.start, pauses=tuple(pauses))
    first_of_period = {piece.period_start: piece.start for piece in reversed(list(pieces(found, line.end)))}
    return found if all(first == start for first, start in first_of_period.items()) else found._replace(pauses=())


def locked(rows):
    return [Row(row.kind, row.start, row.end, row.amount) for row in rows]


def total(rows):
    return sum((row.amount for row in rows), Decimal(0))


class TestPeriodLaws(BaseCase):
    @laws
    @given(days, units, intervals, days, st.integers(1, 8))
    def test_periods_follow_each_other_from_the_one_with_the_first_day(self, anchor, unit, interval, start, number):
        found = list(islice(periods(anchor, unit, interval, start, None), number))
        self.assertTrue(found[0][0] <= start <= found[0][1])
        for (_first, last), (following, _last) in pairwise(found):
            self.assertEqual(last + DAY, following)

    @laws
    @given(days, units, intervals, days)
    def test_periods_begin_a_number_of_intervals_from_the_anchor(self, anchor, unit, interval, start):
        first, last = next(periods(anchor, unit, interval, start, start))
        guess = {"day": 1, "week": 7, "month": 30.436875, "year": 365.2425}[unit] * interval
        near = round((first - anchor).days / guess)
        candidates = {step(anchor, unit, k * interval): k for k in range(near - 2, near + 3)}
        self.assertIn(first, candidates)
        self.assertEqual(last + DAY, step(anchor, unit, (candidates[first] + 1) * interval))

    @laws
    @given(days, units, intervals, days, st.integers(-3, 900))
    def test_periods_of_a_stretch_are_those_that_touch_it(self, anchor, unit, interval, start, length):
        end = start + timedelta(days=length)
        found = list(periods(anchor, unit, interval, start, end))
        endless = list(islice(periods(anchor, unit, interval, start, None), len(found) + 1))
        self.assertEqual(found, [period for period in endless if period[0] <= end and start <= end])


class TestPieceLaws(BaseCase):
    @laws
    @given(lines())
    def test_pieces_tile_the_life_of_a_line_without_its_pauses(self, line):
        self.assertEqual(walked(pieces(line, line.end)), served(line))

    @laws
    @given(lines())
    def test_pieces_lie_within_their_period_and_take_a_part_of_it(self, line):
        found = list(pieces(line, line.end))
        for piece in found:
            self.assertTrue(piece.period_start <= piece.start <= piece.end <= piece.period_end)
            self.assertTrue(0 <= piece.begin <= piece.finish <= 1)
            self.assertEqual(piece.planned, piece.start if line.billing == "advance" else piece.end + DAY)
        for one, other in pairwise(found):
            if one.period_start == other.period_start:
                self.assertLess(one.end + DAY, other.start)
                self.assertTrue(line.method != "days" or one.finish < other.begin)

    @laws
    @given(lines())
    def test_pieces_of_a_period_cost_at_most_its_price_and_all_of_it_if_served_throughout(self, line):
        costs = {}
        for piece in pieces(line, line.end):
            period = piece.period_start, piece.period_end
            costs[period] = costs.get(period, 0) + piece.finish - piece.begin
            if (piece.start, piece.end) == period:
                self.assertEqual((piece.begin, piece.finish), (0, 1))
        self.assertTrue(all(0 <= cost <= 1 for cost in costs.values()), costs)

    @laws
    @given(lines(), st.integers(-5, 400))
    def test_pieces_up_to_a_horizon_are_the_first_of_all(self, line, offset):
        until = line.start + timedelta(days=offset)
        every = list(pieces(line, line.end))
        self.assertEqual(list(pieces(line, until)), [piece for piece in every if piece.period_start <= until])

    @laws
    @given(lines(), st.integers(-5, 400))
    def test_pieces_when_billed_elsewhere_before_a_day_then_the_last_of_all(self, line, offset):
        bill_from = line.start + timedelta(days=offset)
        every = list(pieces(line, line.end))
        found = list(pieces(line._replace(bill_from=bill_from), line.end))
        self.assertEqual(found, [piece for piece in every if piece.period_start >= bill_from])


class TestAmountLaws(BaseCase):
    @laws
    @given(prices, st.lists(parts, max_size=8), st.sampled_from(("0.01", "0.001", "0.05", "1", "5")))
    def test_amounts_of_any_parts_add_up_to_the_price(self, whole, cuts, rounding):
        marks = [Fraction(0), *sorted(cuts), Fraction(1)]
        found = [amount(whole, *part, Decimal(rounding)) for part in pairwise(marks)]
        self.assertEqual(sum(found), amount(whole, marks[0], marks[-1], Decimal(rounding)))
        self.assertLessEqual(abs(sum(found) - whole), Decimal(rounding) / 2)
        self.assertTrue(all(part % Decimal(rounding) == 0 for part in found))
        self.assertTrue(all(part * whole >= 0 for part in found))

    @laws
    @given(prices, parts, parts)
    def test_amount_of_a_negative_price_is_the_negative_amount(self, whole, one, other):
        begin, finish = sorted((one, other))
        self.assertEqual(amount(-whole, begin, finish, CENT), -amount(whole, begin, finish, CENT))


class TestSplitLaws(BaseCase):
    def assert_split(self, line, lengths, whole):
        chain = cut_up(line, lengths)
        one = plan(line, whole, CENT, line.end)
        several = [row for link in chain for row in plan(link, whole, CENT, line.end)]
        self.assertEqual(total(several), total(one), chain)

    @laws
    @given(lines(method=st.sampled_from(("none", "days"))), st.lists(st.integers(0, 90), max_size=5), prices)
    def test_split_at_any_days_costs_the_same(self, line, lengths, whole):
        self.assert_split(begins_served(line), lengths, whole)

    @laws
    @given(lines(method=st.just("days30")), st.lists(st.integers(0, 90), max_size=5), prices)
    def test_split_by_30_days_costs_the_same_where_service_begins_with_a_period(self, line, lengths, whole):
        self.assert_split(begins_periods(line), lengths, whole)

    @laws
    @given(lines(method=st.just("days30")), st.integers(0, 500))
    def test_split_by_30_days_where_service_begins_within_a_period_differs_by_two_days_at_most(self, line, length):
        # Months of 30 days cannot say whether the 31st or the first day of service was the free one.
        if line.unit in ("month", "year"):
            months = line.interval * (12 if line.unit == "year" else 1)
            costs = [sum(p.finish - p.begin for link in chain for p in pieces(link, line.end))
                     for chain in ([line], cut_up(line, [length]))]  # fmt: skip
            self.assertLessEqual(abs(costs[0] - costs[1]), Fraction(2, 30 * months))

    @laws
    @given(lines(), st.integers(0, 500), prices)
    def test_split_after_the_invoice_gives_back_what_the_next_line_takes(self, line, length, whole):
        line = begins_periods(line) if line.method == "days30" else begins_served(line)
        chain = cut_up(line, [length])
        rows = locked(plan(line, whole, CENT, line.end))
        given_back = plan(chain[0], whole, CENT, line.end, rows)
        taken = plan(chain[1], whole, CENT, line.end) if len(chain) > 1 else []
        self.assertEqual(total(given_back), -total(taken))
        self.assertFalse([row for row in given_back if row.kind == CHARGE])


@st.composite
def histories(draw, method=methods):
    """What a line was like from time to time; anchor, recurrence and method stay."""
    line = draw(lines(method=method))
    found = [line]
    for _ in range(draw(st.integers(0, 4))):
        start = line.start + timedelta(days=draw(st.integers(-70, 70)))
        length = draw(st.integers(-1, LENGTHS[line.unit]))
        pauses = draw(pauses_within(start, max(length, 0)))
        found.append(line._replace(start=start, end=start + timedelta(days=length), pauses=pauses))
    return found


class TestPlanLaws(BaseCase):
    def live(self, history, whole, draw):
        """The rows that are locked at the end, if at each time only some of those planned are invoiced."""
        until = max(line.end for line in history)
        rows = []
        for line in history:
            found = plan(line, whole, CENT, until, rows)
            rows += locked(row for row in found if draw.draw(st.booleans()))
        return rows, until

    @laws
    @given(lines(), prices)
    def test_plan_of_a_new_line_is_its_pieces_with_a_share(self, line, whole):
        found = plan(line, whole, CENT, line.end)
        every = [piece for piece in pieces(line, line.end) if piece.finish > piece.begin]
        self.assertEqual([row[1:7] for row in found], [(*piece[:5], piece.share) for piece in every])
        self.assertEqual([row.amount for row in found], [amount(whole, p.begin, p.finish, CENT) for p in every])

    @laws
    @given(histories(), prices, st.data())
    def test_plan_when_all_of_it_is_locked_then_nothing_is_left(self, history, whole, data):
        rows, until = self.live(history, whole, data)
        rows += locked(plan(history[-1], whole, CENT, until, rows))
        self.assertEqual(plan(history[-1], whole, CENT, until, rows), [])

    @laws
    @given(histories(method=st.sampled_from(("none", "days"))), prices, st.data())
    def test_plan_after_any_changes_adds_up_to_the_price_of_the_last_terms(self, history, whole, data):
        history = [line._replace(continues=False) for line in history]
        rows, until = self.live(history, whole, data)
        found = plan(history[-1], whole, CENT, until, rows)
        self.assertEqual(total([*rows, *found]), total(plan(history[-1], whole, CENT, until)))

    @laws
    @given(histories(method=st.just("days")), st.integers(10**6, 10**8).map(Decimal), st.data())
    def test_plan_after_any_changes_charges_each_served_day_once(self, history, whole, data):
        rows, until = self.live(history, whole, data)
        rows += locked(plan(history[-1], whole, CENT, until, rows))
        days_left = sorted(walked(row for row in rows if row.kind == CHARGE))
        for day in walked(row for row in rows if row.kind == CREDIT):
            days_left.remove(day)
        self.assertEqual(days_left, served(history[-1]))

    @laws
    @given(histories(), prices, st.data())
    def test_plan_never_gives_back_more_than_was_taken(self, history, whole, data):
        rows, until = self.live(history, whole, data)
        found = plan(history[-1], whole, CENT, until, rows)
        net = total(rows) + total(row for row in found if row.kind == CREDIT)
        self.assertGreaterEqual(net * (1 if whole >= 0 else -1), 0)

    @laws
    @given(histories(method=st.just("days")), prices, st.data())
    def test_plan_when_the_order_of_locked_rows_is_another_then_it_costs_the_same(self, history, whole, data):
        rows, until = self.live(history, whole, data)
        mixed = data.draw(st.permutations(rows))
        found, other = (plan(history[-1], whole, CENT, until, some) for some in (rows, mixed))
        self.assertEqual(total(found), total(other))
