from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from .clm_kpi_measure import FAMILY_MODELS, PURCHASE_FAMILIES, parts_of, source_of

#: Context key: "numerator" shows only what the numerator of a rate counts.
PART_KEY = "clm_kpi_part"


class ClmCountedMixin(models.AbstractModel):
    """Records that KPIs count: they can be searched by the value that counts them."""

    _name = "clm.counted.mixin"
    _description = "Counted by KPIs"

    clm_kpi_value_id = fields.Many2one(
        "clm.kpi.value", "Counted in KPI", store=False, search="_search_clm_kpi_value_id", groups="clm.group_viewer",
    )

    @api.model
    def _search_clm_kpi_value_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        values = self.env["clm.kpi.value"].browse(value).exists()
        values.check_access("read")
        return self._counted_domain(values)

    @api.model
    def _counted_domain(self, values):
        """:return: ``Domain`` of the records that some values count: one list of ids, which the database joins"""
        selects = []
        for value in values:
            facts, measure, params = self._counted_measure(value)
            selects.append(SQL("(%s)", facts._counted(measure, value._as_period(), value.team_id, params)))
        return Domain("id", "in", SQL("(%s)", SQL(" UNION ALL ").join(selects))) if selects else Domain.FALSE

    @api.model
    def _counted_measure(self, value):
        """:return: triple: ``clm.kpi.facts`` of the company of a value, its ``Measure``, the parameters of that
        :raise UserError: when the value does not count records of this model
        """
        code, part = value.kpi_id.measure, self.env.context.get(PART_KEY)
        measure = source_of(code, part) if code else None
        facts = self.env["clm.kpi.facts"].sudo().with_company(value.company_id).with_context(
            # sudo: which records count is the same for everybody; which of them are shown is not
            allowed_company_ids=value.company_id.ids,
        )
        if not measure or FAMILY_MODELS[measure.family] != self._name:
            raise UserError(self.env._("%(kpi)s does not count these records.", kpi=value.kpi_id.name))
        if measure.part and part == "numerator" and not parts_of(code):
            measure = measure._replace(counted=f"({measure.counted}) AND ({measure.part})")
        return facts, measure, value.kpi_id._measure_params(value.company_id, value.kpi_id.stage_id.id or 0)


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "clm.counted.mixin"]


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "clm.counted.mixin"]


class ClmEvent(models.Model):
    _name = "clm.event"
    _inherit = ["clm.event", "clm.counted.mixin"]

    @api.model
    def _counted_domain(self, values):
        """Purchases tell by themselves whether they count: no need to look for them a second time."""
        bought = values.filtered(lambda value: self._counted_measure(value)[1].family in PURCHASE_FAMILIES)
        return Domain.OR(map(self._purchases_domain, bought)) | super()._counted_domain(values - bought)

    @api.model
    def _purchases_domain(self, value):
        facts, measure, params = self._counted_measure(value)
        return Domain.custom(to_sql=lambda _model, alias, _query: facts._counted_purchase(
            measure, value._as_period(), value.team_id, params, SQL.identifier(alias)))


class ClmVisit(models.Model):
    _name = "clm.visit"
    _inherit = ["clm.visit", "clm.counted.mixin"]

    _entered_index = models.Index("(entered_at) WHERE superseded_at IS NULL")
    _exited_index = models.Index("(exited_at) WHERE superseded_at IS NULL AND exited_at IS NOT NULL")


class ClmContract(models.Model):
    _name = "clm.contract"
    _inherit = ["clm.contract", "clm.counted.mixin"]

    _high_risk_index = models.Index("(company_id) WHERE risk_band = 'high' AND state IN ('signed', 'active')")
    _decision_index = models.Index("(company_id, date_act_by) WHERE state = 'active' AND decision IS NULL")


class ClmObligation(models.Model):
    _name = "clm.obligation"
    _inherit = ["clm.obligation", "clm.counted.mixin"]


class ClmInstallment(models.Model):
    _name = "clm.installment"
    _inherit = ["clm.installment", "clm.counted.mixin"]


class ClmMrrMovement(models.Model):
    _name = "clm.mrr.movement"
    _inherit = ["clm.mrr.movement", "clm.counted.mixin"]
