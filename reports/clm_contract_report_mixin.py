from odoo import api, fields, models
from odoo.tools import SQL

from ..const import DIRECTIONS


class ClmContractReportMixin(models.AbstractModel):
    """What all analyses of contracts have in common: whose contract a row is about, and the way to it.

    The table of contracts is ``c`` in the queries.
    """

    _name = "clm.contract.report.mixin"
    _description = "Analysis of Contracts"
    _inherit = "clm.report.mixin"
    _rec_name = "contract_id"

    contract_id = fields.Many2one("clm.contract", string="Contracts", readonly=True, aggregator="count_distinct")
    type_id = fields.Many2one("clm.contract.type", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer or Supplier", readonly=True)
    user_id = fields.Many2one("res.users", string="Owner", readonly=True)
    team_id = fields.Many2one("crm.team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    direction = fields.Selection(DIRECTIONS, readonly=True)

    @api.model
    def _select_contract(self) -> SQL:
        return SQL(
            "c.id AS contract_id, c.type_id, c.commercial_partner_id AS partner_id, c.user_id, c.team_id, c.company_id,"
            " c.direction"
        )

    @api.model
    def _from_contract(self) -> SQL:
        """:return: joins that give the company of the contract ``c``, its time zone ``tz.zone`` and its ``tz.today``"""
        return SQL(
            """
              JOIN res_company company ON company.id = c.company_id
              LEFT JOIN res_partner place ON place.id = company.partner_id
             CROSS JOIN LATERAL (
                   SELECT z.zone, (%s AT TIME ZONE 'UTC' AT TIME ZONE z.zone)::date AS today
                     FROM (SELECT COALESCE(company.lifecycle_tz, place.tz, 'UTC') AS zone) z
                   ) tz
            """,
            self._now(),
        )

    @api.model
    def _now(self):
        """:return: the present, naive UTC; stays that are not over last until then"""
        return fields.Datetime.now()

    @api.model
    def _median(self, fname):
        return lambda query: self._percentile(fname, 0.5, query)

    @api.model
    def _p90(self, fname):
        return lambda query: self._percentile(fname, 0.9, query)

    @api.readonly
    def action_open_contract(self):
        """Open the contract of the row."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "clm.contract",
            "res_id": self.contract_id.id,
            "views": [(False, "form")],
        }
