"""Laws of ``tools.mrr`` and ``tools.mrr_rates`` that hold for any history, tried with Hypothesis."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.mrr import KINDS, Segment, fx_movements, movements, waterfall
from ..tools.mrr_rates import annual_churn, gross_churn, grr, logo_churn, net_churn, nrr, quick_ratio

FIRST = date(2026, 1, 1)
SPAN = 150
LAST = FIRST + timedelta(days=SPAN)
MONTH_ENDS = (date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31))
CENT = Decimal("0.01")

laws = settings(database=None, deadline=None)
numbers = st.integers(0, SPAN)
#: Round ones are more likely to cancel out; the others round badly.
cents = st.sampled_from((10000, 10000, 5000, 5000, 0)) | st.integers(1, 99999)
rebates = st.sampled_from((-5000, -10000, -15000))


def convert(currency, amount, when):
    """Company currency is EUR; rates change every week, up and down."""
    if currency == "EUR":
        return amount
    rate = Decimal({"USD": "0.9137", "JPY": "0.0061"}[currency]) + Decimal(when.toordinal() // 7 % 5) / 1000
    return (amount * rate).quantize(CENT, ROUND_HALF_UP)


@st.composite
def histories(draw, currencies=("EUR", "USD", "JPY"), amounts=cents | rebates):
    """Segments of one customer with up to four contracts; some are renewed on the day after their end."""
    of_contract = {contract: draw(st.sampled_from(currencies)) for contract in range(1, 5)}
    segments = []
    for _ in range(draw(st.integers(0, 9))):
        contract = draw(st.integers(1, 4))
        ended = [segment.end for segment in segments if segment.end]
        start = FIRST + timedelta(days=draw(numbers))
        if ended and draw(st.booleans()):
            start = draw(st.sampled_from(ended)) + timedelta(days=1)
        end = draw(st.none() | st.integers(-3, 60).map(lambda days, start=start: start + timedelta(days=days)))
        segments.append(Segment(contract, of_contract[contract], start, end, Decimal(draw(amounts)) / 100))
    return segments


plain_histories = histories(currencies=("EUR",))


def served(segments, when):
    """What each contract brings on a day: (contract, currency): amount, without those that bring nothing."""
    sums = defaultdict(Decimal)
    for segment in segments:
        if segment.start <= when and (segment.end is None or when <= segment.end):
            sums[segment.contract, segment.currency] += segment.amount
    return {key: amount for key, amount in sums.items() if amount}


def total(segments, when):
    return sum(served(segments, when).values(), Decimal(0))


def with_fx(segments):
    rows = movements(segments, convert)
    return rows + fx_movements(rows, convert, MONTH_ENDS)


def all_days():
    return (FIRST + timedelta(days=number) for number in range(SPAN + 70))


class TestMovementLaws(BaseCase):
    @laws
    @given(histories(), numbers)
    def test_movements_up_to_a_day_add_up_to_what_is_served_on_it(self, segments, number):
        when = FIRST + timedelta(days=number)
        sums = defaultdict(Decimal)
        for row in movements(segments, convert):
            if row.date <= when:
                sums[row.contract, row.currency] += row.amount
        self.assertEqual({key: amount for key, amount in sums.items() if amount}, served(segments, when))

    @laws
    @given(histories(), st.randoms())
    def test_movements_when_the_segments_are_shuffled_then_the_same(self, segments, random):
        rows = movements(segments, convert)
        random.shuffle(segments)
        self.assertEqual(movements(segments, convert), rows)

    @laws
    @given(histories(), numbers)
    def test_movements_when_segments_are_cut_at_a_day_then_the_same(self, segments, number):
        cut = FIRST + timedelta(days=number)
        parts = [
            part
            for segment in segments
            for part in (
                segment._replace(end=min(segment.end or cut, cut)),
                segment._replace(start=max(segment.start, cut + timedelta(days=1))),
            )
        ]
        self.assertEqual(movements(parts, convert), movements(segments, convert))

    @laws
    @given(plain_histories)
    def test_kind_is_that_of_the_totals_before_and_after(self, segments):
        """Walks day by day over what is served, instead of over what changes."""
        kinds = {row.date: row.kind for row in movements(segments, convert)}
        before, has_paid = {}, False
        for when in all_days():
            after = served(segments, when)
            paid, pays = sum(before.values()), sum(after.values())
            if paid <= 0 < pays:
                expected = "reactivation" if has_paid else "new"
            elif pays <= 0 < paid:
                expected = "churn"
            elif pays != paid:
                expected = "expansion" if pays > paid else "contraction"
            else:
                expected = "transfer" if after != before else None
            self.assertEqual(kinds.get(when), expected, when)
            before, has_paid = after, has_paid or pays > 0

    @laws
    @given(histories())
    def test_movements_of_a_day_have_one_kind_and_one_row_for_each_contract(self, segments):
        rows = movements(segments, convert)
        self.assertEqual(len({(row.date, row.contract, row.currency) for row in rows}), len(rows))
        self.assertEqual(len({(row.date, row.kind) for row in rows}), len({row.date for row in rows}))
        self.assertEqual(rows, sorted(rows, key=lambda row: (row.date, row.contract)))
        self.assertTrue(all(row.amount for row in rows))
        self.assertTrue({row.kind for row in rows} <= set(KINDS) - {"fx"})

    @laws
    @given(histories(amounts=cents) | plain_histories)
    def test_kind_tells_the_sign_of_the_value_of_its_day(self, segments):
        values = defaultdict(Decimal)
        for row in movements(segments, convert):
            values[row.date, row.kind] += row.value
        for (_when, kind), value in values.items():
            if kind in ("new", "reactivation", "expansion"):
                self.assertGreaterEqual(value, 0)
            elif kind in ("contraction", "churn"):
                self.assertLessEqual(value, 0)
            else:
                self.assertEqual(value, 0)

    @laws
    @given(histories(amounts=cents))
    def test_customer_is_new_once_and_then_leaves_and_returns_in_turns(self, segments):
        found = [row for row in movements(segments, convert) if row.kind in ("new", "reactivation", "churn")]
        turns = list(dict.fromkeys((row.date, row.kind) for row in found))
        expected = ["new", *["churn", "reactivation"] * len(turns)]
        self.assertEqual([kind for _when, kind in turns], expected[: len(turns)])


class TestWaterfallLaws(BaseCase):
    @laws
    @given(histories(), numbers, numbers)
    def test_waterfall_adds_up(self, segments, one, other):
        start, end = (FIRST + timedelta(days=number) for number in sorted((one, other)))
        result = waterfall(with_fx(segments), start, end)
        self.assertEqual(result.opening + sum(getattr(result, kind) for kind in KINDS), result.closing)

    @laws
    @given(histories(), numbers, numbers, numbers)
    def test_waterfall_when_its_period_is_cut_in_two_then_the_parts_add_up(self, segments, one, two, three):
        start, middle, end = (FIRST + timedelta(days=number) for number in sorted((one, two, three)))
        end += timedelta(days=1)
        rows = with_fx(segments)
        left, right = waterfall(rows, start, middle), waterfall(rows, middle + timedelta(days=1), end)
        whole = waterfall(rows, start, end)
        self.assertEqual((left.opening, left.closing, right.closing), (whole.opening, right.opening, whole.closing))
        for kind in KINDS:
            self.assertEqual(getattr(left, kind) + getattr(right, kind), getattr(whole, kind), kind)

    @laws
    @given(histories(), st.sampled_from(MONTH_ENDS))
    def test_waterfall_closes_a_month_with_what_is_served_at_the_rates_of_its_end(self, segments, end):
        expected = sum(
            (convert(currency, amount, end) for (_contract, currency), amount in served(segments, end).items()),
            Decimal(0),
        )
        self.assertEqual(waterfall(with_fx(segments), end.replace(day=1), end).closing, expected)

    @laws
    @given(plain_histories, numbers)
    def test_waterfall_in_one_currency_closes_any_day_with_what_is_served(self, segments, number):
        when = FIRST + timedelta(days=number)
        self.assertEqual(waterfall(movements(segments, convert), FIRST, when).closing, total(segments, when))

    @laws
    @given(histories())
    def test_fx_has_at_most_one_row_for_a_contract_and_month_and_none_in_company_currency(self, segments):
        rows = fx_movements(movements(segments, convert), convert, MONTH_ENDS)
        self.assertEqual(len({(row.date, row.contract) for row in rows}), len(rows))
        self.assertTrue(all(row.value and not row.amount and row.currency != "EUR" for row in rows))

    @laws
    @given(histories(), st.sets(st.sampled_from(MONTH_ENDS)))
    def test_fx_when_months_are_left_out_then_the_last_one_still_closes_at_its_rates(self, segments, ends):
        rows = movements(segments, convert)
        fx = fx_movements(rows, convert, [*ends, MONTH_ENDS[-1]])
        closing = waterfall(rows + fx, FIRST, MONTH_ENDS[-1]).closing
        self.assertEqual(closing, waterfall(with_fx(segments), FIRST, MONTH_ENDS[-1]).closing)


balances = st.dictionaries(st.integers(1, 8), st.integers(0, 10**7).map(lambda cent: Decimal(cent) / 100))


class TestRateLaws(BaseCase):
    @laws
    @given(balances, balances)
    def test_retention_is_gross_at_most_net_and_at_most_one(self, start, end):
        gross, net, churn = grr(start, end), nrr(start, end), logo_churn(start, end)
        self.assertEqual((gross is None, net is None), (churn is None,) * 2)
        if churn is not None:
            self.assertTrue(0 <= gross <= min(net, 1), (gross, net))
            self.assertTrue(0 <= churn <= 1)
            self.assertEqual(gross == 0, churn == 1)

    @laws
    @given(balances, balances, balances)
    def test_retention_when_customers_join_then_it_does_not_change(self, start, end, joined):
        more = {**end, **{-customer: amount for customer, amount in joined.items()}}
        for rate in (nrr, grr, logo_churn):
            self.assertEqual(rate(start, more), rate(start, end))

    @laws
    @given(balances, st.integers(0, 200))
    def test_retention_when_all_change_alike_then_by_as_much(self, start, percent):
        end = {customer: amount * percent / 100 for customer, amount in start.items()}
        if any(start.values()):
            self.assertAlmostEqual(nrr(start, end), percent / 100)
            self.assertAlmostEqual(grr(start, end), min(percent, 100) / 100)

    @laws
    @given(st.lists(plain_histories, max_size=4), numbers)
    def test_retention_from_the_day_before_agrees_with_the_movements_of_the_day(self, customers, number):
        """Within one day nobody dips and recovers, so points and movements must agree."""
        when = FIRST + timedelta(days=number)
        start, end = ({}, {})
        losses = wins = Decimal(0)
        for customer, segments in enumerate(customers):
            start[customer] = max(total(segments, when - timedelta(days=1)), Decimal(0))
            end[customer] = total(segments, when)
            if start[customer]:
                day = waterfall(movements(segments, convert), when, when)
                losses += day.churn + day.contraction
                wins += day.expansion
        opening = sum(start.values())
        if opening:
            self.assertAlmostEqual(grr(start, end), 1 - gross_churn(opening, losses, 0))
            self.assertAlmostEqual(nrr(start, end), 1 - net_churn(opening, losses, 0, wins, 0))

    @laws
    @given(st.floats(-0.5, 1))
    def test_annual_churn_is_twelve_months_one_after_the_other(self, monthly):
        left = 1.0
        for _ in range(12):
            left -= left * monthly
        self.assertAlmostEqual(annual_churn(monthly), 1 - left, delta=1e-9 * max(1, left))

    @laws
    @given(*[st.integers(0, 10**6)] * 4)
    def test_quick_ratio_above_one_means_growth(self, new, expansion, contraction, churn):
        ratio = quick_ratio(new, expansion, contraction, churn)
        if ratio is None:
            self.assertEqual(contraction + churn, 0)
        else:
            self.assertEqual(ratio > 1, new + expansion > contraction + churn)
