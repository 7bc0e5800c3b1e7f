"""Spreadsheets of ``tools.workbook``, read back with openpyxl and as the XML that they are."""

import re
import tracemalloc
from datetime import date, datetime, timezone
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from zipfile import ZipFile

from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from odoo.tests import BaseCase

from ..tools import workbook
from ..tools.workbook import Column, Sheet, write_workbook
from ..tools.workbook_cells import MAX_TEXT, Cell, Money, cell_text, cut, money_format
from ..tools.workbook_chart import Bar, Chart, plain_name, point, waterfall_bars

CODE, AMOUNT = Column("Currency"), Column("Amount", "money", total="sum")
laws = settings(database=None, deadline=None, max_examples=25)


def euros(amount):
    return Money(Decimal(amount), "EUR", 2, "€")


def dollars(amount):
    return Money(Decimal(amount), "USD", 2, "$", before=True)


def yen(amount):
    return Money(Decimal(amount), "JPY", 0, "¥", before=True)


def written(*sheets, **options):
    """The bytes of a workbook."""
    target = BytesIO()
    write_workbook(target, sheets, **options)
    return target.getvalue()


def opened(*sheets, values=False, **options):
    """A workbook as openpyxl reads it: with its formulas, or with the values that stand beside them."""
    return load_workbook(BytesIO(written(*sheets, **options)), data_only=values)


def table(columns, *rows, values=False, **more):
    """The one sheet of a workbook, as openpyxl reads it."""
    return opened(Sheet("Sheet", columns, rows, **more), values=values).worksheets[0]


def column_of(kind, *values):
    """The cells under the header of a table with one column."""
    sheet = table([Column("Label", kind)], *([value] for value in values))
    return [sheet.cell(row, 1) for row in range(2, len(values) + 2)]


def xml(data, name):
    with ZipFile(BytesIO(data)) as archive:
        return archive.read(name).decode()


def texts(cells):
    return [cell.value for cell in cells]


class TestCells(BaseCase):
    def test_numbers_and_dates_are_what_they_are_not_text(self):
        moment = datetime(2024, 2, 29, 23, 59, 30)
        for kind, value, expected, number_format in (
            ("text", "Azure", "Azure", "@"),
            ("text", 12, "12", "@"),
            ("integer", 1234, 1234, "#,##0"),
            ("integer", 0, 0, "#,##0"),
            ("number", Decimal("-12.345"), -12.345, "#,##0.00"),
            ("number", 0.1, 0.1, "#,##0.00"),
            ("percent", 0.4596, 0.4596, "0.0%"),
            ("date", date(2024, 2, 29), datetime(2024, 2, 29), "yyyy-mm-dd"),
            ("date", moment, datetime(2024, 2, 29), "yyyy-mm-dd"),
            ("date", date(1900, 1, 1), datetime(1900, 1, 1), "yyyy-mm-dd"),
            ("date", date(9999, 12, 31), datetime(9999, 12, 31), "yyyy-mm-dd"),
            ("datetime", moment, moment, "yyyy-mm-dd hh:mm"),
            ("datetime", date(2024, 2, 29), datetime(2024, 2, 29), "yyyy-mm-dd hh:mm"),
            ("money", Decimal("9.99"), 9.99, "#,##0.00"),
            ("money", euros("9.99"), 9.99, '#,##0.00"\xa0€"'),
        ):
            [cell] = column_of(kind, value)
            self.assertEqual((cell.value, cell.number_format), (expected, number_format), (kind, value))

    def test_cell_when_there_is_no_value_then_empty(self):
        for kind in ("text", "integer", "number", "percent", "date", "datetime", "money"):
            self.assertEqual(texts(column_of(kind, None, False, "", Cell(None, kind))), [None] * 4, kind)

    def test_zero_is_a_value(self):
        self.assertEqual(texts(column_of("money", euros(0), 0)), [0, 0])

    def test_date_before_1900_when_written_then_text_as_excel_knows_no_such_date(self):
        self.assertEqual(texts(column_of("date", date(1899, 12, 31))), ["1899-12-31"])
        self.assertEqual(texts(column_of("datetime", datetime(1789, 7, 14, 12))), ["1789-07-14T12:00:00"])

    def test_cell_with_a_kind_of_its_own_when_written_then_its_kind(self):
        cells = column_of("text", "Retention", Cell(0.95, "percent"), Cell(euros(7), "money"), Cell("=1", "text"))
        self.assertEqual(texts(cells), ["Retention", 0.95, 7, "=1"])
        self.assertEqual([cell.number_format for cell in cells], ["@", "0.0%", '#,##0.00"\xa0€"', "@"])

    def test_value_when_not_of_its_kind_then_refused_with_its_place(self):
        for kind, value in (
            ("integer", "many"),
            ("number", float("nan")),
            ("money", euros("Infinity")),
            ("money", object()),
            ("date", "2024-02-29"),
            ("datetime", 20240229),
            ("datetime", datetime(2024, 2, 29, tzinfo=timezone.utc)),
            ("text", Cell(1, "colour")),
            ("money", Money(1, "EUR", -1)),
        ):
            with self.assertRaisesRegex(ValueError, "Sheet, Label, row 3: ", msg=(kind, value)):
                column_of(kind, None, value)

    def test_money_follows_the_currency_of_its_row(self):
        for money, expected in (
            (euros(1), '#,##0.00"\xa0€"'),
            (dollars(1), '"$\xa0"#,##0.00;-"$\xa0"#,##0.00'),
            (yen(1), '"¥\xa0"#,##0;-"¥\xa0"#,##0'),
            (Money(1, "KWD", 3), '#,##0.000"\xa0KWD"'),
            (Money(1, "", 2), "#,##0.00"),
            (Money(1, "XXX", 1, '";[Red]"'), '#,##0.0"\xa0;[Red]"'),
        ):
            self.assertEqual(money_format(money), expected)
            self.assertEqual(column_of("money", money)[0].number_format, expected)

    def test_formats_when_there_are_many_rows_then_one_per_currency(self):
        rows = [[euros(number)] if number % 2 else [yen(number)] for number in range(50)]
        styles = xml(written(Sheet("Sheet", [AMOUNT], rows)), "xl/styles.xml")
        self.assertEqual((styles.count("€"), styles.count("¥")), (1, 2))


