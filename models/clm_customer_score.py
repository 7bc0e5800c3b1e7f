from contextlib import contextmanager

from odoo import api, fields, models
from odoo.tools import SQL

BANDS = [("red", "Red"), ("yellow", "Yellow"), ("green", "Green")]
SEGMENTS = [
    ("champions", "Champions"),
    ("loyal", "Loyal"),
    ("potential_loyalists", "Potential Loyalists"),
    ("new", "New"),
    ("promising", "Promising"),
    ("need_attention", "Need Attention"),
    ("about_to_sleep", "About to Sleep"),
    ("at_risk", "At Risk"),
    ("cannot_lose", "Cannot Lose Them"),
    ("hibernating", "Hibernating"),
    ("lost", "Lost"),
]
#: Columns that are computed; those of :meth:`ClmCustomerScore._select` that are not stored are not among them.
COLUMNS = (
    "health", "band", "coverage", "rhythm_days", "own_rhythm", "revenue_recent", "revenue_before", "is_invoiced",
    "overdue_amount", "last_kind", "last_score", "last_answer", "contracts", "missed", "notice_risk", "notice_on",
    "since", "r", "f", "m", "segment", "first_purchase", "last_purchase", "purchase_days", "revenue", "next_purchase",
    "is_overdue_buyer", "p_alive",
)
#: Memory for sorting and joining a million customers, per operation.
WORK_MEM = "256MB"


