from odoo import api, fields, models
from odoo.fields import Domain

from ..const import KPI_STATUSES, PERIOD_KINDS
from ..tools import kpi_math, kpi_periods
from .clm_counted_mixin import PART_KEY
from .clm_event import PURCHASES_KEY
from .clm_kpi_measure import FAMILY_MODELS, MEASURES, PURCHASE_FAMILIES, source_of

#: Numbers are stored with six digits.
PRECISION = 1e-6


class ClmKpiValue(models.Model):
    """What a KPI was in a period, for a company or one of its teams; written by the computation alone.

    A value of a period that is over stays as it was published: if it comes out differently later, a new row takes its
    place, and the old one is kept as superseded.
    """

    _name = "clm.kpi.value"
    _description = "KPI Value"
    _order = "date_from desc, kpi_id, team_id, id desc"
    _rec_name = "kpi_id"
    _log_access = False

    kpi_id = fields.Many2one("clm.kpi", "KPI", required=True, readonly=True, ondelete="cascade", index=True)
    code = fields.Char(related="kpi_id.code")
    stage_id = fields.Many2one(related="kpi_id.stage_id", store=True)
    section = fields.Selection(related="kpi_id.section", store=True)
    unit = fields.Selection(related="kpi_id.unit")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    team_id = fields.Many2one(
        "crm.team", readonly=True, ondelete="cascade", index="btree_not_null", help="Empty: the whole company.",
    )
    period = fields.Selection(PERIOD_KINDS, required=True, readonly=True)
    date_from = fields.Date("From", required=True, readonly=True)
    date_to = fields.Date("To", required=True, readonly=True)
    period_label = fields.Char("Period Name", compute="_compute_period_label")
    value = fields.Float(readonly=True, aggregator="avg", digits=(16, 6))
    is_known = fields.Boolean("Has a Value", readonly=True, help="Not set: there is nothing to divide by, or no data.")
    numerator = fields.Float(readonly=True, digits=(16, 6))
    denominator = fields.Float(readonly=True, digits=(16, 6))
    low = fields.Float(
        "Lower Limit", readonly=True, aggregator=None, digits=(16, 6),
        help="Of the 95 % interval of a share: with few cases, the true share may be anywhere in it.",
    )
    high = fields.Float("Upper Limit", readonly=True, aggregator=None, digits=(16, 6))
    has_interval = fields.Boolean(readonly=True)
    variant = fields.Char(readonly=True, help="The definition with which it was computed.")
    goal = fields.Float(readonly=True, aggregator="avg", digits=(16, 6))
    has_goal = fields.Boolean(readonly=True)
    target_id = fields.Many2one("clm.kpi.target", "Goal Of", readonly=True, ondelete="set null", index="btree_not_null")
    status = fields.Selection(KPI_STATUSES, readonly=True)
    is_open = fields.Boolean("Period Runs", readonly=True, help="When it was computed, the period was not over.")
    computed_at = fields.Datetime("Computed On", readonly=True)
    superseded_at = fields.Datetime("Superseded On", readonly=True, help="When it came out differently.")
    active = fields.Boolean(default=True, readonly=True, help="Not set once superseded.")
    display_value = fields.Char("Shown Value", compute="_compute_display_value")

    _period_uniq = models.UniqueIndex(
        "(kpi_id, company_id, COALESCE(team_id, 0), period, date_from) WHERE superseded_at IS NULL",
    )
    _cockpit_index = models.Index("(company_id, period, date_from) WHERE superseded_at IS NULL")

    @api.depends("period", "date_from")
    @api.depends_context("lang")
    def _compute_period_label(self):
        for value in self:
            value.period_label = self.env["clm.kpi"]._period_label(value.period, value.date_from, value.company_id)

    @api.depends("value", "is_known", "kpi_id.unit", "company_id")
    @api.depends_context("lang")
    def _compute_display_value(self):
        for value in self:
            value.display_value = self.env["clm.kpi"]._format_value(
                value.value if value.is_known else None, value.kpi_id.unit, value.company_id.currency_id)

    def _compute_display_name(self):
        for value in self:
            value.display_name = f"{value.kpi_id.name}: {value.period_label}"

    def _equals(self, vals):
        """:return: whether these are the numbers that are stored, but for what rounding does"""
        return all(self[name] == vals[name] for name in ("is_known", "has_interval")) and all(
            abs(self[name] - vals[name]) <= PRECISION * max(1.0, abs(vals[name]))
            for name in ("value", "numerator", "denominator", "low", "high")
        )

    def _update(self, vals, now):
        """Write what differs, if anything does."""
        if not self._equals(vals):
            self.write({**vals, "computed_at": now})
        elif self.is_open != vals["is_open"]:
            self.write({"is_open": vals["is_open"], "computed_at": now})

    def _restated(self, now):
        """Supersede a value that was published.

        :return: dict of what its successor has in common with it
        """
        self.ensure_one()
        vals = {
            "kpi_id": self.kpi_id.id, "company_id": self.company_id.id, "team_id": self.team_id.id,
            "period": self.period, "date_from": self.date_from, "date_to": self.date_to,
        }
        self.write({"superseded_at": now, "active": False})
        return vals

    # === AGAINST THE GOAL === #

    def _compare(self, targets=None):
        """Compare the values with the goals again.

        :param targets: all ``clm.kpi.target`` of their KPIs, if known already
        """
        if targets is None:
            targets = self.env["clm.kpi.target"].sudo().search([("kpi_id", "in", self.kpi_id.ids)])
        by_key = targets._by_key()
        for value in self.filtered(lambda value: not value.superseded_at):
            goals = by_key.get((value.kpi_id, value.company_id, value.team_id, value.period), ())
            target = next((t for t in goals if t._covers(value.date_from)), targets.browse())
            vals = {
                "target_id": target.id, "goal": target.value, "has_goal": bool(target),
                "status": value._status(target),
            }
            changed = {name: new for name, new in vals.items() if value._differs(name, new)}
            if changed:
                value.write(changed)

    def _differs(self, name, new):
        old = self[name]
        return (old.id if isinstance(old, models.BaseModel) else old) != new

    def _status(self, target):
        self.ensure_one()
        kpi = self.kpi_id
        measure = MEASURES.get(kpi.measure)
        return kpi_math.status(
            self.value if self.is_known else None, target.value if target else None, kpi.direction,
            cumulative=kpi.is_cumulative,
            elapsed=kpi._days_over(self._as_period(), self.company_id._lifecycle_today()),
            interval=(self.low, self.high) if self.has_interval else None,
            cases=self.denominator, least_cases=getattr(measure, "least", 0),
        )

    # === RECORDS BEHIND === #

    def action_open_records(self):
        """The records that the value counts; of a value made of others, those of its numerator."""
        self.ensure_one()
        return self._records_action()

    def _records_action(self, part=""):
        """:param str part: ``numerator`` or ``denominator``; empty: all that count"""
        kpi = self.kpi_id[:1]
        if kpi.is_custom:
            return self._custom_action(part)
        measure = source_of(kpi.measure, part)
        model = FAMILY_MODELS[measure.family]
        self.env[model].check_access("read")
        context = {"active_test": False, PART_KEY: part}
        if measure.family in PURCHASE_FAMILIES:
            context[PURCHASES_KEY] = self._purchase_limits(1 if measure.family == "year_purchases" else 0)
        return {
            "type": "ir.actions.act_window",
            "name": f"{kpi.name}: {self[:1].period_label}",
            "res_model": model,
            "domain": [("clm_kpi_value_id", "in", self.ids)],
            "context": context,
            "views": [(False, "list"), (False, "form")],
        }

    def _purchase_limits(self, years):
        """:return: two instants as texts: the purchases that the values are made of lie between them

        :param int years: how many years before the period count as well
        """
        start, stop = min(self.mapped("date_from")), max(self.mapped("date_to"))
        return [
            fields.Date.to_string(fields.Date.subtract(start, years=years, days=2)),
            fields.Date.to_string(fields.Date.add(stop, days=2)),
        ]

    def _as_period(self):
        """:return: ``tools.kpi_periods.Period``"""
        return kpi_periods.Period(self.period, self.date_from, self.date_to)

    def _custom_action(self, part):
        kpi = self.kpi_id
        model = kpi.sudo()._custom_model().sudo(False)
        model.check_access("read")
        domain = kpi._custom_part_domain() if part == "numerator" else kpi._custom_domain()
        domain &= Domain.OR(kpi._custom_limits(model, value) for value in self)
        return {
            "type": "ir.actions.act_window", "name": f"{kpi.name}: {self[:1].period_label}",
            "res_model": model._name, "domain": list(domain), "context": {},
            "views": [(False, "list"), (False, "form")],
        }

    @api.readonly
    def action_open_kpi(self):
        """The KPI."""
        self.ensure_one()
        return self.kpi_id._get_records_action()
