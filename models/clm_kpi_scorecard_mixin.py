from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..const import PERIOD_KINDS


class ClmKpiScorecardMixin(models.AbstractModel):
    """Which KPIs a scorecard shows: of which kind of period, team and parts of the lifecycle."""

    _name = "clm.kpi.scorecard.mixin"
    _description = "Choice of KPIs"

    period = fields.Selection(PERIOD_KINDS, required=True, default="month")
    team_id = fields.Many2one("crm.team", help="Empty: the whole company.")
    has_stages = fields.Boolean("Customer Stages", default=True)
    stage_ids = fields.Many2many("clm.stage", string="Only Stages", help="Empty: all stages.")
    has_renewal = fields.Boolean("Renewal", default=True)
    has_contract = fields.Boolean("Contracts", default=True)

    @api.constrains("has_stages", "has_renewal", "has_contract")
    def _check_parts(self):
        for choice in self:
            if not (choice.has_stages or choice.has_renewal or choice.has_contract):
                raise ValidationError(self.env._("Choose what is shown: stages, renewal or contracts."))

    def _has_section(self, key):
        """:param str key: of a section of the cockpit
        :return: whether it is shown
        """
        self.ensure_one()
        if key in ("renewal", "contract"):
            return self[f"has_{key}"]
        return self.has_stages and (not self.stage_ids or key in {f"stage_{stage.id}" for stage in self.stage_ids})

    def _prepare_choice_vals(self):
        """:return: dict of the same choice, for another record"""
        self.ensure_one()
        return {
            "period": self.period, "team_id": self.team_id.id, "has_stages": self.has_stages,
            "stage_ids": [fields.Command.set(self.stage_ids.ids)],
            "has_renewal": self.has_renewal, "has_contract": self.has_contract,
        }
