from odoo import api, models
from odoo.tools import SQL


class ClmKpiFacts(models.AbstractModel):
    """The facts about what customers say, and whom they bring."""

    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_feedback(self, periods) -> SQL:
        """Answers of customers."""
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.kind, e.score
              FROM (%s) e JOIN period p ON e.day BETWEEN p.first AND p.last
            """,
            self._feedback(),
        )

    @api.model
    def _feedback(self) -> SQL:
        """Hook: SELECT of answers: ``id`` (of the event), ``team_id``, ``day``, ``kind`` ("nps", 0-10, or "csat", 1-5),
        ``score``. Nobody is asked yet, so there are none.
        """
        return SQL(
            "SELECT NULL::int8 AS id, NULL::int4 AS team_id, NULL::date AS day, NULL AS kind, NULL::float8 AS score"
            " WHERE FALSE"
        )

    @api.model
    def _facts_referrals(self, periods) -> SQL:
        """Customers at the end of the period (``customers``), and who of all brought a new one in it."""
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.referrer_id, e.customers
              FROM (%s) e JOIN period p ON e.day BETWEEN p.first AND p.last
            """,
            self._referrals(),
        )

    @api.model
    def _referrals(self) -> SQL:
        """Hook: SELECT of referrals: ``id`` (of the event), ``team_id``, ``day``, ``referrer_id``, ``customers``.
        They are not recorded yet, so there are none.
        """
        return SQL(
            "SELECT NULL::int8 AS id, NULL::int4 AS team_id, NULL::date AS day, NULL::int4 AS referrer_id,"
            " NULL::int4 AS customers WHERE FALSE"
        )
