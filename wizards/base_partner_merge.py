from odoo import models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Merge lifecycles without loss.

        The visits of the merged contacts go over to the remaining one as superseded (two ledgers cannot both
        hold), the documents go over as Odoo does it, and the replay of all of them makes the new ledger.
        """
        self.env.flush_all()
        self.env.cr.execute(SQL(
            """
            UPDATE clm_visit
               SET partner_id = %s, active = FALSE, superseded_at = COALESCE(superseded_at, now() AT TIME ZONE 'UTC')
             WHERE partner_id = ANY(%s)
            """,
            dst_partner.id, src_partners.ids,
        ))
        res = super()._update_foreign_keys(src_partners, dst_partner)
        self.env["clm.queue"]._push({*dst_partner.ids, *dst_partner.commercial_partner_id.ids})
        self.env.invalidate_all()
        self.env["clm.contract"].with_context(active_test=False).search([
            ("commercial_partner_id", "=", dst_partner.commercial_partner_id.id),
        ])._mrr_changed()  # one customer now: what was new twice is new once
        return res
