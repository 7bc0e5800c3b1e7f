from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL


class ClmVisitReport(models.Model):
    """Time in stage and conversion between stages: one row for each current visit.

    Visits that later facts disproved (superseded) are left out. A visit that lasts has no days yet, so medians
    and percentiles are those of visits that ended: filter on the date of leaving for the speed of a period.
    """

    _name = "clm.visit.report"
    _description = "Time in Stage Analysis"
    _inherit = "clm.report.mixin"
    _auto = False
    _rec_name = "stage_id"
    _order = "entered_at desc, id desc"
    _depends = {
        "clm.visit": [
            "partner_id", "company_id", "number", "cycle", "stage_id", "entered_at", "exited_at", "days", "origin",
            "rule_id", "superseded_at",
        ],
        "res.partner": ["user_id", "country_id", "industry_id"],
    }

    partner_id = fields.Many2one("res.partner", string="Customers", readonly=True, aggregator="count_distinct")
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    industry_id = fields.Many2one("res.partner.industry", readonly=True)
    stage_id = fields.Many2one("clm.stage", readonly=True)
    previous_stage_id = fields.Many2one("clm.stage", readonly=True)
    next_stage_id = fields.Many2one(
        "clm.stage", readonly=True, help="Where the customer went from here; empty while there."
    )
    number = fields.Integer(readonly=True, aggregator=None)
    cycle = fields.Integer(
        readonly=True, aggregator=None, help="1 until the customer is won back for the first time, then 2 and so on."
    )
    origin = fields.Selection(
        [("rule", "Rule"), ("manual", "By hand"), ("import", "Import")], string="Moved By", readonly=True
    )
    rule_id = fields.Many2one("clm.rule", readonly=True)
    entered_at = fields.Datetime("Entered On", readonly=True)
    exited_at = fields.Datetime("Left On", readonly=True)
    days_median = fields.Float(
        "Median Days", readonly=True, aggregator="avg",
        help="Half of the customers who left the stage were in it for fewer days than this.",
    )
    days_p90 = fields.Float(
        "P90 Days", readonly=True, aggregator="avg",
        help="Nine of ten customers who left the stage were in it for fewer days than this (90th percentile).",
    )
    days = fields.Float("Average Days", readonly=True, aggregator="avg", help="Of those who left the stage.")
    moved_on = fields.Float(readonly=True, aggregator="avg", help="Share that went on to another stage.")
    share = fields.Float(
        readonly=True, aggregator="avg",
        help="Of all that the row or group counts, the share that went to this next stage.",
    )
    still_there = fields.Integer(readonly=True, help="Visits that last.")

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s %s", self._select(), self._from(), self._where())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT v.id,
                   v.partner_id,
                   v.company_id,
                   p.user_id,
                   p.country_id,
                   p.industry_id,
                   v.stage_id,
                   %(previous)s AS previous_stage_id,
                   %(next)s AS next_stage_id,
                   v.number,
                   v.cycle,
                   v.origin,
                   v.rule_id,
                   v.entered_at,
                   v.exited_at,
                   v.days,
                   v.days AS days_median,
                   v.days AS days_p90,
                   CASE WHEN v.exited_at IS NULL THEN 0 ELSE 1 END AS moved_on,
                   1.0 AS share,
                   CASE WHEN v.exited_at IS NULL THEN 1 ELSE 0 END AS still_there
            """,
            previous=self._select_neighbour(-1),
            next=self._select_neighbour(1),
        )

    @api.model
    def _select_neighbour(self, offset) -> SQL:
        """:return: SQL of the stage of the visit before (-1) or after (1)"""
        # a subquery costs nothing where a view does not ask for it; joins and windows would
        return SQL(
            """
            (SELECT n.stage_id FROM clm_visit n
              WHERE n.partner_id = v.partner_id AND n.number = v.number + %s AND n.superseded_at IS NULL)
            """,
            offset,
        )

    @api.model
    def _from(self) -> SQL:
        return SQL("FROM clm_visit v LEFT JOIN res_partner p ON p.id = v.partner_id")

    @api.model
    def _where(self) -> SQL:
        return SQL("WHERE v.superseded_at IS NULL")

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "days_median:avg": partial(self._percentile, "days_median", 0.5),
            "days_p90:avg": partial(self._percentile, "days_p90", 0.9),
            "share:avg": self._share,
        }

    def _share(self, query) -> SQL:
        return SQL("COUNT(*) / SUM(COUNT(*)) %s", self._over_groups("next_stage_id", query))

    @api.readonly
    def action_open_partner(self):
        """Open the customer of the visit."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "views": [(False, "form")],
        }
