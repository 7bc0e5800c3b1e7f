from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_date

from ..const import KPI_SECTIONS
from ..tools import kpi_math

#: 1 = 100 %. A goal above this is a percentage that was entered as a whole number.
MAX_RATIO = 10


class ClmKpi(models.Model):
    """What the screens of KPIs need beyond the KPI itself."""

    _inherit = "clm.kpi"
    _rec_names_search = ["name", "code"]

    section = fields.Selection(group_expand="_group_expand_section")
    latest_status = fields.Selection(search="_search_latest_status")
    value_count = fields.Integer("Number of Values", compute="_compute_counts")
    target_count = fields.Integer("Number of Goals", compute="_compute_counts")

    def _search_latest_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        kpis = self.with_context(active_test=False).search([])  # pylint: disable=no-search-all
        return [("id", "in", kpis.filtered(lambda kpi: kpi.latest_status in value).ids)]

    @api.depends("target_ids", "value_ids")
    def _compute_counts(self):
        domain = [("kpi_id", "in", self.ids)]
        values = dict(self.env["clm.kpi.value"]._read_group(domain, ["kpi_id"], ["__count"]))
        targets = dict(self.env["clm.kpi.target"]._read_group(domain, ["kpi_id"], ["__count"]))
        for kpi in self:
            kpi.value_count = values.get(kpi._origin, 0)
            kpi.target_count = targets.get(kpi._origin, 0)

    @api.model
    def _group_expand_section(self, sections, _domain):
        """Groups in the order of the lifecycle, not of the alphabet; none that is empty."""
        return [section for section, _name in KPI_SECTIONS if section in sections]

    def action_view_values(self):
        """The values of the KPI, as a line and as a list."""
        views = [
            (self.env.ref("clm.clm_kpi_value_view_graph").id, "graph"), (False, "list"), (False, "pivot"),
            (False, "kanban"), (False, "form"),
        ]
        return {
            **super().action_view_values(), "views": views, "view_mode": "graph,list,pivot,kanban",
            "context": {"search_default_month": 1, "search_default_whole": 1, "search_default_known": 1},
        }

    def action_view_targets(self):
        """The goals of the KPI."""
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_kpi_target_action")
        return {
            **action, "domain": [("kpi_id", "in", self.ids)],
            "context": {"default_kpi_id": self.id} if len(self) == 1 else {},
        }


