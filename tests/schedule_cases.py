"""Builders of the tests of ``tools.periods`` and ``tools.schedule``: dates and amounts are written as text."""

from datetime import date
from decimal import Decimal

from ..tools.schedule import CHARGE, CREDIT, Row, Terms, plan

ADVANCE, ARREARS = "advance", "arrears"
CENT = Decimal("0.01")
METHODS = ("none", "days", "days30")
LATE = date(2030, 12, 31)


def day(text):
    return text and date.fromisoformat(text)


def terms(start, end=None, unit="month", interval=1, billing=ADVANCE, anchor=None, pauses=(), **vals):
    """Terms of a line whose periods begin with it, unless an anchor is given."""
    pauses = tuple((day(first), day(last)) for first, last in pauses)
    anchor = day(anchor or start)
    if "bill_from" in vals:
        vals["bill_from"] = day(vals["bill_from"])
    return Terms(anchor, unit, interval, billing, day(start), day(end), pauses, **vals)


def days_of(rows):
    return [f"{row.start}..{row.end}" for row in rows]


def planned(rows):
    return [str(row.planned) for row in rows]


def charge(start, end, price, **vals):
    return Row(CHARGE, day(start), day(end), Decimal(price), **vals)


def credit(start, end, price, **vals):
    return Row(CREDIT, day(start), day(end), Decimal(price), **vals)


def locked(rows):
    """What the rows are once they are invoiced."""
    return [Row(row.kind, row.start, row.end, row.amount) for row in rows]


def plan_of(line, whole="100", rows=(), until=LATE, **vals):
    return plan(line, Decimal(whole), CENT, until, rows, **vals)


def brief(rows):
    return [f"{row.kind} {row.start}..{row.end} {row.amount}" for row in rows]
