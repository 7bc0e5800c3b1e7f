from collections import namedtuple

from odoo import api, fields, models
from odoo.tools import SQL

Change = namedtuple("Change", (
    "partner_id", "stored_id", "old_referrer_id", "old_converted_at",
    "contact_id", "referrer_id", "origin", "converted_at",
))


class ClmReferral(models.Model):
    """Who brought a customer: one row for each customer whom somebody brought.

    Written by :meth:`_sync` alone, from what people say on the customer and from the UTM source of the customer's
    leads and orders. It counts once, at the moment of ``converted_at``.
    """

    _name = "clm.referral"
    _description = "Referral"
    _inherit = "clm.counted.mixin"
    _order = "converted_at desc nulls last, id desc"
    _rec_name = "partner_id"
    _log_access = False

    partner_id = fields.Many2one("res.partner", "New Customer", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="partner_id.company_id")
    contact_id = fields.Many2one(
        "res.partner", "Brought By", required=True, readonly=True, ondelete="cascade", index=True,
        help="The person or company that told the customer about us.",
    )
    referrer_id = fields.Many2one(
        "res.partner", "Referrer", related="contact_id.commercial_partner_id", store=True, index=True,
        help="The customer for whom the referral counts.",
    )
    origin = fields.Selection(
        [("field", "Said on the customer"), ("utm", "Source of a lead or order")], required=True, readonly=True,
        string="Known From",
    )
    converted_at = fields.Datetime(
        "Customer Since", readonly=True, help="The first stay in a stage of customers: then the referral counts.",
    )
    stage_id = fields.Many2one(related="partner_id.lifecycle_stage_id", string="Stage")
    user_id = fields.Many2one(related="partner_id.user_id", string="Salesperson")

    _partner_uniq = models.Constraint("UNIQUE(partner_id)", "A customer is brought once.")
    _converted_idx = models.Index("(converted_at) WHERE converted_at IS NOT NULL")

    @api.model
    def _sync(self, partner_ids):
        """Bring the referrals of a batch of customers in line with what is known, and queue the referrers concerned.

        Called after the visits of the batch are stored. One cheap statement while nobody was ever brought by anybody,
        one more when nothing changed, whatever the size of the batch.

        :param partner_ids: ids of any contacts; each stands for its commercial partner, and for itself
        """
        if not partner_ids:  # somebody else holds them all
            return
        self.env.flush_all()
        known, sources = self._known()
        if not known and not sources:
            return
        changes = self._without_circles(self._changes(list(partner_ids), sources))
        if not changes:
            return
        self._store(changes)
        self.env["clm.queue"]._push(
            referrer_id
            for change in changes
            if (change.old_referrer_id, change.old_converted_at) != (change.referrer_id, change.converted_at)
            for referrer_id, counted in (
                (change.old_referrer_id, change.old_converted_at), (change.referrer_id, change.converted_at),
            )
            if counted
        )
        self.invalidate_model(flush=False)
        self.env["res.partner"].invalidate_model(["referral_ids", "referral_count"], flush=False)

    @api.model
    def _known(self):
        """:return: pair: whether anybody was brought by somebody; list of ids of the UTM sources that have a referrer

        Sorted, so that the database looks at the index: it has no idea how rare referrers are.
        """
        return self.env.execute_query(SQL(
            """
            SELECT (SELECT id FROM clm_referral LIMIT 1) IS NOT NULL OR (
                       SELECT referred_by_id FROM res_partner WHERE referred_by_id IS NOT NULL
                        ORDER BY referred_by_id LIMIT 1
                   ) IS NOT NULL,
                   ARRAY(SELECT id FROM utm_source WHERE clm_partner_id IS NOT NULL)
            """
        ))[0]

    @api.model
    def _changes(self, partner_ids, sources):
        """:return: list of ``Change`` where what is stored differs from what is known, in the order of customers

        What is said on the customer wins over sources, the company over its contacts. A source brought the customer
        only if its lead or order came no later than the customer became one; the first one counts.
        """
        rows = self.env.execute_query(SQL(
            """
            WITH batch AS MATERIALIZED (
                SELECT unnest(%(ids)s::int4[]) AS id
                 UNION
                SELECT commercial_partner_id FROM res_partner WHERE id = ANY(%(ids)s)
            ),
            brought AS (
                SELECT DISTINCT ON (known.partner_id)
                       known.partner_id, known.contact_id, referrer.commercial_partner_id AS referrer_id, known.origin,
                       became.converted_at
                  FROM (%(candidates)s) known
                  JOIN res_partner referrer ON referrer.id = known.contact_id
                       AND referrer.commercial_partner_id != known.partner_id
                  LEFT JOIN LATERAL (
                       SELECT MIN(v.entered_at) AS converted_at
                         FROM clm_visit v JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
                        WHERE v.partner_id = known.partner_id AND v.superseded_at IS NULL
                       ) became ON TRUE
                 WHERE known.origin = 'field' OR became.converted_at IS NULL
                    OR date_trunc('second', known.date) <= became.converted_at
                 ORDER BY known.partner_id, known.origin, known.rank, known.date, known.id
            ),
            stored AS (
                SELECT r.* FROM clm_referral r JOIN batch ON batch.id = r.partner_id
            )
            SELECT COALESCE(n.partner_id, o.partner_id), o.id, o.referrer_id, o.converted_at,
                   n.contact_id, n.referrer_id, n.origin, n.converted_at
              FROM brought n FULL JOIN stored o ON o.partner_id = n.partner_id
             WHERE (n.contact_id, n.referrer_id, n.origin, n.converted_at)
                   IS DISTINCT FROM (o.contact_id, o.referrer_id, o.origin, o.converted_at)
             ORDER BY 1
            """,
            ids=partner_ids, candidates=SQL(" UNION ALL ").join(self._candidates(sources)),
        ))
        return [Change._make(row) for row in rows]

    @api.model
    def _candidates(self, sources):
        """Hook: where one can see who brought a customer of the table ``batch``.

        :param sources: ids of UTM sources that have a referrer
        :return: list of ``SQL``, each a SELECT of partner_id, contact_id, origin, rank, date and id
        """
        said = SQL(
            """
            SELECT p.commercial_partner_id AS partner_id, p.referred_by_id AS contact_id, 'field' AS origin,
                   (p.id != p.commercial_partner_id)::int AS rank, NULL::timestamp AS date, p.id
              FROM batch JOIN res_partner p ON p.commercial_partner_id = batch.id
             WHERE p.referred_by_id IS NOT NULL
            """
        )
        if not sources:
            return [said]
        document = """
            SELECT p.commercial_partner_id, s.clm_partner_id, 'utm', 0, %s, d.id
              FROM batch
              JOIN res_partner p ON p.commercial_partner_id = batch.id
              JOIN %s d ON d.partner_id = p.id AND d.source_id = ANY(%s)
              JOIN utm_source s ON s.id = d.source_id
        """
        return [
            said,
            SQL(document, SQL("d.create_date"), SQL.identifier("crm_lead"), sources),
            SQL(document, SQL("LEAST(d.create_date, d.date_order)"), SQL.identifier("sale_order"), sources),
        ]

    @api.model
    def _without_circles(self, changes):
        """Whoever was recorded first stays: somebody whom a customer brought, if only over others, did not bring that
        customer. So no two of them can send each other through the queue for ever.

        :return: list of ``Change``; a referral that would close a circle is none
        """
        new = {change.partner_id for change in changes if change.referrer_id not in (None, change.old_referrer_id)}
        if not new:
            return changes
        brought_by = self._chains({change.referrer_id for change in changes if change.partner_id in new})
        for change in changes:
            if change.referrer_id != change.old_referrer_id:
                brought_by.pop(change.partner_id, None)
        kept = []
        for change in changes:
            if change.partner_id in new:
                if self._is_above(change.partner_id, change.referrer_id, brought_by):
                    if change.stored_id:
                        kept.append(change._replace(contact_id=None, referrer_id=None, origin=None, converted_at=None))
                    continue
                brought_by[change.partner_id] = change.referrer_id
            kept.append(change)
        return kept

    @api.model
    def _is_above(self, partner_id, other_id, brought_by):
        """:return: whether a customer brought the other one, perhaps over others, or is the same"""
        while other_id and other_id != partner_id:
            other_id = brought_by.get(other_id)
        return bool(other_id)

    @api.model
    def _chains(self, partner_ids):
        """:return: dict partner id -> id of who brought them: of these partners, of who brought those, and so on"""
        return dict(self.env.execute_query(SQL(
            """
            WITH RECURSIVE chain AS (
                SELECT partner_id, referrer_id FROM clm_referral WHERE partner_id = ANY(%s)
                 UNION
                SELECT r.partner_id, r.referrer_id FROM clm_referral r JOIN chain ON chain.referrer_id = r.partner_id
            )
            SELECT partner_id, referrer_id FROM chain
            """,
            list(partner_ids),
        )))

    @api.model
    def _store(self, changes):
        if gone := [change.stored_id for change in changes if not change.referrer_id]:
            self.env.cr.execute(SQL("DELETE FROM clm_referral WHERE id = ANY(%s)", gone))
        rows = [
            (change.partner_id, change.contact_id, change.referrer_id, change.origin, change.converted_at)
            for change in changes if change.referrer_id
        ]
        if not rows:
            return
        self.env.cr.execute(SQL(
            """
            INSERT INTO clm_referral (partner_id, contact_id, referrer_id, origin, converted_at)
            SELECT * FROM unnest(%s::int4[], %s::int4[], %s::int4[], %s::varchar[], %s::timestamp[])
                ON CONFLICT (partner_id) DO UPDATE
               SET contact_id = EXCLUDED.contact_id, referrer_id = EXCLUDED.referrer_id, origin = EXCLUDED.origin,
                   converted_at = EXCLUDED.converted_at
            """,
            *(list(column) for column in zip(*rows, strict=True)),
        ))
