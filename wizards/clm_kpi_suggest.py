from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..const import PERIOD_KINDS
from ..tools import kpi_goals, kpi_periods

#: Former periods whose mean is the base of a goal.
SPANS = {kpi_periods.WEEK: 12, kpi_periods.MONTH: 12, kpi_periods.QUARTER: 4}


class ClmKpiSuggest(models.TransientModel):
    """Proposes goals from what was reached lately, bettered by some percent, and sets those that remain on the list."""

    _name = "clm.kpi.suggest"
    _description = "Suggest Goals"

    state = fields.Selection([("choose", "Choose"), ("preview", "Preview")], default="choose", required=True)
    kpi_ids = fields.Many2many("clm.kpi", string="KPIs", help="Empty: all of them.")
    period = fields.Selection(PERIOD_KINDS, "Goals per", required=True, default="month")
    date_from = fields.Date("From", required=True, default=lambda self: self._default_date("date_from"))
    date_to = fields.Date("To", required=True, default=lambda self: self._default_date("date_to"))
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    team_id = fields.Many2one(
        "crm.team", help="Empty: the whole company.", domain="[('company_id', 'in', (False, company_id))]",
    )
    percent = fields.Float(
        "Better by", default=0.05, digits=(16, 4), help="Than the mean: above it where more is better, else below it.",
    )
    replace = fields.Boolean(
        "Replace Goals", help="A goal that holds already ends the day before. Otherwise its KPI is left out.",
    )
    line_ids = fields.One2many(
        "clm.kpi.suggest.line", "wizard_id", "Proposed Goals", domain=[("problem", "=", False)],
    )
    left_out_ids = fields.One2many(
        "clm.kpi.suggest.line", "wizard_id", domain=[("problem", "!=", False)],
    )

    # === DEFAULTS === #

    @api.model
    def default_get(self, fields):
        res = super().default_get(fields)
        ids = self.env.context.get("active_ids") or []
        if "kpi_ids" in fields and ids:
            if self.env.context.get("active_model") == "clm.kpi":
                res["kpi_ids"] = [(6, 0, ids)]
            elif self.env.context.get("active_model") == "clm.kpi.target":
                res["kpi_ids"] = [(6, 0, self.env["clm.kpi.target"].browse(ids).kpi_id.ids)]
        return res

    @api.model
    def _default_date(self, fname):
        first = fields.Date.start_of(self.env.company._lifecycle_today(), "month")
        return first if fname == "date_from" else fields.Date.add(first, years=1, days=-1)

    # === CHECKS === #

    @api.constrains("date_from", "date_to", "percent", "team_id", "company_id")
    def _check_choice(self):
        for wizard in self:
            if wizard.date_to < wizard.date_from:
                raise ValidationError(self.env._("The last day is before the first one. Choose a later one."))
            if not 0 <= wizard.percent <= 1:
                raise ValidationError(self.env._("Goals are 0 to 100 % better than the mean."))
            if wizard.team_id.company_id not in (wizard.company_id, wizard.company_id.browse()):
                raise ValidationError(self.env._(
                    "%(team)s belongs to another company. Choose one of their teams.", team=wizard.team_id.name,
                ))

    # === ACTIONS === #

    def action_preview(self):
        """List the goals, and the KPIs for which there is none with the reason.

        :return: action that shows this dialog again
        """
        self.ensure_one()
        (self.line_ids | self.left_out_ids).unlink()
        self.env["clm.kpi.suggest.line"].create([
            {"wizard_id": self.id, "kpi_id": kpi.id, **vals} for kpi, vals in self._prepare_lines().items()
        ])
        self.state = "preview"
        return self._reopen()

    def action_back(self):
        """Choose anew."""
        self.ensure_one()
        self.state = "choose"
        return self._reopen()

    def _reopen(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_kpi_suggest_action")
        return {**action, "res_id": self.id}

    def action_apply(self):
        """Set the goals of the list.

        :return: action that shows them
        :raise UserError: when none is left
        """
        self.ensure_one()
        if not self.line_ids:
            raise UserError(self.env._("There is no goal on the list."))
        targets = self.line_ids._set_goals()
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {
                "type": "success", "message": self.env._("Goals set: %(count)s.", count=len(targets)),
                "next": {
                    **targets._get_records_action(name=self.env._("New Goals")),
                    "views": [(False, "list"), (False, "form")],
                },
            },
        }

    # === PROPOSALS === #

    def _kpis(self):
        company = self.company_id
        kpis = (self.kpi_ids or self.env["clm.kpi"].search([])).filtered("active")  # pylint: disable=no-search-all
        return kpis.filtered(lambda kpi: kpi.company_id in (company, company.browse())).sorted(
            lambda kpi: (kpi.sequence, kpi.id))

    def _days(self):
        """:return: first and last day of the whole periods for which the goals hold"""
        first = self.env["clm.kpi"]._period_of(self.period, self.date_from, self.company_id)
        last = self.env["clm.kpi"]._period_of(self.period, self.date_to, self.company_id)
        return first.start, last.end

    def _prepare_lines(self):
        """:return: dict of KPI -> values of its row"""
        kpis = self._kpis()
        values, goals = self._past_values(kpis), self._standing_goals(kpis).grouped("kpi_id")
        return {kpi: self._prepare_line(kpi, values.get(kpi), goals.get(kpi)) for kpi in kpis}

    def _prepare_line(self, kpi, values, goals):
        if not values:
            return {"problem": self.env._("No values in the %(span)s.", span=self._span_text())}
        numbers = values.mapped("value")
        line = {
            "mean": sum(numbers) / len(numbers), "periods": len(numbers),
            "value": kpi_goals.propose(numbers, self.percent, kpi.direction, kpi.unit),
            "old_goal": ", ".join(goal._period_and_days() for goal in goals or ()) or False,
        }
        if not line["value"] and kpi.direction == "up":
            line["problem"] = self.env._("It was 0 in the %(span)s.", span=self._span_text())
        if goals and not self.replace:
            line["problem"] = self.env._("Has a goal already: %(goal)s.", goal=line["old_goal"])
        return line

    def _past_values(self, kpis):
        """:return: dict of KPI -> known ``clm.kpi.value`` of the last periods that are over"""
        kpi_model, company = self.env["clm.kpi"], self.company_id
        running = kpi_model._period_of(self.period, company._lifecycle_today(), company)
        oldest = kpi_periods.shift(running, -SPANS[self.period], kpi_model._year_start(company))
        return self.env["clm.kpi.value"].search([
            ("kpi_id", "in", kpis.ids), ("company_id", "=", company.id), ("team_id", "=", self.team_id.id),
            ("period", "=", self.period), ("is_known", "=", True),
            ("date_from", ">=", oldest.start), ("date_from", "<", running.start),
        ]).grouped("kpi_id")

    def _standing_goals(self, kpis):
        """:return: the ``clm.kpi.target`` that hold at some time between the days"""
        first, last = self._days()
        return self.env["clm.kpi.target"].search(
            Domain("kpi_id", "in", kpis.ids) & Domain("company_id", "=", self.company_id.id)
            & Domain("team_id", "=", self.team_id.id) & Domain("period", "=", self.period)
            & Domain("date_from", "<=", last) & Domain("date_to", ">=", first),
            order="date_from",
        )

    def _span_text(self):
        return {
            kpi_periods.WEEK: self.env._("last 12 weeks"), kpi_periods.MONTH: self.env._("last 12 months"),
            kpi_periods.QUARTER: self.env._("last 4 quarters"),
        }[self.period]