class TestText(BaseCase):
    def test_text_that_looks_like_a_formula_or_a_link_when_written_then_text_everywhere(self):
        for text in (
            "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "{=1}", "\t=1", "https://example.com",
            "mailto:a@example.com", "<r>rich</r> ", "<b>&amp;\"'", "1e3", "007", " two  blanks ", "a\nb",
        ):  # fmt: skip
            sheet = Sheet(text, [Column(text)], [[text]], notes=[text])
            data = written(sheet, properties={"title": text})
            read = load_workbook(BytesIO(data)).worksheets[0]
            self.assertEqual(texts(read["A"]), [text, None, text, text])
            self.assertEqual({cell.data_type for cell in read["A"]}, {"s", "n"})  # "n" is the empty line
            content = xml(data, "xl/worksheets/sheet1.xml")
            self.assertNotIn("<f>", content)
            self.assertNotIn("hyperlink", content)

    def test_text_when_it_looks_like_markup_of_rich_text_then_stays_text(self):
        self.assertEqual(texts(column_of("text", "<r></v></r>", "<r>\n</r>")), ["<r></v></r> ", "<r>\n</r> "])

    def test_text_when_it_looks_like_an_escape_of_excel_then_escaped_once_more(self):
        content = xml(written(Sheet("Sheet", [Column("Label")], [["_x0041_"]])), "xl/worksheets/sheet1.xml")
        self.assertIn("<t>_x005F_x0041_</t>", content)  # Excel shows _x0041_, not A

    def test_text_when_in_any_script_then_kept(self):
        samples = ["Ærøskøbing", "日本語", "עברית", "👩‍👩‍👧", "e\u0301", "\u202eabc", "\U0001d4b3"]
        self.assertEqual(texts(column_of("text", *samples)), samples)

    def test_characters_that_xml_forbids_when_written_then_left_out(self):
        forbidden = "a\x00b\x08c\x0bd\x1fe\ud800f\uffffg\ufffeh"
        sheet = table([Column(forbidden)], [forbidden], notes=[forbidden])
        self.assertEqual(texts(sheet["A"]), ["abcdefgh", None, "abcdefgh", "abcdefgh"])

    def test_line_ends_of_any_system_when_written_then_line_feeds(self):
        self.assertEqual(texts(column_of("text", "a\r\nb\rc\nd", "\r=1")), ["a\nb\nc\nd", "\n=1"])

    def test_text_when_longer_than_a_cell_holds_then_cut_with_an_ellipsis(self):
        for text, expected in (
            ("x" * MAX_TEXT, "x" * MAX_TEXT),
            ("x" * (MAX_TEXT + 1), "x" * (MAX_TEXT - 1) + "…"),
            ("x" * 1_000_000, "x" * (MAX_TEXT - 1) + "…"),
            ("👍" * 16_383, "👍" * 16_383),  # two units each
            ("👍" * 16_384, "👍" * 16_383 + "…"),
            ("x" + "👍" * 16_384, "x" + "👍" * 16_382 + "…"),
        ):
            self.assertEqual(texts(column_of("text", text)), [expected])

    @laws
    @given(st.lists(st.text(), min_size=1, max_size=30))
    def test_text_when_read_back_then_as_it_was_cleaned(self, samples):
        # openpyxl does not undo this escape in the text of cells, as Excel does
        expected = [re.sub(r"(_x[0-9a-fA-F]{4}_)", r"_x005F\1", cell_text(text)) if text else None for text in samples]
        self.assertEqual(texts(column_of("text", *samples)), expected)

    @laws
    @given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 30))
    def test_cut_text_never_has_more_units_and_begins_like_the_text(self, text, limit):
        short = cut(text, limit)
        self.assertLessEqual(len(short.encode("utf-16-le")), limit * 2)
        self.assertTrue(short == text or (short.endswith("…") and text.startswith(short[:-1])))


