from odoo import api, fields, models
from odoo.fields import Domain

from .clm_customer_score import BANDS, SEGMENTS

#: Fields of customers that show their score: name -> column.
SHOWN = {
    "lifecycle_health": "health",
    "lifecycle_health_band": "band",
    "lifecycle_health_change": "change",
    "lifecycle_segment": "segment",
    "lifecycle_next_purchase": "next_purchase",
    "lifecycle_overdue_buyer": "is_overdue_buyer",
}
#: Columns that may be empty where the ORM reads 0: they say something only where the health is known.
OF_KNOWN_HEALTH = ("health", "change")
#: Those by which customers can be grouped.
GROUPED = ("lifecycle_health_band", "lifecycle_segment", "lifecycle_overdue_buyer")


class ResPartner(models.Model):
    """Customers show their score, which is computed every night and stored elsewhere: nothing here is written."""

    _inherit = "res.partner"

    lifecycle_health = fields.Integer(
        "Health", compute="_compute_lifecycle_score", search="_search_lifecycle_health", aggregator=None,
        groups="clm.group_viewer", help="0 (bad) to 100 (good). The tab Lifecycle shows what it is made of.",
    )
    lifecycle_health_band = fields.Selection(
        BANDS, "Health Band", compute="_compute_lifecycle_score", search="_search_lifecycle_health_band",
        groups="clm.group_viewer", help="Empty: too little is known.",
    )
    lifecycle_health_change = fields.Integer(
        "Change of Health", compute="_compute_lifecycle_score", search="_search_lifecycle_health_change",
        aggregator=None, groups="clm.group_viewer", help="Points since the end of last month.",
    )
    lifecycle_segment = fields.Selection(
        SEGMENTS, "Segment", compute="_compute_lifecycle_score", search="_search_lifecycle_segment",
        groups="clm.group_viewer", help="By recency, frequency and money of purchases, each against all customers.",
    )
    lifecycle_next_purchase = fields.Date(
        "Next Purchase", compute="_compute_lifecycle_score", search="_search_lifecycle_next_purchase",
        groups="clm.group_viewer", help="To be expected from the customer's own rhythm.",
    )
    lifecycle_overdue_buyer = fields.Boolean(
        "Overdue Buyer", compute="_compute_lifecycle_score", search="_search_lifecycle_overdue_buyer",
        groups="clm.group_viewer", help="Silent for more than one and a half times its own rhythm.",
    )
    lifecycle_health_table = fields.Json(compute="_compute_lifecycle_health_table", groups="clm.group_viewer")

    # === COMPUTE === #

    def _compute_lifecycle_score(self):
        """One query for all of them."""
        # sudo: whoever sees the customer sees its score
        rows = self.env["clm.customer.score"].sudo().search_fetch([("partner_id", "in", self._origin.ids)], [
            "partner_id", *SHOWN.values(),
        ])
        scores = {row.partner_id.id: row for row in rows}
        for partner in self:
            score = scores.get(partner._origin.id, rows.browse())
            for name, column in SHOWN.items():
                partner[name] = score[column]

    def _compute_lifecycle_health_table(self):
        """What the health is made of, for forms: some queries for each customer."""
        page = self.env["clm.customer.page"]
        for partner in self:
            partner.lifecycle_health_table = page._prepare_health(partner._origin) if partner._origin else False

    # === SEARCH === #

    @api.model
    def _search_lifecycle_health(self, operator, value):
        return self._search_lifecycle_score("lifecycle_health", operator, value)

    @api.model
    def _search_lifecycle_health_band(self, operator, value):
        return self._search_lifecycle_score("lifecycle_health_band", operator, value)

    @api.model
    def _search_lifecycle_health_change(self, operator, value):
        return self._search_lifecycle_score("lifecycle_health_change", operator, value)

    @api.model
    def _search_lifecycle_segment(self, operator, value):
        return self._search_lifecycle_score("lifecycle_segment", operator, value)

    @api.model
    def _search_lifecycle_next_purchase(self, operator, value):
        return self._search_lifecycle_score("lifecycle_next_purchase", operator, value)

    @api.model
    def _search_lifecycle_overdue_buyer(self, operator, value):
        return self._search_lifecycle_score("lifecycle_overdue_buyer", operator, value)

    @api.model
    def _search_lifecycle_score(self, name, operator, value):
        """Customers whose score has a value; empty is who has no score as well."""
        self._check_field_access(self._fields[name], "read")
        column = SHOWN[name]
        if operator not in ("in", "<", ">", "<=", ">="):
            return NotImplemented
        # sudo: who may see which customers is decided by the search for these
        scores = self.env["clm.customer.score"].sudo()
        known = Domain("band", "!=", False) if column in OF_KNOWN_HEALTH else Domain(column, "!=", False)
        if operator != "in":
            return Domain("id", "in", scores._search(known & Domain(column, operator, value)).subselect("partner_id"))
        wanted = [each for each in value if each or (column in OF_KNOWN_HEALTH and each is not False)]
        found = Domain("id", "in", scores._search(known & Domain(column, "in", wanted)).subselect("partner_id"))
        if len(wanted) == len(value):
            return found
        return found | Domain("id", "not in", scores._search(known).subselect("partner_id"))

    def _read_group_groupby(self, alias, groupby_spec, query):
        if groupby_spec not in GROUPED:
            return super()._read_group_groupby(alias, groupby_spec, query)
        self._check_field_access(self._fields[groupby_spec], "read")
        score = query.left_join(alias, "id", "clm_customer_score", "partner_id", "score")
        return self.env["clm.customer.score"]._field_to_sql(score, SHOWN[groupby_spec], query)

    # === ACTIONS === #

    def action_open_lifecycle_score(self):
        """Everything that is computed of the customer."""
        self.ensure_one()
        score = self.env["clm.customer.score"].search([("partner_id", "=", self.id)], limit=1)
        return score._get_records_action()
