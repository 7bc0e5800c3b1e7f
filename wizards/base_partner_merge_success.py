from odoo import api, models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """What becomes of playbooks, consent and feedback when several contacts turn out to be one."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Requests and answers go over with their links; they belong to the customer of the remaining contact."""
        self.env.flush_all()
        self._merge_effects(src_partners, dst_partner)
        self.env["res.partner"]._lifecycle_merge_consent(src_partners, dst_partner)
        res = super()._update_foreign_keys(src_partners, dst_partner)
        requests = self.env["clm.feedback"].sudo().search([("contact_id", "=", dst_partner.id)])  # sudo: all of them
        self.env.add_to_compute(requests._fields["partner_id"], requests)
        return res

    @api.model
    def _merge_effects(self, src_partners, dst_partner):
        """Of the same step for two contacts that become one, what is done counts, then what waits."""
        self.env.cr.execute(SQL(
            """
            DELETE FROM clm_effect e
             USING (
                SELECT id, row_number() OVER (
                    PARTITION BY step_id, cycle
                    ORDER BY state = 'done' DESC, state = 'waiting' DESC, partner_id = %(target)s DESC, id
                ) AS rank
                  FROM clm_effect
                 WHERE contract_id IS NULL AND partner_id = ANY(%(ids)s)
             ) double
             WHERE double.id = e.id AND double.rank > 1
            """,
            target=dst_partner.id, ids=[*src_partners.ids, *dst_partner.ids],
        ))
        self.env["clm.effect"].invalidate_model(flush=False)