class ClmKpiTarget(models.Model):
    """What the screens of goals need."""

    _inherit = "clm.kpi.target"

    # a mean of percents and money says nothing
    value = fields.Float(aggregator=None)
    section = fields.Selection(related="kpi_id.section")
    status = fields.Selection(search="_search_status")

    @api.constrains("value", "kpi_id")
    def _check_value(self):
        for target in self:
            if target.unit == "ratio" and not 0 <= target.value <= MAX_RATIO:
                raise ValidationError(self.env._(
                    "%(kpi)s is measured in percent, and this goal would be %(shown)s. 90 %% is 90 on the screen, "
                    "0.9 in a file.",
                    kpi=target.kpi_id.name,
                    shown=self.env["clm.kpi"]._format_value(target.value, "ratio", target.currency_id),
                ))

    def _search_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        targets = self.with_context(active_test=False).search([])  # pylint: disable=no-search-all
        return [("id", "in", targets.filtered(lambda target: target.status in value).ids)]

    def action_view_values(self):
        """The values that are compared with this goal."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_kpi_value_action")
        return {**action, "domain": [("target_id", "=", self.id)], "context": {}}

    def _make_room(self, first, last):
        """End the day before another goal begins; what is left after that one goes on."""
        self.ensure_one()
        begins, ends = self.date_from < first, self.date_to > last
        if begins and ends:
            date_to = self.date_to
            self.date_to = fields.Date.subtract(first, days=1)
            self.copy({"date_from": fields.Date.add(last, days=1), "date_to": date_to})
        elif begins:
            self.date_to = fields.Date.subtract(first, days=1)
        elif ends:
            self.date_from = fields.Date.add(last, days=1)
        else:
            self.active = False

    def _period_and_days(self):
        """:return: text: the goal and the days between which it holds"""
        return self.env._(
            "%(goal)s until %(day)s",
            goal=self.env["clm.kpi"]._format_value(self.value, self.unit, self.company_id.currency_id),
            day=format_date(self.env, self.date_to),
        )


class ClmKpiValue(models.Model):
    """What the screens of values need: numbers to be drawn, in which 90 % is 90 and what is not known is nothing."""

    _inherit = "clm.kpi.value"

    direction = fields.Selection(related="kpi_id.direction")
    figure = fields.Float(
        "Value (Shares in %)", compute="_compute_figures", aggregator="avg",
        help="Mean of the known values. Only of one KPI and company: others do not mix.",
    )
    goal_figure = fields.Float("Goal (Shares in %)", compute="_compute_figures", aggregator="avg")
    attainment = fields.Float(
        "Goal Reached", compute="_compute_figures", aggregator="avg",
        help="Value / goal, or goal / value where less is better: 1 and more is a goal that is reached.",
    )
    display_goal = fields.Char("Shown Goal", compute="_compute_figures")

    @api.depends("value", "is_known", "goal", "has_goal", "kpi_id.unit", "kpi_id.direction", "company_id")
    @api.depends_context("lang")
    def _compute_figures(self):
        for value in self:
            kpi, scale = value.kpi_id, 100 if value.unit == "ratio" else 1
            value.figure = value.value * scale
            value.goal_figure = value.goal * scale
            is_compared = value.is_known and value.has_goal
            value.attainment = (is_compared and kpi_math.attainment(value.value, value.goal, kpi.direction)) or 0.0
            value.display_goal = value.has_goal and kpi._format_value(
                value.goal, kpi.unit, value.company_id.currency_id)

    # === MEANS === #

    def _read_group_select(self, aggregate_spec, query):
        """Means of what is known alone, and of what can be compared."""
        means = {
            "value:avg": ("value", "is_known"), "figure:avg": ("value", "is_known"),
            "goal:avg": ("goal", "has_goal"), "goal_figure:avg": ("goal", "has_goal"),
        }
        if aggregate_spec == "attainment:avg":
            return self._mean_attainment(query)
        if aggregate_spec not in means:
            return super()._read_group_select(aggregate_spec, query)
        number, known, kpi, company, unit = self._columns(query, *means[aggregate_spec], "kpi_id", "company_id", "unit")
        if "figure" in aggregate_spec:
            number = SQL("%s * CASE WHEN %s = 'ratio' THEN 100 ELSE 1 END", number, unit)
        return SQL(
            "CASE WHEN MIN(%(kpi)s) = MAX(%(kpi)s) AND MIN(%(company)s) = MAX(%(company)s)"
            " THEN AVG(%(number)s) FILTER (WHERE %(known)s) END",
            kpi=kpi, company=company, number=number, known=known,
        )

    def _mean_attainment(self, query) -> SQL:
        value, goal, is_known, has_goal = self._columns(query, "value", "goal", "is_known", "has_goal")
        direction = self._field_to_sql(self._table, "direction", query)
        below = SQL("CASE WHEN %s = 'down' THEN %s ELSE %s END", direction, value, goal)
        above = SQL("CASE WHEN %s = 'down' THEN %s ELSE %s END", direction, goal, value)
        return SQL(
            "AVG(%(above)s / NULLIF(%(below)s, 0)) FILTER (WHERE %(known)s AND %(has)s AND %(goal)s >= 0"
            " AND %(below)s > 0)",
            above=above, below=below, known=is_known, has=has_goal, goal=goal,
        )

    def _columns(self, query, *names):
        return [self._field_to_sql(self._table, name, query) for name in names]
