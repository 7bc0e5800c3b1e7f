from odoo import api, models
from odoo.tools import format_date

from ..models.clm_export import Book, Table
from ..tools import kpi_periods
from ..tools.workbook import MAX_TITLE, Column, Sheet
from ..tools.workbook_cells import INTEGER, MONEY, NUMBER, PERCENT, Cell
from ..tools.workbook_chart import LINE, Chart

#: Periods on a sheet: two years.
LENGTHS = {kpi_periods.WEEK: 104, kpi_periods.MONTH: 24, kpi_periods.QUARTER: 8}
#: Columns of a sheet that its charts draw.
PERIOD, VALUE, GOAL = 1, 4, 7
CELL_KINDS = {"count": INTEGER, "money": MONEY, "ratio": PERCENT}


class ClmExport(models.AbstractModel):
    """KPIs as a workbook: a scorecard, a sheet per part of the lifecycle with its history, and the definitions."""

    _inherit = "clm.export"

    @api.model
    def _book_kpi(self, scorecard):
        """:param scorecard: ``clm.kpi.scorecard`` in its companies
        :return: ``Book``
        """
        view = scorecard._view()
        sections = scorecard._sections(view)
        notes = self._kpi_notes(view)
        title = self.env._("KPI Scorecard")
        titles = self._kpi_titles([self.env._("Scorecard"), *(each["name"] for each in sections),
                                   self.env._("Definitions")])
        sheets = [self._kpi_scorecard_sheet(titles[0], view, sections, [title, *notes])]
        charts = []
        history = {**view, "length": LENGTHS[view["period"].kind]}
        for name, section in zip(titles[1:-1], sections, strict=True):
            sheet, drawn = self._kpi_section(name, history, section, [section["name"], *notes])
            sheets.append(sheet)
            charts += drawn
        sheets.append(self._kpi_definitions_sheet(titles[-1], sections, [titles[-1]]))
        return Book(title, notes, [Table(sheet, ()) for sheet in sheets], tuple(charts))

    @api.model
    def _kpi_notes(self, view):
        kpi, period = self.env["clm.kpi"], view["period"]
        label = kpi._period_label(period.kind, period.start, view["main"])
        notes = [
            ", ".join(view["companies"].mapped("name")),
            self.env._("%(period)s (%(days)s)", period=label, days=kpi._period_text(period)),
            self.env._(
                "Made on %(day)s. Money is in %(currency)s.", day=format_date(self.env, view["today"]),
                currency=view["currency"].name,
            ),
        ]
        if view["team"]:
            notes.insert(1, self.env._("Team: %(team)s", team=view["team"].name))
        return notes

    @api.model
    def _kpi_titles(self, names):
        """:return: list of the names, each one another, as charts find their sheet by its name"""
        titles = []
        for name in names:
            taken = {title.lower() for title in titles}
            plain = name[:MAX_TITLE - 5]
            titles.append(next(
                title for title in (plain, *(f"{plain} ({number})" for number in range(2, len(names) + 2)))
                if title.lower() not in taken
            ))
        return titles

    # === SHEETS === #

    @api.model
    def _kpi_scorecard_sheet(self, title, view, sections, notes):
        _, statuses = self.env._, self.env["clm.kpi"]._labels("status")
        cell = self._kpi_cells(view)
        columns = [
            Column(_("Part"), width=16), Column(_("KPI"), width=34), Column(_("Value"), NUMBER, 15),
            Column(_("Goal"), NUMBER, 15), Column(_("Attainment"), PERCENT, 11), Column(_("Status"), width=13),
            Column(_("Change to the period before"), PERCENT, 13), Column(_("95 % interval from"), NUMBER, 12),
            Column(_("to"), NUMBER, 12), Column(_("Owner"), width=20),
        ]
        rows = [
            (
                section["name"], kpi["name"], cell(kpi["value"], kpi["unit"]), cell(kpi["goal"], kpi["unit"]),
                kpi["attainment"], statuses[kpi["status"]], kpi["change"], cell(kpi["low"], kpi["unit"]),
                cell(kpi["high"], kpi["unit"]), kpi["owner"],
            )
            for section in sections for kpi in section["kpis"]
        ]
        return Sheet(title, columns, rows, notes=notes, frozen=2)

    @api.model
    def _kpi_section(self, title, view, section, notes):
        """:return: sheet of the KPIs of a section and their history, and the charts on it"""
        _ = self.env._
        columns = [
            Column(_("KPI"), width=34), Column(_("Period"), width=12), Column(_("From"), "date"),
            Column(_("To"), "date"), Column(_("Value"), NUMBER, 15), Column(_("Numerator"), NUMBER, 14),
            Column(_("Denominator"), NUMBER, 14), Column(_("Goal"), NUMBER, 15), Column(_("Status"), width=13),
            Column(_("Unit"), width=10),
        ]
        rows, charts = [], []
        kpis = self.env["clm.kpi"].browse([each["id"] for each in section["kpis"]])
        values = self.env["clm.cockpit"]._values(view, kpis)
        for kpi in kpis:
            own = self._kpi_history(view, kpi, values.get(kpi, {}))
            charts.append(Chart(
                title, LINE, kpi.name, (title, PERIOD), [(_("Value"), VALUE), (_("Goal"), GOAL)],
                rows=(len(rows), len(rows) + len(own) - 1), value_kind=CELL_KINDS.get(kpi.unit, NUMBER),
            ))
            rows += own
        return Sheet(title, columns, rows, notes=notes, frozen=2), charts

    @api.model
    def _kpi_history(self, view, kpi, by_day):
        """:return: list of rows of a KPI, oldest period first; numbers of several companies as in the cockpit"""
        statuses = self.env["clm.kpi"]._labels("status")
        unit = self.env["clm.kpi"]._labels("unit")[kpi.unit]
        cell, cockpit, rows = self._kpi_cells(view), self.env["clm.cockpit"], []
        for period in cockpit._trend_periods(view):
            numbers = cockpit._combine(view, kpi, period, by_day.get(period.start, ()))
            rows.append((
                kpi.name, kpi._period_label(period.kind, period.start, view["main"]), period.start, period.end,
                cell(numbers["value"], kpi.unit), self._kpi_part(numbers["numerator"]),
                self._kpi_part(numbers["denominator"]), cell(numbers["goal"], kpi.unit),
                statuses[numbers["status"]], unit,
            ))
        return rows

    @api.model
    def _kpi_cells(self, view):
        """:return: function of a number and its unit that returns the cell"""
        money = self._money_maker()

        def cell(number, unit):
            if number is None:
                return None
            kind = CELL_KINDS.get(unit, NUMBER)
            return Cell(money(number, view["currency"].id) if kind == MONEY else number, kind)

        return cell

    @api.model
    def _kpi_part(self, number):
        if number is None:
            return None
        return Cell(number, INTEGER if float(number).is_integer() else NUMBER)

    @api.model
    def _kpi_definitions_sheet(self, title, sections, notes):
        _ = self.env._
        units = self.env["clm.kpi"]._labels("unit")
        directions = self.env["clm.kpi"]._labels("direction")
        columns = [
            Column(_("Part"), width=16), Column(_("KPI"), width=34), Column(_("Code"), width=24),
            Column(_("Formula"), width=70), Column(_("Variant"), width=36), Column(_("Data from"), width=28),
            Column(_("Unit"), width=10), Column(_("Better"), width=22), Column(_("Owner"), width=20),
        ]
        rows = [
            (
                section["name"], kpi["name"], kpi["code"], kpi["formula"], kpi["variant"], kpi["source"],
                units[kpi["unit"]], directions[kpi["direction"]], kpi["owner"],
            )
            for section in sections for kpi in section["kpis"]
        ]
        return Sheet(title, columns, rows, notes=notes, frozen=2)
