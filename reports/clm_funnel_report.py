from odoo import api, fields, models
from odoo.tools import SQL


class ClmFunnelReport(models.Model):
    """Who got how far: one row for each customer, cycle and stage that they entered in it.

    The row tells whether the customer came through all stages up to this one in order (the strict funnel), when
    they entered this one (after the others, if so; else for the first time), and when they entered the first
    stage of the funnel in that cycle (their cohort). Stages that a customer jumped over have no row. Lapsed stages
    are no part of the funnel. Says the same as the pure function ``tools.funnel``.
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
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    industry_id = fields.Many2one("res.partner.industry", readonly=True)
    stage_id = fields.Many2one("clm.stage", readonly=True)
    position = fields.Integer(readonly=True, aggregator=None, help="1 for the first stage of the funnel.")
    cycle = fields.Integer(
        readonly=True, aggregator=None, help="1 until the customer is won back for the first time, then 2 and so on."
    )
    entered_at = fields.Datetime("Entered On", readonly=True, help="In this cycle.")
    cohort_at = fields.Datetime(
        "Started On", readonly=True, help="When the customer entered the first stage in this cycle; empty if never."
    )
    is_strict = fields.Boolean(
        "Strict", readonly=True, help="The customer entered every stage up to this one in order, in one cycle."
    )

    @property
    def _table_query(self) -> SQL:
        stage_ids = self._stage_ids() or [0]  # without stages there is no row
        return SQL("%s %s %s", self._select(), self._from(stage_ids), self._where(stage_ids))

    @api.model
    def _stage_ids(self):
        """Hook: ids of the stages of the funnel, in order: those of the policy in force that are not lapsed."""
        return [stage["id"] for stage in self.env["clm.policy"]._data()["stages"] if not stage["is_lapsed"]]

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
                   funnel.position,
                   v.cycle,
                   v.entered_at,
                   stays.cohort_at,
                   funnel.place IS NOT NULL AS is_strict
            """
        )

    @api.model
    def _from(self, stage_ids) -> SQL:
        # one look at the customer's cycle for each visit that the view asks for
        return SQL(
            """
              FROM clm_visit v
              LEFT JOIN res_partner p ON p.id = v.partner_id
             CROSS JOIN LATERAL (
                SELECT array_agg(c.stage_id ORDER BY c.number) AS path,
                       MIN(c.number) AS first_number,
                       MIN(c.number) FILTER (WHERE c.stage_id = v.stage_id) AS number,
                       MIN(c.entered_at) FILTER (WHERE c.stage_id = %(first_id)s) AS cohort_at
                  FROM clm_visit c
                 WHERE c.partner_id = v.partner_id AND c.cycle = v.cycle AND c.superseded_at IS NULL
              ) stays
             CROSS JOIN LATERAL (
                SELECT array_position(%(stage_ids)s, v.stage_id) AS position, %(place)s AS place
              ) funnel
            """,
            stage_ids=stage_ids,
            first_id=stage_ids[0],
            place=self._select_place(stage_ids),
        )

    @api.model
    def _select_place(self, stage_ids) -> SQL:
        """:return: SQL of the place of the stage in the path of the cycle, after the places of all stages before it in
            the funnel, or NULL: each stage is looked for behind the place of the one before
        """
        place = SQL("1")
        cases = []
        for stage_id in stage_ids:
            place = SQL("array_position(stays.path, %s, COALESCE(%s, 2147483647))", stage_id, place)
            cases.append(SQL("WHEN %s THEN %s", stage_id, place))
        return SQL("CASE v.stage_id %s END", SQL(" ").join(cases))

    @api.model
    def _where(self, stage_ids) -> SQL:
        """One visit of each stage in a cycle: the one in order, else the first."""
        return SQL(
            """
            WHERE v.superseded_at IS NULL
              AND v.stage_id = ANY(%s)
              AND v.number = COALESCE(stays.first_number + funnel.place - 1, stays.number)
            """,
            stage_ids,
        )
