from odoo import api, fields, models


class ClmKpiSuggestLine(models.TransientModel):
    """The goal that is proposed for a KPI, or why there is none."""

    _name = "clm.kpi.suggest.line"
    _description = "Proposed Goal"
    _order = "id"
    _rec_name = "kpi_id"

    wizard_id = fields.Many2one("clm.kpi.suggest", required=True, ondelete="cascade", index=True)
    kpi_id = fields.Many2one("clm.kpi", "KPI", required=True, readonly=True, ondelete="cascade")
    unit = fields.Selection(related="kpi_id.unit")
    direction = fields.Selection(related="kpi_id.direction")
    currency_id = fields.Many2one(related="wizard_id.company_id.currency_id")
    mean = fields.Float(readonly=True, digits=(16, 6), help="Of the last periods that are over.")
    display_mean = fields.Char("Mean So Far", compute="_compute_display_mean")
    periods = fields.Integer(readonly=True, help="How many of them have a value.")
    value = fields.Float("Goal", digits=(16, 6))
    old_goal = fields.Char("Goal Until Now", readonly=True)
    problem = fields.Char("Left Out Because", readonly=True)

    @api.depends("mean", "periods", "unit")
    @api.depends_context("lang")
    def _compute_display_mean(self):
        for line in self:
            line.display_mean = self.env["clm.kpi"]._format_value(
                line.mean if line.periods else None, line.unit, line.currency_id)

    def _set_goals(self):
        """:return: the ``clm.kpi.target`` that these rows propose; goals that stand in their way make room"""
        wizard = self.wizard_id
        first, last = wizard._days()
        for goal in wizard._standing_goals(self.kpi_id):
            goal._make_room(first, last)
        return self.env["clm.kpi.target"].create([{
            "kpi_id": line.kpi_id.id, "company_id": wizard.company_id.id, "team_id": wizard.team_id.id,
            "period": wizard.period, "date_from": first, "date_to": last, "value": line.value,
        } for line in self])
