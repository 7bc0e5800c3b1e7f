"""Native charts of a spreadsheet: they are drawn from its cells and change with them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from .workbook_cells import DATE, DATETIME, MONEY, NUMBER_FORMATS, PERCENT, Cell, Money, clean_text, cut, is_empty

COLUMN = "column"
LINE = "line"
COLUMN_STACKED = "column_stacked"
WATERFALL = "waterfall"

_TYPES: dict[str, dict[str, str]] = {
    COLUMN: {"type": "column"},
    LINE: {"type": "line"},
    COLUMN_STACKED: {"type": "column", "subtype": "stacked"},
    WATERFALL: {"type": "column", "subtype": "stacked"},
}
KINDS = frozenset(_TYPES)

#: Colours that people with the common colour blindnesses tell apart (Okabe and Ito).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
#: Those of Bar: total, rise, fall, rise below zero, fall below zero.
_WATERFALL_COLOURS = ("#5F6B7A", "#009E73", "#D55E00", "#009E73", "#D55E00")

#: Longer series are read from the cells only: programs that draw a chart from its own copy show no such chart.
MAX_COPIED = 1_000

#: Rows that a chart of the usual size covers, and one between.
_CHART_ROWS = 19
_DAY_ZERO = datetime(1899, 12, 30)


class Chart(NamedTuple):
    """A chart on a sheet. A chart of a table without rows is left out.

    :param sheet: title of the sheet on which it stands
    :param kind: ``column``, ``line``, ``column_stacked`` or ``waterfall``
    :param categories: title of the sheet whose rows are drawn, and its column with their names or dates
    :param series: label and column of that sheet for each; of a waterfall the six columns of ``Bar`` in order
    :param position: cell of its upper left corner such as ``H2``; empty puts it right of the table
    :param size: width and height in pixels
    :param rows: first and last row that is drawn, counted from 0; default: all
    :param value_kind: of the values, if their cells have kinds of their own; default: that of their column
    """

    sheet: str
    kind: str
    title: str
    categories: tuple[str, int]
    series: Sequence[tuple[str, int]]
    position: str = ""
    size: tuple[int, int] = (640, 360)
    rows: tuple[int, int] | None = None
    value_kind: str = ""


class Bar(NamedTuple):
    """One bar of a waterfall as stacked columns; ``base`` is not seen. What is below zero is negative."""

    base: Decimal | float
    total: Decimal | float
    rise: Decimal | float
    fall: Decimal | float
    rise_below: Decimal | float
    fall_below: Decimal | float


class Drawn(NamedTuple):
    """A table that stands on a sheet, with what the charts need of it.

    :param kinds: the kinds of its columns
    :param header: the row of its header, counted from 0, as ``first`` and ``last``, its rows with values
    :param points: the values of the columns that are drawn, by the column's number
    """

    worksheet: Worksheet
    name: str
    kinds: Sequence[str]
    header: int
    first: int
    last: int
    points: Mapping[int, Sequence[Any]]


def waterfall_bars(steps: Iterable[tuple[Decimal | float, bool]]) -> list[Bar]:
    """Give the stacked columns of a waterfall, one bar per step.

    :param steps: amount, and whether it is a total: a total stands on zero, a change on where the last step ended
    """
    bars = []
    level: Any = 0
    for amount, is_total in steps:
        if is_total:
            level = amount
            bars.append(Bar(0, amount, 0, 0, 0, 0))
            continue
        low, high = min(level, level + amount), max(level, level + amount)
        base = max(low, 0) or min(high, 0)
        above, below = max(high, 0) - max(low, 0), min(low, 0) - min(high, 0)
        bars.append(Bar(base, 0, above, 0, below, 0) if amount >= 0 else Bar(base, 0, 0, above, 0, below))
        level += amount
    return bars


def point(value: Any) -> str | float | None:
    """Give a cell's value as a chart keeps it: a number, a text, or None if it is empty."""
    if isinstance(value, Cell):
        value = value.value
    if is_empty(value):
        return None
    if isinstance(value, Money):
        value = value.amount
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return (moment - _DAY_ZERO).total_seconds() / 86_400
    return float(value) if isinstance(value, int | float | Decimal) else clean_text(value)