class TestSheets(BaseCase):
    def test_table_stands_under_its_notes_with_header_filter_and_frozen_panes(self):
        columns = [Column("Customer", width=30), Column("Since", "date", 11), Column("Helper", "number", hidden=True)]
        data = written(
            Sheet("Register", columns, [["Azure", date(2024, 1, 1), 1]] * 3, ["Company", "As of today"], frozen=1)
        )
        sheet = load_workbook(BytesIO(data)).worksheets[0]
        self.assertEqual([sheet.cell(row, 1).value for row in range(1, 6)],
                         ["Company", "As of today", None, "Customer", "Azure"])  # fmt: skip
        self.assertEqual(sheet.freeze_panes, "B5")
        self.assertEqual(sheet.auto_filter.ref, "A4:C7")
        self.assertTrue(sheet["A4"].font.bold)
        self.assertFalse(sheet["A5"].font.bold)
        self.assertAlmostEqual(sheet.column_dimensions["A"].width, 30, delta=1)
        self.assertFalse(sheet.column_dimensions["B"].hidden)
        self.assertTrue(sheet.column_dimensions["C"].hidden)

    def test_sheet_when_printed_then_landscape_as_wide_as_a_page_with_the_header_on_each(self):
        sheet = table([Column("Customer")], ["Azure"], notes=["Company"])
        self.assertEqual(sheet.page_setup.orientation, "landscape")
        self.assertTrue(sheet.sheet_properties.pageSetUpPr.fitToPage)
        self.assertEqual((sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight), (1, 0))
        self.assertEqual(sheet.print_title_rows, "$3:$3")

    def test_sheet_titles_when_invalid_long_or_alike_then_made_valid_and_unique(self):
        for titles, expected in (
            (["a/b:c\\d[e]*?"], ["a-b-c-d(e)"]),
            (["'quoted'"], ["quoted"]),
            (["", "  ", "'"], ["Sheet", "Sheet (2)", "Sheet (3)"]),
            (["Lines", "LINES", "lines"], ["Lines", "LINES (2)", "lines (3)"]),
            (["History"], ["History (2)"]),
            (["x" * 31, "x" * 40], ["x" * 31, "x" * 27 + " (2)"]),
            (["y" * 30 + " z"], ["y" * 30]),
            (["👍" * 16], ["👍" * 15]),
            (["a\nb\x00c"], ["a bc"]),
            (["Ümlaut", "ümlaut"], ["Ümlaut", "ümlaut (2)"]),
        ):
            sheets = [Sheet(title, [Column("Label")], []) for title in titles]
            self.assertEqual(opened(*sheets).sheetnames, expected)

    def test_sheet_without_rows_when_written_then_header_and_filter_but_no_totals(self):
        sheet = table([Column("Customer"), AMOUNT])
        self.assertEqual((sheet.max_row, sheet.auto_filter.ref), (1, "A1:B1"))

    def test_sheet_without_columns_when_written_then_its_notes(self):
        self.assertEqual(texts(opened(Sheet("Cover", [], [], ["Company"])).worksheets[0]["A"]), ["Company"])

    def test_target_when_a_path_then_a_file_and_when_a_file_then_it_stays_open(self):
        sheet = Sheet("Sheet", [Column("Label")], [["Azure"]])
        with TemporaryDirectory() as folder:
            write_workbook(Path(folder) / "a.xlsx", [sheet])
            write_workbook(f"{folder}/b.xlsx", [sheet])
            for name in ("a.xlsx", "b.xlsx"):
                self.assertEqual(load_workbook(Path(folder) / name).active["A2"].value, "Azure")
        target = BytesIO()
        write_workbook(target, [sheet])
        self.assertFalse(target.closed)

    def test_properties_when_given_then_those_of_the_document(self):
        book = opened(Sheet("Sheet", [], []), properties={"title": "Re\x00port", "author": "Ada", "company": "Azure"})
        self.assertEqual((book.properties.title, book.properties.creator), ("Report", "Ada"))

    def test_rows_when_reading_them_fails_then_nothing_is_written_and_nothing_left_behind(self):
        def rows():
            yield ["Azure"]
            raise LookupError("gone")

        target = BytesIO()
        with TemporaryDirectory() as folder, patch("tempfile.tempdir", folder):
            with self.assertRaises(LookupError):
                write_workbook(target, [Sheet("Sheet", [Column("Label")], rows())])
            self.assertEqual(list(Path(folder).iterdir()), [])
        self.assertEqual(target.getvalue(), b"")

    def test_sheets_when_they_ask_for_what_is_not_there_then_refused(self):
        for sheets in (
            [],
            [Sheet("Sheet", [Column("Label", "colour")], [])],
            [Sheet("Sheet", [Column("Label", "number", total="average")], [])],
            [Sheet("Sheet", [Column("Label", "text", total="sum")], [])],
            [Sheet("Sheet", [Column("Label", "date", total="sum")], [])],
            [Sheet("Sheet", [AMOUNT], [], currency_column=1)],
            [Sheet("Sheet", [AMOUNT], [], currency_column=-1)],
            [Sheet("Sheet", [AMOUNT], [[1, 2]])],
            [Sheet("Sheet", [CODE, AMOUNT], [["EUR"]])],
            [Sheet("Sheet", [AMOUNT] * 16_385, [])],
        ):
            with self.assertRaises(ValueError):
                written(*sheets)


