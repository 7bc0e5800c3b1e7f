"""Spreadsheets (XLSX) with real dates, amounts in their currencies, totals, filters and native charts.

Rows are written one by one to a temporary file, so that memory does not grow with their number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from os import PathLike
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from . import workbook_chart
from .workbook_cells import NUMBER_FORMATS, NUMERIC_KINDS, TEXT, CellWriter, clean_text, cut
from .workbook_chart import Chart, Drawn, draw_charts, point
from .workbook_plain import PlainWorksheet
from .workbook_totals import COUNT, SUM, Part, Totals

#: What a sheet holds.
MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TITLE = 31
#: Rows kept free for totals, one per currency.
TOTAL_ROWS = 256

_HEADER = {"bold": True, "bg_color": "#E9ECEF", "bottom": 1, "text_wrap": True, "valign": "vcenter"}
_TOTAL = {"bold": True, "top": 1}
_TITLE_CHARACTERS = str.maketrans({"/": "-", "\\": "-", ":": "-", "[": "(", "]": ")", "*": "", "?": ""})


class Column(NamedTuple):
    """A column of a table.

    :param kind: ``text``, ``integer``, ``number``, ``percent`` (a ratio, 1 is 100 %), ``date``, ``datetime``
        (without time zone, written as it is) or ``money`` (``Money``, or a number without currency)
    :param width: in characters
    :param total: ``sum`` (numbers only), ``count`` (cells that are not empty) or empty
    :param hidden: whether it is there only for formulas and charts
    """

    label: str
    kind: str = TEXT
    width: int = 12
    total: str = ""
    hidden: bool = False


class Sheet(NamedTuple):
    """A table on a sheet of its own.

    :param title: made a valid and unique name: at most 31 characters, without ``[]:*?/\\``
    :param columns: may be empty for a sheet with notes and charts only
    :param rows: as many values as columns each; read once, so that a generator does; None, False and the
        empty text are empty cells; a ``Cell`` has a kind of its own
    :param notes: lines above the table, such as the company, the date and the filters
    :param currency_column: number of the text column with the code of each row's currency; money in several
        currencies has totals only with it
    :param frozen: how many columns stay in sight on the left
    :param total_label: word in front of totals
    """

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    notes: Sequence[str] = ()
    currency_column: int | None = None
    frozen: int = 0
    total_label: str = "Total"


def write_workbook(
    target: str | PathLike[str] | IO[bytes],
    sheets: Iterable[Sheet],
    *,
    charts: Iterable[Chart] = (),
    properties: Mapping[str, Any] | None = None,
) -> None:
    """Write a workbook. Nothing is written to the target if something is wrong.

    Text is always text, never a formula or a link. Characters that XML forbids are left out, and text too
    long for a cell is cut, with an ellipsis. Dates before 1900 are written as text. Rows that do not fit on a
    sheet go on on a second one, "Title (2)", and the totals stand under the last.

    :param target: path, or file opened for writing bytes; it stays open
    :param charts: those of a sheet that goes on on a second one show what is on the first
    :param properties: of the document: ``title``, ``subject``, ``author``, ``company``, ``comments``, ``created``…
    :raise ValueError: if there is no sheet, a value is not of its column's kind, a row has another number of
        values than there are columns, or a chart or a total asks for what is not there
    """
    sheets, charts = list(sheets), list(charts)
    _check_sheets(sheets)
    _check_charts(charts, sheets)
    with TemporaryDirectory(prefix="workbook-") as folder:
        options = {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        workbook = Workbook(target, {**options, "strings_to_formulas": False, "strings_to_urls": False})
        if properties:
            workbook.set_properties(
                {key: clean_text(value) if isinstance(value, str) else value for key, value in properties.items()}
            )
        cells, titles = CellWriter(workbook), _Titles()
        tables: dict[str, Drawn] = {}
        for sheet in sheets:
            drawn = _TableWriter(workbook, cells, titles, sheet, _charted_columns(sheet, charts)).put()
            tables.setdefault(sheet.title, drawn)
        draw_charts(workbook, charts, tables)
        workbook.close()


class _Titles:
    """Names of sheets, unique whatever their case."""

    def __init__(self) -> None:
        self._used = {"history"}  # Excel keeps it for itself

    def claim(self, title: str) -> str:
        """Give the first free name of a title: "Title", "Title (2)" …"""
        plain = " ".join(clean_text(title).translate(_TITLE_CHARACTERS).split()).strip("' ") or "Sheet"
        name = next(name for name in self._candidates(plain) if name.lower() not in self._used)
        self._used.add(name.lower())
        return name

    def _candidates(self, plain: str) -> Iterator[str]:
        for number in count(1):
            suffix = f" ({number})" if number > 1 else ""
            yield cut(plain, MAX_TITLE - len(suffix), "").strip("' ") + suffix


class _TableWriter:
    """Writes one table to a sheet, and to more of them if its rows do not fit on one."""

    def __init__(
        self, workbook: Workbook, cells: CellWriter, titles: _Titles, sheet: Sheet, charted: Iterable[int]
    ) -> None:
        self._workbook, self._cells, self._titles, self._sheet = workbook, cells, titles, sheet
        self._kinds = [column.kind for column in sheet.columns]
        self._plain = cells.plain_row(self._kinds)
        self._totals = Totals(((column.kind, column.total) for column in sheet.columns), sheet.currency_column)
        self._header = len(sheet.notes) + bool(sheet.notes)
        self._points: dict[int, list[Any]] = {column: [] for column in charted}
        self._parts: list[Part] = []
        reserved = TOTAL_ROWS if any(column.total for column in sheet.columns) else 0
        self._rows_per_part = MAX_ROWS - reserved - self._header - 1

    def put(self) -> Drawn:
        worksheet = first_worksheet = self._begin()
        row = start = self._header + 1
        for values in self._sheet.rows:
            if row - start == self._rows_per_part:
                self._end(worksheet, row - 1)
                worksheet, row = self._begin(), start
            self._write_row(worksheet, row, values)
            row += 1
        self._end(worksheet, row - 1)
        self._write_totals(worksheet, row)
        part = self._parts[0]
        return Drawn(first_worksheet, part.name, self._kinds, self._header, part.first, part.last, self._points)

    def _begin(self) -> PlainWorksheet:
        """Start a sheet: what stands above the rows, and how it looks on screen and paper."""
        sheet = self._sheet
        worksheet: PlainWorksheet = self._workbook.add_worksheet(self._titles.claim(sheet.title), PlainWorksheet)
        worksheet.set_landscape()
        worksheet.set_paper(9)  # A4
        worksheet.fit_to_pages(1, 0)
        worksheet.set_footer("&L&A&R&P / &N")
        for number, column in enumerate(sheet.columns):
            worksheet.set_column(number, number, column.width, None, {"hidden": True} if column.hidden else {})
        for row, note in enumerate(sheet.notes):
            self._cells.write_text(worksheet, row, 0, note)
        if sheet.columns:
            worksheet.freeze_panes(self._header + 1, sheet.frozen)
            worksheet.repeat_rows(self._header)
        for number, column in enumerate(sheet.columns):
            align = "right" if column.kind in NUMERIC_KINDS else "left"
            self._cells.write_text(worksheet, self._header, number, column.label, align=align, **_HEADER)
        return worksheet

    def _write_row(self, worksheet: PlainWorksheet, row: int, values: Sequence[Any]) -> None:
        if len(values) != len(self._kinds):
            raise ValueError(f"{self._sheet.title}: {len(values)} values for {len(self._kinds)} columns")
        worksheet.begin_row(row)
        if (cells := self._plain.cells(row, values)) is not None:
            if cells:
                worksheet.write_plain_row(row, cells)
        else:
            self._write_cells(worksheet, row, values)
        self._totals.add(values)
        for column, points in self._points.items():
            if not self._parts and len(points) < workbook_chart.MAX_COPIED:
                points.append(point(values[column]))

    def _write_cells(self, worksheet: PlainWorksheet, row: int, values: Sequence[Any]) -> None:
        for number, value in enumerate(values):
            try:
                self._cells.put(worksheet, row, number, value, self._kinds[number])
            except (TypeError, ValueError) as error:
                label = self._sheet.columns[number].label
                raise ValueError(f"{self._sheet.title}, {label}, row {row + 1}: {error}") from error

    def _end(self, worksheet: Worksheet, last: int) -> None:
        if self._sheet.columns:
            worksheet.autofilter(self._header, 0, last, len(self._kinds) - 1)
        self._parts.append(Part(worksheet.get_name(), self._header + 1, last))

    def _write_totals(self, worksheet: Worksheet, row: int) -> None:
        """Write the totals, with their values for programs that show a formula without computing it."""
        if self._parts[0].last < self._parts[0].first:
            return
        for line in self._totals.rows():
            for column in range(len(self._kinds)):
                if total := line.cells.get(column):
                    look = self._cells.format(total.number_format, **_TOTAL)
                    formula = total.formula(self._parts, worksheet.get_name())
                    worksheet.write_formula(row, column, formula, look, float(total.value))
                elif text := self._total_text(column, line.code):
                    self._cells.write_text(worksheet, row, column, text, **_TOTAL)
                else:
                    worksheet.write_blank(row, column, None, self._cells.format(NUMBER_FORMATS[TEXT], **_TOTAL))
            row += 1

    def _total_text(self, column: int, code: str) -> str:
        currency_column = self._sheet.currency_column
        if column == currency_column:
            return code
        free = (
            number
            for number, each in enumerate(self._sheet.columns)
            if not each.total and not each.hidden and number != currency_column
        )
        return self._sheet.total_label if column == next(free, None) else ""


def _charted_columns(sheet: Sheet, charts: Iterable[Chart]) -> set[int]:
    mine = [chart for chart in charts if chart.categories[0] == sheet.title]
    return {column for chart in mine for column in (chart.categories[1], *(column for _label, column in chart.series))}


def _check_sheets(sheets: Sequence[Sheet]) -> None:
    if not sheets:
        raise ValueError("A workbook needs a sheet")
    for sheet in sheets:
        if len(sheet.columns) > MAX_COLUMNS or len(sheet.notes) + TOTAL_ROWS + 3 > MAX_ROWS:
            raise ValueError(f"{sheet.title}: more than a sheet holds")
        if sheet.currency_column is not None:
            _check_column(sheet, sheet.currency_column)
        for column in sheet.columns:
            if column.kind not in NUMBER_FORMATS:
                raise ValueError(f"{sheet.title}, {column.label}: unknown kind {column.kind}")
            if column.total not in ("", SUM, COUNT) or (column.total == SUM and column.kind not in NUMERIC_KINDS):
                raise ValueError(f"{sheet.title}, {column.label}: no total {column.total} of {column.kind}")


def _check_charts(charts: Iterable[Chart], sheets: Iterable[Sheet]) -> None:
    by_title = {sheet.title: sheet for sheet in reversed(list(sheets))}
    for chart in charts:
        if chart.kind not in workbook_chart.KINDS:
            raise ValueError(f"{chart.title}: unknown kind of chart {chart.kind}")
        if chart.sheet not in by_title or chart.categories[0] not in by_title:
            raise ValueError(f"{chart.title}: the sheet of the chart is missing")
        bars = len(workbook_chart.Bar._fields)
        if not chart.series or (chart.kind == workbook_chart.WATERFALL and len(chart.series) != bars):
            raise ValueError(f"{chart.title}: {len(chart.series)} series do not make a {chart.kind}")
        for column in (chart.categories[1], *(column for _label, column in chart.series)):
            _check_column(by_title[chart.categories[0]], column)


def _check_column(sheet: Sheet, column: int) -> None:
    if not 0 <= column < len(sheet.columns):
        raise ValueError(f"{sheet.title}: there is no column {column}")
