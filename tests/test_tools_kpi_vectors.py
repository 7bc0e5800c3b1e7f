"""Published examples of contract and revenue figures, worked out with ``tools``.

The numbers are those of the table in KPI.md 2.8, which names the source of each. Where our convention differs from
the one of the example, both results are here, and why.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from odoo.tests import BaseCase

from ..tools.funnel import median
from ..tools.kpi_math import cac, clv, csat, k_factor, mean, nps, payback, ratio, wilson
from ..tools.mrr import Segment, fx_movements, movements, waterfall
from ..tools.mrr_rates import (
    STRIPE_LEAST_CHURN,
    annual_churn,
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
from ..tools.recurrence import (
    calendar_months,
    last_day,
    monthly_amount,
    notice_deadline,
    total_value,
    unit_months,
)
from ..tools.schedule import ADVANCE, DAYS, DAYS30, Terms, plan

CENT = Decimal("0.01")
JANUARY, FEBRUARY, DECEMBER = date(2026, 1, 31), date(2026, 2, 28), date(2026, 12, 31)
AUGUST, NEW_YEAR_EVE = date(2018, 8, 18), date(2018, 12, 31)
SEATS = (1, 2000, "year", "2026-01-10", None)


def cents(amount):
    return Decimal(str(amount)).quantize(CENT, ROUND_HALF_UP)


def percent(ratio):
    return cents(100 * ratio)


def mrr(amount, unit, interval=1):
    return cents(monthly_amount(amount, unit, interval))


def rows_of(*contracts, convert=lambda _currency, amount, _when: amount):
    """The movements of (contract, price, unit of its period, first day, last day)."""
    segments = [
        Segment(contract, "EUR", date.fromisoformat(start), end and date.fromisoformat(end), mrr(price, unit))
        for contract, price, unit, start, end in contracts
    ]
    return movements(segments, convert)


def story(*contracts):
    return [(row.kind, str(row.amount)) for row in rows_of(*contracts)]


def rated(_currency, amount, when):
    """The company keeps its books in a currency of which a euro costs 1.10 in January, then 1.20."""
    return cents(amount * Decimal("1.10" if when <= JANUARY else "1.20"))


def revalued():
    rows = rows_of((1, 100, "month", "2026-01-10", None), convert=rated)
    rows += fx_movements(rows, rated, [JANUARY, FEBRUARY])
    return [str(value) for value in waterfall(rows, date(2026, 2, 1), FEBRUARY)]


def losses_of_a_downgrade():
    """(churn, contraction) in MRR, and customer churn."""
    rows = rows_of((1, 100, "month", "2026-01-01", "2026-01-31"), (1, 70, "month", "2026-02-01", None))
    february = waterfall(rows, date(2026, 2, 1), FEBRUARY)
    return (february.churn, -february.contraction, logo_churn({1: february.opening}, {1: february.closing}))


def billed(method):
    """What is billed in all for 7 units at 5.00 a month, from 18 August, by months that begin on the 1st."""
    terms = Terms(
        anchor=AUGUST.replace(day=1), unit="month", interval=1, billing=ADVANCE, start=AUGUST, end=NEW_YEAR_EVE,
        method=method,
    )
    return sum(row.amount for row in plan(terms, Decimal(35), CENT, until=NEW_YEAR_EVE))


def days_to_customer(*pays):
    return [(date(2019, 5, day) - date(2019, 5, 1)).days for day in pays]


hundred = dict.fromkeys(range(100), 50)
#: 10 of them are gone, and so is the one who joined in between.
ninety = dict.fromkeys(range(10, 100), 50)


def vectors():
    """Number, what it is about, our result, the published one."""
    return (
        (1, "first contract", story(SEATS), [("new", "166.67")]),
        (
            2, "second contract", story(SEATS, (2, 60, "month", "2026-02-10", None)),
            [("new", "166.67"), ("expansion", "60.00")],
        ),
        (
            # Cancelled in mid-cycle, it ends with the period that is paid.
            3, "one of two cancelled", story(SEATS, (2, 60, "month", "2026-02-10", "2026-03-09")),
            [("new", "166.67"), ("expansion", "60.00"), ("contraction", "-60.00")],
        ),
        (6, "a quarter", mrr(90, "month", 3), 30),
        (6, "a year", mrr(1200, "year"), 100),
        (6, "three months", mrr(300, "month", 3), 100),
        (7, "a week", mrr(100, "week"), Decimal("434.82")),
        (8, "two months", mrr(60, "month", 2), 30),
        (8, "a year", mrr(120, "year"), 10),
        (10, "after a discount of 10 %", mrr(120 * 0.9, "year"), 9),
        (11, "gross churn", percent(gross_churn(100, 10, 10)), 20),
        (11, "net churn", percent(net_churn(100, 10, 10, 10, 0)), 10),
        (13, "customer churn", percent(logo_churn(hundred, ninety)), 10),
        (13, "customer churn by Stripe", percent(logo_churn_stripe(churned=11, at_start=100, new=1)), Decimal("10.89")),
        (15, "lifetime value", cents(ltv(100, 0.05)), 2000),
        (15, "lifetime value without churn", ltv(100, 0), None),
        (15, "lifetime value without churn by Stripe", cents(ltv(100, 0, STRIPE_LEAST_CHURN)), Decimal("5988.02")),
        (16, "days from lead to customer", median(days_to_customer(*[11] * 5, *[21] * 5)), 15),
        (16, "mean days from lead to customer", mean(days_to_customer(*[11] * 5, *[21] * 5)), 15),
        (18, "net retention", percent(nrr({1: 5000}, {1: 6000})), 120),
        # The source prints 1 % for 5000 of 5000.
        (18, "gross retention", percent(grr({1: 5000}, {1: 6000})), 100),
        (19, "quick ratio", quick_ratio(new=20, expansion=8, contraction=3, churn=5), 3.5),
        (20, "downgrade", losses_of_a_downgrade(), (0, 30, 0)),
        (21, "exchange rate", revalued(), ["110.00", "0", "0", "0", "0", "0", "0", "10.00", "120.00"]),
        (24, "revenue per month of 7 units", mrr(7 * 5, "month"), 35),
        (24, "contract value", cents(35 * calendar_months(AUGUST, NEW_YEAR_EVE)), Decimal("155.81")),
        (24, "billed by days", billed(DAYS), Decimal("155.81")),
        (24, "billed by months of 30 days", billed(DAYS30), Decimal("156.33")),
        (28, "renewed", percent(renewal_rate(65, 80)), Decimal("81.25")),
        (28, "renewed", percent(renewal_rate(85, 100)), 85),
        (30, "notice of 3 months", notice_deadline(DECEMBER, 3, "month"), date(2026, 9, 30)),
        (30, "notice of 90 days", notice_deadline(DECEMBER, 90, "day"), date(2026, 10, 2)),
        (31, "term from 29 February", last_day(date(2024, 2, 29), 12), date(2025, 2, 27)),
        (41, "net promoter score", nps(30, 20, 100), 10),
        (41, "net promoter score", nps(70, 20, 100), 50),
        (42, "satisfied", percent(csat(45, 50)), 90),
        # Divided by the unsatisfied, as one source has it, this would be 150 %.
        (42, "satisfied", percent(csat(150, 250)), 60),
        (44, "customers who refer", percent(ratio(150, 1000)), 15),
        (44, "invitations of each who refers", ratio(450, 150), 3),
        (44, "invitations that convert", percent(ratio(135, 450)), 30),
        (44, "new customers brought by each", round(k_factor(ratio(450, 1000), ratio(135, 450)), 12), 0.135),
        (45, "lifetime value of orders", cents(clv(75, 3, 2.5)), Decimal("562.50")),
        (45, "lifetime value of orders at a margin of 60 %", cents(clv(75, 3, 2.5, 0.6)), Decimal("337.50")),
        (46, "acquisition cost", cac(10_000, 500), 20),
        (47, "months to pay back", payback(1200, 100, 0.8), 15),
        (56, "churned", percent(ratio(3, 20)), 15),
        (56, "interval of the churned", [round(100 * limit, 1) for limit in wilson(3, 20)], [5.2, 36.0]),
        ("2.4", "churn of 5 % a month", percent(annual_churn(0.05)), Decimal("45.96")),
    )


def differences():
    """Number, our result, what it should be, the published one, and what makes the difference."""
    return (
        (8, mrr(10, "day"), "304.38", "304.37", "a month has 30.437 days there, 30.4375 here"),
        (8, mrr(20, "week"), "86.96", "86.90", "a month has 4.345 weeks there, 30.4375 / 7 here"),
        (
            8, mrr(10, "day") + mrr(20, "week") + mrr(60, "month", 2) + mrr(120, "year"), "431.34", "431.27",
            "the sum of the above",
        ),
        (27, round(unit_months("day", 10), 4), 0.3285, 0.3288, "a month has 365 / 12 days there, 30.4375 here"),
    )


class TestVectors(BaseCase):
    def test_published_example_when_worked_out_then_its_published_result(self):
        for number, about, result, expected in vectors():
            with self.subTest(number=number, about=about):
                self.assertEqual(result, expected)

    def test_published_example_when_months_have_another_length_there_then_within_a_thousandth(self):
        for number, result, ours, theirs, reason in differences():
            with self.subTest(number=number, reason=reason):
                self.assertEqual(str(result), str(ours))
                self.assertNotEqual(float(ours), float(theirs))
                self.assertAlmostEqual(float(ours) / float(theirs), 1, delta=0.001)

    def test_published_example_of_a_short_term_when_valued_then_by_its_days_in_their_own_month(self):
        """Number 27: there a term below a month is refused, and 10 days of any month cost 0.3288 of one.

        Here it is 10 of the 28 days of February, which is also what is billed.
        """
        start, end = date(2026, 2, 1), date(2026, 2, 10)
        self.assertEqual(cents(total_value(100, "month", 1, start, end)), Decimal("35.71"))
        terms = Terms(anchor=start, unit="month", interval=1, billing=ADVANCE, start=start, end=end, method=DAYS)
        self.assertEqual([row.amount for row in plan(terms, Decimal(100), CENT, until=end)], [Decimal("35.71")])
