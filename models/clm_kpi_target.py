from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..const import PERIOD_KINDS


class ClmKpiTarget(models.Model):
    """A goal: what a KPI is to reach in each period between two days, in a company or one of its teams."""

    _name = "clm.kpi.target"
    _description = "KPI Goal"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date_from desc, kpi_id, company_id, team_id, id"
    _rec_name = "kpi_id"

    kpi_id = fields.Many2one("clm.kpi", "KPI", required=True, ondelete="cascade", index=True)
    unit = fields.Selection(related="kpi_id.unit")
    direction = fields.Selection(related="kpi_id.direction")
    stage_id = fields.Many2one(related="kpi_id.stage_id", store=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, ondelete="cascade",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    team_id = fields.Many2one(
        "crm.team", ondelete="cascade", index="btree_not_null", help="Empty: the goal of the whole company.",
    )
    period = fields.Selection(PERIOD_KINDS, "Per", required=True, default="month", help="What the goal is for.")
    date_from = fields.Date(
        "From", required=True, default=lambda self: fields.Date.start_of(fields.Date.context_today(self), "year"),
        help="The goal holds for the periods that begin between these days.",
    )
    date_to = fields.Date(
        "To", required=True, default=lambda self: fields.Date.end_of(fields.Date.context_today(self), "year"),
    )
    value = fields.Float(
        "Goal", required=True, digits=(16, 6), aggregator="avg", help="Percent as a share: 0.9 is 90 %.",
    )
    user_id = fields.Many2one(
        "res.users", "Responsible", domain="[('share', '=', False)]",
        help="Is told when the goal is missed. Empty: the owner of the KPI.",
    )
    note = fields.Char()
    active = fields.Boolean(default=True)
    value_ids = fields.One2many("clm.kpi.value", "target_id", "Values", readonly=True)

    _check_days = models.Constraint("CHECK (date_from <= date_to)", "A goal ends before it begins. Choose a later end.")
    _overlap_index = models.Index("(kpi_id, company_id, period, date_from)")

    @api.depends("kpi_id", "value", "team_id", "company_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for target in self:
            shown = self.env["clm.kpi"]._format_value(target.value, target.unit, target.company_id.currency_id)
            name = f"{target.kpi_id.name}: {shown}" if target.kpi_id else ""
            target.display_name = f"{name} ({target.team_id.name})" if target.team_id else name

    @api.constrains("kpi_id", "company_id", "team_id", "period", "date_from", "date_to", "active")
    def _check_overlap(self):
        # goals of one KPI are checked one after the other, also those of two people at once
        self.env.cr.execute(self._lock_kpis())
        for target in self.filtered("active"):
            other = self.sudo().search([  # sudo: a goal that the user may not see holds as well
                ("kpi_id", "=", target.kpi_id.id), ("company_id", "=", target.company_id.id),
                ("team_id", "=", target.team_id.id), ("period", "=", target.period), ("id", "!=", target.id),
                ("date_from", "<=", target.date_to), ("date_to", ">=", target.date_from),
            ], limit=1)
            if other:
                raise ValidationError(self.env._(
                    "%(kpi)s already has a goal per %(period)s from %(start)s to %(end)s. "
                    "End that one before the new one begins, or change it.",
                    kpi=target.kpi_id.name, start=other.date_from, end=other.date_to,
                    period=dict(self._fields["period"]._description_selection(self.env))[target.period].lower(),
                ))

    @api.constrains("kpi_id", "company_id", "team_id")
    def _check_company(self):
        for target in self:
            for record in (target.kpi_id, target.team_id):
                if record.company_id and record.company_id != target.company_id:
                    raise ValidationError(self.env._(
                        "%(name)s belongs to %(other)s, the goal to %(company)s. Choose one company.",
                        name=record.name, other=record.company_id.name, company=target.company_id.name,
                    ))
            if not target.kpi_id.active:
                raise ValidationError(self.env._(
                    "%(kpi)s is archived. Take it out of the archive before you set it a goal.", kpi=target.kpi_id.name,
                ))

    def _lock_kpis(self):
        """:return: SQL that makes the second of two transactions fail, which Odoo then tries again"""
        return SQL("UPDATE clm_kpi SET write_date = write_date WHERE id = ANY(%s)", sorted(self.kpi_id.ids))

    def _by_key(self):
        """:return: dict (KPI, company, team, kind of period) -> goals"""
        return self.filtered("active").grouped(lambda t: (t.kpi_id, t.company_id, t.team_id, t.period))

    def _covers(self, day):
        """:return: whether the goal holds for the period that begins on a day"""
        return self.date_from <= day <= self.date_to

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        targets = super().create(vals_list)
        targets._apply()
        return targets

    def write(self, vals):
        values = self._values()
        res = super().write(vals)
        if "company_id" in vals:
            self.check_access("write")  # rules look at what a goal was, not at where it is moved
        if vals.keys() & {"kpi_id", "company_id", "team_id", "period", "date_from", "date_to", "value", "active"}:
            (values | self._values())._compare()
            if vals.get("active") is False:
                self._close_alerts(self.env._("This goal is archived."))
        return res

    def unlink(self):
        values = self._values()
        res = super().unlink()
        values._compare()
        return res

    def _apply(self):
        self._values()._compare()

    def _values(self):
        """:return: the values that these goals may be about, sudo: only the computation writes them"""
        return self.env["clm.kpi.value"].sudo().search([
            ("kpi_id", "in", self.kpi_id.ids), ("company_id", "in", self.company_id.ids),
        ])

    @api.model
    def get_import_templates(self):
        """Offer a file to begin with."""
        return [{"label": self.env._("Template for goals"), "template": "/clm/static/xls/goals.csv"}]
