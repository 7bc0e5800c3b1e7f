"""Movements and rates of recurring revenue: ``tools.mrr`` and ``tools.mrr_rates``."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from odoo.tests import BaseCase

from ..tools.mrr import KINDS, Movement, Segment, fx_movements, movements, waterfall
from ..tools.mrr_rates import (
    STRIPE_LEAST_CHURN,
    annual_churn,
    arpa,
    arr,
    gross_churn,
    grr,
    logo_churn,
    logo_churn_stripe,
    ltv,
    net_churn,
    nrr,
    quick_ratio,
    renewal_rate,
)

#: Company currency is EUR. Value of one unit from a day on.
RATES = {
    "USD": (("2000-01-01", "0.50"), ("2026-02-01", "0.60"), ("2026-03-01", "0.80")),
    "IDR": (("2000-01-01", "0.00005"),),
}
JANUARY, FEBRUARY, MARCH = date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)


def day(text):
    return date.fromisoformat(text)


def convert(currency, amount, when):
    if currency == "EUR":
        return amount
    rate = [Decimal(rate) for since, rate in RATES[currency] if day(since) <= when][-1]
    return (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)


def segment(contract, amount, start, end=None, currency="EUR"):
    return Segment(contract, currency, day(start), end and day(end), Decimal(amount))


def found(*segments):
    """(day, contract, kind, amount) of the movements of segments in company currency."""
    rows = movements([segment(*values) for values in segments], convert)
    return [(str(row.date), row.contract, row.kind, row.amount) for row in rows]


class TestMovements(BaseCase):
    def test_movements_of_nothing_are_none(self):
        self.assertEqual(movements([], convert), [])
        self.assertEqual(fx_movements([], convert, [JANUARY]), [])

    def test_movement_when_a_first_contract_starts_then_new_and_churn_on_the_day_after_its_end(self):
        self.assertEqual(
            found((1, 100, "2026-01-15", "2026-12-31")),
            [("2026-01-15", 1, "new", 100), ("2027-01-01", 1, "churn", -100)],
        )
        self.assertEqual(found((1, 100, "2024-02-29")), [("2024-02-29", 1, "new", 100)])

    def test_movement_when_served_for_one_day_then_two_days_of_movements(self):
        self.assertEqual(
            found((1, 100, "2026-01-15", "2026-01-15")),
            [("2026-01-15", 1, "new", 100), ("2026-01-16", 1, "churn", -100)],
        )

    def test_movement_when_two_first_contracts_start_on_one_day_then_both_are_new(self):
        self.assertEqual(
            found((2, 60, "2026-01-15"), (1, 100, "2026-01-15")),
            [("2026-01-15", 1, "new", 100), ("2026-01-15", 2, "new", 60)],
        )

    def test_movement_when_a_second_contract_starts_later_then_expansion(self):
        self.assertEqual(found((1, 100, "2026-01-15"), (2, 60, "2026-01-16"))[1:], [("2026-01-16", 2, "expansion", 60)])

    def test_movement_when_two_contracts_end_one_after_the_other_then_only_the_last_is_churn(self):
        rows = found((1, 100, "2026-01-01", "2026-01-31"), (2, 60, "2026-01-01", "2026-02-28"))
        self.assertEqual(rows[2:], [("2026-02-01", 1, "contraction", -100), ("2026-03-01", 2, "churn", -60)])

    def test_movement_when_two_contracts_end_on_one_day_then_both_are_churn(self):
        rows = found((1, 100, "2026-01-01", "2026-01-31"), (2, 60, "2026-01-10", "2026-01-31"))
        self.assertEqual(rows[2:], [("2026-02-01", 1, "churn", -100), ("2026-02-01", 2, "churn", -60)])

    def test_movement_when_the_customer_returns_then_reactivation_after_any_gap(self):
        for back in ("2026-02-02", "2026-03-01", "2046-01-01"):
            rows = found((1, 100, "2026-01-01", "2026-01-31"), (2, 80, back))
            self.assertEqual(rows[1:], [("2026-02-01", 1, "churn", -100), (back, 2, "reactivation", 80)])

    def test_movement_when_a_contract_pauses_then_churn_and_reactivation_only_if_it_was_the_last(self):
        paused = [(1, 100, "2026-01-01", "2026-01-31"), (1, 100, "2026-03-01")]
        self.assertEqual([kind for _day, _contract, kind, _amount in found(*paused)], ["new", "churn", "reactivation"])
        kinds = [kind for _day, _contract, kind, _amount in found(*paused, (2, 10, "2026-01-01"))]
        self.assertEqual(kinds, ["new", "new", "contraction", "expansion"])

    def test_movement_when_renewed_without_a_gap_then_by_what_the_customer_pays_in_all(self):
        for price, kind in ((100, "transfer"), (110, "expansion"), (90, "contraction")):
            rows = found((1, 100, "2026-01-01", "2026-01-31"), (2, price, "2026-02-01"))
            self.assertEqual(rows[1:], [("2026-02-01", 1, kind, -100), ("2026-02-01", 2, kind, price)])

    def test_movement_when_one_contract_is_merged_from_two_then_transfer(self):
        rows = found((1, 60, "2026-01-01", "2026-01-31"), (2, 40, "2026-01-01", "2026-01-31"), (3, 100, "2026-02-01"))
        expected = [(1, "transfer", -60), (2, "transfer", -40), (3, "transfer", 100)]
        self.assertEqual([row[1:] for row in rows[2:]], expected)

    def test_movement_when_lines_of_a_contract_change_on_one_day_then_one_row_of_their_sum(self):
        lines = [(1, 100, "2026-01-01", "2026-01-31"), (1, 50, "2026-01-01"), (1, 120, "2026-02-01")]
        self.assertEqual(found(*lines), [("2026-01-01", 1, "new", 150), ("2026-02-01", 1, "expansion", 20)])

    def test_movement_when_lines_of_a_contract_change_to_the_same_sum_then_none(self):
        self.assertEqual(
            found((1, 100, "2026-01-01", "2026-01-31"), (1, 70, "2026-02-01"), (1, 30, "2026-02-01")),
            [("2026-01-01", 1, "new", 100)],
        )

    def test_movement_when_a_segment_is_worth_nothing_or_never_served_then_none(self):
        self.assertEqual(found((1, 0, "2026-01-01"), (2, 100, "2026-01-02", "2026-01-01")), [])
        rows = found((2, 100, "2026-01-10", "2025-12-01"), (1, 5, "2026-01-01"))
        self.assertEqual(rows, [("2026-01-01", 1, "new", 5)])

    def test_movement_when_a_free_contract_stays_then_losing_the_paid_one_is_churn(self):
        rows = found((1, 0, "2026-01-01"), (2, 100, "2026-01-01", "2026-01-31"))
        self.assertEqual(rows, [("2026-01-01", 2, "new", 100), ("2026-02-01", 2, "churn", -100)])

    def test_movement_when_at_the_ends_of_the_calendar_then_counted_as_far_as_it_goes(self):
        self.assertEqual(found((1, 100, "0001-01-01", "9999-12-31")), [("0001-01-01", 1, "new", 100)])
        self.assertEqual(found((1, 1, "9999-12-31", "9999-12-31")), [("9999-12-31", 1, "new", 1)])

    def test_movements_are_in_order_of_days_then_contracts(self):
        segments = [(3, 1, "2026-02-01"), (1, 1, "2026-02-01"), (2, 1, "2026-01-01"), (10, 1, "2026-02-01")]
        self.assertEqual([row[1] for row in found(*segments)], [2, 1, 3, 10])


class TestRebates(BaseCase):
    """Totals below 0 count as not paying."""

    def test_movement_when_a_rebate_starts_and_ends_then_contraction_and_expansion(self):
        self.assertEqual(
            found((1, 100, "2026-01-01"), (1, -20, "2026-02-01", "2026-02-28"))[1:],
            [("2026-02-01", 1, "contraction", -20), ("2026-03-01", 1, "expansion", 20)],
        )

    def test_movement_when_a_contract_starts_with_a_rebate_in_another_then_both_are_new(self):
        self.assertEqual(
            found((1, 100, "2026-01-01"), (2, -20, "2026-01-01")),
            [("2026-01-01", 1, "new", 100), ("2026-01-01", 2, "new", -20)],
        )

    def test_movement_when_a_rebate_takes_all_or_more_then_churn_and_its_end_is_reactivation(self):
        for rebate in (-100, -130):
            rows = found((1, 100, "2026-01-01"), (2, rebate, "2026-02-01", "2026-02-28"))
            self.assertEqual(rows[1:], [("2026-02-01", 2, "churn", rebate), ("2026-03-01", 2, "reactivation", -rebate)])

    def test_movement_when_there_is_only_a_rebate_then_contraction_and_the_first_revenue_is_new(self):
        self.assertEqual(
            found((1, -20, "2026-01-01"), (2, 15, "2026-02-01"), (3, 30, "2026-03-01")),
            [("2026-01-01", 1, "contraction", -20), ("2026-02-01", 2, "expansion", 15), ("2026-03-01", 3, "new", 30)],
        )


class TestCurrencies(BaseCase):
    def test_movement_when_in_another_currency_then_valued_at_the_rate_of_its_day(self):
        rows = movements([segment(1, 100, "2026-01-15", "2026-02-28", "USD")], convert)
        self.assertEqual(
            rows,
            [
                Movement(day("2026-01-15"), 1, "new", Decimal(100), Decimal(50), "USD"),
                Movement(day("2026-03-01"), 1, "churn", Decimal(-100), Decimal(-80), "USD"),
            ],
        )

    def test_movement_when_too_small_for_company_currency_then_still_new_and_churn(self):
        rows = movements([segment(1, 10, "2026-01-15", "2026-02-28", "IDR")], convert)
        self.assertEqual([(row.kind, row.value) for row in rows], [("new", 0), ("churn", 0)])

    def test_movement_when_only_a_tiny_contract_is_left_then_the_customer_still_pays(self):
        tiny = segment(1, 10, "2026-01-15", None, "IDR")
        rows = movements([tiny, segment(2, 5, "2026-01-15", "2026-01-31")], convert)
        self.assertEqual([row.kind for row in rows], ["new", "new", "contraction"])

    def test_movement_when_renewed_in_another_currency_then_by_the_rates_of_that_day(self):
        for price, kind in (("59.99", "contraction"), ("60", "transfer"), ("60.01", "expansion")):
            old, new = segment(1, 100, "2026-01-01", "2026-01-31", "USD"), segment(2, price, "2026-02-01")
            rows = movements([old, new], convert)[1:]
            self.assertEqual([row.kind for row in rows], [kind] * 2)
            self.assertEqual(sum(row.value for row in rows), Decimal(price) - 60)

    def test_movement_when_a_transfer_is_split_into_odd_cents_then_its_values_add_up_to_nothing(self):
        # Each half is 0.005 EUR and would round to 0.01 by itself: 0.01 would be lost, 0.02 won.
        old = segment(1, "0.02", "2026-01-01", "2026-01-31", "USD")
        rows = movements([old, *(segment(n, "0.01", "2026-02-01", None, "USD") for n in (2, 3))], convert)
        self.assertEqual([row.kind for row in rows], ["new", "transfer", "transfer", "transfer"])
        self.assertEqual(sum(row.value for row in rows[1:]), 0)

    def test_movement_when_currencies_go_opposite_ways_then_paying_is_decided_by_their_values(self):
        rows = movements([segment(1, 100, "2026-01-01", None, "USD"), segment(2, -50, "2026-01-10")], convert)
        self.assertEqual([(row.contract, row.kind) for row in rows], [(1, "new"), (2, "churn")])

    def test_movement_when_a_contract_has_two_currencies_then_a_row_for_each(self):
        rows = movements([segment(1, 100, "2026-01-01", None, "USD"), segment(1, 5, "2026-01-01")], convert)
        self.assertEqual([(row.currency, row.amount) for row in rows], [("EUR", 5), ("USD", 100)])


class TestFx(BaseCase):
    def fx(self, *segments, ends=(JANUARY, FEBRUARY, MARCH)):
        rows = movements([segment(*values) for values in segments], convert)
        return [(str(row.date), row.contract, row.value) for row in fx_movements(rows, convert, ends)]

    def test_fx_when_only_the_rate_changes_then_the_difference_at_the_end_of_the_month(self):
        self.assertEqual(
            self.fx((1, 100, "2026-01-15", None, "USD")), [("2026-02-28", 1, 10), ("2026-03-31", 1, 20)]
        )

    def test_fx_rows_have_no_amount_and_the_currency_of_the_contract(self):
        rows = movements([segment(1, 100, "2026-01-15", None, "USD")], convert)
        self.assertEqual(
            fx_movements(rows, convert, [FEBRUARY]), [Movement(FEBRUARY, 1, "fx", Decimal(0), Decimal(10), "USD")]
        )

    def test_fx_when_in_company_currency_or_too_early_then_none(self):
        self.assertEqual(self.fx((1, 100, "2026-01-15", "2026-02-10"), (2, 33, "2026-02-11")), [])
        self.assertEqual(self.fx((1, 100, "2026-01-15", None, "USD"), ends=(date(2025, 12, 31), JANUARY)), [])

    def test_fx_when_months_were_left_out_or_given_in_disorder_then_the_last_one_makes_up_for_them(self):
        self.assertEqual(self.fx((1, 100, "2026-01-15", None, "USD"), ends=(MARCH,)), [("2026-03-31", 1, 30)])
        self.assertEqual(
            self.fx((1, 100, "2026-01-15", None, "USD"), ends=(MARCH, FEBRUARY, MARCH)),
            [("2026-02-28", 1, 10), ("2026-03-31", 1, 20)],
        )

    def test_fx_when_the_contract_is_gone_then_its_value_is_exactly_nothing(self):
        for end, expected in (
            ("2026-01-31", [("2026-02-28", 1, 10)]),  # 50 - 60 on 1 February
            ("2026-02-10", [("2026-02-28", 1, 10)]),
            ("2026-02-28", [("2026-02-28", 1, 10), ("2026-03-31", 1, 20)]),  # 60 - 80 on 1 March
        ):
            self.assertEqual(self.fx((1, 100, "2026-01-15", end, "USD")), expected)

    def test_fx_when_a_movement_falls_on_the_month_end_then_it_is_within_the_balance(self):
        self.assertEqual(self.fx((1, 100, "2026-02-28", None, "USD")), [("2026-03-31", 1, 20)])
        imported = Movement(JANUARY, 1, "new", Decimal(100), Decimal(40), "USD")
        self.assertEqual([row.value for row in fx_movements([imported], convert, [JANUARY])], [10])

    def test_fx_rows_are_in_order_of_days_then_contracts_whatever_the_order_of_the_movements(self):
        segments = [segment(3, 10, "2026-01-20", None, "USD"), segment(1, 100, "2026-01-15", None, "USD")]
        rows = movements([*segments, segment(1, 10, "2026-03-05", None, "USD")], convert)
        fx = fx_movements(reversed(rows), convert, [FEBRUARY, MARCH])
        expected = [(FEBRUARY, 1, 10), (FEBRUARY, 3, 1), (MARCH, 1, 20), (MARCH, 3, 2)]
        self.assertEqual([(row.date, row.contract, row.value) for row in fx], expected)
        self.assertEqual(fx_movements(rows, convert, [FEBRUARY, MARCH]), fx)

    def test_fx_when_a_contract_has_two_currencies_then_only_for_the_one_whose_rate_changes(self):
        fx = self.fx((1, 7, "2026-01-15"), (1, 100, "2026-01-15", None, "USD"))
        self.assertEqual(fx, [("2026-02-28", 1, 10), ("2026-03-31", 1, 20)])

    def test_fx_when_conversions_are_not_rounded_then_the_row_is_and_the_rest_is_carried_on(self):
        thirds = {1: Decimal(1) / 3, 2: Decimal(2) / 3, 3: Decimal(1)}
        rows = [Movement(day("2026-01-15"), 1, "new", Decimal(1), Decimal(0), "USD")]
        for rounding, expected in (("0.01", ["0.33", "0.34", "0.33"]), ("1", ["1"])):
            fx = fx_movements(
                rows, lambda _currency, amount, when: amount * thirds[when.month], [JANUARY, FEBRUARY, MARCH],
                Decimal(rounding),
            )
            self.assertEqual([row.value for row in fx], [Decimal(value) for value in expected])

    def test_fx_when_made_again_from_its_own_rows_then_the_same(self):
        rows = movements([segment(1, 100, "2026-01-15", None, "USD")], convert)
        fx = fx_movements(rows, convert, [FEBRUARY, MARCH])
        self.assertEqual(len(fx), 2)
        self.assertEqual(fx_movements([*fx, *rows], convert, [FEBRUARY, MARCH]), fx)


class TestWaterfall(BaseCase):
    def setUp(self):
        super().setUp()
        segments = [
            segment(1, 100, "2026-01-10", "2026-02-28", "USD"), segment(2, 40, "2026-02-01"),
            segment(3, 30, "2026-02-28", "2026-03-30"), segment(2, -15, "2026-03-15"),
        ]
        self.rows = movements(segments, convert)
        self.rows += fx_movements(self.rows, convert, [JANUARY, FEBRUARY, MARCH])

    def test_waterfall_puts_each_movement_into_its_kind_and_period(self):
        self.assertEqual(
            waterfall(self.rows, date(2026, 1, 1), JANUARY)._asdict(),
            {**dict.fromkeys(KINDS, 0), "opening": 0, "new": 50, "closing": 50},
        )
        self.assertEqual(
            waterfall(self.rows, date(2026, 2, 1), FEBRUARY)._asdict(),
            {**dict.fromkeys(KINDS, 0), "opening": 50, "expansion": 70, "fx": 10, "closing": 130},
        )
        self.assertEqual(
            waterfall(self.rows, date(2026, 3, 1), MARCH)._asdict(),
            {**dict.fromkeys(KINDS, 0), "opening": 130, "contraction": -125, "fx": 20, "closing": 25},
        )

    def test_waterfall_includes_both_its_first_and_its_last_day(self):
        one_day = waterfall(self.rows, date(2026, 2, 28), date(2026, 2, 28))
        self.assertEqual((one_day.opening, one_day.expansion, one_day.fx, one_day.closing), (90, 30, 10, 130))

    def test_waterfall_of_nothing_is_nothing(self):
        self.assertEqual(set(waterfall([], JANUARY, JANUARY)), {0})

    def test_waterfall_when_it_ends_before_it_starts_then_refused(self):
        with self.assertRaisesRegex(ValueError, "Ends before it starts"):
            waterfall(self.rows, FEBRUARY, JANUARY)

    def test_waterfall_when_a_kind_is_unknown_then_refused_even_outside_the_period(self):
        for when in (JANUARY, MARCH):
            with self.assertRaisesRegex(ValueError, "Unknown kind of movement: gift"):
                waterfall([self.rows[0]._replace(kind="gift", date=when)], date(2026, 2, 1), FEBRUARY)


class TestRates(BaseCase):
    def test_retention_when_customers_grow_shrink_leave_and_join_then_by_the_customers_of_the_start(self):
        start = {"grows": Decimal(100), "shrinks": Decimal(100), "leaves": Decimal(100), "stays": Decimal(100)}
        end = {"grows": Decimal(150), "shrinks": Decimal(70), "stays": Decimal(100), "joins": Decimal(999)}
        self.assertAlmostEqual(nrr(start, end), 0.80)
        self.assertAlmostEqual(grr(start, end), 0.675)
        self.assertAlmostEqual(logo_churn(start, end), 0.25)

    def test_retention_when_a_customer_dips_and_recovers_in_between_then_nothing_is_lost(self):
        self.assertEqual(grr({1: 100.0}, {1: 120.0}), 1)
        self.assertEqual(logo_churn({1: 100.0}, {1: 120.0}), 0)

    def test_retention_when_a_customer_did_not_pay_at_the_start_then_not_counted(self):
        start = {1: 100.0, 2: 0.0, 3: -50.0}
        end = {1: 100.0, 2: 70.0, 3: 70.0}
        self.assertEqual((nrr(start, end), grr(start, end), logo_churn(start, end)), (1, 1, 0))

    def test_logo_churn_when_a_customer_ends_at_nothing_or_less_then_lost(self):
        self.assertEqual(logo_churn({1: 5, 2: 5, 3: 5, 4: 5}, {1: 0, 2: -1, 4: 1}), 0.75)

    def test_rate_when_there_is_nothing_to_divide_by_then_unknown(self):
        for rate in (
            nrr({}, {1: 10}), grr({}, {1: 10}), logo_churn({}, {1: 10}), nrr({1: 0}, {1: 10}), grr({1: 0}, {1: 10}),
            logo_churn({1: 0}, {1: 10}), logo_churn_stripe(0, 0, 0), gross_churn(0, 5, 5), gross_churn(-1, 5, 5),
            net_churn(0, 5, 5, 0, 0), net_churn(-1, 5, 5, 0, 0), quick_ratio(5, 5, 0, 0), arpa(100, 0), ltv(100, 0),
            ltv(None, 0.5), ltv(100, None), renewal_rate(0, 0), annual_churn(None),
        ):
            self.assertIsNone(rate)

    def test_rate_when_the_numerator_is_nothing_then_zero(self):
        for rate in (
            nrr({1: 10}, {}), grr({1: 10}, {}), logo_churn({1: 10}, {1: 1}), logo_churn_stripe(0, 1, 0),
            gross_churn(10, 0, 0), net_churn(10, 0, 0, 0, 0), quick_ratio(0, 0, 0, 5), arpa(0, 3), ltv(0.0, 0.5),
            renewal_rate(0, 4), annual_churn(0.0),
        ):
            self.assertEqual(rate, 0)
            self.assertIsInstance(rate, float)

    def test_rate_when_losses_are_given_as_in_a_waterfall_then_the_same_as_sizes(self):
        self.assertEqual(gross_churn(100, -10, -20), gross_churn(100, 10, 20))
        self.assertEqual(net_churn(100, -10, -20, 5, 6), net_churn(100, 10, 20, 5, 6))
        self.assertEqual(quick_ratio(20, 8, -3, -5), quick_ratio(20, 8, 3, 5))

    def test_net_churn_counts_reactivation_and_may_be_below_zero(self):
        self.assertAlmostEqual(net_churn(100, 10, 5, 3, 2), 0.10)
        self.assertAlmostEqual(net_churn(100, 0, 0, 20, 10), -0.30)

    def test_annual_churn_when_a_month_loses_all_or_more_then_nothing_is_left(self):
        self.assertEqual((annual_churn(1), annual_churn(3.0)), (1, 1))

    def test_annual_churn_when_more_is_won_than_lost_then_growth(self):
        self.assertAlmostEqual(annual_churn(-0.01), 1 - 1.01**12)

    def test_ltv_when_there_is_a_least_churn_then_it_only_counts_below_it(self):
        self.assertAlmostEqual(ltv(100, 0.01, STRIPE_LEAST_CHURN), 100 / 0.0167)
        self.assertAlmostEqual(ltv(100, 0.05, STRIPE_LEAST_CHURN), 2000)

    def test_arr_keeps_the_type_of_the_mrr(self):
        for mrr, expected in ((Decimal("166.67"), Decimal("2000.04")), (2.5, 30.0)):
            self.assertEqual(arr(mrr), expected)
            self.assertIs(type(arr(mrr)), type(expected))