class TestTotals(BaseCase):
    def test_totals_when_money_is_in_one_currency_then_formulas_that_follow_the_filter(self):
        columns = [Column("Customer", total=""), Column("Lines", "integer", total="count"), AMOUNT]
        rows = [["Azure", 1, euros("0.10")], ["Deco", None, euros("0.20")], ["Gemini", 3, None]]
        formulas, values = table(columns, *rows), table(columns, *rows, values=True)
        self.assertEqual(texts(formulas[5]), ["Total", "=SUBTOTAL(103,B2:B4)", "=SUBTOTAL(109,C2:C4)"])
        self.assertEqual(texts(values[5]), ["Total", 2, 0.3])
        self.assertEqual(formulas["C5"].number_format, '#,##0.00"\xa0€"')
        self.assertTrue(formulas["C5"].font.bold)
        self.assertEqual(formulas.auto_filter.ref, "A1:C4")

    def test_totals_when_nothing_has_one_then_no_row(self):
        self.assertEqual(table([Column("Customer")], ["Azure"]).max_row, 2)

    def test_totals_when_all_cells_are_empty_then_zero(self):
        sheet = table([AMOUNT, Column("Share", "percent", total="sum")], [None, None], values=True)
        self.assertEqual(texts(sheet[3]), [0, 0])

    def test_total_label_when_given_then_in_the_first_free_column_that_is_seen(self):
        columns = [AMOUNT, Column("Helper", hidden=True), CODE, Column("Customer"), Column("Note")]
        sheet = table(columns, [euros(1), "x", "EUR", "Azure", "y"], currency_column=2, total_label="Summe")
        self.assertEqual(texts(sheet[3])[1:], [None, None, "Summe", None])

    def test_totals_when_money_is_in_several_currencies_then_one_row_each(self):
        columns = [CODE, Column("Customer"), Column("Lines", "integer", total="sum"), AMOUNT]
        rows = [["EUR", "A", 1, euros("10.25")], ["USD", "B", 2, dollars(7)], ["EUR", "C", 3, euros("-0.25")]]
        formulas = table(columns, *rows, currency_column=0)
        values = table(columns, *rows, currency_column=0, values=True)
        self.assertEqual(
            [texts(row) for row in values.iter_rows(5)],
            [[None, "Total", 6, None], ["EUR", "Total", None, 10], ["USD", "Total", None, 7]],
        )
        self.assertEqual(formulas["C5"].value, "=SUBTOTAL(109,C2:C4)")
        visible = "SUBTOTAL(109,OFFSET(D2,ROW(D2:D4)-ROW(D2),0))"
        self.assertEqual(formulas["D6"].value, f'=SUMPRODUCT({visible}*(A2:A4="EUR"))')
        self.assertEqual(formulas["D7"].value, f'=SUMPRODUCT({visible}*(A2:A4="USD"))')
        self.assertEqual(formulas["D7"].number_format, money_format(dollars(1)))

    def test_totals_when_another_column_is_in_one_currency_then_a_plain_total_beside_the_others(self):
        columns = [CODE, AMOUNT, Column("Company currency", "money", total="sum")]
        rows = [["EUR", euros(10), euros(10)], ["USD", dollars(20), euros(18)]]
        sheet = table(columns, *rows, currency_column=0, values=True)
        self.assertEqual(
            [texts(row) for row in sheet.iter_rows(4)],
            [[None, None, 28], ["EUR", 10, None], ["USD", 20, None]],
        )

    def test_totals_when_no_column_tells_the_currencies_then_none_rather_than_a_mixed_sum(self):
        self.assertEqual(table([CODE, AMOUNT], ["EUR", euros(1)], ["USD", dollars(2)]).max_row, 3)

    def test_totals_when_the_column_tells_other_currencies_then_none_rather_than_a_wrong_sum(self):
        rows = [["EUR", euros(1)], ["EUR", dollars(2)]]
        self.assertEqual(table([CODE, AMOUNT], *rows, currency_column=0).max_row, 3)

    def test_totals_when_many_cents_are_added_then_exact(self):
        sheet = table([AMOUNT], *([euros("0.01")] for _ in range(1000)), values=True)
        self.assertEqual(sheet["A1002"].value, 10)

    def test_currency_code_when_it_holds_quotes_then_still_one_text_in_the_formula(self):
        rows = [['"', Money(1, '"')], ["EUR", euros(2)]]
        sheet = table([CODE, AMOUNT], *rows, currency_column=0)
        self.assertIn('(A2:A3=""""))', sheet["B4"].value)

    @laws
    @given(
        st.lists(st.tuples(st.sampled_from([euros, dollars, yen]), st.decimals(-(10**6), 10**6, places=2)), min_size=1)
    )
    def test_totals_of_currencies_are_the_sums_of_their_rows(self, drawn):
        rows = [(make(amount).code, make(amount)) for make, amount in drawn]
        sheet = table([CODE, Column("Name"), AMOUNT], *([code, "x", money] for code, money in rows),
                      currency_column=0, values=True)  # fmt: skip
        totals = list(sheet.iter_rows(len(rows) + 2, values_only=True))
        sums = {}
        for code, money in rows:
            sums[code] = sums.get(code, 0) + money.amount
        expected = sorted(sums.items()) if len(sums) > 1 else [(None, *sums.values())]
        self.assertEqual([(code, amount) for code, _label, amount in totals],
                         [(code, float(amount)) for code, amount in expected])  # fmt: skip


