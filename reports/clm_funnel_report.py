from odoo import api, fields, models
from odoo.tools import SQL


class ClmFunnelReport(models.Model):
    """Who got how far: one row for each customer, cycle and stage that they entered in it.

    The row tells when the customer entered the stage first, when they entered the first stage of the funnel in
    that cycle (their cohort), and whether they came through all stages between in order (the strict funnel).
    Stages that a customer jumped over have no row. Lapsed stages are no part of the funnel.
    """

    _name = "clm.funnel.report"
    _description = "Funnel Analysis"
    _auto = False
    _rec_name = "stage_id"
    _order = "cohort_at desc, partner_id, cycle, position"
    _depends = {
        "clm.visit": ["partner_id", "company_id", "number", "cycle", "stage_id", "entered_at", "superseded_at"],
        "clm.stage": ["sequence", "is_lapsed", "active"],
        "res.partner": ["user_id", "country_id", "industry_id"],
    }

    partner_id = fields.Many2one("res.partner", string="Customers", readonly=True, aggregator="count_distinct")
    company_id = fields.Many2one("res.company", string="Company", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    country_id = fields.Many2one("res.country", string="Country", readonly=True)
    industry_id = fields.Many2one("res.partner.industry", string="Industry", readonly=True)
    stage_id = fields.Many2one("clm.stage", string="Stage", readonly=True)
    position = fields.Integer(readonly=True, aggregator=None, help="1 for the first stage of the funnel.")
    cycle = fields.Integer(
        readonly=True, aggregator=None, help="1 until the customer is won back for the first time, then 2 and so on."
    )
    entered_at = fields.Datetime("Entered On", readonly=True, help="First entry in this cycle.")
    cohort_at = fields.Datetime(
        "Started On", readonly=True, help="When the customer entered the first stage in this cycle; empty if never."
    )
    is_strict = fields.Boolean(
        "Strict", readonly=True, help="The customer entered every stage up to this one in order, in one cycle."
    )

    @property
    def _table_query(self) -> SQL:
        stage_ids = self._stage_ids() or [0]  # without stages there is no row
        return SQL("%s %s %s", self._select(stage_ids), self._from(stage_ids), self._where(stage_ids))

    @api.model
    def _stage_ids(self):
        """Hook: ids of the stages of the funnel, in order: those of the policy in force that are not lapsed."""
        return [stage["id"] for stage in self.env["clm.policy"]._data()["stages"] if not stage["is_lapsed"]]

    @api.model
    def _select(self, stage_ids) -> SQL:
        return SQL(
            """
            SELECT v.id,
                   v.partner_id,
                   v.company_id,
                   p.user_id,
                   p.country_id,
                   p.industry_id,
                   v.stage_id,
                   array_position(%s, v.stage_id) AS position,
                   v.cycle,
                   v.entered_at,
                   cycle.cohort_at,
                   %s AS is_strict
            """,
            stage_ids,
            self._select_is_strict(stage_ids),
        )

    @api.model
    def _select_is_strict(self, stage_ids) -> SQL:
        """Each stage is looked for in the customer's path after the place of the stage before it."""
        place = SQL("1")
        cases = []
        for stage_id in stage_ids:
            place = SQL("array_position(cycle.path, %s, COALESCE(%s, 2147483647))", stage_id, place)
            cases.append(SQL("WHEN %s THEN %s IS NOT NULL", stage_id, place))
        return SQL("CASE v.stage_id %s END", SQL(" ").join(cases))

    @api.model
    def _from(self, stage_ids) -> SQL:
        # one look at all visits of the customer's cycle for each visit that the view asks for
        return SQL(
            """
              FROM clm_visit v
              LEFT JOIN res_partner p ON p.id = v.partner_id
             CROSS JOIN LATERAL (
                SELECT array_agg(c.stage_id ORDER BY c.number) AS path,
                       MIN(c.entered_at) FILTER (WHERE c.stage_id = %s) AS cohort_at,
                       MIN(c.number) FILTER (WHERE c.stage_id = v.stage_id) AS number
                  FROM clm_visit c
                 WHERE c.partner_id = v.partner_id AND c.cycle = v.cycle AND c.superseded_at IS NULL
              ) cycle
            """,
            stage_ids[0],
        )

    @api.model
    def _where(self, stage_ids) -> SQL:
        """Only the first visit of each stage in a cycle."""
        return SQL(
            "WHERE v.superseded_at IS NULL AND v.stage_id = ANY(%s) AND v.number = cycle.number", stage_ids
        )
