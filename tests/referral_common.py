from odoo.tools import SQL

from .common import ClmCase


class ReferralCase(ClmCase):
    """Ada brings Ben; whoever buys does it 10 days ago unless a test says otherwise."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.referrals = cls.env["clm.referral"]
        cls.ada, cls.ben, cls.carl = cls.env["res.partner"].create([
            {"name": name} for name in ("Ada", "Ben", "Carl")
        ])
        for partner in cls.ada | cls.ben | cls.carl:
            cls.env.cr.execute(SQL(
                "UPDATE res_partner SET create_date = %s WHERE id = %s", cls.days_ago(100), partner.id,
            ))
        cls.env.invalidate_all()

    def _referral(self, partner):
        return self.referrals.search([("partner_id", "=", partner.id)])

    def _bought(self, partner, days=10, **vals):
        order = self._create_order(partner, self.days_ago(days), **vals)
        self.engine._process_queue()
        return order

    def _refer(self, partner, referrer):
        partner.referred_by_id = referrer
        self.engine._process_queue()

    def _events(self, partner):
        return self.env["clm.event"].search([("partner_id", "=", partner.id), ("kind", "=", "referral")])

    def _create_source(self, referrer, name="Friends"):
        return self.env["utm.source"].create({"name": name, "clm_partner_id": referrer.id})

    def _create_lead(self, partner, source, days=20):
        lead = self.env["crm.lead"].create({"name": "Asks", "partner_id": partner.id, "source_id": source.id})
        self._backdate(lead, self.days_ago(days))
        self.engine._process_queue()
        return lead

    def _merge(self, kept, gone):
        self.env["base.partner.merge.automatic.wizard"]._merge((kept | gone).ids, kept)
        self.engine._process_queue()