class TestSize(BaseCase):
    def test_rows_when_more_than_a_sheet_holds_then_go_on_on_a_second_with_totals_of_all(self):
        columns = [CODE, Column("Number", "integer", total="sum"), AMOUNT]
        rows = [["EUR" if number % 2 else "USD", number, (euros if number % 2 else dollars)(1)] for number in range(25)]
        sheet = Sheet("O'Neill", columns, iter(rows), ["Company"], currency_column=0)
        with patch.object(workbook, "MAX_ROWS", 23), patch.object(workbook, "TOTAL_ROWS", 10):
            data = written(sheet, Sheet("Next", [Column("Label")], [["x"]] * 22))
        book = load_workbook(BytesIO(data))
        self.assertEqual(book.sheetnames, ["O'Neill", "O'Neill (2)", "O'Neill (3)", "Next"])
        first, second, third, following = book.worksheets
        self.assertEqual(
            [cell.value for part in (first, second, third) for cell in part["B"][3:13] if isinstance(cell.value, int)],
            list(range(25)),
        )
        for part, last in ((first, 13), (second, 13), (third, 8)):
            self.assertEqual([part["A1"].value, part["A3"].value], ["Company", "Currency"])
            self.assertEqual((part.freeze_panes, part.auto_filter.ref), ("A4", f"A3:C{last}"))
        self.assertEqual((first.max_row, second.max_row, following.max_row), (13, 13, 23))
        self.assertEqual(third["B9"].value, "=SUBTOTAL(109,'O''Neill'!B4:B13,'O''Neill (2)'!B4:B13,B4:B8)")
        self.assertEqual(third["C10"].value.count("SUMPRODUCT("), 3)
        self.assertIn("('O''Neill'!A4:A13=\"EUR\")", third["C10"].value)
        values = load_workbook(BytesIO(data), data_only=True).worksheets[2]
        self.assertEqual([values["B9"].value, values["C10"].value, values["C11"].value], [300, 12, 13])

    def test_rows_when_just_as_many_as_a_sheet_holds_then_one_sheet(self):
        with patch.object(workbook, "MAX_ROWS", 10), patch.object(workbook, "TOTAL_ROWS", 2):
            for columns, fitting in (([Column("Number", "integer")], 9), ([AMOUNT], 7)):
                sheets = [Sheet(str(number), columns, [[1]] * number) for number in (fitting, fitting + 1)]
                self.assertEqual(opened(*sheets).sheetnames, [str(fitting), str(fitting + 1), f"{fitting + 1} (2)"])

    def test_memory_does_not_grow_with_the_number_of_rows(self):
        def peak(count):
            rows = ([number, f"Customer {number}", euros(number)] for number in range(count))
            with TemporaryDirectory() as folder:
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                write_workbook(Path(folder) / "a.xlsx", [Sheet("Sheet", columns, rows)])
                return tracemalloc.get_traced_memory()[1] - before

        columns = [Column("Number", "integer", total="count"), Column("Customer"), AMOUNT]
        was_tracing = tracemalloc.is_tracing()
        tracemalloc.start()
        if not was_tracing:
            self.addCleanup(tracemalloc.stop)
        peak(10)  # what is loaded once
        few, many = peak(20_000), peak(100_000)
        self.assertLess(many - few, 5_000_000)  # holding 300,000 cells takes ten times as much
        self.assertLess(many, 50_000_000)


