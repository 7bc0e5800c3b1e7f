from odoo import api, models


class MailFollowers(models.Model):
    """Whoever follows a KPI gets the digest of KPIs, in whatever way they came to follow it."""

    _inherit = "mail.followers"

    @api.model_create_multi
    def create(self, vals_list):
        followers = super().create(vals_list)
        followers._kpi_partners()._clm_digest_subscribe()
        return followers

    def unlink(self):
        partners = self._kpi_partners()
        res = super().unlink()
        partners._clm_digest_unsubscribe()
        return res

    def _kpi_partners(self):
        """:return: those of the followers who follow a KPI"""
        return self.filtered(lambda follower: follower.res_model == "clm.kpi").partner_id


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _clm_digest_subscribe(self):
        """Add the internal users among followers of KPIs to the digest of KPIs. The first one switches it on."""
        digest = self._clm_digest()
        users = self._clm_digest_users().filtered(lambda user: user.has_group("clm.group_viewer")) - digest.user_ids
        if not digest or not users:
            return
        if not digest.user_ids:
            digest.write({"state": "activated", "next_run_date": digest._get_next_run_date()})
        digest._action_subscribe_users(users)

    def _clm_digest_unsubscribe(self):
        """Take those out who follow no KPI any more. The last one switches it off."""
        digest = self._clm_digest()
        users = self._clm_digest_users() & digest.user_ids
        if not users:
            return
        # sudo: who follows what is no secret here
        still = self.env["mail.followers"].sudo().search([
            ("res_model", "=", "clm.kpi"), ("partner_id", "in", users.partner_id.ids),
        ]).partner_id
        digest._action_unsubscribe_users(users.filtered(lambda user: user.partner_id not in still))
        if not digest.user_ids:
            digest.state = "deactivated"

    def _clm_digest(self):
        """:return: the digest of KPIs, empty if somebody deleted it. sudo: whoever follows may subscribe"""
        digest = self.env.ref("clm.digest_kpi", raise_if_not_found=False) if self else None
        return (digest or self.env["digest.digest"]).sudo()

    def _clm_digest_users(self):
        return self.sudo().user_ids.filtered(lambda user: not user.share)  # sudo: users of other companies too