def draw_charts(workbook: Workbook, charts: Iterable[Chart], tables: Mapping[str, Drawn]) -> None:
    """Put charts on their sheets.

    :param tables: by the titles that charts use; they hold all of them
    """
    drawn: dict[str, int] = {}
    for chart in charts:
        place, source = tables[chart.sheet], tables[chart.categories[0]]
        if source.last < source.first:
            continue
        source = _only(source, chart.rows)
        native = workbook.add_chart(_TYPES[chart.kind])
        _add_series(native, chart, source)
        _style(native, chart, source)
        number = drawn.get(chart.sheet, 0)
        options = {"description": plain_name(chart.title)}
        if chart.position:
            place.worksheet.insert_chart(chart.position, native, options)
        else:
            place.worksheet.insert_chart(place.header + number * _CHART_ROWS, len(place.kinds) + 1, native, options)
            drawn[chart.sheet] = number + 1


def _only(source: Drawn, rows: tuple[int, int] | None) -> Drawn:
    """Narrow a table down to some of its rows.

    :raise ValueError: if there are no such rows
    """
    if rows is None:
        return source
    first, last = source.first + rows[0], source.first + rows[1]
    if not source.first <= first <= last <= source.last:
        raise ValueError(f"{source.name} has no rows {rows[0]} to {rows[1]}")
    points = {column: values[rows[0] : rows[1] + 1] for column, values in source.points.items()}
    return source._replace(first=first, last=last, points=points)


def plain_name(text: str) -> str:
    """Give a title or label that is taken as it is: "Sales!A1" would be read as a reference to a cell."""
    return re.sub(r"!(?=\$?[A-Z])", "!\u2060", cut(clean_text(text), 250))


def _add_series(native: Any, chart: Chart, source: Drawn) -> None:
    for number, (label, column) in enumerate(chart.series):
        series: dict[str, Any] = {
            "name": plain_name(label),
            "categories": [source.name, source.first, chart.categories[1], source.last, chart.categories[1]],
            "values": [source.name, source.first, column, source.last, column],
            "categories_data": _copy(source, chart.categories[1]),
            "values_data": _copy(source, column),
        }
        native.add_series({**series, **_series_look(chart.kind, number)})


def _series_look(kind: str, number: int) -> dict[str, Any]:
    if kind == WATERFALL and not number:
        return {"fill": {"none": True}, "border": {"none": True}, "gap": 40}
    if kind == WATERFALL:
        return {"fill": {"color": _WATERFALL_COLOURS[number - 1]}}
    colour = _COLOURS[number % len(_COLOURS)]
    if kind == LINE:
        return {"line": {"color": colour, "width": 2.25}}
    return {"fill": {"color": colour}}


def _copy(source: Drawn, column: int) -> list[Any] | None:
    points = list(source.points[column])
    return points if len(points) == source.last - source.first + 1 and len(points) <= MAX_COPIED else None


def _style(native: Any, chart: Chart, source: Drawn) -> None:
    native.set_title({"name": plain_name(chart.title)} if chart.title else {"none": True})
    category_kind = source.kinds[chart.categories[1]]
    if category_kind in (DATE, DATETIME):
        native.set_x_axis({"date_axis": True, "num_format": NUMBER_FORMATS[DATE], "label_position": "low"})
    else:
        native.set_x_axis({"label_position": "low"})
    value_kind = chart.value_kind or source.kinds[chart.series[0][1]]
    number_format = {PERCENT: "0%", MONEY: "#,##0"}.get(value_kind, "General")
    native.set_y_axis({"num_format": number_format, "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}})
    native.set_size({"width": chart.size[0], "height": chart.size[1]})
    native.show_hidden_data()  # the columns of a waterfall are no reading matter
    if chart.kind == WATERFALL or len(chart.series) == 1:
        native.set_legend({"none": True})
    else:
        native.set_legend({"position": "bottom"})