class TestCharts(BaseCase):
    months = Sheet(
        "Months & 'more'",
        [Column("Month", "date"), Column("Recurring", "money"), Column("Retention", "percent")],
        [[date(2024, month, 1), euros(month * 100), 0.9] for month in range(1, 13)],
        ["Company"],
    )

    def chart(self, kind="column", **changes):
        chart = Chart("Months & 'more'", kind, "Growth", ("Months & 'more'", 0), [("Recurring revenue", 1)])
        return chart._replace(**changes)

    def drawn(self, *charts, sheets=None):
        """The XML of each chart."""
        data = written(*(sheets or [self.months]), charts=charts)
        with ZipFile(BytesIO(data)) as archive:
            names = sorted(name for name in archive.namelist() if name.startswith("xl/charts/chart"))
            return [archive.read(name).decode() for name in names]

    def test_chart_of_each_kind_when_drawn_then_native_and_of_the_cells_of_the_table(self):
        for kind, expected in (
            ("column", ['<c:barDir val="col"/>', '<c:grouping val="clustered"/>']),
            ("line", ["<c:lineChart>"]),
            ("column_stacked", ['<c:barDir val="col"/>', '<c:grouping val="stacked"/>', '<c:overlap val="100"/>']),
        ):
            [content] = self.drawn(self.chart(kind))
            for part in (
                *expected,
                "<a:t>Growth</a:t>",
                "<c:v>Recurring revenue</c:v>",
                "<c:f>'Months &amp; ''more'!$A$4:$A$15</c:f>",
                "<c:f>'Months &amp; ''more'!$B$4:$B$15</c:f>",
                "<c:dateAx>",
            ):
                self.assertIn(part, content)

    def test_chart_when_drawn_then_it_keeps_its_values_for_programs_that_do_not_read_the_cells(self):
        [content] = self.drawn(self.chart(series=[("Recurring", 1), ("Retention", 2)]))
        self.assertEqual(re.findall("<c:v>([0-9.]+)</c:v>", content)[12:24], [f"{month}00.0" for month in range(1, 13)])
        self.assertIn("<c:v>45292.0</c:v>", content)  # 1 January 2024
        self.assertEqual(content.count('<c:ptCount val="12"/>'), 4)
        self.assertIn('<c:legendPos val="b"/>', content)

    def test_chart_of_very_many_rows_when_drawn_then_of_the_cells_only(self):
        sheet = Sheet("Many", [Column("Name"), Column("Number", "number")], ([str(n), n] for n in range(1001)))
        [content] = self.drawn(Chart("Many", "line", "", ("Many", 0), [("Number", 1)]), sheets=[sheet])
        self.assertIn("<c:f>Many!$B$2:$B$1002</c:f>", content)
        self.assertNotIn("<c:pt ", content.replace("<c:v>Number</c:v>", ""))
        self.assertIn('<c:autoTitleDeleted val="1"/>', content)

    def test_chart_of_a_table_that_goes_on_on_a_second_sheet_when_drawn_then_of_the_first(self):
        with patch.object(workbook, "MAX_ROWS", 9), patch.object(workbook, "TOTAL_ROWS", 2):
            [content] = self.drawn(self.chart())
        self.assertIn("!$B$4:$B$9</c:f>", content)
        self.assertEqual(re.findall("<c:v>([0-9.]+)</c:v>", content)[6:], [f"{month}00.0" for month in range(1, 7)])

    def test_chart_when_of_some_rows_then_of_these_alone(self):
        [content] = self.drawn(self.chart("line", rows=(2, 4), value_kind="percent"))
        self.assertIn("!$B$6:$B$8</c:f>", content)
        self.assertEqual(re.findall("<c:v>([0-9.]+)</c:v>", content)[3:], ["300.0", "400.0", "500.0"])
        self.assertIn('formatCode="0%"', content)
        for rows in ((0, 12), (-1, 3), (5, 4)):
            with self.subTest(rows=rows), self.assertRaises(ValueError):
                self.drawn(self.chart(rows=rows))

    def test_charts_when_no_position_is_given_then_right_of_the_table_one_under_the_other(self):
        cover = Sheet("Cover", [], [], ["Company"])
        charts = [self.chart(), self.chart("line"), self.chart(position="Z50"), self.chart(sheet="Cover")]
        data = written(cover, self.months, charts=charts)
        places = {}
        for number in (1, 2):
            content = xml(data, f"xl/drawings/drawing{number}.xml")
            pattern = r"<xdr:from><xdr:col>(\d+)</xdr:col>.*?<xdr:row>(\d+)</xdr:row>"
            places[number] = [(int(column), int(row)) for column, row in re.findall(pattern, content, re.S)]
            self.assertIn('descr="Growth"', content)
        self.assertEqual(places, {1: [(1, 2)], 2: [(4, 2), (4, 21), (25, 49)]})

    def test_chart_of_a_table_without_rows_when_asked_for_then_left_out(self):
        empty = self.months._replace(rows=[])
        self.assertEqual(self.drawn(self.chart(), sheets=[empty]), [])

    def test_chart_names_when_they_look_like_references_then_text(self):
        name = "=Sheet!$A$1 & more!B2"
        [content] = self.drawn(self.chart(title=name, series=[(name, 1)]))
        self.assertNotIn("<c:f>Sheet!", content)
        self.assertEqual(content.count("=Sheet!\u2060$A$1 &amp; more!\u2060B2"), 2)
        self.assertEqual(plain_name("Done! All of it"), "Done! All of it")

    def test_chart_when_it_asks_for_what_is_not_there_then_refused(self):
        for changes in (
            {"kind": "pie"},
            {"kind": "waterfall"},
            {"sheet": "Other"},
            {"categories": ("Other", 0)},
            {"categories": ("Months & 'more'", 3)},
            {"series": [("Recurring", 3)]},
            {"series": [("Recurring", -1)]},
            {"series": []},
        ):
            with self.assertRaises(ValueError, msg=changes):
                self.drawn(self.chart()._replace(**changes))

    def test_point_when_a_cell_is_copied_then_a_number_a_text_or_nothing(self):
        for value, expected in (
            (None, None), ("", None), (Cell(None, "text"), None), ("a\x00b", "ab"), (0, 0.0), (Decimal("1.5"), 1.5),
            (euros(2), 2.0), (Cell(euros(3), "money"), 3.0), (datetime(1900, 3, 1, 12), 61.5),
            (date(2024, 1, 1), 45292),
        ):  # fmt: skip
            self.assertEqual(point(value), expected)