class ClmCustomerScore(models.Model):
    """Health, RFM and rhythm of each customer, computed every night; all companies together.

    Money is in the main company's currency. One statement computes all customers and writes the rows that differ, so
    what time alone changes every day is not stored: days are counted from stored dates.
    """

    _name = "clm.customer.score"
    _description = "Customer Score"
    _inherit = "clm.due.mixin"
    _log_access = False
    _rec_name = "partner_id"
    _order = "health, id"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    stage_id = fields.Many2one(related="partner_id.lifecycle_stage_id")
    user_id = fields.Many2one(related="partner_id.user_id", string="Salesperson")
    country_id = fields.Many2one(related="partner_id.country_id")
    computed_at = fields.Datetime("Changed On", readonly=True, help="When a score of this customer changed last.")

    # health
    health = fields.Integer(readonly=True, aggregator="avg", help="0 (bad) to 100 (good), as far as it is known.")
    band = fields.Selection(BANDS, "Health Band", readonly=True, help="Red: to 50. Yellow: 51 to 75. Green: from 76.")
    coverage = fields.Float(readonly=True, aggregator="avg", help="Share of the weight of all factors that is known.")
    health_last_month = fields.Integer(readonly=True, aggregator="avg")
    change = fields.Integer(
        readonly=True, aggregator="avg", help="Points since the end of last month.",
    )
    health_table = fields.Json(compute="_compute_health_table")
    # empty: nothing is known; the ORM reads it as 0, so look at health_table to tell
    part_recency = fields.Float("Recency", readonly=True, aggregator="avg")
    part_trend = fields.Float("Trend", readonly=True, aggregator="avg")
    part_overdue = fields.Float("Payment", readonly=True, aggregator="avg")
    part_feedback = fields.Float("Feedback", readonly=True, aggregator="avg")
    part_obligations = fields.Float("Our Obligations", readonly=True, aggregator="avg")
    part_notice = fields.Float("Contract Notice", readonly=True, aggregator="avg")

    # what it comes from
    since = fields.Date("Customer Since", readonly=True, help="First purchase, or first day of a contract.")
    days_since = fields.Integer("Days since Last Purchase", compute="_compute_days")
    rhythm_days = fields.Float(
        "Rhythm", readonly=True, aggregator="avg",
        help="Days between two purchases; of those who bought on fewer than 3 days and have no contract, what is usual"
        " here.",
    )
    own_rhythm = fields.Float(readonly=True, aggregator="avg", help="Empty: bought on fewer than 3 days.")
    revenue_recent = fields.Monetary("Revenue of Last Half-Year", readonly=True, help="The last 182 days.")
    revenue_before = fields.Monetary("Revenue of Half-Year Before", readonly=True, help="The 182 days before these.")
    is_invoiced = fields.Boolean("Was Invoiced", readonly=True)
    overdue_amount = fields.Monetary("Overdue", readonly=True)
    last_kind = fields.Selection([("nps", "NPS"), ("csat", "CSAT")], "Last Answer Is", readonly=True)
    last_score = fields.Float("Last Answer", readonly=True, aggregator="avg", help="Of the last 365 days.")
    last_answer = fields.Date("Answered On", readonly=True)
    contracts = fields.Integer("Contracts in Force", readonly=True)
    missed = fields.Integer("Missed Obligations", readonly=True, help="Of ours: open past their day.")
    notice_risk = fields.Float(readonly=True, aggregator=None)
    notice_on = fields.Date("Notice Deadline", readonly=True, help="The next one that nobody decided about.")
    notice_days = fields.Integer("Days to Notice", compute="_compute_days")

    # RFM
    r = fields.Integer(readonly=True, aggregator="avg", help="Recency: 5 bought last, 1 longest ago.")
    f = fields.Integer(readonly=True, aggregator="avg", help="Frequency: 5 bought on the most days.")
    m = fields.Integer(readonly=True, aggregator="avg", help="Money: 5 bought for the most.")
    segment = fields.Selection(SEGMENTS, readonly=True)
    first_purchase = fields.Date(readonly=True)
    last_purchase = fields.Date(readonly=True)
    purchase_days = fields.Integer("Purchases", readonly=True, help="Days with one or more.")
    revenue = fields.Monetary(readonly=True, help="All purchases less credit notes, without taxes.")

    # rhythm
    next_purchase = fields.Date(readonly=True, help="To be expected from the customer's own rhythm.")
    is_overdue_buyer = fields.Boolean(
        "Overdue Buyer", readonly=True, help="Silent for more than one and a half times its own rhythm.",
    )
    p_alive = fields.Float(
        "Probably Buys Again", readonly=True, aggregator="avg",
        help="A model's word, of those who bought on two days or more.",
    )

    _partner_uniq = models.UniqueIndex("(partner_id)")

    # === COMPUTE === #

    def _compute_currency_id(self):
        self.currency_id = self.env["res.company"]._lifecycle_companies()[0].currency_id

    def _compute_health_table(self):
        """What the health is made of, for forms: some queries for each customer."""
        page = self.env["clm.customer.page"]
        for score in self:
            score.health_table = page._prepare_health(score.partner_id)

    @api.depends("last_purchase", "notice_on")
    def _compute_days(self):
        today = self._today()
        for score in self:
            score.days_since = (today - score.last_purchase).days if score.last_purchase else 0
            score.notice_days = (score.notice_on - today).days if score.notice_on else 0

    @api.model
    def _has_field_access(self, field, operation):
        """Amounts are for those who see amounts of customers."""
        return super()._has_field_access(field, operation) and (
            field.type != "monetary" or self.env["clm.customer.page"]._sees_amounts()
        )

    @api.model
    def _today(self):
        return self.env["res.company"]._lifecycle_companies()[0]._lifecycle_today()

    # === REFRESH === #

    @api.model
    def _columns(self):
        """:return: tuple of the names of the columns that are computed"""
        return *COLUMNS, *(f"part_{code}" for code in self._parts(self._params()))

    @api.model
    def _refresh(self, as_of=None):
        """Bring the rows of all customers in line with their documents.

        Rows that are right are neither written nor locked.

        :param date as_of: see :meth:`_select`
        """
        names = self._columns()
        self._keep_found(self._select(as_of), ("partner_id", *names))
        columns = SQL(", ").join(map(SQL.identifier, names))
        found, stored, new = (
            SQL(", ").join(SQL.identifier(table, name) for name in names) for table in ("found", "s", "excluded")
        )
        self.env.cr.execute(SQL(
            """
            DELETE FROM clm_customer_score s
             WHERE NOT EXISTS (SELECT FROM clm_score_found found WHERE found.partner_id = s.partner_id)
            """
        ))
        with self._joined_by_hash():
            self.env.cr.execute(SQL(
                """
                INSERT INTO clm_customer_score AS score (partner_id, computed_at, %(columns)s)
                SELECT found.partner_id, %(now)s, %(found)s
                  FROM clm_score_found found LEFT JOIN clm_customer_score s ON s.partner_id = found.partner_id
                 WHERE s.id IS NULL OR (%(stored)s) IS DISTINCT FROM (%(found)s)
                    ON CONFLICT (partner_id) DO UPDATE
                   SET (computed_at, change, %(columns)s)
                     = (%(now)s, excluded.health - score.health_last_month, %(new)s)
                """,
                columns=columns, found=found, stored=stored, new=new, now=fields.Datetime.now(),
            ))
        self.invalidate_model()

    @api.model
    @contextmanager
    def _joined_by_hash(self):
        """Within it the database joins tables by hash. A table that is being filled for the first time is empty to its
        planner; a loop over what it inserts meanwhile would take hours with a million customers.
        """
        before = self.env.execute_query(SQL("SELECT current_setting('enable_nestloop')"))[0][0]
        self.env.cr.execute(SQL("SELECT set_config('enable_nestloop', 'off', TRUE)"))
        yield
        self.env.cr.execute(SQL("SELECT set_config('enable_nestloop', %s, TRUE)", before))

    @api.model
    def _keep_found(self, select, names):
        """Put the scores of a day into the table ``clm_score_found`` of this transaction, which the database can count.

        A table rather than a part of the statement that writes: the database computes it on several processors, and
        plans the writing by what it found.
        """
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT set_config('work_mem', %s, TRUE)", WORK_MEM))
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS pg_temp.clm_score_found"))
        self.env.cr.execute(SQL(
            "CREATE TEMPORARY TABLE clm_score_found ON COMMIT DROP AS SELECT %s FROM (%s) found",
            SQL(", ").join(map(SQL.identifier, names)), select,
        ))
        # whatever the database believes of the other tables, nothing is searched row by row
        self.env.cr.execute(SQL("CREATE UNIQUE INDEX ON clm_score_found (partner_id)"))
        self.env.cr.execute(SQL("ANALYZE clm_score_found (partner_id)"))

    # === ACTIONS === #

    def action_open_customer(self):
        """The customer."""
        self.ensure_one()
        return self.partner_id._get_records_action()
