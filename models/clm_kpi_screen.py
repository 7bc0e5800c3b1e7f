from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

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
    latest = fields.Char("Latest Value", compute="_compute_latest", help="Of the period that runs, or ended last.")
    status = fields.Selection(compute="_compute_latest", search="_search_status")

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

    @api.depends("kpi_id", "value")
    @api.depends_context("lang")
    def _compute_latest(self):
        """In one query for a whole list, by the rule of :meth:`_latest_value`."""
        values = self.env["clm.kpi.value"].search([("target_id", "in", self.ids)], order="date_from desc")
        by_target = values.grouped("target_id")
        for target in self:
            today = target.company_id._lifecycle_today() if target.company_id else fields.Date.today()
            begun = by_target.get(target._origin, values.browse()).filtered(lambda v, day=today: v.date_from <= day)[:2]
            value = begun.filtered(lambda v: v.status in (kpi_math.ON, kpi_math.OFF))[:1] or begun[:1]
            target.latest = value.display_value
            target.status = value.status or kpi_math.NA

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


class ClmKpiValue(models.Model):
    """What the screens of values need: numbers to be drawn, in which 90 % is 90 and what is not known is nothing."""

    _inherit = "clm.kpi.value"

    figure = fields.Float(
        "Value (Shares in %)", compute="_compute_figures", aggregator="avg",
        help="Mean of the known values of one KPI. Choose a KPI first: numbers of different units do not mix.",
    )
    goal_figure = fields.Float("Goal (Shares in %)", compute="_compute_figures", aggregator="avg")
    display_goal = fields.Char("Goal", compute="_compute_figures")

    @api.depends("value", "goal", "has_goal", "kpi_id.unit", "company_id")
    @api.depends_context("lang")
    def _compute_figures(self):
        for value in self:
            scale = 100 if value.unit == "ratio" else 1
            value.figure = value.value * scale
            value.goal_figure = value.goal * scale
            value.display_goal = value.has_goal and self.env["clm.kpi"]._format_value(
                value.goal, value.unit, value.company_id.currency_id)

    def _read_group_select(self, aggregate_spec, query):
        """Means of what is known alone."""
        columns = {
            "figure:avg": ("value", "is_known"), "goal_figure:avg": ("goal", "has_goal"),
            "value:avg": ("value", "is_known"), "goal:avg": ("goal", "has_goal"),
        }
        if aggregate_spec not in columns:
            return super()._read_group_select(aggregate_spec, query)
        number, known = (self._field_to_sql(self._table, name, query) for name in columns[aggregate_spec])
        if "figure" in aggregate_spec:
            unit = self._field_to_sql(self._table, "unit", query)
            number = SQL("%s * CASE WHEN %s = 'ratio' THEN 100 ELSE 1 END", number, unit)
        return SQL("AVG(%s) FILTER (WHERE %s)", number, known)