class TestWaterfall(BaseCase):
    def test_bars_when_the_level_changes_then_stand_on_where_the_last_one_ended(self):
        for steps, expected in (
            ([], []),
            ([(100, True), (30, False), (-50, False), (80, True)],
             [(0, 100, 0, 0, 0, 0), (100, 0, 30, 0, 0, 0), (80, 0, 0, 50, 0, 0), (0, 80, 0, 0, 0, 0)]),
            ([(10, False), (-30, False)], [(0, 0, 10, 0, 0, 0), (0, 0, 0, 10, 0, -20)]),
            ([(-10, True), (-5, False), (25, False)],
             [(0, -10, 0, 0, 0, 0), (-10, 0, 0, 0, 0, -5), (0, 0, 10, 0, -15, 0)]),
            ([(0, False)], [(0, 0, 0, 0, 0, 0)]),
        ):  # fmt: skip
            self.assertEqual(waterfall_bars(steps), [Bar(*bar) for bar in expected])

    @laws
    @given(st.lists(st.tuples(st.integers(-1000, 1000), st.booleans())))
    def test_bars_cover_what_lies_between_the_levels(self, steps):
        level = 0
        for (amount, is_total), bar in zip(steps, waterfall_bars(steps), strict=True):
            before, level = (0, amount) if is_total else (level, level + amount)
            above = [value for value in bar if value > 0]
            below = [value for value in bar if value < 0]
            self.assertEqual(sum(above), max(before, level, 0))
            self.assertEqual(sum(below), min(before, level, 0))
            self.assertEqual(sum(abs(value) for value in bar[1:]), abs(level - before))

    def test_waterfall_when_drawn_then_stacked_columns_on_an_unseen_base_from_hidden_columns(self):
        steps = [("Opening", euros(100), True), ("New", euros(30), False), ("Churn", euros(-50), False)]
        hidden = [Column(name, "money", hidden=True) for name in Bar._fields]
        columns = [Column("Step"), Column("Amount", "money"), *hidden]
        bars = waterfall_bars((money.amount, is_total) for _label, money, is_total in steps)
        rows = [(label, money, *bar) for (label, money, _total), bar in zip(steps, bars, strict=True)]
        series = [(name, number) for number, name in enumerate(Bar._fields, 2)]
        chart = Chart("Waterfall", "waterfall", "Movements", ("Waterfall", 0), series)
        content = xml(written(Sheet("Waterfall", columns, rows), charts=[chart]), "xl/charts/chart1.xml")
        looks = re.findall("<c:ser>.*?</c:ser>", content, re.S)
        self.assertEqual(len(looks), 6)
        self.assertEqual(["<a:noFill/>" in look for look in looks], [True] + [False] * 5)
        self.assertIn('<c:grouping val="stacked"/>', content)
        self.assertNotIn("plotVisOnly", content)  # hidden cells are drawn too
        self.assertNotIn("<c:legend>", content)
