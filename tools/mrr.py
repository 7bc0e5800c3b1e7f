"""Monthly recurring revenue (MRR) of one customer: what changed it, day by day.

A movement is a change of what a contract brings per month. What kind it is, is decided for the customer as a
whole, as ChartMogul does: the second contract of a customer is an expansion, and losing one of two is no churn.
Movements are counted in the contract's currency and valued at the rate of their day; what rates alone do to the
balance stands in rows of its own, so that opening + movements + fx = closing always holds.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

NEW = "new"
REACTIVATION = "reactivation"
EXPANSION = "expansion"
CONTRACTION = "contraction"
CHURN = "churn"
TRANSFER = "transfer"
FX = "fx"
KINDS = (NEW, REACTIVATION, EXPANSION, CONTRACTION, CHURN, TRANSFER, FX)

#: Id or code.
Currency = int | str
#: Values an amount of a currency in company currency on a day. It must round as the company currency does, give
#: 0 for 0 and leave amounts in company currency as they are.
Convert = Callable[[Currency, Decimal, date], Decimal]

_ZERO = Decimal(0)


class Segment(NamedTuple):
    """Some days in which a contract brings the same amount per month; segments may overlap and then add up.

    :param contract: id
    :param currency: of the contract
    :param start: first day
    :param end: last day; None = open. If it is before the start, the segment counts for nothing
    :param amount: per month, rounded at the precision of the currency; below 0 if it is a rebate
    """

    contract: int
    currency: Currency
    start: date
    end: date | None
    amount: Decimal


class Movement(NamedTuple):
    """A change of what a contract brings per month.

    :param date: first day on which it holds; a contract that ends on 31 January is lost on 1 February
    :param contract: id
    :param kind: one of ``KINDS``
    :param amount: signed, in contract currency; 0 if it is fx
    :param value: signed, in company currency
    :param currency: of the contract
    """

    date: date
    contract: int
    kind: str
    amount: Decimal
    value: Decimal
    currency: Currency


class Waterfall(NamedTuple):
    """How one balance became the other: ``opening`` + all kinds = ``closing``. All signed, in company currency."""

    opening: Decimal
    new: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal
    transfer: Decimal
    fx: Decimal
    closing: Decimal


def movements(segments: Iterable[Segment], convert: Convert) -> list[Movement]:
    """Give all movements of one customer in one company, by day and contract.

    A customer pays while the total is above 0; a total of 0 or below (more rebate than revenue) counts as not
    paying. All movements of a day have the same kind, by what the day as a whole did:

    * did not pay before, pays now: ``new`` the first time, ``reactivation`` later, however long the gap;
    * paid before, does not now: ``churn``;
    * else ``expansion`` or ``contraction``, as the total goes up or down;
    * the total stays, as when a contract is renewed at its price: ``transfer``.

    Whether a total is 0 is decided in the currencies of the contracts, never on rounded conversions; rates count
    only where one currency goes up and another down. The values of a day add up to the value of its net change
    per currency, so that a transfer within a currency is exactly 0.

    :param segments: in any order
    :param convert: see ``Convert``; called for the days of movements
    """
    changes = _changes(segments)
    balance: dict[Currency, Decimal] = defaultdict(Decimal)
    found: list[Movement] = []
    has_paid = False
    for day in sorted(changes):
        net: dict[Currency, Decimal] = defaultdict(Decimal)
        for (_contract, currency), amount in changes[day].items():
            net[currency] += amount
        paid = _sign(balance, convert, day) > 0
        for currency, amount in net.items():
            balance[currency] += amount
        pays = _sign(balance, convert, day) > 0
        kind = _kind(paid, pays, has_paid, _sign(net, convert, day))
        has_paid = has_paid or pays
        found.extend(_valued(day, kind, changes[day], convert))
    return found


def fx_movements(
    movements: Iterable[Movement],
    convert: Convert,
    month_ends: Sequence[date],
    rounding: Decimal = Decimal("0.01"),
) -> list[Movement]:
    """Give what exchange rates did to the value of each contract, as one row per contract and month.

    At the end of a month a contract is worth its balance at the rate of that day; the fx row is what its earlier
    movements and fx rows lack of that. So it also takes up what rounding left over, and a contract in company
    currency never has one. Rows of 0 are left out.

    :param movements: of any customers; fx rows among them are ignored and made anew
    :param convert: see ``Convert``; called for the month ends
    :param month_ends: last days of the closed months, in any order
    :param rounding: smallest unit of the company currency
    :return: by day and contract
    """
    ledgers: dict[tuple[int, Currency], list[Movement]] = defaultdict(list)
    for movement in movements:
        if movement.kind != FX:
            ledgers[movement.contract, movement.currency].append(movement)
    days = sorted(set(month_ends))
    rows = [row for ledger in ledgers.values() for row in _revalued(ledger, convert, days, rounding)]
    return sorted(rows, key=_order)


def waterfall(movements: Iterable[Movement], start: date, end: date) -> Waterfall:
    """Add up movements from the first to the last day of a period, both included.

    :param movements: of any customers and contracts of one company, from the beginning and with fx rows
    :raise ValueError: if the period ends before it starts, or a kind is unknown
    """
    if end < start:
        raise ValueError(f"Ends before it starts: {start} to {end}")
    opening = closing = _ZERO
    sums = dict.fromkeys(KINDS, _ZERO)
    for movement in movements:
        if movement.kind not in sums:
            raise ValueError(f"Unknown kind of movement: {movement.kind}")
        if movement.date > end:
            continue
        closing += movement.value
        if movement.date < start:
            opening += movement.value
        else:
            sums[movement.kind] += movement.value
    return Waterfall(opening=opening, closing=closing, **sums)


def _changes(segments: Iterable[Segment]) -> dict[date, dict[tuple[int, Currency], Decimal]]:
    """Day: contract and currency: signed change. Changes of 0 and days without any are left out."""
    sums: dict[tuple[date, int, Currency], Decimal] = defaultdict(Decimal)
    for contract, currency, start, end, amount in segments:
        if end is not None and end < start:
            continue
        sums[start, contract, currency] += amount
        if end is not None and end < date.max:
            sums[end + timedelta(days=1), contract, currency] -= amount
    changes: dict[date, dict[tuple[int, Currency], Decimal]] = defaultdict(dict)
    for (day, contract, currency), amount in sums.items():
        if amount:
            changes[day][contract, currency] = amount
    return changes


def _sign(amounts: Mapping[Currency, Decimal], convert: Convert, day: date) -> int:
    """Whether amounts in several currencies are together above (1), below (-1) or exactly 0."""
    signs = {_compare(amount) for amount in amounts.values()} - {0}
    if len(signs) < 2:
        return signs.pop() if signs else 0
    return _compare(sum((convert(currency, amount, day) for currency, amount in amounts.items()), _ZERO))


def _compare(amount: Decimal) -> int:
    return (amount > 0) - (amount < 0)


def _kind(paid: bool, pays: bool, has_paid: bool, net: int) -> str:
    if pays and not paid:
        return REACTIVATION if has_paid else NEW
    if paid and not pays:
        return CHURN
    return {1: EXPANSION, -1: CONTRACTION, 0: TRANSFER}[net]


def _valued(
    day: date, kind: str, changes: Mapping[tuple[int, Currency], Decimal], convert: Convert
) -> Iterator[Movement]:
    # Valuing running sums instead of single changes leaves no cent between the rows and their total.
    sums: dict[Currency, Decimal] = defaultdict(Decimal)
    valued: dict[Currency, Decimal] = defaultdict(Decimal)
    for (contract, currency), amount in sorted(changes.items(), key=lambda change: (change[0][0], str(change[0][1]))):
        sums[currency] += amount
        value = convert(currency, sums[currency], day) - valued[currency]
        valued[currency] += value
        yield Movement(day, contract, kind, amount, value, currency)


def _revalued(
    ledger: Iterable[Movement], convert: Convert, days: Iterable[date], rounding: Decimal
) -> Iterator[Movement]:
    """The fx rows of one contract."""
    pending = sorted(ledger, key=_order, reverse=True)
    contract, currency = pending[0].contract, pending[0].currency
    balance = value = _ZERO
    for day in days:
        while pending and pending[-1].date <= day:
            movement = pending.pop()
            balance += movement.amount
            value += movement.value
        worth = convert(currency, balance, day) if balance else _ZERO
        change = _rounded(worth - value, rounding)
        if change:
            value += change
            yield Movement(day, contract, FX, _ZERO, change, currency)


def _rounded(amount: Decimal, rounding: Decimal) -> Decimal:
    return (amount / rounding).quantize(Decimal(1), ROUND_HALF_UP) * rounding


def _order(movement: Movement) -> tuple[date, int, str]:
    return (movement.date, movement.contract, str(movement.currency))
