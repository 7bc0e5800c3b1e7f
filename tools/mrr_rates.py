"""Rates of recurring revenue and of customers.

A ratio is a float, 1 = 100 %, not rounded. A rate whose denominator is 0 (or, for balances, below 0) is None: not
known, never 0. What was lost (churn, contraction) may be given as in a waterfall, below 0, or as a size.
Tools for subscriptions disagree about most of these; each docstring names whose definition it is.
"""

from collections.abc import Hashable, Mapping
from decimal import Decimal
from math import fsum
from typing import TypeVar

#: Money in one currency, the same for all parameters of a function.
Amount = Decimal | float
_Amount = TypeVar("_Amount", Decimal, float)
_Customer = TypeVar("_Customer", bound=Hashable)

#: What Stripe takes for the monthly churn of a business that lost nobody.
STRIPE_LEAST_CHURN = 0.0167


def nrr(start: Mapping[_Customer, Amount], end: Mapping[_Customer, Amount]) -> float | None:
    """Net revenue retention: what the customers of the start bring at the end / what they brought at the start.

    Point to point: neither new nor returning customers count, nor what happened in between. ChartMogul's
    definition, whose usual window is 12 months. May exceed 1.

    :param start: MRR by customer at the start; customers at 0 or below are not counted
    :param end: MRR by customer at the end; who is missing brings 0
    """
    paying = _paying(start)
    return _ratio(fsum(float(end.get(customer, 0)) for customer in paying), fsum(paying.values()))


def grr(start: Mapping[_Customer, Amount], end: Mapping[_Customer, Amount]) -> float | None:
    """Gross revenue retention: as ``nrr``, but no customer counts for more than at the start.

    The lesser amount is taken per customer, never of the totals, where the growth of one customer would hide the
    loss of another. At most 1.

    :param start: as in ``nrr``
    :param end: as in ``nrr``
    """
    paying = _paying(start)
    kept = fsum(min(float(end.get(customer, 0)), amount) for customer, amount in paying.items())
    return _ratio(kept, fsum(paying.values()))


def logo_churn(start: Mapping[_Customer, Amount], end: Mapping[_Customer, Amount]) -> float | None:
    """Customer churn: customers of the start who do not pay at the end / customers of the start.

    ChartMogul's definition for sales to businesses: who joined and left in between counts nowhere; who left
    and came back is no loss.

    :param start: MRR by customer at the start; a customer above 0 pays
    :param end: MRR by customer at the end; who is missing does not pay
    """
    paying, still = _paying(start), _paying(end)
    return _ratio(sum(customer not in still for customer in paying), len(paying))


def logo_churn_stripe(churned: int, at_start: int, new: int) -> float | None:
    """Customer churn as Stripe has it: churned / (customers at the start + new ones).

    :param churned: customers lost in the period, those who joined in it included
    :param at_start: customers at the start
    :param new: customers who joined in the period
    """
    return _ratio(churned, at_start + new)


def gross_churn(start: Amount, churn: Amount, contraction: Amount) -> float | None:
    """MRR lost: (churn + contraction) / MRR at the start.

    ChartMogul's definition. It counts what happened in the period, so it may exceed 1 where
    customers joined and left within it.

    :param start: MRR at the start, above 0
    """
    return _ratio(_size(churn) + _size(contraction), float(start))


def net_churn(
    start: Amount, churn: Amount, contraction: Amount, expansion: Amount, reactivation: Amount
) -> float | None:
    """MRR lost less MRR won: (churn + contraction - expansion - reactivation) / MRR at the start.

    ChartMogul's definition. Below 0 if more was won. It counts reactivation and ``nrr`` does not, so they
    do not add up to 1.

    :param start: MRR at the start, above 0
    """
    lost = _size(churn) + _size(contraction)
    return _ratio(lost - float(expansion) - float(reactivation), float(start))


def quick_ratio(new: Amount, expansion: Amount, contraction: Amount, churn: Amount) -> float | None:
    """How much was won for each unit lost: (new + expansion) / (contraction + churn).

    Reactivation is left out, as by Baremetrics and FirstOfficer. None if nothing was lost; 4 is held to be good.
    """
    return _ratio(float(new) + float(expansion), _size(contraction) + _size(churn))


def renewal_rate(renewed: int, ending: int) -> float | None:
    """Contracts renewed / contracts that ended in the period.

    :param renewed: of those that ended, whenever they were renewed
    :param ending: contracts whose term ended in the period, renewed or not
    """
    return _ratio(renewed, ending)


def arr(mrr: _Amount) -> _Amount:
    """Annual recurring revenue: 12 times MRR, in its currency and type."""
    return mrr * 12


def arpa(mrr: Amount, customers: int) -> float | None:
    """Average revenue per account: MRR / paying customers, per month in the currency of the MRR."""
    return _ratio(float(mrr), customers)


def ltv(arpa: float | None, churn: float | None, least_churn: float = 0.0) -> float | None:
    """Lifetime value of a customer: revenue per account / churn, in the currency of the former.

    :param arpa: per month, None if not known
    :param churn: customer churn per month, better the mean of several months than of one; None if not known
    :param least_churn: what to take instead of a churn below it; 0 = the value is not known without churn
        (ChartMogul). Stripe takes ``STRIPE_LEAST_CHURN``
    """
    if arpa is None or churn is None:
        return None
    return _ratio(arpa, max(churn, least_churn))


def annual_churn(monthly: float | None) -> float | None:
    """Turn churn per month into churn per year: 1 - (1 - churn) ** 12, not 12 times as much.

    :param monthly: None if not known; below 0 if net churn; from 1 on nothing is left after a year
    """
    if monthly is None:
        return None
    return 1 - (1 - min(float(monthly), 1.0)) ** 12


def _paying(mrr: Mapping[_Customer, Amount]) -> dict[_Customer, float]:
    return {customer: float(amount) for customer, amount in mrr.items() if amount > 0}


def _size(lost: Amount) -> float:
    return abs(float(lost))


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None
