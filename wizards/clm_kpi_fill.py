from odoo import api, fields, models
from odoo.exceptions import ValidationError

MAX_YEARS = 5
DEFAULT_MONTHS = 24
#: Up to so many days are computed while one waits.
SHORT_DAYS = 100


class ClmKpiFill(models.TransientModel):
    """Computes the values of former periods anew: at once when they are few, else in the background."""

    _name = "clm.kpi.fill"
    _description = "Compute the History of KPIs"

    kpi_ids = fields.Many2many("clm.kpi", string="KPIs", help="Empty: all of them.")
    date_from = fields.Date("From", required=True, default=lambda self: self._default_date_from())
    date_to = fields.Date("To", required=True, default=lambda self: self.env.company._lifecycle_today())
    is_short = fields.Boolean(compute="_compute_is_short")

    @api.model
    def default_get(self, fields):
        res = super().default_get(fields)
        if self.env.context.get("active_model") == "clm.kpi" and "kpi_ids" in fields:
            res["kpi_ids"] = [(6, 0, self.env.context.get("active_ids") or [])]
        return res

    @api.model
    def _default_date_from(self):
        today = self.env.company._lifecycle_today()
        return fields.Date.subtract(fields.Date.start_of(today, "month"), months=DEFAULT_MONTHS)

    @api.depends("date_from", "date_to")
    def _compute_is_short(self):
        for wizard in self:
            days = wizard.date_from and wizard.date_to and (wizard.date_to - wizard.date_from).days
            wizard.is_short = bool(days) and days <= SHORT_DAYS

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for wizard in self:
            if wizard.date_to < wizard.date_from:
                raise ValidationError(self.env._("The last day is before the first one. Choose a later one."))
            if wizard.date_from > self.env.company._lifecycle_today():
                raise ValidationError(self.env._("There are no values of the future yet. Choose an earlier first day."))
            if wizard.date_from < fields.Date.subtract(wizard.date_to, years=MAX_YEARS):
                raise ValidationError(self.env._("Compute at most %(years)s years at once.", years=MAX_YEARS))

    def action_fill(self):
        """Compute, or let the cron do it.

        :return: action that says which
        """
        self.ensure_one()
        kpis = self._kpis()
        kpis.check_access("write")
        if self.is_short:
            kpis._fill_now(self.date_from, self.date_to)
            message = self.env._("KPIs computed: %(count)s.", count=len(kpis))
        else:
            kpis._fill_later(self.date_from, self.date_to)
            message = self.env._(
                "The history of %(count)s KPIs is being computed in the background, the latest periods first.",
                count=len(kpis),
            )
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {
                "type": "success" if self.is_short else "info", "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _kpis(self):
        """:return: the KPIs that were chosen, or all
        :raise ValidationError: when they are all archived
        """
        kpis = (self.kpi_ids or self.env["clm.kpi"].search([])).filtered("active")  # pylint: disable=no-search-all
        if not kpis:
            raise ValidationError(self.env._("These KPIs are archived and not computed. Restore them first."))
        return kpis
